"""What modalities stand for objects without pixels: reports, notes, plans, waveforms, sound."""

# As static/src/reading/dicom/series.ts has them; a test compares. Values of Modality (0008,0060), PS3.3 C.7.3.1.1.1.
PICTURELESS = frozenset(
    {
        "SR", "PR", "KO", "DOC", "PLAN", "RTSTRUCT", "RTPLAN", "RTRECORD", "ANN", "RWV", "ECG", "EPS", "HD", "REG",
        "FID", "AU",
    }
)  # fmt: skip

"""Rejection notes as a console sends them, made with pydicom."""

import io
from collections.abc import Iterable

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from storage.model.archive import InstanceKey
from storage.model.rejection import KEY_OBJECT_SELECTION, MEANINGS, QUALITY

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence."""
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def rejection_note(
    references: Iterable[InstanceKey],
    title: str = QUALITY,
    sop: str = "1.2.3.99.1",
    text: str = "mờ",
    meaning: str = "",
    study: str = "",
) -> bytes:
    """A Key Object Selection Document (PS3.3 A.35.4) with this title."""
    keys = list(references)
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = KEY_OBJECT_SELECTION, sop
    made.StudyDate, made.StudyTime, made.AccessionNumber, made.Modality = "20240305", "101530", "ACC1", "KO"
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = (
        "Nguyễn^Thị^Ánh",
        "BN001",
        "19800102",
        "F",
    )
    made.StudyDescription = "CT sọ não"
    made.StudyInstanceUID, made.SeriesInstanceUID = study or keys[0].study_instance_uid, f"{sop}.1"
    made.SeriesNumber, made.InstanceNumber = 99, 1
    made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made.ConceptNameCodeSequence = [code(title, "DCM", meaning or MEANINGS.get(title, "Of Interest"))]
    made.CurrentRequestedProcedureEvidenceSequence = [
        _study(uid, keys) for uid in {k.study_instance_uid: 0 for k in keys}
    ]
    words = Dataset()
    words.RelationshipType, words.ValueType, words.TextValue = "CONTAINS", "TEXT", text
    words.ConceptNameCodeSequence = [code("113012", "DCM", "Key Object Description")]
    made.ContentSequence = [words]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    FileDataset(buffer, made, file_meta=meta, preamble=b"\0" * 128).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _study(uid: str, keys: list[InstanceKey]) -> Dataset:
    study = Dataset()
    study.StudyInstanceUID, study.ReferencedSeriesSequence = uid, []
    mine = [key for key in keys if key.study_instance_uid == uid]
    for series_uid in {key.series_instance_uid: 0 for key in mine}:
        series = Dataset()
        series.SeriesInstanceUID, series.ReferencedSOPSequence = series_uid, []
        for key in mine:
            if key.series_instance_uid == series_uid:
                one = Dataset()
                one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = CT_IMAGE, key.sop_instance_uid
                series.ReferencedSOPSequence.append(one)
        study.ReferencedSeriesSequence.append(series)
    return study

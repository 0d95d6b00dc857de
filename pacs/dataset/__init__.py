"""Reading DICOM bytes within limits: the envelope, the elements, their values, and where the frames are."""

"""A PDF that belongs to a study as a DICOM instance (Encapsulated PDF Storage, PS3.3 A.45.1)."""

import io
from datetime import UTC, datetime

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from pacs.archive.note import patient_and_study
from storage.model.archive import Instance
from storage.objects.base import ObjectStore

_SERIES_NUMBER = 9900
_CONSULT_NOTE = ("11488-4", "LN", "Consult note")


def encapsulated(
    objects: ObjectStore, instance: Instance, pdf: bytes, title: str, uids: tuple[str, str], number: int, now_ms: int
) -> bytes:
    """The PDF as a Part 10 object in the study of `instance`, under the UIDs of its series and itself. It is `number`
    of its series, and shows the patient's name on its pages."""
    made = patient_and_study(objects, instance)
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    made.SOPClassUID, (made.SeriesInstanceUID, made.SOPInstanceUID) = EncapsulatedPDFStorage, uids
    made.Modality, made.SeriesNumber, made.InstanceNumber = "DOC", _SERIES_NUMBER, number
    made.Manufacturer, made.ManufacturerModelName, made.ConversionType = "Hội Chẩn", "hoichan", "WSD"
    made.SeriesDescription = "Biên bản hội chẩn"
    made.TimezoneOffsetFromUTC = "+0000"
    made.ContentDate = made.SeriesDate = moment.strftime("%Y%m%d")
    made.ContentTime = made.SeriesTime = moment.strftime("%H%M%S")
    made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES"
    made.DocumentTitle = title[:1024]
    made.VerificationFlag = "VERIFIED"
    made.ConceptNameCodeSequence = [_code(*_CONSULT_NOTE)]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocumentLength = len(pdf)
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    FileDataset(buffer, made, file_meta=meta, preamble=b"\0" * 128).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item

"""A rejection note of our own: a Key Object Selection Document (PS3.3 A.35.4, PS3.16 TID 2010)."""

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from pacs.archive.frames import opened_header
from pacs.present import header_json
from storage.model.archive import Instance
from storage.model.rejection import KEY_OBJECT_SELECTION, MEANINGS
from storage.objects.base import ObjectStore

# Patient and study of the note, as the instances say them.
_COPIED = (
    "00080020", "00080030", "00080050", "00080051", "00080090", "00081030", "00100010", "00100020", "00100021",
    "00100030", "00100040", "0020000D", "00200010",
)  # fmt: skip
_EMPTY = ("00080020", "00080030", "00080050", "00080090", "00100010", "00100020", "00100030", "00100040", "00200010")
_SERIES_NUMBER = 9999


def made_note(
    objects: ObjectStore, found: Sequence[Instance], title: str, reason: str, author: str, now_ms: int
) -> bytes:
    """The note that rejects these instances of one study, as a Part 10 object. `author` is a person's name."""
    note = patient_and_study(objects, found[0])
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    note.SOPClassUID, note.SOPInstanceUID = KEY_OBJECT_SELECTION, generate_uid(prefix=None)
    note.SeriesInstanceUID, note.SeriesNumber, note.InstanceNumber = generate_uid(prefix=None), _SERIES_NUMBER, 1
    note.Modality, note.Manufacturer = "KO", "Hội Chẩn"
    note.ReferencedPerformedProcedureStepSequence = []
    note.TimezoneOffsetFromUTC = "+0000"
    note.SeriesDate = note.ContentDate = moment.strftime("%Y%m%d")
    note.SeriesTime = note.ContentTime = moment.strftime("%H%M%S")
    note.CurrentRequestedProcedureEvidenceSequence = [_evidence(found)]
    note.ValueType, note.ContinuityOfContent = "CONTAINER", "SEPARATE"
    note.ConceptNameCodeSequence = [_code(title, MEANINGS[title])]
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "2010"
    note.ContentTemplateSequence = [template]
    note.ContentSequence = [*_observer(author), *_text(reason), *(_reference(one) for one in found)]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = note.SOPClassUID, note.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    FileDataset(buffer, note, file_meta=meta, preamble=b"\0" * 128).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def patient_and_study(objects: ObjectStore, instance: Instance) -> Dataset:
    """A dataset with what the instance says of its patient and study, for an instance of ours beside it."""
    with opened_header(objects, instance) as header:
        said = header_json(header, "")
    blank = {tag: {"vr": said[tag]["vr"] if tag in said else _VRS[tag]} for tag in _EMPTY}
    note = Dataset.from_json(blank | {tag: said[tag] for tag in _COPIED if tag in said})
    note.SpecificCharacterSet = "ISO_IR 192"
    note.StudyInstanceUID = instance.key.study_instance_uid
    return note


def _evidence(found: Sequence[Instance]) -> Dataset:
    """Which instances, series by series (PS3.3 C.17.2.3)."""
    study = Dataset()
    study.StudyInstanceUID, study.ReferencedSeriesSequence = found[0].key.study_instance_uid, []
    by_series: dict[str, list[Instance]] = {}
    for one in found:
        by_series.setdefault(one.key.series_instance_uid, []).append(one)
    for uid, members in by_series.items():
        series = Dataset()
        series.SeriesInstanceUID, series.ReferencedSOPSequence = uid, [_sop(one) for one in members]
        study.ReferencedSeriesSequence.append(series)
    return study


def _reference(instance: Instance) -> Dataset:
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = "IMAGE" if instance.facts.frames else "COMPOSITE"
    item.ReferencedSOPSequence = [_sop(instance)]
    return item


def _observer(author: str) -> Iterable[Dataset]:
    item = Dataset()
    item.RelationshipType, item.ValueType = "HAS OBS CONTEXT", "PNAME"
    item.ConceptNameCodeSequence = [_code("121008", "Person Observer Name")]
    item.PersonName = author[:64]
    return [item]


def _text(reason: str) -> Iterable[Dataset]:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", reason
    item.ConceptNameCodeSequence = [_code("113012", "Key Object Description")]
    return [item]


def _sop(instance: Instance) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = instance.facts.sop_class_uid
    item.ReferencedSOPInstanceUID = instance.key.sop_instance_uid
    return item


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


_VRS = {
    "00080020": "DA", "00080030": "TM", "00080050": "SH", "00080090": "PN", "00100010": "PN", "00100020": "LO",
    "00100030": "DA", "00100040": "CS", "00200010": "SH",
}  # fmt: skip

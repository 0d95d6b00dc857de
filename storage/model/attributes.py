"""The attributes the archive answers and matches: one table for search, C-FIND, QIDO-RS, describing and conformance.

`column` names what the index keeps in a column ("table.column"); everything else that is not computed is kept in the
`attributes` JSON of its level. `kept` says whether `pacs/describe.py` puts an attribute into that JSON: instance
attributes that have a column are left out there, because there are a hundred million instances and few patients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from storage.model.query import Level

LEVELS = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE)


_INDEXED = frozenset(
    {
        "PatientName", "PatientID", "StudyInstanceUID", "StudyDate", "AccessionNumber", "SOPInstanceUID",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: keyword, tag as eight hexadecimal digits, VR, the level it belongs to, and how it is kept."""

    keyword: str
    tag: str
    vr: str
    level: Level
    column: str | None = None
    computed: bool = False
    matchable: bool = True
    items: tuple["Attribute", ...] = ()

    @property
    def indexed(self) -> bool:
        """Whether an index finds it (exactly, by its beginning, or by words), however many rows there are."""
        return self.keyword in _INDEXED

    @property
    def kept(self) -> bool:
        """Whether the `attributes` JSON of its level holds it."""
        return not self.computed and (self.column is None or self.level is not Level.IMAGE)


def _patient(keyword: str, tag: str, vr: str, column: str | None = None) -> Attribute:
    return Attribute(keyword, tag, vr, Level.PATIENT, column)


def _study(keyword: str, tag: str, vr: str, column: str | None = None) -> Attribute:
    return Attribute(keyword, tag, vr, Level.STUDY, column)


def _series(keyword: str, tag: str, vr: str, column: str | None = None) -> Attribute:
    return Attribute(keyword, tag, vr, Level.SERIES, column)


def _image(keyword: str, tag: str, vr: str, column: str | None = None) -> Attribute:
    return Attribute(keyword, tag, vr, Level.IMAGE, column)


def _sequence(keyword: str, tag: str, level: Level, *items: tuple[str, str, str]) -> Attribute:
    inside = tuple(Attribute(item_keyword, item_tag, vr, level) for item_keyword, item_tag, vr in items)
    return Attribute(keyword, tag, "SQ", level, items=inside)


def _counted(keyword: str, tag: str, level: Level) -> Attribute:
    return Attribute(keyword, tag, "IS", level, computed=True, matchable=False)


_CODE = (
    ("CodeValue", "00080100", "SH"),
    ("CodingSchemeDesignator", "00080102", "SH"),
    ("CodingSchemeVersion", "00080103", "SH"),
    ("CodeMeaning", "00080104", "LO"),
)
_ENTITY = (
    ("LocalNamespaceEntityID", "00400031", "UT"),
    ("UniversalEntityID", "00400032", "UT"),
    ("UniversalEntityIDType", "00400033", "CS"),
)
_REFERENCE = (
    ("ReferencedSOPClassUID", "00081150", "UI"),
    ("ReferencedSOPInstanceUID", "00081155", "UI"),
)

ATTRIBUTES: tuple[Attribute, ...] = (
    _patient("PatientName", "00100010", "PN", "patient.name"),
    _patient("PatientID", "00100020", "LO", "patient.patient_id"),
    _patient("IssuerOfPatientID", "00100021", "LO", "patient.issuer"),
    _patient("PatientBirthDate", "00100030", "DA", "patient.birth_date"),
    _patient("PatientBirthTime", "00100032", "TM"),
    _patient("PatientSex", "00100040", "CS", "patient.sex"),
    _patient("OtherPatientIDs", "00101000", "LO"),
    _patient("OtherPatientNames", "00101001", "PN"),
    _sequence(
        "OtherPatientIDsSequence",
        "00101002",
        Level.PATIENT,
        ("PatientID", "00100020", "LO"),
        ("IssuerOfPatientID", "00100021", "LO"),
        ("TypeOfPatientID", "00100022", "CS"),
    ),
    _sequence("IssuerOfPatientIDQualifiersSequence", "00100024", Level.PATIENT, *_ENTITY[1:]),
    _patient("EthnicGroup", "00102160", "SH"),
    _patient("PatientComments", "00104000", "LT"),
    _counted("NumberOfPatientRelatedStudies", "00201200", Level.PATIENT),
    _counted("NumberOfPatientRelatedSeries", "00201202", Level.PATIENT),
    _counted("NumberOfPatientRelatedInstances", "00201204", Level.PATIENT),
    #
    _study("StudyInstanceUID", "0020000D", "UI", "study.uid"),
    _study("StudyDate", "00080020", "DA", "study.study_date"),
    _study("StudyTime", "00080030", "TM", "study.study_time"),
    _study("AccessionNumber", "00080050", "SH", "study.accession_number"),
    _sequence("IssuerOfAccessionNumberSequence", "00080051", Level.STUDY, *_ENTITY),
    _study("StudyID", "00200010", "SH", "study.study_id"),
    _study("StudyDescription", "00081030", "LO", "study.description"),
    _study("ReferringPhysicianName", "00080090", "PN", "study.referring"),
    _study("InstitutionName", "00080080", "LO", "study.institution"),
    _study("PhysiciansOfRecord", "00081048", "PN"),
    _study("NameOfPhysiciansReadingStudy", "00081060", "PN"),
    _study("RequestingPhysician", "00321032", "PN"),
    _study("AdmittingDiagnosesDescription", "00081080", "LO"),
    _study("PatientAge", "00101010", "AS"),
    _study("PatientSize", "00101020", "DS"),
    _study("PatientWeight", "00101030", "DS"),
    _study("Occupation", "00102180", "SH"),
    _study("AdditionalPatientHistory", "001021B0", "LT"),
    _study("TimezoneOffsetFromUTC", "00080201", "SH"),
    _sequence("ProcedureCodeSequence", "00081032", Level.STUDY, *_CODE),
    _sequence("ReferencedStudySequence", "00081110", Level.STUDY, *_REFERENCE),
    Attribute("ModalitiesInStudy", "00080061", "CS", Level.STUDY, "study.modalities", computed=True),
    Attribute("SOPClassesInStudy", "00080062", "UI", Level.STUDY, "study.sop_classes", computed=True),
    _counted("NumberOfStudyRelatedSeries", "00201206", Level.STUDY),
    _counted("NumberOfStudyRelatedInstances", "00201208", Level.STUDY),
    Attribute("InstanceAvailability", "00080056", "CS", Level.STUDY, computed=True, matchable=False),
    #
    _series("SeriesInstanceUID", "0020000E", "UI", "series.uid"),
    _series("Modality", "00080060", "CS", "series.modality"),
    _series("SeriesNumber", "00200011", "IS", "series.number"),
    _series("SeriesDescription", "0008103E", "LO", "series.description"),
    _series("BodyPartExamined", "00180015", "CS", "series.body_part"),
    _series("StationName", "00081010", "SH", "series.station"),
    _series("SeriesDate", "00080021", "DA"),
    _series("SeriesTime", "00080031", "TM"),
    _series("Laterality", "00200060", "CS"),
    _series("ProtocolName", "00181030", "LO"),
    _series("PatientPosition", "00185100", "CS"),
    _series("Manufacturer", "00080070", "LO"),
    _series("ManufacturerModelName", "00081090", "LO"),
    _series("InstitutionalDepartmentName", "00081040", "LO"),
    _series("DeviceSerialNumber", "00181000", "LO"),
    _series("PerformingPhysicianName", "00081050", "PN"),
    _series("OperatorsName", "00081070", "PN"),
    _series("FrameOfReferenceUID", "00200052", "UI"),
    _series("PerformedProcedureStepStartDate", "00400244", "DA"),
    _series("PerformedProcedureStepStartTime", "00400245", "TM"),
    _series("PerformedProcedureStepID", "00400253", "SH"),
    _series("PerformedProcedureStepDescription", "00400254", "LO"),
    _sequence(
        "RequestAttributesSequence",
        "00400275",
        Level.SERIES,
        ("AccessionNumber", "00080050", "SH"),
        ("StudyInstanceUID", "0020000D", "UI"),
        ("RequestedProcedureID", "00401001", "SH"),
        ("RequestedProcedureDescription", "00321060", "LO"),
        ("ScheduledProcedureStepID", "00400009", "SH"),
        ("ScheduledProcedureStepDescription", "00400007", "LO"),
    ),
    _sequence("ReferencedPerformedProcedureStepSequence", "00081111", Level.SERIES, *_REFERENCE),
    _counted("NumberOfSeriesRelatedInstances", "00201209", Level.SERIES),
    #
    _image("SOPInstanceUID", "00080018", "UI", "instance.uid"),
    _image("SOPClassUID", "00080016", "UI", "instance.sop_class_uid"),
    _image("InstanceNumber", "00200013", "IS", "instance.number"),
    _image("Rows", "00280010", "US", "instance.rows"),
    _image("Columns", "00280011", "US", "instance.columns"),
    _image("BitsAllocated", "00280100", "US", "instance.bits_allocated"),
    _image("NumberOfFrames", "00280008", "IS", "instance.frames"),
    Attribute(
        "AvailableTransferSyntaxUID", "00083002", "UI", Level.IMAGE, "instance.transfer_syntax_uid", computed=True
    ),
    _image("ImageType", "00080008", "CS"),
    _image("AcquisitionNumber", "00200012", "IS"),
    _image("AcquisitionDate", "00080022", "DA"),
    _image("AcquisitionTime", "00080032", "TM"),
    _image("AcquisitionDateTime", "0008002A", "DT"),
    _image("ContentDate", "00080023", "DA"),
    _image("ContentTime", "00080033", "TM"),
    _image("ContentLabel", "00700080", "CS"),
    _image("ContentDescription", "00700081", "LO"),
    _image("ContentCreatorName", "00700084", "PN"),
    _image("PresentationCreationDate", "00700082", "DA"),
    _image("PresentationCreationTime", "00700083", "TM"),
    _image("DocumentTitle", "00420010", "ST"),
    _image("CompletionFlag", "0040A491", "CS"),
    _image("VerificationFlag", "0040A493", "CS"),
    _sequence("ConceptNameCodeSequence", "0040A043", Level.IMAGE, *_CODE),
    _sequence(
        "ReferencedRequestSequence",
        "0040A370",
        Level.IMAGE,
        ("AccessionNumber", "00080050", "SH"),
        ("StudyInstanceUID", "0020000D", "UI"),
        ("RequestedProcedureID", "00401001", "SH"),
    ),
)

BY_KEYWORD: Mapping[str, Attribute] = MappingProxyType({attribute.keyword: attribute for attribute in ATTRIBUTES})
# Pairs of date and time that can be matched as one moment (PS3.4 C.2.2.2.5.4), by the keyword their Match has: a RANGE
# of yyyymmdd[hh[mm[ss[.f]]]][&zzxx], either end may be open.
COMBINED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        f"{name}DateAnd{name}Time": (f"{name}Date", f"{name}Time")
        for name in ("Study", "Series", "Acquisition", "Content", "PerformedProcedureStepStart", "PatientBirth")
    }
)
BY_TAG: Mapping[str, Attribute] = MappingProxyType({attribute.tag: attribute for attribute in ATTRIBUTES})


def at_level(level: Level) -> tuple[Attribute, ...]:
    """The attributes that belong to exactly this level."""
    return tuple(attribute for attribute in ATTRIBUTES if attribute.level is level)


def down_to(level: Level) -> tuple[Attribute, ...]:
    """The attributes of this level and those above it: what a query at this level may name."""
    allowed = LEVELS[: LEVELS.index(level) + 1]
    return tuple(attribute for attribute in ATTRIBUTES if attribute.level in allowed)


def kept_at(level: Level) -> tuple[Attribute, ...]:
    """The attributes `pacs/describe.py` puts into the `attributes` JSON of this level."""
    return tuple(attribute for attribute in at_level(level) if attribute.kept)

"""Patients, studies, series, instances and the objects that hold them.

Dates are integers yyyymmdd, times are text as in DICOM TM, instants are UTC milliseconds.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a caller may see: those of these hospitals, and single studies of others that were granted, each as
    (hospital id, Study Instance UID). Every question to the index carries one."""

    hospital_ids: frozenset[int]
    studies: frozenset[tuple[int, str]] = frozenset()

    def at(self, study_instance_uid: str) -> frozenset[int]:
        """The hospitals whose study of this UID may be seen."""
        if not self.studies:
            return self.hospital_ids
        return self.hospital_ids.union(h for h, uid in self.studies if uid == study_instance_uid)

    def within(self, hospital_id: int) -> "Scope":
        """What of it is of one hospital."""
        return Scope(self.hospital_ids & {hospital_id}, frozenset(one for one in self.studies if one[0] == hospital_id))

    @property
    def is_empty(self) -> bool:
        return not (self.hospital_ids or self.studies)


@dataclass(frozen=True, slots=True)
class Hospital:
    """A tenant. `code` is stable and part of object keys: ``[a-z0-9-]{1,32}``."""

    id: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class InstanceKey:
    """The three UIDs that name one SOP Instance."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where bytes came from: the hospital they belong to, the door, and who brought them."""

    hospital_id: int
    hospital_code: str
    door: str  # "dimse", "stow", "import", "upload", "sample"
    source: str  # calling AE title, user name or command; never patient data
    address: str = ""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Bytes in an object store: content-addressed, immutable."""

    key: str
    size: int
    sha256: str  # 64 lower-case hexadecimal digits
    stored_at: int  # UTC milliseconds, as the store itself reports them


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """The patient as one instance describes them. Names are NFC, component groups joined by ``=``."""

    patient_id: str
    issuer: str
    name: str
    name_fold: str
    birth_date: int | None
    sex: str
    attributes: str  # DICOM JSON (PS3.18 F.2) object text of the patient-level return attributes


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """The study as one instance describes it."""

    study_instance_uid: str
    study_id: str
    study_date: int | None
    study_time: str
    accession_number: str
    accession_issuer: str
    description: str
    description_fold: str
    referring: str
    referring_fold: str
    institution: str
    attributes: str


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """The series as one instance describes it."""

    series_instance_uid: str
    modality: str
    number: int | None
    description: str
    body_part: str
    station: str
    attributes: str


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """The instance itself, with all that is needed to hand out one frame by one ranged read.

    `dataset_offset` is where the dataset starts in the object (after File Meta Information, 0 when there is none).
    `pixel_offset` and `pixel_length` are the value of Pixel Data in the object; for a native image frame *n*
    (from 0) is ``pixel_offset + n * frame_length``. For an encapsulated image `frame_table` has, for each frame, the
    ranges (offset, length) of its fragments; it is empty for native images.
    """

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    number: int | None
    rows: int | None
    columns: int | None
    bits_allocated: int | None
    frames: int  # 0 when there are no pixels
    dataset_offset: int
    pixel_offset: int | None
    pixel_length: int | None
    frame_length: int | None
    frame_table: tuple[tuple[tuple[int, int], ...], ...] = field(default=())
    attributes: str = "{}"


@dataclass(frozen=True, slots=True)
class Description:
    """What one instance says about itself, its series, study and patient."""

    patient: PatientFacts
    study: StudyFacts
    series: SeriesFacts
    instance: InstanceFacts

    @property
    def key(self) -> InstanceKey:
        return InstanceKey(
            self.study.study_instance_uid, self.series.series_instance_uid, self.instance.sop_instance_uid
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """An indexed instance: its key, its facts, and where its bytes are. `damage` says that they are not there, or not
    these any more (storage/model/damage.py)."""

    hospital_id: int
    key: InstanceKey
    facts: InstanceFacts
    stored: StoredObject
    modality: str
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """An indexed series. `revision` grows with every instance that joins it."""

    hospital_id: int
    study_instance_uid: str
    facts: SeriesFacts
    instances: int
    bytes: int
    revision: int
    manifest_key: str
    manifest_revision: int
    thumbnail_key: str


@dataclass(frozen=True, slots=True)
class Study:
    """A row of the worklist: study, patient and counters."""

    hospital_id: int
    hospital_code: str
    hospital_name: str
    patient: PatientFacts
    facts: StudyFacts
    modalities: tuple[str, ...]
    series: int
    instances: int
    bytes: int
    status: str  # "unread", "reading", "read"
    conflicts: int
    received_at: int
    changed_at: int
    revision: int
    documents: int  # of the instances, those that hold no pixels (storage/model/modalities.py)

    @property
    def images(self) -> int:
        """Instances with something to look at."""
        return self.instances - self.documents


STORED = "stored"
ALREADY_STORED = "already stored"
CONFLICT = "conflict"
QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one received object. Every kind but a raised error means: durable.

    `kind` is one of STORED, ALREADY_STORED (same content, nothing kept twice), CONFLICT (same UID, other content,
    both kept) and QUARANTINED (kept but neither indexed nor ever decoded; `reason` says why).
    """

    kind: str
    key: InstanceKey | None
    sop_class_uid: str
    stored: StoredObject
    reason: str = ""

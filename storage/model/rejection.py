"""Rejected instances and the notes that reject them (IHE RAD TF, Imaging Object Change Management).

The codes are of the DICOM coding scheme DCM (PS3.16 CID 7011).
"""

from dataclasses import dataclass

from storage.model.archive import InstanceKey

QUALITY = "113001"
PATIENT_SAFETY = "113037"
WORKLIST_ENTRY = "113038"
RETENTION = "113039"

# What an instance with several notes is called; the first that applies.
TITLES = (PATIENT_SAFETY, WORKLIST_ENTRY, QUALITY, RETENTION)
MEANINGS = {
    QUALITY: "Rejected for Quality Reasons",
    PATIENT_SAFETY: "Rejected for Patient Safety Reasons",
    WORKLIST_ENTRY: "Incorrect Modality Worklist Entry",
    RETENTION: "Data Retention Policy Expired",
}
KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"


@dataclass(frozen=True, slots=True)
class RejectionNote:
    """A Key Object Selection whose title rejects what it refers to. `text` is what its author wrote."""

    sop_instance_uid: str
    title: str
    references: tuple[InstanceKey, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class RejectedObject:
    """An object that is kept and shown by no door. `beside` when it contradicted the canonical one of its SOP Instance
    UID; `note` when it is itself a note, which nobody purges."""

    id: int
    hospital_id: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    modality: str
    patient_id: str
    patient_name: str
    study_date: int
    study_description: str
    object_key: str
    size: int
    sha256: str
    stored_at: int
    door: str
    source: str
    address: str
    note: bool
    beside: bool
    rejected_at: int


@dataclass(frozen=True, slots=True)
class RejectedStudy:
    """The rejected instances of one study, for a list. `title` is the strongest that applies to one of them; `texts`
    is what the authors of the notes wrote, `sources` who brought them."""

    id: int  # to go on after
    hospital_id: int
    study_instance_uid: str
    patient_id: str
    patient_name: str
    study_date: int
    study_description: str
    modalities: tuple[str, ...]
    instances: int
    bytes: int
    rejected_at: int  # the latest
    title: str
    texts: tuple[str, ...]
    sources: tuple[str, ...]
    purgeable: int  # instances whose time to be restored is over

"""Descriptions and objects as receiving makes them, without any DICOM."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from storage.model.archive import (
    Description,
    Hospital,
    InstanceFacts,
    Origin,
    PatientFacts,
    SeriesFacts,
    StoredObject,
    StudyFacts,
)
from storage.model.text import fold

CT, MR, SR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.88.11"
EXPLICIT, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.90"
STORED_AT = 1_700_000_000_000

Item = tuple[Description, StoredObject, Origin]


@dataclass
class Made:
    """One instance to be; change what a test is about, `item` makes it."""

    study: str = "1.2.3"
    series: str = "1.2.3.1"
    sop: str = "1.2.3.1.1"
    patient_id: str = "BN001"
    issuer: str = ""
    name: str = "Nguyễn^Thị^Ánh"
    birth_date: int | None = 19800102
    sex: str = "F"
    study_date: int | None = 20240305
    study_time: str = "101530"
    accession: str = "ACC1"
    study_description: str = "CT sọ não"
    referring: str = "Trần^Văn^Đức"
    modality: str = "CT"
    series_number: int | None = 1
    series_description: str = "Axial"
    number: int | None = 1
    sop_class: str = CT
    transfer_syntax: str = EXPLICIT
    content: str = ""
    size: int = 1000
    stored_at: int = STORED_AT
    frame_table: tuple[tuple[tuple[int, int], ...], ...] = ()
    patient_attributes: dict[str, Any] = field(default_factory=dict)
    study_attributes: dict[str, Any] = field(default_factory=dict)
    series_attributes: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    def description(self) -> Description:
        patient = PatientFacts(
            self.patient_id, self.issuer, self.name, fold(self.name), self.birth_date, self.sex,
            json.dumps(self.patient_attributes, ensure_ascii=False),
        )  # fmt: skip
        study = StudyFacts(
            self.study, "S1", self.study_date, self.study_time, self.accession, "", self.study_description,
            fold(self.study_description), self.referring, fold(self.referring), "Bạch Mai",
            json.dumps(self.study_attributes, ensure_ascii=False),
        )  # fmt: skip
        series = SeriesFacts(
            self.series, self.modality, self.series_number, self.series_description, "HEAD", "CT1",
            json.dumps(self.series_attributes, ensure_ascii=False),
        )  # fmt: skip
        instance = InstanceFacts(
            self.sop, self.sop_class, self.transfer_syntax, self.number, 512, 512, 16, 1, 700, 1200, 524288, 524288,
            self.frame_table, json.dumps(self.attributes, ensure_ascii=False),
        )  # fmt: skip
        return Description(patient, study, series, instance)

    def stored(self, hospital: Hospital) -> StoredObject:
        sha256 = hashlib.sha256((self.content or self.sop).encode()).hexdigest()
        return StoredObject(f"{hospital.code}/o/{sha256[:2]}/{sha256}", self.size, sha256, self.stored_at)

    def item(self, hospital: Hospital) -> Item:
        return self.description(), self.stored(hospital), Origin(hospital.id, hospital.code, "dimse", "CT1", "10.0.0.1")

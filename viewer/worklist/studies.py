"""The worklist and one study of it: /api/worklist, /api/studies/<uid>."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from storage.index import changes, instances, search
from storage.model.archive import Series, Study
from storage.model.worklist import WorklistFilter
from viewer import bodies
from viewer.access.guard import Guard, acts
from viewer.access.rights import STUDY_READ, STUDY_STATUS
from viewer.display import age_at, clean, display_name
from viewer.errors import InvalidRequest

MOST = 200
QUERY_MOST = 200
_FILTERS = ("from", "to", "modality", "status", "hospital")


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Studies as people look for them."""
    routes = Blueprint("worklist", __name__)

    @routes.get("/api/worklist")
    @guard.needs(STUDY_READ)
    def worklist() -> Response:
        wanted = _wanted(request.args)
        with archive.database.reading() as db:
            sequence = changes.last(db)  # before the page: what comes between is then told again, not missed
            page = search.worklist(db, guard.caller().scope, wanted)
        _note_search(archive, guard, page.total)
        return jsonify(
            studies=[row_of(study) for study in page.studies],
            next=page.next or None,
            total=page.total,
            facets=asdict(page.facets),
            sequence=sequence,
        )

    @routes.get("/api/studies/<uid>")
    @guard.needs(STUDY_READ)
    def study(uid: str) -> Response:
        found, hospital_id = _with_series(archive, guard, uid)
        guard.viewed(uid, lambda: hospital_id, "details")
        return jsonify(found)

    @routes.patch("/api/studies/<uid>")
    @guard.needs(STUDY_STATUS)
    @acts("study.status")
    def change(uid: str) -> Response:
        status = bodies.fields(status=str)["status"]
        with archive.database.writing() as db:
            at = instances.study(db, guard.caller().scope, uid).hospital_id
            instances.set_status(db, guard.caller().scope, uid, status)
            guard.record(db, {at}, "study.status", uid, status=status)
        return jsonify(_with_series(archive, guard, uid)[0])

    return routes


def _wanted(given: Mapping[str, str]) -> WorklistFilter:
    """The filter that the address asks for."""
    return WorklistFilter(
        search=given.get("q", "")[:QUERY_MOST],
        date_from=_day(given, "from"),
        date_to=_day(given, "to"),
        modalities=_several(given, "modality"),
        statuses=_several(given, "status"),
        hospital_codes=_several(given, "hospital"),
        sort=given.get("sort") or "-received_at",
        after=given.get("after", ""),
        limit=_limit(given.get("limit", "")),
    )


def _day(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) == 8):
        raise InvalidRequest(f"{name} must be a date like 20261231")
    return int(text) if text else None


def _several(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word for word in given.get(name, "").split(",") if word)[:32]


def _limit(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) < 7 and 1 <= int(text) <= MOST):
        raise InvalidRequest(f"limit must be a number from 1 to {MOST}")
    return int(text) if text else 50


def row_of(study: Study) -> dict[str, Any]:
    """A row of the worklist; keys are DICOM keywords where the Standard has one."""
    patient, facts = study.patient, study.facts
    return {
        "hospital": study.hospital_code,
        "hospital_name": study.hospital_name,
        "StudyInstanceUID": facts.study_instance_uid,
        "PatientName": display_name(patient.name),
        "PatientID": clean(patient.patient_id),
        "PatientBirthDate": _date(patient.birth_date),
        "PatientSex": clean(patient.sex),
        "PatientAge": age_at(patient.birth_date, facts.study_date) or _stated_age(facts.attributes),
        "StudyDate": _date(facts.study_date),
        "StudyTime": clean(facts.study_time),
        "StudyDescription": clean(facts.description),
        "AccessionNumber": clean(facts.accession_number),
        "ReferringPhysicianName": display_name(facts.referring),
        "InstitutionName": clean(facts.institution),
        "modalities": list(study.modalities),
        "series": study.series,
        "instances": study.instances,
        "images": study.images,
        "documents": study.documents,
        "bytes": study.bytes,
        "status": study.status,
        "conflicts": study.conflicts,
        "received_at": study.received_at,
        "changed_at": study.changed_at,
    }


def _note_search(archive: Archive, guard: Guard, found: int) -> None:
    """The filter as the audit log has it: words that are looked for are veiled. Further pages are the same search."""
    given = [(name, request.args.get(name, "").strip()) for name in _FILTERS]
    keys = [(name, value[:QUERY_MOST]) for name, value in given if value]
    if words := request.args.get("q", "")[:QUERY_MOST].strip():
        keys.append(("words", archive.acts.veiled(words)))
    archive.acts.searched(guard.actor(), guard.caller().scope, "worklist", "STUDY", tuple(keys), max(found, 0))


def _with_series(archive: Archive, guard: Guard, uid: str) -> tuple[dict[str, Any], int]:
    """A study as the pages have it, and the id of its hospital."""
    scope = guard.caller().scope
    with archive.database.reading() as db:
        study = instances.study(db, scope, uid)
        series = [one for one in instances.series_of(db, scope, uid) if one.hospital_id == study.hospital_id]
    return {**row_of(study), "series": [_series(one) for one in series]}, study.hospital_id


def _series(series: Series) -> dict[str, Any]:
    return {
        "SeriesInstanceUID": series.facts.series_instance_uid,
        "Modality": clean(series.facts.modality),
        "SeriesNumber": series.facts.number,
        "SeriesDescription": clean(series.facts.description),
        "BodyPartExamined": clean(series.facts.body_part),
        "instances": series.instances,
    }


def _date(number: int | None) -> str:
    return f"{number:08}" if number else ""


def _stated_age(attributes: str) -> str:
    """Patient's Age (0010,1010) as the study says it, for when there is no birth date."""
    values = json.loads(attributes).get("00101010", {}).get("Value") or [""]
    return values[0] if isinstance(values[0], str) and re.fullmatch(r"[0-9]{3}[DWMY]", values[0]) else ""

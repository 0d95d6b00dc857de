"""The whole corpus through the archive: every file is stored or refused with a reason, and what is stored says what
the manifest says."""

import resource
import time
from pathlib import Path

import pytest

from pacs.describe import describe
from storage.errors import ArchiveError, InvalidInstance
from storage.model.archive import ALREADY_STORED, CONFLICT, QUARANTINED, STORED
from tests.pacs.parts import House
from tests.support.corpus import Expected, manifest, pydicom_files

pytestmark = pytest.mark.skipif(not manifest(), reason="needs the corpus")

# Read differently from pydicom, on purpose: it gave up on the file, or took a damaged value for a number.
_ELSEWISE = {"multiframe/emri_small_jpeg_2k_lossless_too_short.dcm", "odd-and-broken/badVR.dcm"}


def told(expected: Expected) -> dict[str, str]:
    facts = expected.facts
    return {
        "sop class": facts["sop_class_uid"],
        "transfer syntax": facts["transfer_syntax_uid"],
        "rows": facts["rows"],
        "columns": facts["cols"],
        "frames": facts["frames"],
        "patient": facts["expected_patient_name"].rstrip("^= "),
        "study": facts["study_uid"],
        "series": facts["series_uid"],
        "sop": facts["sop_uid"],
    }


def read(path: Path) -> dict[str, str]:
    found = describe(path)
    facts = found.instance
    return {
        "sop class": facts.sop_class_uid,
        "transfer syntax": facts.transfer_syntax_uid,
        "rows": "" if facts.rows is None else str(facts.rows),
        "columns": "" if facts.columns is None else str(facts.columns),
        "frames": str(facts.frames),
        "patient": found.patient.name,
        "study": found.study.study_instance_uid,
        "series": found.series.series_instance_uid,
        "sop": facts.sop_instance_uid,
    }


def test_what_is_read_is_what_the_manifest_says() -> None:
    wrong, refused = {}, {}
    for expected in manifest():
        try:
            found = read(expected.path)
        except InvalidInstance as error:
            refused[expected.name] = str(error)
            continue
        facts = {what: value for what, value in told(expected).items() if value}
        if expected.name not in _ELSEWISE and any(found[what] != value for what, value in facts.items()):
            wrong[expected.name] = {w: (found[w], v) for w, v in facts.items() if found[w] != v}
    assert not wrong
    assert len(refused) <= 49
    assert all(refused.values())


def test_whole_objects_are_refused_for_damage_only() -> None:
    """What the manifest knows with all its UIDs is refused for what is wrong with it, and nothing else."""
    reasons = []
    for expected in manifest():
        if all(expected.facts[uid] for uid in ("sop_uid", "study_uid", "series_uid", "sop_class_uid")):
            try:
                describe(expected.path)
            except ArchiveError as error:
                reasons.append(str(error))
    strange = [why for why in reasons if not any(w in why for w in ("are left", "a frame of", "is not a UID"))]
    assert not strange
    assert len(reasons) <= 6


def test_every_file_is_stored_or_refused(seeing: House) -> None:
    outcomes: dict[str, int] = {}
    slowest = 0.0
    before = resident()
    for path in [*(expected.path for expected in manifest()), *pydicom_files()]:
        begun = time.monotonic()
        outcome = seeing.put(path.read_bytes())
        slowest = max(slowest, time.monotonic() - begun)
        outcomes[outcome.kind] = outcomes.get(outcome.kind, 0) + 1
        assert outcome.kind != QUARANTINED or outcome.reason
    assert slowest < 180, "it hung"
    assert outcomes[STORED] > 600
    assert outcomes[ALREADY_STORED] > 20
    assert outcomes[CONFLICT] < 60
    assert resident() - before < 512 << 20
    assert seeing.spooled() == []


def test_every_stored_file_has_metadata_and_frames(seeing: House) -> None:
    for expected in manifest():
        outcome = seeing.put(expected.path.read_bytes())
        if outcome.kind != STORED or outcome.key is None:
            continue
        key = outcome.key
        found = seeing.archive.instance(seeing.scope, key)
        metadata = seeing.archive.metadata(
            seeing.scope, key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid
        )
        assert metadata.count == 1
        assert seeing.archive.header(found) or found.facts.pixel_offset is not None
        for number in {1, found.facts.frames} if found.facts.frames else set():
            if expected.name != "odd-and-broken/test_dcm":  # less Pixel Data than one frame
                assert seeing.archive.frame(found, number).data


def resident() -> int:
    """Bytes of memory this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

"""What modalities and workstations do, with DCMTK's own clients, on both kinds of stores."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from tests.pacs.dimse.test_retrieve import receiver
from tests.support.corpus import images, needs_corpus
from tests.support.dcmtk import dcmtk
from tests.support.server import Running, free_port
from tests.support.waiting import until

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def sent(running: Running) -> list[Path]:
    """Two patients with two studies each, sent by storescu as the README says."""
    for ae_title in ("STORESCU", "DCMSEND", "FINDSCU", "GETSCU", "MOVESCU"):
        running.peer(ae_title)
    files = images("series-ct/same-patient-two-studies/*/*/*.dcm")
    dcmtk("storescu", "-aec", "HOICHAN", HOST, running.dicom_port, *files)
    return files


def dataset_bytes(path: Path) -> bytes:
    """The bytes after File Meta Information: what must be kept exactly."""
    with path.open("rb") as handle:
        pydicom.filereader.read_preamble(handle, force=False)
        pydicom.filereader.read_file_meta_info(path)
        meta = pydicom.dcmread(path, stop_before_pixels=True).file_meta
        handle.seek(128 + 4 + 12 + meta.FileMetaInformationGroupLength)
        return handle.read()


def answers(text: str) -> list[dict[str, str]]:
    """The identifiers findscu printed, by tag."""
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        if "Find Response:" in line:
            found.append({})
        match = re.search(r"\((\w{4}),(\w{4})\) \w\w \[(.*?)\]?\s+#", line)
        if match and found:
            found[-1][match[1] + match[2]] = match[3].rstrip("\0 ")
        elif found and (other := re.search(r"\((\w{4}),(\w{4})\) (?:US|UL|IS) (\S+)", line)):
            found[-1][other[1] + other[2]] = other[3]
    return found


def find(running: Running, *keys: str, model: str = "-S") -> list[dict[str, str]]:
    arguments = [argument for key in keys for argument in ("-k", key)]
    return answers(dcmtk("findscu", "-v", model, "-aec", "HOICHAN", HOST, running.dicom_port, *arguments))


def digests(paths: Iterator[Path] | list[Path]) -> set[str]:
    return {hashlib.sha256(dataset_bytes(path)).hexdigest() for path in paths}


def test_a_known_peer_may_echo(running: Running, sent: list[Path]) -> None:
    dcmtk("echoscu", "-aet", "STORESCU", "-aec", "HOICHAN", HOST, running.dicom_port)


def test_an_unknown_peer_is_refused_and_shown_to_the_administrator(running: Running, sent: list[Path]) -> None:
    text = dcmtk("echoscu", "-v", "-aet", "STRANGER", "-aec", "HOICHAN", HOST, running.dicom_port, check=False)
    assert "Calling AE Title Not Recognized" in text
    dcmtk("echoscu", "-aet", "STORESCU", "-aec", "NOTME", HOST, running.dicom_port, check=False)
    client = running.client()

    def refused() -> set[str]:
        return {row["ae_title"] for row in client.get("/api/admin/refusals").json()["refusals"]}

    until(lambda: refused() >= {"STRANGER", "STORESCU"})  # written once a second
    running.cli("peers", "add", "STRANGER", "--host", HOST, "--allow", "")
    dcmtk("echoscu", "-aet", "STRANGER", "-aec", "HOICHAN", HOST, running.dicom_port)


def test_dcmsend_finds_all_already_stored(running: Running, sent: list[Path]) -> None:
    text = dcmtk("dcmsend", "-v", "-aec", "HOICHAN", HOST, running.dicom_port, *sent)
    assert re.search(rf"\* with status SUCCESS\s+: {len(sent)}", text), text
    rows = find(running, "QueryRetrieveLevel=STUDY", "StudyInstanceUID", "NumberOfStudyRelatedInstances")
    assert sum(int(row["00201208"]) for row in rows) == len({pydicom.dcmread(p).SOPInstanceUID for p in sent})


@needs_corpus
def test_find_at_every_level_and_by_every_kind_of_key(running: Running, sent: list[Path]) -> None:
    first = pydicom.dcmread(sent[0], stop_before_pixels=True)
    studies = {pydicom.dcmread(p, stop_before_pixels=True).StudyInstanceUID for p in sent}
    everything = find(running, "QueryRetrieveLevel=STUDY", "StudyInstanceUID")
    assert {row["0020000d"] for row in everything} == studies
    by_id = find(running, "QueryRetrieveLevel=STUDY", f"PatientID={first.PatientID}", "StudyInstanceUID")
    assert first.StudyInstanceUID in {row["0020000d"] for row in by_id}
    assert len(by_id) == 2
    wild = find(running, "QueryRetrieveLevel=STUDY", f"PatientID={first.PatientID[:3]}*", "StudyInstanceUID")
    assert len(wild) >= 2
    day = find(
        running, "QueryRetrieveLevel=STUDY", f"StudyDate={first.StudyDate}-{first.StudyDate}", "StudyInstanceUID"
    )
    assert first.StudyInstanceUID in {row["0020000d"] for row in day}
    chosen = sorted(studies)[:2]
    listed = find(running, "QueryRetrieveLevel=STUDY", "StudyInstanceUID=" + "\\".join(chosen))
    assert sorted(row["0020000d"] for row in listed) == chosen
    patients = find(running, "QueryRetrieveLevel=PATIENT", "PatientID", "NumberOfPatientRelatedStudies", model="-P")
    assert {row["00201200"] for row in patients} == {"2"}
    of_study = f"StudyInstanceUID={first.StudyInstanceUID}"
    series = find(running, "QueryRetrieveLevel=SERIES", of_study, "SeriesInstanceUID", "Modality")
    assert {row["00080060"] for row in series} == {"CT"}
    image = find(
        running, "QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={first.StudyInstanceUID}",
        f"SeriesInstanceUID={first.SeriesInstanceUID}", "SOPInstanceUID", "InstanceNumber",
    )  # fmt: skip
    assert first.SOPInstanceUID in {row["00080018"] for row in image}
    assert find(running, "QueryRetrieveLevel=STUDY", "PatientID=NOBODY-HAS-THIS") == []


@needs_corpus
def test_getscu_brings_the_same_bytes(running: Running, sent: list[Path], tmp_path: Path) -> None:
    study = pydicom.dcmread(sent[0], stop_before_pixels=True).StudyInstanceUID
    dcmtk(
        "getscu", "-S", "-B", "-od", tmp_path, "-aec", "HOICHAN", HOST, running.dicom_port,
        "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
    )  # fmt: skip
    want = digests([p for p in sent if pydicom.dcmread(p, stop_before_pixels=True).StudyInstanceUID == study])
    assert digests(list(tmp_path.iterdir())) == want


def test_movescu_sends_to_a_configured_peer_only(running: Running, sent: list[Path], tmp_path: Path) -> None:
    study = pydicom.dcmread(sent[0], stop_before_pixels=True).StudyInstanceUID
    move: list[str | int] = [
        "-v", "-S", "-aec", "HOICHAN", HOST, running.dicom_port,
        "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}", "-aem",
    ]  # fmt: skip
    unknown = dcmtk("movescu", *move, "NOWHERE", check=False)
    assert "Refused: MoveDestinationUnknown" in unknown
    port = free_port()
    running.peer("ARCHIVE2", allow="store", port=port)
    of_study = [p for p in sent if pydicom.dcmread(p, stop_before_pixels=True).StudyInstanceUID == study]
    with receiver(tmp_path / "in", port, "+xa") as folder:
        dcmtk("movescu", *move, "ARCHIVE2")
    direct = free_port()
    with receiver(tmp_path / "direct", direct, "+xa") as reference:
        dcmtk("storescu", HOST, direct, *of_study)
    assert digests(list(folder.iterdir())) == digests(list(reference.iterdir()))


def test_a_peer_without_the_right_is_told_so(running: Running, sent: list[Path]) -> None:
    running.peer("ONLYSTORE", allow="store")
    text = dcmtk(
        "findscu", "-v", "-S", "-aet", "ONLYSTORE", "-aec", "HOICHAN", HOST, running.dicom_port,
        "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", check=False,
    )  # fmt: skip
    assert "Find Response:" not in text or "0124" in text


def test_every_transfer_syntax_is_kept_byte_exact(running: Running, sent: list[Path], tmp_path: Path) -> None:
    """Each file keeps the syntax it came in. storescu writes datasets anew, so the reference is what DCMTK's storescp
    gets from the same command, bit by bit."""
    files = images("transfer-syntaxes/nema-wg04/*", "transfer-syntaxes/small-mr/*.dcm")
    flags = {
        "1.2.840.10008.1.2": "-xi", "1.2.840.10008.1.2.1": "-xe", "1.2.840.10008.1.2.2": "-xb",
        "1.2.840.10008.1.2.4.50": "-xy", "1.2.840.10008.1.2.4.51": "-xx", "1.2.840.10008.1.2.4.70": "-xs",
        "1.2.840.10008.1.2.4.80": "-xt", "1.2.840.10008.1.2.4.81": "-xu", "1.2.840.10008.1.2.4.90": "-xv",
        "1.2.840.10008.1.2.4.91": "-xw", "1.2.840.10008.1.2.5": "-xr", "1.2.840.10008.1.2.1.99": "-xd",
    }  # fmt: skip
    chosen: dict[str, Path] = {}
    known: set[str] = set()  # an instance that is there in another syntax stays in that one
    for path in files:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        if syntax not in chosen and dataset.SOPInstanceUID not in known:
            chosen[syntax] = path
            known.add(dataset.SOPInstanceUID)
    client = running.client()
    port = free_port()
    with receiver(tmp_path / "reference", port, "+xa") as reference:
        for syntax in chosen.keys() & flags.keys():
            path = chosen[syntax]
            for target in (running.dicom_port, port):
                dcmtk("storescu", "-R", flags[syntax], "-aec", "HOICHAN", HOST, target, path)
            (received,) = list(reference.iterdir())
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            url = (
                f"/dicom-web/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
                f"/instances/{dataset.SOPInstanceUID}"
            )
            answer = client.get(url, Accept='multipart/related; type="application/dicom"; transfer-syntax=*')
            assert answer.status == 200, (path.name, answer.body[:300])
            assert f"transfer-syntax={syntax}".encode() in answer.body
            assert dataset_bytes(received) in answer.body, f"{path.name} ({syntax}) is not byte-exact"
            received.unlink()
    assert len(chosen.keys() & flags.keys()) >= (6 if len(files) > 3 else 1)


def test_the_log_holds_no_patient_data(running: Running, sent: list[Path]) -> None:
    log = "".join(running.log)
    assert "STORESCU" in log
    for path in sent:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        for value in (str(dataset.PatientName), str(dataset.PatientID)):
            assert len(value) < 4 or value not in log

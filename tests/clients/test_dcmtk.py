"""DCMTK's programs, with every information model they know: what we have answers as the manifest says, what we do not
have is refused as the Standard says, and the association lives on."""

import re
from collections.abc import Iterable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.clients.conftest import Hospital
from tests.journeys.test_dicom_journeys import answers
from tests.pacs.dimse.test_retrieve import receiver
from tests.support.corpus import manifest, needs_corpus
from tests.support.dcmtk import dcmtk
from tests.support.server import free_port

pytestmark = needs_corpus
HOST = "127.0.0.1"
REFUSED = re.compile("No (Acceptable|adequate) Presentation Contexts", re.IGNORECASE)


@pytest.fixture(scope="module")
def peer(hospital: Hospital) -> Hospital:
    hospital.running.peer("DCMTK")
    return hospital


def scu(hospital: Hospital, program: str, *arguments: str | Path | int, check: bool = True) -> str:
    door = ("-aet", "DCMTK", "-aec", "HOICHAN", HOST, hospital.running.dicom_port)
    return dcmtk(program, "-v", *arguments[:1], *door, *arguments[1:], check=check)


def keys(*names: str) -> list[str]:
    return [argument for name in names for argument in ("-k", name)]


def found(hospital: Hospital, model: str, level: str, *names: str) -> list[dict[str, str]]:
    return answers(scu(hospital, "findscu", model, *keys(f"QueryRetrieveLevel={level}", *names)))


def facts(hospital: Hospital) -> list[dict[str, str]]:
    """The rows of the manifest of what the server has."""
    mine = set(hospital.files)
    return [row.facts for row in manifest() if row.path in mine]


def test_findscu_agrees_with_the_manifest(peer: Hospital) -> None:
    """Series, instances, modalities and sizes of every study, in both models."""
    rows = facts(peer)
    for model in ("-P", "-S"):
        for study in sorted({row["study_uid"] for row in rows}):
            inside = [row for row in rows if row["study_uid"] == study]
            patient = next(one.PatientID for one in peer.datasets if one.StudyInstanceUID == study)
            if model == "-P" and not patient:
                continue  # nobody can name that patient in this model
            above = (f"PatientID={patient}",) if model == "-P" else ()  # the key above is needed (PS3.4 C.4.1.2.2)
            [one] = found(
                peer, model, "STUDY", *above, f"StudyInstanceUID={study}",
                "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "ModalitiesInStudy",
            )  # fmt: skip
            assert int(one["00201206"]) == len({row["series_uid"] for row in inside})
            assert int(one["00201208"]) == len({row["sop_uid"] for row in inside})
            assert set(one["00080061"].split("\\")) == {row["modality"] for row in inside}
    one_series = rows[0]
    images = found(
        peer, "-S", "IMAGE", f"StudyInstanceUID={one_series['study_uid']}",
        f"SeriesInstanceUID={one_series['series_uid']}", "SOPInstanceUID", "Rows", "Columns",
    )  # fmt: skip
    expected = {row["sop_uid"]: row for row in rows if row["series_uid"] == one_series["series_uid"]}
    assert {one["00080018"] for one in images} == set(expected)
    for one in images:
        assert (one["00280010"], one["00280011"]) == tuple(expected[one["00080018"]][n] for n in ("rows", "cols"))


@pytest.mark.parametrize(
    ("program", "model"), [("findscu", "-W"), ("findscu", "-O"), ("movescu", "-O"), ("getscu", "-O")]
)
def test_models_we_do_not_have_get_no_context(peer: Hospital, program: str, model: str) -> None:
    """Worklist and the retired Patient/Study Only model: result 3, abstract syntax not supported, and no more."""
    text = scu(peer, program, model, *keys("QueryRetrieveLevel=STUDY", "StudyInstanceUID"), check=False)
    assert REFUSED.search(text), text
    assert "Abort" not in text


def test_a_level_the_model_does_not_have_is_a_failure(peer: Hospital) -> None:
    text = scu(peer, "findscu", "-S", *keys("QueryRetrieveLevel=PATIENT", "PatientID"), check=False)
    assert re.search(r"0xa900|IdentifierDoesNotMatch|DataSetDoesNotMatch|Does ?Not ?Match", text, re.IGNORECASE), text


@pytest.mark.parametrize("transfer_syntax", ["-xe", "-xb", "-xi", "-xd"])
def test_findscu_in_every_transfer_syntax_it_proposes(peer: Hospital, transfer_syntax: str) -> None:
    door = ("-aet", "DCMTK", "-aec", "HOICHAN", HOST, peer.running.dicom_port)
    text = dcmtk("findscu", "-v", "-S", transfer_syntax, *door, *keys("QueryRetrieveLevel=STUDY", "StudyInstanceUID"))
    assert {one.StudyInstanceUID for one in peer.datasets} <= {row["0020000d"] for row in answers(text)}


def test_findscu_cancels(peer: Hospital) -> None:
    door = ("-aet", "DCMTK", "-aec", "HOICHAN", HOST, peer.running.dicom_port)
    text = dcmtk(
        "findscu", "-v", "-S", "--cancel", "1", *door, *keys("QueryRetrieveLevel=IMAGE", "SOPInstanceUID"), check=False
    )
    assert "Abort" not in text
    dcmtk("echoscu", *door)


def stored_in(folder: Path) -> set[str]:
    return {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in folder.iterdir()}


def levels(datasets: Iterable[Dataset], model: str) -> list[tuple[str, list[str], set[str]]]:
    """For each level: its keys, and the instances that are meant."""
    known = list(datasets)
    first = known[0]
    above = [f"PatientID={first.PatientID}"] if model == "-P" else []
    study, series = f"StudyInstanceUID={first.StudyInstanceUID}", f"SeriesInstanceUID={first.SeriesInstanceUID}"
    by_study = {one.SOPInstanceUID for one in known if one.StudyInstanceUID == first.StudyInstanceUID}
    by_series = {one.SOPInstanceUID for one in known if one.SeriesInstanceUID == first.SeriesInstanceUID}
    made = [
        ("STUDY", [*above, study], by_study),
        ("SERIES", [*above, study, series], by_series),
        ("IMAGE", [*above, study, series, f"SOPInstanceUID={first.SOPInstanceUID}"], {first.SOPInstanceUID}),
    ]
    if model == "-P":
        made.append(("PATIENT", above, {one.SOPInstanceUID for one in known if one.PatientID == first.PatientID}))
    return made


@pytest.mark.parametrize("model", ["-P", "-S"])
def test_getscu_and_movescu_bring_what_each_level_means(peer: Hospital, tmp_path: Path, model: str) -> None:
    port = free_port()
    peer.running.peer(f"STORE{model[1]}", allow="store", port=port)
    for level, names, expected in levels(peer.datasets, model):
        got = tmp_path / f"got-{level}"
        got.mkdir()
        door = ("-aet", "DCMTK", "-aec", "HOICHAN", HOST, peer.running.dicom_port)
        what = keys(f"QueryRetrieveLevel={level}", *names)
        dcmtk("getscu", "-v", model, "-od", got, *door, *what)
        assert stored_in(got) == expected, level
        with receiver(tmp_path / f"moved-{level}", port, "+xa") as moved:
            text = dcmtk("movescu", "-v", model, "-aem", f"STORE{model[1]}", *door, *what)
        assert stored_in(moved) == expected, (level, text)


def test_storescu_with_several_proposals(peer: Hospital) -> None:
    """Every way storescu may propose ends with the object kept, once."""
    path = peer.files[0]
    dataset = peer.datasets[0]
    for proposal in ("-x=", "-xe", "-xb", "-xi", "-xd", "-R"):
        door = ("-aet", "DCMTK", "-aec", "HOICHAN", HOST, peer.running.dicom_port)
        text = dcmtk("storescu", "-v", proposal, *door, path)
        assert "Received Store Response (Success)" in text, (proposal, text)
    [one] = found(peer, "-S", "STUDY", f"StudyInstanceUID={dataset.StudyInstanceUID}", "NumberOfStudyRelatedInstances")
    mine = {d.SOPInstanceUID for d in peer.datasets if d.StudyInstanceUID == dataset.StudyInstanceUID}
    assert int(one["00201208"]) == len(mine)


def test_termscu_and_echoscu_with_many_contexts(peer: Hospital) -> None:
    """The longest request DCMTK makes is 133 KB: 128 contexts with 38 transfer syntaxes each."""
    door = ("-aet", "DCMTK", "-aec", "HOICHAN", HOST, peer.running.dicom_port)
    dcmtk("echoscu", "-v", "-ppc", "128", "-pts", "38", "--repeat", "2", *door)
    dcmtk("termscu", "-v", *door, check=False)  # a private SOP Class of DCMTK, which ends servers that know it
    dcmtk("echoscu", *door)

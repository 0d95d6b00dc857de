"""STOW-RS: what is answered is durable, and each part has its own answer."""

import io
from pathlib import Path
from typing import Any

import pydicom
import pytest
from werkzeug.test import TestResponse

from pacs.archive import Archive, Incoming
from storage.errors import StorageFull, StorageUnavailable
from storage.model.archive import Scope
from tests.support.corpus import images
from tests.viewer.dicomweb.conftest import PUBLIC, Shelf, url_of

SMALL = images("transfer-syntaxes/small-mr/MR_small.dcm", "MR_small.dcm")[0]
REFERENCED, FAILED, OTHER = "00081199", "00081198", "0008119A"


def body_of(parts: list[bytes], boundary: str = "XX", type: str = "application/dicom") -> bytes:
    head = f"--{boundary}\r\nContent-Type: {type}\r\n\r\n".encode()
    return b"".join(head + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


def store(shelf: Shelf, parts: list[bytes], study: str = "", **headers: str) -> TestResponse:
    return shelf.client.post(
        f"/dicom-web/studies{'/' + study if study else ''}",
        data=body_of(parts),
        headers={
            "Content-Type": 'multipart/related; type="application/dicom"; boundary=XX',
            "Accept": "application/dicom+json",
            **headers,
        },
    )


def answer(response: TestResponse, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.get_data()
    assert response.headers["Content-Type"] == "application/dicom+json"
    found = response.get_json(force=True)
    assert isinstance(found, dict)
    return found


def uids(found: dict[str, Any], sequence: str) -> list[str]:
    return [item["00081155"]["Value"][0] for item in found.get(sequence, {}).get("Value", [])]


def reasons(found: dict[str, Any], sequence: str) -> list[int]:
    return [item["00081197"]["Value"][0] for item in found.get(sequence, {}).get("Value", [])]


def changed(path: Path = SMALL, **attributes: Any) -> bytes:
    dataset = pydicom.dcmread(path)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def spooled(archive: Archive) -> list[Path]:
    return list(archive.spool.glob("*")) if archive.spool.exists() else []


def test_what_is_stored_can_be_had_back(any_shelf: Shelf) -> None:
    slices = [changed(SOPInstanceUID=f"1.2.3.{number}", InstanceNumber=number) for number in range(50)]
    found = answer(store(any_shelf, slices), 200)
    assert sorted(uids(found, REFERENCED)) == sorted(f"1.2.3.{number}" for number in range(50))
    dataset = pydicom.dcmread(SMALL)
    assert found["00081190"]["Value"] == [f"{PUBLIC}/dicom-web/studies/{dataset.StudyInstanceUID}"]
    for item in found[REFERENCED]["Value"]:
        assert item["00081150"]["Value"] == [dataset.SOPClassUID]
        url = item["00081190"]["Value"][0].removeprefix(PUBLIC)
        back = any_shelf.client.get(url, headers={"Accept": "application/dicom; transfer-syntax=*"})
        assert back.get_data() == slices[int(url.rpartition(".")[2])]
    assert spooled(any_shelf.archive) == []


def test_the_same_again_is_a_success(shelf: Shelf) -> None:
    answer(store(shelf, [SMALL.read_bytes()]), 200)
    found = answer(store(shelf, [SMALL.read_bytes(), SMALL.read_bytes()]), 200)
    assert len(uids(found, REFERENCED)) == 2
    key = next(iter({shelf.put(SMALL)}))
    assert len(shelf.archive.instances(Scope(frozenset({shelf.origin.hospital_id})), key.study_instance_uid)) == 1


def test_another_content_under_the_same_uid_is_kept_with_a_warning(shelf: Shelf) -> None:
    answer(store(shelf, [SMALL.read_bytes()]), 200)
    found = answer(store(shelf, [changed(PatientName="Other^Name")]), 202)
    [item] = found[REFERENCED]["Value"]
    assert item["00081196"]["Value"] == [0xB000]
    first = shelf.client.get(url_of(shelf.put(SMALL)), headers={"Accept": "application/dicom; transfer-syntax=*"})
    assert first.get_data() == SMALL.read_bytes(), "the first stays canonical"


def test_some_may_fail_and_the_others_are_kept(shelf: Shelf) -> None:
    found = answer(store(shelf, [b"not DICOM at all", SMALL.read_bytes()]), 202)
    assert len(uids(found, REFERENCED)) == 1
    assert reasons(found, OTHER) == [0xC000]
    alone = answer(store(shelf, [b"also not DICOM"]), 409)
    assert REFERENCED not in alone
    assert reasons(alone, OTHER) == [0xC000]


def test_the_study_of_the_url_must_be_the_study_of_the_instance(shelf: Shelf) -> None:
    dataset = pydicom.dcmread(SMALL)
    other = changed(StudyInstanceUID="1.2.3", SOPInstanceUID="1.2.3.4")
    found = answer(store(shelf, [SMALL.read_bytes(), other], dataset.StudyInstanceUID), 202)
    assert uids(found, REFERENCED) == [dataset.SOPInstanceUID]
    assert uids(found, FAILED) == ["1.2.3.4"]
    assert reasons(found, FAILED) == [0xA900]
    assert shelf.client.get("/dicom-web/studies/1.2.3/metadata").status_code == 404
    wrong = answer(store(shelf, [other], "1.2.999"), 409)
    assert uids(wrong, FAILED) == ["1.2.3.4"]
    assert spooled(shelf.archive) == []


def test_one_instance_may_be_the_whole_body(shelf: Shelf) -> None:
    response = shelf.client.post(
        "/dicom-web/studies", data=SMALL.read_bytes(), headers={"Content-Type": "application/dicom"}
    )
    assert len(uids(answer(response, 200), REFERENCED)) == 1


def test_a_body_without_a_length_is_read_to_its_end(shelf: Shelf) -> None:
    response = shelf.client.post(
        "/dicom-web/studies",
        input_stream=io.BytesIO(body_of([SMALL.read_bytes()])),
        headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=XX'},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert len(uids(answer(response, 200), REFERENCED)) == 1


@pytest.mark.parametrize(
    ("type", "data", "status"),
    [
        ("application/json", b"{}", 415),
        ('multipart/related; type="application/dicom+xml"; boundary=XX', b"", 415),
        ('multipart/related; type="application/dicom+json"; boundary=XX', b"", 400),
        ("multipart/form-data; boundary=XX", b"", 415),
        ("", b"x", 415),
        ('multipart/related; type="application/dicom"', b"", 400),
        ('multipart/related; type="application/dicom"; boundary=XX', b"", 400),
        ('multipart/related; type="application/dicom"; boundary=XX', b"--XX--", 400),
        ('multipart/related; type="application/dicom"; boundary=XX', body_of([b"x"], type="text/plain"), 415),
        ('multipart/related; type="application/dicom"; boundary=XX', body_of([b"x" * 1000])[:500], 400),
        ("application/dicom", b"", 409),
    ],
)
def test_bodies_of_another_kind_are_refused(shelf: Shelf, type: str, data: bytes, status: int) -> None:
    response = shelf.client.post("/dicom-web/studies", data=data, headers={"Content-Type": type})
    assert response.status_code == status, response.get_data()
    assert spooled(shelf.archive) == []


def test_a_cut_off_body_keeps_what_was_whole(shelf: Shelf) -> None:
    whole, cut = changed(SOPInstanceUID="1.2.3.1"), changed(SOPInstanceUID="1.2.3.2")
    data = body_of([whole, cut])[:-200]
    response = shelf.client.post(
        "/dicom-web/studies",
        data=data,
        headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=XX'},
    )
    assert response.status_code == 400
    assert len(shelf.client.get("/dicom-web/instances").get_json(force=True)) <= 1
    assert len(answer(store(shelf, [whole, cut]), 200)[REFERENCED]["Value"]) == 2, "the sender simply repeats it"


def test_a_compressed_body_is_refused(shelf: Shelf) -> None:
    assert store(shelf, [SMALL.read_bytes()], **{"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize(("error", "status"), [(StorageFull("full"), 507), (StorageUnavailable("down"), 503)])
def test_when_nothing_can_be_kept_the_sender_is_to_try_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def put_many(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(shelf.archive.objects, "put_many", put_many)
    response = store(shelf, [SMALL.read_bytes()])
    assert response.status_code == status
    assert "Retry-After" in response.headers
    assert shelf.client.get("/dicom-web/studies").get_json(force=True) == []


def test_an_instance_over_the_limit_fails_alone(shelf: Shelf) -> None:
    huge = SMALL.read_bytes() + bytes(65 << 20)
    found = answer(store(shelf, [huge, SMALL.read_bytes()]), 202)
    assert len(uids(found, REFERENCED)) == 1
    assert reasons(found, OTHER) == [0xC000]


def test_a_request_may_bring_more_than_one_instance_may(shelf: Shelf) -> None:
    slices = [changed(SOPInstanceUID=f"1.2.3.{number}") for number in range(3)]
    shelf.client.application.config["MAX_CONTENT_LENGTH"] = len(slices[0]) + 1000
    assert len(uids(answer(store(shelf, slices), 200), REFERENCED)) == 3, "the limit is for each instance"


@pytest.mark.parametrize("terminated", [True, False])
def test_less_than_the_sender_said_is_not_an_instance(shelf: Shelf, terminated: bool) -> None:
    data = SMALL.read_bytes()
    response = shelf.client.post(
        "/dicom-web/studies",
        input_stream=io.BytesIO(data[:-1000]),
        headers={"Content-Type": "application/dicom"},
        environ_overrides={"CONTENT_LENGTH": str(len(data)), "wsgi.input_terminated": terminated},
    )
    assert response.status_code == 400
    assert shelf.client.get("/dicom-web/instances").get_json(force=True) == []
    assert spooled(shelf.archive) == []


@pytest.mark.parametrize("path", images("odd-and-broken/*"), ids=lambda path: path.name)
def test_odd_files_never_break_the_door(shelf: Shelf, path: Path) -> None:
    response = store(shelf, [path.read_bytes()])
    assert response.status_code in (200, 409), response.get_data()
    for study in shelf.client.get("/dicom-web/studies").get_json(force=True):
        url = f"/dicom-web/studies/{study['0020000D']['Value'][0]}"
        assert shelf.client.get(f"{url}/metadata").status_code == 200
        whole = shelf.client.get(
            url, headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
        )
        assert whole.status_code == 200
        assert path.read_bytes() in whole.get_data() or b"DICM" in whole.get_data()


def test_a_store_of_fifty_slices_shares_its_commits(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    put_many = shelf.archive.objects.put_many

    def counted(items: Any, **options: Any) -> Any:
        rounds.append(len(items))
        return put_many(items, **options)

    monkeypatch.setattr(shelf.archive.objects, "put_many", counted)
    answer(store(shelf, [changed(SOPInstanceUID=f"1.2.3.{number}") for number in range(50)]), 200)
    assert sum(rounds) == 50
    assert len(rounds) < 50


def test_what_is_sealed_is_committed_together_and_none_is_left_over(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over: list[int] = []
    store_async = shelf.archive.store_async

    def counted(incoming: Any, expect: Any = None) -> Any:
        handed_over.append(incoming.size)
        return store_async(incoming, expect)

    monkeypatch.setattr(shelf.archive, "store_async", counted)
    for count in (1, 7, 8, 9, 20):
        handed_over.clear()
        slices = [changed(SOPInstanceUID=f"1.2.3.{count}.{number}") for number in range(count)]
        assert len(uids(answer(store(shelf, slices), 200), REFERENCED)) == count
        assert len(handed_over) == count
    assert spooled(shelf.archive) == []


def test_a_part_whose_file_cannot_be_synchronised_fails_alone(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = [changed(SOPInstanceUID=f"1.2.3.{number}") for number in range(10)]
    bad = len(slices[4] + b"larger")
    seal = Incoming.seal

    def failing(incoming: Incoming) -> None:
        if incoming.size == bad:
            raise StorageUnavailable("the disk is gone")
        seal(incoming)

    monkeypatch.setattr(Incoming, "seal", failing)
    slices[4] += b"larger"
    found = answer(store(shelf, slices), 202)
    assert sorted(uids(found, REFERENCED)) == sorted(f"1.2.3.{number}" for number in range(10) if number != 4)
    assert len(reasons(found, OTHER)) == 1
    assert spooled(shelf.archive) == []

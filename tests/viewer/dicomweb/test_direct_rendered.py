"""The short way to a picture says, byte for byte, what the application says, and lets nobody in whom it would not."""

from typing import Any

import pytest

from pacs.pixels.pool import Codecs
from storage.model.archive import InstanceKey
from tests.viewer.conftest import Web
from tests.viewer.dicomweb.short_ways import watching
from viewer.dicomweb.direct_rendered import DirectRendered

PICTURE = {"Accept": "image/jpeg"}


@pytest.fixture(autouse=True)
def drawing(web: Web, codecs: Codecs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive can make pictures."""
    monkeypatch.setattr(web.archive, "_codecs", codecs)


@pytest.fixture
def answered(web: Web, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each request that could go the short way, whether it did."""
    return watching(monkeypatch, DirectRendered)


def instance_of(web: Web, hospital: str = "main", **attributes: Any) -> str:
    key = web.store(hospital, **attributes).key
    assert key is not None
    return address(key)


def address(key: InstanceKey) -> str:
    study, series, sop = key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid
    return f"/dicom-web/studies/{study}/series/{series}/instances/{sop}"


@pytest.mark.parametrize("accept", ["image/jpeg", "image/png", "image/webp, image/png;q=0.5", "*/*", "image/*"])
@pytest.mark.parametrize("query", ["", "?window=40,400", "?viewport=8,8&quality=50", "?window=40,400,sigmoid"])
def test_says_what_the_application_says(web: Web, answered: list[bool], accept: str, query: str) -> None:
    person, start = web.person("clinician"), instance_of(web)
    for path in (f"{start}/rendered{query}", f"{start}/frames/1/rendered{query}"):
        headers = {"Accept": accept, "X-Request-Id": "0123456789abcdef"}
        short = person.get(path, headers=headers)
        # a condition that nothing meets is not for the short way
        whole = person.get(path, headers={**headers, "If-None-Match": '"x"'})
        assert answered[-2:] == [True, False]
        assert (short.status, short.data) == (whole.status, whole.data)
        assert sorted(short.headers) == sorted(whole.headers)


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/rendered?window=1", "image/jpeg", 400),
        ("/rendered?quality=1000", "image/jpeg", 400),
        ("/rendered?annotation=patient", "image/jpeg", 200),
        ("/rendered?presentationUID=1.2.3", "image/jpeg", 404),
        ("/rendered?window=40,400&window=40,400", "image/jpeg", 200),
        ("/rendered", "image/gif", 406),
        ("/rendered", 'multipart/related; type="image/jpeg"', 200),
        ("/frames/2/rendered", "image/jpeg", 404),
        ("/frames/0/rendered", "image/jpeg", 404),
    ],
)
def test_leaves_to_the_application_what_is_unusual(
    web: Web, answered: list[bool], path: str, accept: str, status: int
) -> None:
    person, start = web.person("clinician"), instance_of(web)
    assert person.get(start + path, headers={"Accept": accept}).status_code == status
    assert True not in answered


def test_what_is_not_permitted_looks_like_what_does_not_exist(web: Web) -> None:
    here, there = web.person("clinician"), web.person("clinician", "other")
    path = instance_of(web, "other") + "/rendered"
    assert [there.get(path, headers=PICTURE).status_code for _ in range(2)] == [200, 200]
    foreign = here.get(path, headers=PICTURE)
    missing = here.get(path.replace("/rendered", "9/rendered"), headers=PICTURE)
    assert foreign.status_code == missing.status_code == 404
    assert set(foreign.json) == set(missing.json)
    assert web.anonymous().get(path, headers=PICTURE).status_code == 401
    assert web.person("admin", name="keeper").get(path, headers=PICTURE).status_code in (403, 404)

"""The short way of metadata says, byte for byte, what the application says, and lets nobody in whom it would not."""

from itertools import product

import pytest

from pacs.acts import Acts
from storage.errors import StorageUnavailable
from storage.index import accounts as store
from storage.model.archive import InstanceKey
from tests.viewer.conftest import Web
from tests.viewer.dicomweb.short_ways import watching
from tests.viewer.dicomweb.test_direct_search import same
from viewer.access import accounts
from viewer.dicomweb.direct_metadata import DirectMetadata

JSON = {"Accept": "application/dicom+json"}


@pytest.fixture
def answered(web: Web, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each request that could go the short way, whether it did."""
    return watching(monkeypatch, DirectMetadata)


@pytest.fixture
def key(web: Web) -> InstanceKey:
    found = web.store(PatientName="Nguyễn^Văn An").key
    assert found is not None
    return found


def paths_of(key: InstanceKey) -> tuple[str, str]:
    study = f"/dicom-web/studies/{key.study_instance_uid}"
    return f"{study}/series/{key.series_instance_uid}/metadata", f"{study}/metadata"


def test_says_what_the_application_says(web: Web, key: InstanceKey, answered: list[bool]) -> None:
    person, program = web.person("clinician"), web.anonymous()
    bearer = {"Authorization": f"Bearer {accounts.add_token(web.archive.database, 't', 'dicomweb')}"}
    for path, encoding in product(paths_of(key), ("identity", "gzip, br;q=0.5", "gzip;q=0")):
        for asking, more in ((person, {}), (program, bearer)):
            headers = {"Accept": "image/png, application/json;q=0.5", "Accept-Encoding": encoding, **more}
            short = asking.get(path, headers=headers)
            # a condition that nothing meets is not for the short way
            whole = asking.get(path, headers={**headers, "If-None-Match": '"x"'})
            assert answered[-2:] == [True, False]
            assert short.status_code == 200
            same(short, whole)


def test_leaves_to_the_application_what_is_unusual(web: Web, key: InstanceKey, answered: list[bool]) -> None:
    person, path = web.person("clinician"), paths_of(key)[0]
    assert person.get(path, headers={"Accept": "image/png"}).status_code == 406
    assert person.get("/dicom-web/studies/1.2.3/series/1.2.4/metadata", headers=JSON).status_code == 404
    assert answered == [False, False]


def test_shows_nothing_to_who_is_not_or_no_more_admitted(web: Web, key: InstanceKey) -> None:
    path = paths_of(key)[0]
    assert web.anonymous().get(path, headers=JSON).status_code == 401
    assert web.person("clinician", "other").get(path, headers=JSON).status_code == 404
    person = web.person("clinician")
    assert [person.get(path, headers=JSON).status_code for _ in range(2)] == [200, 200]
    with web.archive.database.writing() as db:
        store.set_roles(db, person.user.id, [])
    assert person.get(path, headers=JSON).status_code in (401, 403)


def test_nothing_is_shown_that_cannot_be_noted(web: Web, key: InstanceKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Acts) -> None:
        raise StorageUnavailable("the audit log cannot be written")

    monkeypatch.setattr(Acts, "must_write", fails)
    assert web.person("clinician").get(paths_of(key)[0], headers=JSON).status_code == 503

"""A web worker makes what it needs before somebody waits for it."""

import pytest

from storage.errors import StorageUnavailable
from storage.index import prepared
from tests.viewer.conftest import Web
from viewer.warming import warm


def test_a_warm_worker_compiles_no_statement_for_the_first_metadata_and_the_first_frame(web: Web) -> None:
    prepared._select.cache_clear()
    warm(web.app, web.archive)
    made = prepared._select.cache_info().misses
    assert made
    client = web.person("radiologist")
    assert client.get("/dicom-web/studies/1.2/series/1.3/metadata").status_code == 404
    assert client.get("/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/1").status_code == 404
    assert prepared._select.cache_info().misses == made


def test_an_index_that_is_away_is_no_reason_not_to_start(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise StorageUnavailable("the index does not answer")

    monkeypatch.setattr(web.archive.database, "stamp", away)
    warm(web.app, web.archive)

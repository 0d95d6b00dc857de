"""Each error has a status, and each status is one the Standard knows."""

import inspect

import pytest
from pynetdicom import status as known

from pacs import errors as done
from pacs.status import FIND, MOVE, STORE, Service, status_of
from storage import errors as kept
from storage.errors import ArchiveError


def classes() -> list[type[ArchiveError]]:
    return [
        one
        for module in (kept, done)
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, ArchiveError) and one.__module__ == module.__name__
    ]


def test_every_error_is_listed_for_storing() -> None:
    assert set(classes()) == set(STORE)


@pytest.mark.parametrize(
    ("table", "statuses"),
    [
        (STORE, known.STORAGE_SERVICE_CLASS_STATUS),
        (FIND, known.QR_FIND_SERVICE_CLASS_STATUS),
        (MOVE, known.QR_MOVE_SERVICE_CLASS_STATUS),
    ],
)
def test_every_code_exists(table: dict[type[ArchiveError], int], statuses: dict[int, object]) -> None:
    assert set(table.values()) <= set(statuses)


@pytest.mark.parametrize(
    ("error", "service", "status"),
    [
        (kept.StorageFull("x"), "C-STORE", 0xA700),
        (kept.StorageContended("x"), "C-STORE", 0xA700),
        (kept.StorageUnavailable("x"), "STOW", 0xA700),
        (done.LimitExceeded("x"), "C-STORE", 0xC000),
        (done.SopClassMismatch("x"), "C-STORE", 0xA900),
        (kept.InvalidQuery("x"), "C-FIND", 0xA900),
        (kept.StorageFull("x"), "C-FIND", 0xA700),
        (kept.StorageFull("x"), "C-MOVE", 0xA702),
        (done.UnknownDestination("x"), "C-MOVE", 0xA801),
        (kept.NotPermitted("x"), "C-GET", 0x0124),
        (kept.ObjectMissing("x"), "C-FIND", 0xC000),
    ],
)
def test_the_nearest_class_decides(error: ArchiveError, service: Service, status: int) -> None:
    assert status_of(error, service) == status


def test_a_new_class_takes_its_parents_status() -> None:
    class DiskOnFire(kept.StorageFull):
        pass

    assert status_of(DiskOnFire("x"), "C-STORE") == 0xA700

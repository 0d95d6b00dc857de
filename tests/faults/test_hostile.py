"""A short sample of the hostile peers; the whole is `python -m tests.faults.hostile`."""

from pathlib import Path

from tests.faults import hostile
from tests.support.server import serving


def test_a_door_that_serves_one_after_the_other_is_found_out() -> None:
    assert hostile.control()


def test_a_known_peer_goes_on_while_others_are_hostile(tmp_path: Path) -> None:
    with serving(tmp_path, HOICHAN_DICOM__PROCESSES="2", HOICHAN_DICOM__MAX_OBJECT_MB="64") as running:
        running.peer("KNOWN", "store")
        assert hostile.attack(running, sockets=300, seconds=4, packets=300, limit_mb=64) == []

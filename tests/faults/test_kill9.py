"""A short sample of `python -m tests.faults.kill9`: every labelled point once, and every kind of process."""

from pathlib import Path

import pytest

from tests.faults import kill9
from tests.faults.launcher import MissingName, prepare
from tests.faults.points import POINTS


def test_nothing_acknowledged_is_lost_by_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = kill9.run(len(POINTS) + 3, tmp_path, seed=1, most=400)
    said = capsys.readouterr().out
    assert good, said
    for point in POINTS:
        assert f"{point} 1" in said, f"{point} was not hit:\n{said}"
    assert "whole tree 1" in said


def test_a_name_the_harness_hangs_on_may_not_disappear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pacs.command import supervisor

    monkeypatch.delattr(supervisor, "STABLE_SECONDS")
    monkeypatch.setenv("HOICHAN_DATA", str(tmp_path))
    import os

    with pytest.raises(MissingName, match="STABLE_SECONDS"):
        prepare(os.environ)

"""A short sample of `python -m tests.faults.power`: the negative controls lose, the archive does not."""

from pathlib import Path

import pytest

from tests.faults import power
from tests.faults.disk import NEEDED, why_not


def test_power_cuts_lose_nothing_and_would_without_synchronising(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if reason := why_not():
        pytest.fail(f"power cannot be cut here: {reason}. It needs {NEEDED}", pytrace=False)
    good = power.campaign(2, ["ext4", "xfs"], tmp_path, seed=1)
    assert good, capsys.readouterr().out

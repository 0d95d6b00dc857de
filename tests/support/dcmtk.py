"""DCMTK's clients, as a modality or a workstation would call us."""

import shutil
import subprocess
from pathlib import Path

import pytest


def dcmtk(program: str, *arguments: str | Path | int, check: bool = True, seconds: float = 300) -> str:
    """Run a client and give all it printed; TCP_NODELAY, because Debian's DCMTK leaves Nagle's algorithm on."""
    path = shutil.which(program)
    if path is None:
        pytest.fail(f"{program} is missing. Install it with: apt-get install dcmtk")
    done = subprocess.run(
        [path, *map(str, arguments)],
        capture_output=True, timeout=seconds,
        env={"PATH": "/usr/bin:/bin", "TCP_NODELAY": "1", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert not check or done.returncode == 0, f"{program}: status {done.returncode}\n{text}"
    return text

"""Scratch servers on this machine: ours, Orthanc (Debian's package) and DCMTK's storescp, each in a folder that goes.

    python -m bench.peers [--orthanc /usr/sbin/Orthanc] [--folder /tmp]

starts Orthanc and storescp, prints them as `--target` options and waits for Ctrl-C. TCP_NODELAY is set: Debian's
DCMTK, and so its Orthanc, otherwise waits 40 ms for each answer, which would measure Nagle's algorithm.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bench.sending import CALLING
from bench.targets import Target

ROOT = Path(__file__).parents[1]
ORTHANC = "/usr/sbin/Orthanc"
_START_SECONDS = 120
_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@contextmanager
def own(folder: Path, name: str = "hoichan", settings: str = "", root: Path = ROOT) -> Iterator[Target]:
    """Hội Chẩn with its defaults, a peer and a token; `settings` are more lines of its configuration, `root` is the
    tree whose code runs."""
    port, web = free_port(), free_port()
    with _folder(folder, name) as scratch:
        config = scratch / "config.yaml"
        config.write_text(
            f"data: {scratch / 'data'}\ndicom: {{port: {port}}}\nweb: {{port: {web}}}\n"
            f"peers:\n  - {{ae_title: {CALLING}, host: 127.0.0.1, allow: [store, query, retrieve]}}\n{settings}",
            encoding="utf-8",
        )
        hoichan = [sys.executable, "-m", "pacs"]
        added = subprocess.run(
            [*hoichan, "token", "add", "bench", "--scope", "dicomweb", "--config", str(config)],
            cwd=root, env=_of_tree(root), capture_output=True, text=True, check=True,
        )  # fmt: skip
        token = added.stdout.split()[-1]
        with _running([*hoichan, "serve", "--config", str(config)], scratch, (port, web), root) as pid:
            door = f"http://127.0.0.1:{web}/dicom-web"
            yield Target(name, "127.0.0.1", port, "HOICHAN", door, f"Bearer {token}", pid)


@contextmanager
def orthanc(folder: Path, program: str = ORTHANC, name: str = "orthanc", **settings: object) -> Iterator[Target]:
    """Orthanc with its defaults: SQLite index, files synchronised; DICOMweb where the plugin is there. `settings` are
    more of its configuration."""
    port, web = free_port(), free_port()
    with _folder(folder, name) as scratch:
        config = {
            "StorageDirectory": str(scratch), "IndexDirectory": str(scratch), "DicomPort": port, "HttpPort": web,
            "DicomAet": "ORTHANC", "DicomCheckCalledAet": False, "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True, "DefaultEncoding": "Utf8",
            "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "StorageCompression": False,
            "Plugins": [_PLUGIN] if Path(_PLUGIN).exists() else [], **settings,
        }  # fmt: skip
        (scratch / "orthanc.json").write_text(json.dumps(config), encoding="utf-8")
        with _running([program, str(scratch / "orthanc.json")], scratch, (port, web), scratch) as pid:
            yield Target(name, "127.0.0.1", port, "ORTHANC", f"http://127.0.0.1:{web}/dicom-web", "", pid)


def version_of(program: str) -> str:
    """What this Orthanc says it is, e.g. 1.12.7."""
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]


@contextmanager
def storescp(folder: Path, name: str = "storescp") -> Iterator[Target]:
    """DCMTK's storescp: writes files, synchronises nothing, has no index."""
    port = free_port()
    with _folder(folder, name) as scratch:
        (scratch / "out").mkdir()
        command = ["storescp", "--fork", "-pdu", "131072", "-od", str(scratch / "out"), str(port)]
        with _running(command, scratch, (port,), scratch) as pid:
            yield Target(name, "127.0.0.1", port, "STORESCP", "", "", pid)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _of_tree(root: Path) -> dict[str, str]:
    """The environment in which the code below `root` is what Python imports."""
    return {**os.environ, "PYTHONPATH": str(root)}


@contextmanager
def _folder(folder: Path, name: str) -> Iterator[Path]:
    scratch = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=folder))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _running(command: list[str], scratch: Path, ports: tuple[int, ...], cwd: Path) -> Iterator[int]:
    with (scratch / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd, start_new_session=True,
            env=_of_tree(cwd) | {"TCP_NODELAY": "1"},
        )  # fmt: skip
    try:
        for port in ports:
            _await(process, port, scratch / "log")
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} did not open port {port}:\n{log.read_text(errors='replace')[-2000:]}")


def option(target: Target) -> str:
    """The target as an argument of the other commands."""
    web = f",web={target.web}" if target.web else ""
    return f"--target {target.name}={target.host}:{target.port}/{target.ae_title}{web},pid={target.pid}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orthanc", default=ORTHANC)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    with ExitStack() as stack:
        peers = [stack.enter_context(storescp(arguments.folder))]
        if Path(arguments.orthanc).exists():
            peers.append(stack.enter_context(orthanc(arguments.folder, arguments.orthanc)))
        for peer in peers:
            print(option(peer), flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()

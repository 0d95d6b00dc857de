"""No frame harms the process that asks, and the pool outlives every frame."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from pacs.command.supervisor import GRACE_SECONDS
from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import protocol, syntaxes
from pacs.pixels import server as pixels_server
from pacs.pixels.options import RenderOptions
from pacs.pixels.pool import Codecs, CodecServer, start_codec_server
from pacs.pixels.protocol import FromFile
from storage.errors import StorageUnavailable
from tests.pacs.pixels.test_decode import header_bytes
from tests.support import processes
from tests.support.waiting import until

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
    return processes.children(server.process.pid)


def all_children(server: CodecServer, count: int) -> list[int]:
    """When there are so many."""
    return until(lambda: now if len(now := children(server)) == count else [])


def only_child(server: CodecServer) -> int:
    return all_children(server, 1)[0]


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


def test_nothing_is_sent_to_who_has_it_all() -> None:
    """A header over 64 KiB, as of enhanced multi-frame objects, goes by itself; nothing comes after it when the frame
    stays in its file. The other side may have answered and gone by then."""
    near, far = socket.socketpair()
    header, gone = bytes(100_000), threading.Event()

    def take_and_go() -> None:
        with far, protocol.received(far) as (_, parts, _):
            assert parts == [header, b""]
        gone.set()

    class Slow:
        """A connection whose sender comes to its next part when the other side is gone."""

        def sendall(self, data: bytes) -> None:
            near.sendall(data)
            if len(data) == len(header):
                assert gone.wait(60)

    with near, ThreadPoolExecutor(1) as pool:
        taken = pool.submit(take_and_go)
        protocol.send(cast("socket.socket", Slow()), {}, (header, b""))
        taken.result(60)


def test_a_child_keeps_no_file(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(FRAME)
    with start_codec_server(tmp_path / "codecs.sock", processes=1) as server, path.open("rb") as file:
        for _ in range(8):
            Codecs(tmp_path / "codecs.sock").render(SMALL, syntaxes.EXPLICIT, FromFile(file.fileno(), 0, len(FRAME)))
        child = only_child(server)
        assert processes.open_files(child), "they can be read"
        until(lambda: str(path) not in processes.open_files(child))  # the last one is closed after its answer


def spent(server: CodecServer) -> float:
    """Seconds of processor time that the server and all the children it ever had have used."""
    return sum(map(processes.processor_seconds, processes.family(server.process.pid)))


@pytest.mark.parametrize("sample", sorted(path.name for path in HOSTILE.iterdir()))
def test_frames_that_hang_codecs_are_refused_and_the_pool_lives_on(
    codecs: Codecs, codec_server: CodecServer, sample: str
) -> None:
    data = (HOSTILE / sample).read_bytes()
    syntax = SYNTAX_OF[sample.split(".")[0]]
    before = spent(codec_server)
    for rows in (64, 51776, 1):
        for columns in (64, 28480):
            with pytest.raises(UndecodablePixels):
                codecs.decode(header_bytes(Rows=rows, Columns=columns), syntax, data)
    assert spent(codec_server) - before < 21, "without a limit, each frame that hangs its codec would cost 20"
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
    with start_codec_server(tmp_path / "c.sock", processes=1, memory_mb=1024, seconds=1) as server:
        codecs = Codecs(tmp_path / "c.sock")
        before = only_child(server)
        with pytest.raises(UndecodablePixels, match="crashed or ran over its limits"):
            codecs.transcode_frame(header, syntaxes.EXPLICIT, noise, 1, syntaxes.J2K_LOSSLESS)
        assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME
        assert only_child(server) != before


def test_a_frame_that_needs_too_much_memory_is_an_error(tmp_path: Path) -> None:
    header, noise = slow_frame()
    with start_codec_server(tmp_path / "c.sock", processes=1, memory_mb=40, seconds=20) as server:
        codecs = Codecs(tmp_path / "c.sock")
        with pytest.raises(UndecodablePixels):
            codecs.transcode_frame(header, syntaxes.EXPLICIT, noise, 1, syntaxes.J2K_LOSSLESS)
        assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME
        assert only_child(server)


def test_killed_children_are_replaced_without_anyone_noticing(tmp_path: Path) -> None:
    with start_codec_server(tmp_path / "c.sock", processes=2, memory_mb=256, seconds=5) as server:
        codecs = Codecs(tmp_path / "c.sock")
        stop = threading.Event()
        failures: list[Exception] = []
        answered = [0, 0, 0]

        def ask(number: int) -> None:
            while not stop.is_set():
                try:
                    assert codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME
                except Exception as error:
                    failures.append(error)
                answered[number] += 1

        def reached(number: int, count: int) -> bool:
            return answered[number] >= count

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(answered))]
        for thread in threads:
            thread.start()
        for _ in range(8):
            wanted = [count + 2 for count in answered]  # so no request meets two kills: it is asked twice, not more
            for number, count in enumerate(wanted):
                until(partial(reached, number, count), pause=0.001)
            with suppress(ProcessLookupError):
                os.kill(until(lambda: children(server))[0], signal.SIGSEGV)
        stop.set()
        for thread in threads:
            thread.join()
        assert len(failures) <= 1, failures  # one that took long is not asked again, and a machine may be slow once
        all_children(server, 2)


def test_a_missing_server_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.pixels.pool._RESTART_SECONDS", 0.3)
    codecs = Codecs(tmp_path / "nobody.sock")
    with pytest.raises(StorageUnavailable, match="codec server does not answer"):
        codecs.decode(SMALL, syntaxes.EXPLICIT, FRAME)


def test_a_server_that_is_being_restarted_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.pixels.pool._RESTART_SECONDS", 60)
    path = tmp_path / "c.sock"
    start_codec_server(path, processes=1).stop()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(Codecs(path).decode, SMALL, syntaxes.EXPLICIT, FRAME)
        with start_codec_server(path, processes=1):
            assert waiting.result(60) == FRAME


def test_the_socket_may_lie_deep_and_belongs_to_us_alone(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100) / "codecs.sock"
    with start_codec_server(deep, processes=1):
        assert Codecs(deep).decode(SMALL, syntaxes.EXPLICIT, FRAME) == FRAME
        assert deep.stat().st_mode & 0o777 == 0o600
    assert not deep.exists()


def test_stopping_lets_a_running_request_finish(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    server = start_codec_server(path, processes=1, seconds=20)
    message = request(SMALL, FRAME)
    with taken_by_the_only_child(server, path) as client:
        client.sendall(message[:10])
        server.process.terminate()
        time.sleep(0.3)  # so that it knows; were it not enough, this would prove less
        client.sendall(message[10:])
        assert protocol.receive(client) == ({"parts": [len(FRAME)]}, [FRAME])
    server.stop()
    assert server.process.returncode == 0


def test_a_request_that_takes_long_does_not_hold_up_the_end(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    server = start_codec_server(path, processes=1, seconds=1)
    with taken_by_the_only_child(server, path) as silent:  # a request that never comes
        server.process.terminate()
        assert server.process.wait(60) == 0
        silent.settimeout(60)
        with suppress(ConnectionResetError):
            assert silent.recv(1) == b"", "the child is killed"
    assert pixels_server._TALK_SECONDS > 1 + GRACE_SECONDS > 1 + pixels_server._END_SECONDS, "what the limits are for"


def request(header: bytes, frame: bytes) -> bytes:
    """The bytes of a request to decode."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        protocol.send(ours, {"do": "decode", "syntax": syntaxes.EXPLICIT, "frame": 1}, (header, frame))
        return theirs.recv(1 << 16)


@contextmanager
def taken_by_the_only_child(server: CodecServer, path: Path) -> Iterator[socket.socket]:
    """A connection that the child has accepted."""
    child = only_child(server)
    before = set(processes.open_files(child))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        until(lambda: any(one.startswith("socket:") for one in set(processes.open_files(child)) - before))
        yield client


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
    until(lambda: processes.is_gone(pid))


def test_an_idle_server_uses_no_cpu(tmp_path: Path) -> None:
    def wakings() -> list[str]:
        statuses = [Path(f"/proc/{pid}/status").read_text() for pid in everyone]
        return [line for status in statuses for line in status.splitlines() if line.startswith("voluntary_ctxt")]

    def slept() -> bool:
        before = wakings()
        time.sleep(1)
        return wakings() == before

    with start_codec_server(tmp_path / "c.sock", processes=2) as server:
        everyone = [server.process.pid, *all_children(server, 2)]
        until(slept)  # once the first request is over; who asks once a second whether there is one never does


def test_children_cannot_write_files_or_gain_privileges(tmp_path: Path) -> None:
    with start_codec_server(tmp_path / "c.sock", processes=1, memory_mb=300) as server:
        Codecs(tmp_path / "c.sock").check()
        child = only_child(server)
        limits = Path(f"/proc/{child}/limits").read_text()
        assert [line.split()[3] for line in limits.splitlines() if line.startswith("Max file size")] == ["0"]
        space = next(line for line in limits.splitlines() if line.startswith("Max address space"))
        assert int(space.split()[3]) < 700 << 20
        assert "NoNewPrivs:\t1" in Path(f"/proc/{child}/status").read_text()


def test_nonsense_on_the_socket_does_not_disturb(codecs: Codecs) -> None:
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

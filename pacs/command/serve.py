"""``hoichan serve``: set up the data folder, start every part, say where the doors are."""

import contextlib
import fcntl
import importlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING

from pacs.assembly import open_archive, open_objects, prepare
from pacs.association.tls import credentials_of
from pacs.command.supervisor import Part, Supervisor
from pacs.config import Config
from pacs.logs import configure_logging
from pacs.rebuilding import unfinished
from storage.errors import Conflict, StorageUnavailable

if TYPE_CHECKING:
    from pacs.archive.arriving import Arriving
    from pacs.dimse.server import Together

log = logging.getLogger(__name__)

LEAVE_SECONDS = 15.0  # for the parts of a server that was killed
END_SECONDS = 7.7  # for doors to close after SIGTERM; the supervisor kills what lasts longer than its grace
YIELDING = 10  # niceness of follow-up work: what arrives and what is looked at come first
_SHARED = ("pacs.dimse", "pacs.jobs.worker", "viewer.app", "viewer.serve", "viewer.live.process")


def serve(config: Config) -> int:
    """Run until SIGTERM or Ctrl-C; 0 after a clean end."""
    configure_logging(config.log.level, config.log.format)
    make_folders(config)
    with only_server(config):
        check_ports(config)
        credentials_of(config.dicom)
        look_at_disk_again(config)
        fresh = prepare(config)
        if unfinished(fresh.database):
            raise Conflict("the index is being made anew and is not complete: run hoichan index rebuild again")
        from viewer.access.setup import create_setup_link

        link = create_setup_link(fresh.database, config.base_url)
        fresh.database.close()
        for name in _SHARED:
            importlib.import_module(name)
        runs = {"codecs": _codecs(config), "worker": _worker(config), "live": _live(config), "web": _web(config)}
        parts = [*(Part(name, run) for name, run in runs.items()), *_listeners(config)]
        return Supervisor(parts, config.data / "run" / "ready", lambda: _announce(config, link)).run()


def make_folders(config: Config) -> None:
    """Create the data folder and what lies in it, readable only by us."""
    try:
        for folder in (config.data, config.spool, config.data / "run", config.data / "objects"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageUnavailable(
            f"the data folder {config.data.resolve()} cannot be made ({error.strerror}). "
            "Name another one: HOICHAN_DATA=/path hoichan serve"
        ) from error


def look_at_disk_again(config: Config) -> None:
    """A start is a look at the disk: what an fsync that failed stopped goes on, if all is well."""
    objects = open_objects(config)
    if objects.condition().trouble == "sync-failed":
        log.warning("%s", objects.recheck())


def check_ports(config: Config) -> None:
    """Raise Conflict, with the way out, when a port of ours is taken or not allowed."""
    doors = [
        ("WEB__PORT", config.web.host, config.web.port),
        ("DICOM__PORT", config.dicom.host, config.dicom.port),
    ]
    if config.dicom.tls_port:
        doors.append(("DICOM__TLS_PORT", config.dicom.tls_host or config.dicom.host, config.dicom.tls_port))
    for name, host, port in doors:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            raise Conflict(
                f"port {port} on {host} cannot be used: {error.strerror}. "
                f"Stop the program that uses it, or choose another port: HOICHAN_{name}={port + 1} hoichan serve"
            ) from error


@contextlib.contextmanager
def only_server(config: Config) -> Iterator[None]:
    """Hold the data folder's lock, so that no second server works on it; raises Conflict. Parts of a server that was
    killed are given the time to leave: one may still wait for the disk."""
    path = config.data / "run" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        deadline = time.monotonic() + LEAVE_SECONDS
        while not _locked(handle):
            handle.seek(0)
            holder = handle.read().strip()
            if _lives(holder) or time.monotonic() > deadline:
                raise Conflict(
                    f"a server (process {holder or 'unknown'}) already works on {config.data.resolve()}. "
                    "Stop it first, or name another data folder with HOICHAN_DATA"
                )
            time.sleep(0.1)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def _locked(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(holder: str) -> bool:
    """Whether a process is there, by its number; yes when that is not known."""
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True


def stop_on_sigterm(most_seconds: float | None = None) -> threading.Event:
    """An event that SIGTERM (and Ctrl-C) sets. After `most_seconds` more this process ends whatever it is doing: what
    was acknowledged is durable by then, and what was not is sent, or done, again."""
    stop = threading.Event()
    if most_seconds is not None:
        threading.Thread(target=_leave, args=(stop, most_seconds), name="leave", daemon=True).start()

    def _set(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, _set)
    signal.signal(signal.SIGINT, _set)
    return stop


def _leave(stop: threading.Event, seconds: float) -> None:
    stop.wait()
    time.sleep(seconds)
    log.warning("left in the middle of something after %.1f s", seconds)
    os._exit(0)


Run = Callable[[Callable[[], None]], None]


def _codecs(config: Config) -> Run:
    def run(ready: Callable[[], None]) -> None:
        from pacs.pixels.server import serve_codecs

        limits = config.codecs
        serve_codecs(config.codec_socket, limits.processes, limits.memory_mb, limits.seconds, ready=ready)

    return run


def _worker(config: Config) -> Run:
    def run(ready: Callable[[], None]) -> None:
        from pacs.auditing import Anchoring
        from pacs.jobs.ahead import Ahead
        from pacs.jobs.worker import QUICK, SLOW, SLOWEST, Worker

        stop = stop_on_sigterm(END_SECONDS)
        os.nice(YIELDING)
        archive = open_archive(config)
        credentials = credentials_of(config.dicom)
        anchoring = Anchoring(config.data)
        ready()

        def work(kinds: frozenset[str]) -> None:
            try:
                Worker(
                    archive, own_ae=config.dicom.ae_title, credentials=credentials, scrub=config.scrub, kinds=kinds,
                    translator=config.consult.translator, smtp=config.smtp, base_url=config.base_url,
                    sound_days=config.live.sound_days, anchoring=anchoring,
                ).run(stop)  # fmt: skip
            finally:
                stop.set()  # one falls, all end; the supervisor starts them again

        def follow(arriving: "Arriving") -> None:
            try:
                Ahead(archive.database, arriving).run(stop)
            finally:
                stop.set()

        others = [threading.Thread(target=work, args=(kinds,), name="slow") for kinds in (SLOW, SLOWEST)]
        if archive.arriving is not None:
            others.append(threading.Thread(target=follow, args=(archive.arriving,), name="ahead"))
        for thread in others:
            thread.start()
        work(QUICK)
        for thread in others:
            thread.join()
        archive.close()

    return run


def _listeners(config: Config) -> list[Part]:
    """The listener processes; they count their associations together and accept at the same sockets."""
    from pacs.dimse.server import together

    listeners = config.dicom.listeners
    common = together(config.dicom, listeners)
    return [Part(f"dicom-{n + 1}", _dicom(config, common, n), sockets=common.sockets) for n in range(listeners)]


def _dicom(config: Config, common: "Together", number: int) -> Run:
    def run(ready: Callable[[], None]) -> None:
        from pacs.dimse import serve as serve_dicom

        stop = stop_on_sigterm(END_SECONDS)
        archive = open_archive(config)
        serve_dicom(config.dicom, archive, stop, ready, with_others=common, number=number)
        archive.close()

    return run


def _web(config: Config) -> Run:
    def run(ready: Callable[[], None]) -> None:
        from viewer.serve import serve as serve_web

        serve_web(config, lambda: open_archive(config), ready)

    return run


def _live(config: Config) -> Run:
    def run(ready: Callable[[], None]) -> None:
        from viewer.live.process import serve as serve_live

        serve_live(config, ready)

    return run


def _announce(config: Config, link: str | None) -> None:
    lines = [
        "",
        "Hội Chẩn is running.",
        f"  Web        {config.base_url}",
        f"  DICOM      {config.dicom.ae_title} on {config.dicom.host}, port {config.dicom.port}{_tls_port(config)}",
        f"  Data       {Path(config.data).resolve()}",
    ]
    if link:
        lines += ["", "  Create the first administrator with this link (once, within 24 hours):", f"  {link}"]
    lines += ["", "  Ctrl-C stops everything.", ""]
    print("\n".join(lines), flush=True)


def _tls_port(config: Config) -> str:
    return f", with TLS {config.dicom.tls_port}" if config.dicom.tls_port else ""

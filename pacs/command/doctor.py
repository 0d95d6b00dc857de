"""``hoichan doctor``: look at everything a start depends on and say what is wrong and what would mend it."""

import ctypes
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pacs.assembly import open_objects, prepare, room_of
from pacs.association.tls import credentials_of
from pacs.command.serve import make_folders
from pacs.command.standalone import codecs_if_none
from pacs.config import Config
from pacs.logs import configure_logging
from storage.errors import ArchiveError, StorageUnavailable
from storage.index import accounts

LOW_DISK = 10 * 1024**3
GOOD, WARN, BAD = "ok", "attention", "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `state` is GOOD, WARN or BAD; `detail` a sentence, with the remedy when there is one."""

    name: str
    state: str
    detail: str


def run_doctor(config: Config) -> int:
    """Print every finding; 1 when something is wrong."""
    configure_logging("error", config.log.format)
    worst = 0
    marks = {GOOD: "✓", WARN: "!", BAD: "✗"}
    for finding in examine(config):
        print(f"{marks[finding.state]} {finding.name:14} {finding.detail}")
        worst = max(worst, finding.state == BAD)
    sys.stdout.flush()
    return int(worst)


def run_recheck(config: Config) -> int:
    """Try the disk again after an fsync failed on it; what was stored shortly before is read back."""
    configure_logging("error", config.log.format)
    print(open_objects(config).recheck())
    return 0


def examine(config: Config) -> Iterator[Finding]:
    """All findings, in the order a start meets them."""
    checks: list[tuple[str, Callable[[Config], Finding]]] = [
        ("data folder", _folder),
        ("disk", _disk),
        ("index", _index),
        ("object store", _objects),
        *([("S3", _uploads)] if config.objects_url.startswith("s3:") else []),
        ("codecs", _codecs),
        ("web port", lambda c: _port(c, "web port", c.web.host, c.web.port)),
        ("DICOM port", lambda c: _port(c, "DICOM port", c.dicom.host, c.dicom.port)),
        *([("DICOM TLS", _dicom_tls)] if config.dicom.tls_port else []),
        ("clock", _clock),
        ("exposure", _exposure),
        ("administrator", _administrator),
    ]
    for name, check in checks:
        try:
            yield check(config)
        except ArchiveError as error:
            yield Finding(name, BAD, str(error))


def _folder(config: Config) -> Finding:
    make_folders(config)
    probe = config.data / "run" / f"doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        return Finding("data folder", BAD, f"{config.data.resolve()} cannot be written: {error.strerror}")
    if config.data.stat().st_mode & 0o077:
        return Finding("data folder", WARN, f"others on this machine can read it: chmod 700 {config.data.resolve()}")
    return Finding("data folder", GOOD, str(config.data.resolve()))


def _disk(config: Config) -> Finding:
    """The disk with the least room above its mark."""
    spaces = room_of(config).spaces()
    if not spaces:
        return Finding("disk", BAD, f"{config.data.resolve()} does not answer")
    space = min(spaces, key=lambda space: space.free - space.mark)
    detail = f"{space.free / 1024**3:,.1f} GiB free of {space.total / 1024**3:,.0f} for {space.folder.resolve()}"
    mend = "make room, or move the data folder to a larger disk"
    if space.full:
        mark = f"below {space.mark / 1024**2:,.0f} MiB no objects are taken (senders hear A700), reading goes on"
        return Finding("disk", BAD, f"{detail}; {mark}; {mend}: taking resumes by itself")
    if space.free < min(LOW_DISK, space.total // 10):
        return Finding("disk", WARN, f"{detail}; {mend}")
    return Finding("disk", GOOD, detail)


def _index(config: Config) -> Finding:
    began = time.monotonic()
    prepared = prepare(config)
    prepared.database.close()
    kind = "PostgreSQL" if config.index_url.startswith("postgresql") else "SQLite"
    return Finding("index", GOOD, f"{kind} answers in {(time.monotonic() - began) * 1000:.0f} ms, schema up to date")


def _objects(config: Config) -> Finding:
    objects = open_objects(config)
    condition = objects.condition()
    if condition.trouble == "sync-failed":
        mend = "look at the disk (dmesg, smartctl), then run: hoichan storage recheck"
        return Finding("object store", BAD, f"{condition.detail}; no objects are taken, reading goes on; {mend}")
    return Finding("object store", GOOD, objects.check())


def _uploads(config: Config) -> Finding:
    """With S3: whether it answers, and what waits for it."""
    objects = open_objects(config)
    condition = objects.condition()
    waits = ""
    if condition.waiting:
        oldest = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(condition.oldest_at / 1000))
        waits = f"{condition.waiting} objects ({condition.waiting_bytes / 1e9:.2f} GB) wait for it, since {oldest}"
    try:
        answer = objects.check_final()
    except StorageUnavailable as error:
        mend = "check network, server and keys; what waits goes there by itself"
        state = BAD if config.objects.strict or condition.trouble == "waiting-full" else WARN
        return Finding("S3", state, "; ".join(part for part in (str(error), waits, mend) if part))
    if condition.stuck:
        mend = "send them again from where they came; a resend takes their place"
        return Finding("S3", WARN, f"{condition.detail}; {mend}")
    return Finding("S3", GOOD, "; ".join(part for part in (answer, waits) if part))


def _codecs(config: Config) -> Finding:
    from pacs.pixels.pool import Codecs

    with codecs_if_none(config):
        return Finding("codecs", GOOD, Codecs(config.codec_socket).check())


def _port(config: Config, name: str, host: str, port: int) -> Finding:
    """Free, ours, or somebody else's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError:
        return Finding(name, BAD, f"{host}:{port} may not be used by this user; choose a port above 1023")
    except OSError as error:
        if _running(config):
            return Finding(name, GOOD, f"{host}:{port}, this server is listening")
        return Finding(name, BAD, f"{host}:{port}: {error.strerror}; another program uses it, choose another port")
    return Finding(name, GOOD, f"{host}:{port} is free")


def _dicom_tls(config: Config) -> Finding:
    """The port, and whether our certificate and its key can be used."""
    credentials_of(config.dicom)
    found = _port(config, "DICOM TLS", config.dicom.tls_host or config.dicom.host, config.dicom.tls_port)
    if found.state == GOOD and config.dicom.tls_client != "required":
        return Finding("DICOM TLS", WARN, f"{found.detail}; callers need no certificate (dicom.tls_client)")
    return found


def _running(config: Config) -> bool:
    try:
        with urllib.request.urlopen(f"{config.base_url}/healthz", timeout=3) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:  # also one that is not well
        with error:
            return b'"status"' in error.read(1000)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _clock(config: Config) -> Finding:
    """The kernel knows whether a time service steers the clock (adjtimex: STA_UNSYNC)."""
    if not 2024 <= time.gmtime().tm_year < 2100:
        return Finding("clock", BAD, f"the year is {time.gmtime().tm_year}; set the clock")
    buffer = ctypes.create_string_buffer(512)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return Finding("clock", WARN, "cannot tell whether a time service steers the clock")
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if state == 5:
        return Finding("clock", WARN, f"{now}, but no time service steers it: sudo apt-get install systemd-timesyncd")
    return Finding("clock", GOOD, f"{now}, steered by a time service")


def _exposure(config: Config) -> Finding:
    local = ("127.0.0.1", "::1", "localhost")
    doors = []
    if config.web.host not in local:
        tls = config.web.public_url.startswith("https://")
        doors.append(f"web on {config.web.host}:{config.web.port} {'behind TLS' if tls else 'WITHOUT TLS'}")
    if config.dicom.host not in local:
        way = f"not encrypted (with TLS on {config.dicom.tls_port})" if config.dicom.tls_port else "not encrypted"
        doors.append(f"DICOM on {config.dicom.host}:{config.dicom.port}, known peers only, {way}")
    if not doors:
        return Finding("exposure", GOOD, "both doors only listen on this machine")
    return Finding(
        "exposure", WARN if any("WITHOUT" in d or "not encrypted" in d for d in doors) else GOOD, "; ".join(doors)
    )


def _administrator(config: Config) -> Finding:
    prepared = prepare(config)
    try:
        with prepared.database.reading() as db:
            users = [user for user in accounts.users(db) if not user.disabled]
    finally:
        prepared.database.close()
    if not any(role == "admin" for user in users for _, role in user.roles):
        return Finding("administrator", WARN, "nobody can administer yet; `hoichan serve` prints a set-up link")
    return Finding("administrator", GOOD, f"{len(users)} active account{'s' if len(users) != 1 else ''}")

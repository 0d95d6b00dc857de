"""config.yaml and the environment become frozen values, or one ConfigError that lists every mistake.

The dataclasses below are the schema: a field's name is the setting's name, its default the default, `help` in its
metadata the sentence of docs/configuration.md. Any setting can be overridden by ``HOICHAN_<SECTION>__<KEY>``.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from pacs.errors import ConfigError
from pacs.settings import CodecsConfig as CodecsConfig
from pacs.settings import SmtpConfig as SmtpConfig
from pacs.settings import setting

PREFIX = "HOICHAN_"
_DATA = Path("data")
PEER_RIGHTS = frozenset({"store", "query", "retrieve"})


@dataclass(frozen=True, slots=True)
class HospitalConfig:
    """The hospital that runs this installation; others are added with ``hoichan hospital add``."""

    code: str = setting("main", "Short stable code, part of object keys; never change it.", pattern=r"[a-z0-9-]{1,32}")
    name: str = setting("Bệnh viện", "Name people see.")


@dataclass(frozen=True, slots=True)
class DicomConfig:
    """The DICOM door."""

    host: str = setting("127.0.0.1", "Address to listen on. 0.0.0.0 opens it to the network.")
    port: int = setting(11112, "TCP port.", low=1, high=65535)
    ae_title: str = setting(
        "HOICHAN", "Our AE title; associations to another one are refused.", pattern=r"[ -\[\]-~]{1,16}"
    )
    processes: int = setting(0, "Listener processes; 0: two where there are two processors, else one.", low=0, high=64)
    max_associations: int = setting(100, "Associations at once, in all processes together.", low=1, high=10000)
    reserved_associations: int = setting(
        4, "Of these, so many are kept for peers that have none at the moment.", low=0, high=1000
    )
    associations_per_peer: int = setting(
        50, "Associations of one peer at once; a peer can have its own limit.", low=1, high=10000
    )
    max_pdu: int = setting(131072, "Largest PDU we take, in bytes.", low=4096, high=1048576)
    idle_seconds: int = setting(60, "An association that says nothing is closed after this.", low=5, high=86400)
    request_seconds: int = setting(10, "Time for the TLS handshake and the whole association request.", low=1, high=300)
    pdu_seconds: int = setting(
        30, "Every PDU of a message must be complete within this time, or bring min_rate.", low=1, high=3600
    )
    message_seconds: int = setting(
        600, "A message must be complete within this time, or bring min_rate.", low=5, high=86400
    )
    min_rate: int = setting(
        1000,
        "Bytes a second below which a message is too slow; a peer on a thin link can have its own.",
        low=1,
        high=1_000_000,
    )
    max_object_mb: int = setting(8192, "Largest object we take, in MB; a peer can have its own.", low=1, high=1048576)
    tls_port: int = setting(0, "TCP port for DICOM over TLS, usually 2762; 0: none.", low=0, high=65535)
    tls_host: str = setting("", "Address the TLS port listens on. Empty: as host.")
    tls_certificate: str = setting("", "PEM file of our certificate, with its chain. Read again when it changes.")
    tls_key: str = setting("", "PEM file of its key, without a password.")
    tls_trusted: str = setting("", "PEM file of the authorities (or single certificates) we trust in callers.")
    tls_client: str = setting(
        "required", "Whether callers on the TLS port must show a certificate we trust.",
        choices=("required", "optional", "none"),
    )  # fmt: skip

    @property
    def listeners(self) -> int:
        """How many listener processes there are. One alone has one processor for all its associations."""
        return self.processes or min(2, len(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The web door: pages, their data and DICOMweb."""

    host: str = setting("127.0.0.1", "Address to listen on. 0.0.0.0 opens it to the network.")
    port: int = setting(8080, "TCP port.", low=1, high=65535)
    public_url: str = setting(
        "", "How browsers reach us when that differs, e.g. https://pacs.benhvien.vn", pattern=r"(https?://[^\s]+)?"
    )
    workers: int = setting(2, "Web processes.", low=1, high=64)
    threads: int = setting(16, "Threads of each web process; half of them may hold event streams.", low=4, high=256)
    session_idle_minutes: int = setting(60, "A session that does nothing ends after this.", low=1, high=1440)
    session_absolute_hours: int = setting(12, "A session ends after this, whatever it does.", low=1, high=168)
    second_factor_for_admins: bool = setting(
        True, "Administrators sign in with a second factor (one-time passwords), wherever they are."
    )
    trusted_networks: tuple[str, ...] = setting(
        ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
        "Networks from where a password is enough; from anywhere else everybody needs a second factor.",
    )
    max_upload_mb: int = setting(4096, "Largest upload, in MB.", low=1, high=1048576)
    allow_insecure: bool = setting(
        False, "Listen beyond this machine without TLS in front. Passwords then cross the network in clear."
    )


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """Live rooms. Browsers reach them at /ws of the web door, which hands their sockets to the process of the rooms."""

    host: str = setting("127.0.0.1", "Address of a port of their own, for a proxy that is to pass /ws there directly.")
    port: int = setting(0, "That port; 0: none, /ws of the web door is enough.", low=0, high=65535)
    stun: tuple[str, ...] = setting((), "STUN servers for voice, e.g. stun:turn.benhvien.vn:3478")
    turn: tuple[str, ...] = setting(
        (), "TURN relays for voice, e.g. turn:turn.benhvien.vn:3478?transport=udp, turns:turn.benhvien.vn:5349"
    )
    turn_secret: str = setting("", "The secret shared with coturn (static-auth-secret); better from turn_secret_file.")
    turn_secret_file: str = setting("", "File that holds that secret.")
    relay_only: bool = setting(False, "Voice goes by the relay only: browsers do not learn each other's addresses.")
    sound_days: int = setting(
        0, "Days that recorded voices are kept, then they are deleted; 0: until somebody deletes them.",
        low=0, high=36_500,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConsultConfig:
    """Consultations."""

    translator: str = setting(
        "", "Python function, module:name, that translates (text, its language, the wanted one); empty: none does.",
        pattern=r"([A-Za-z_][\w.]*:[A-Za-z_]\w*)?",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """The database of what is stored; it can be rebuilt from the objects."""

    url: str = setting(
        "", "SQLAlchemy URL, e.g. postgresql+psycopg://user:password@host/name. Empty: SQLite in the data folder."
    )
    search_rows: int = setting(
        200_000,
        "Rows that a query whose keys have no index may look at; then it ends and says so.",
        low=1000,
        high=10**9,
    )
    search_seconds: int = setting(10, "Seconds that one query may take; then it ends and says so.", low=1, high=3600)
    search_answers: int = setting(
        10_000, "Answers that a C-FIND without a unique key may have; then it ends and says so.", low=100, high=10**9
    )


@dataclass(frozen=True, slots=True)
class ObjectsConfig:
    """Where the objects themselves are kept. With S3, what arrives is first durable in the data folder and is then
    brought to S3 in the background."""

    url: str = setting("", "file:/path or s3://host:port/bucket?secure=false. Empty: the data folder.")
    access_key: str = setting("", "S3 access key.")
    secret_key: str = setting("", "S3 secret key; better from the environment or secret_key_file.")
    secret_key_file: str = setting("", "File that holds the S3 secret key.")
    region: str = setting("", "S3 region, when the store wants one.")
    strict: bool = setting(
        False, "With S3: a success only after S3 has the object and it was read back. For machines without a good disk."
    )
    waiting_gb: int = setting(
        200, "With S3: so much may wait on this machine while S3 does not answer; then senders hear A700.",
        low=1, high=1000000,
    )  # fmt: skip
    keep_hours: int = setting(24, "With S3: so long a copy stays on this machine for reading.", low=0, high=87600)
    keep_gb: int = setting(50, "With S3: at most so much of copies for reading.", low=0, high=1000000)
    upload_threads: int = setting(4, "With S3: objects on their way at once.", low=1, high=64)
    upload_mbit: int = setting(0, "With S3: at most so many Mbit/s; 0 is as fast as it goes.", low=0, high=1000000)
    keep_free_mb: int = setting(
        0, "Nothing more is taken when the disk has less than this free, in MB; 0 is 5 % of it, at most 1 GB.",
        low=0, high=100000000,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScrubConfig:
    """Reading back what is stored, in the background, to find what rots before somebody needs it."""

    days: int = setting(30, "Every object is read back within so many days. 0: never.", low=0, high=3650)
    mb_per_second: int = setting(40, "Never read faster than this, in MB a second.", low=1, high=100000)


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Logging. Logs never hold names, patient IDs or identifiers of queries, at any level."""

    level: str = setting("info", "debug, info, warning or error.", choices=("debug", "info", "warning", "error"))
    format: str = setting("text", "text or json.", choices=("text", "json"))


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """A peer that is added at the first start, when the index is new."""

    ae_title: str = setting("", "AE title the peer calls with.", pattern=r"[ -\[\]-~]{1,16}")
    host: str = setting("127.0.0.1", "Address, network (CIDR) or host name it calls from.")
    port: int | None = setting(None, "Port it listens on, to send to it.", low=1, high=65535)
    allow: tuple[str, ...] = setting((), "Any of store, query, retrieve.", choices=("store", "query", "retrieve"))
    description: str = setting("", "What it is, for people.")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a start needs to know."""

    data: Path = setting(_DATA, "Folder for everything we keep: index, objects, spool.")
    hospital: HospitalConfig = field(default_factory=HospitalConfig)
    dicom: DicomConfig = field(default_factory=DicomConfig)
    web: WebConfig = field(default_factory=WebConfig)
    live: LiveConfig = field(default_factory=LiveConfig)
    consult: ConsultConfig = field(default_factory=ConsultConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    objects: ObjectsConfig = field(default_factory=ObjectsConfig)
    codecs: CodecsConfig = field(default_factory=CodecsConfig)
    scrub: ScrubConfig = field(default_factory=ScrubConfig)
    smtp: SmtpConfig = field(default_factory=SmtpConfig)
    log: LogConfig = field(default_factory=LogConfig)
    peers: tuple[PeerConfig, ...] = setting((), "Peers added at the first start.")

    @property
    def index_url(self) -> str:
        return self.index.url or f"sqlite:///{(self.data / 'index.sqlite').resolve()}"

    @property
    def objects_url(self) -> str:
        return self.objects.url or f"file:{(self.data / 'objects').resolve()}"

    @property
    def spool(self) -> Path:
        return self.data / "spool"

    @property
    def staging(self) -> Path:
        """Where objects wait until S3 has them, and copies of them stay for reading."""
        return (self.data / "staging").resolve()

    @property
    def codec_socket(self) -> Path:
        return (self.data / "run" / "codecs.sock").resolve()

    @property
    def live_socket(self) -> Path:
        return (self.data / "run" / "live.sock").resolve()

    @property
    def base_url(self) -> str:
        """How a browser on this machine, or the public one when set, reaches the web door."""
        if self.web.public_url:
            return self.web.public_url.rstrip("/")
        host = "127.0.0.1" if self.web.host in ("0.0.0.0", "::") else self.web.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.web.port}"


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration from `path` (default ./config.yaml when it exists) and the environment.

    Raises ConfigError with one line per mistake.
    """
    chosen = path or Path("config.yaml")
    mistakes: list[str] = []
    document: Any = {}
    if path is not None or chosen.exists():
        try:
            document = yaml.safe_load(chosen.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{chosen}: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{chosen}: must be settings in sections, like 'dicom:' with 'port: 11112' under it")
    _apply_environment(document, os.environ if environ is None else environ, mistakes)
    config: Config | None = _build(Config, document, str(chosen), "", mistakes)
    if config is not None:
        _check_meaning(config, str(chosen), mistakes)
    if mistakes or config is None:
        raise ConfigError("\n".join(mistakes))
    return config


def _apply_environment(document: dict[str, Any], environ: Mapping[str, str], mistakes: list[str]) -> None:
    """Lay ``HOICHAN_SECTION__KEY`` over the document; values are read as YAML scalars, but text stays text."""
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        steps = name[len(PREFIX) :].lower().split("__")
        hints = get_type_hints(Config)
        if len(steps) == 1 and steps[0] in hints and not is_dataclass(hints[steps[0]]):
            document[steps[0]] = _scalar(environ[name], hints[steps[0]])
            continue
        if len(steps) == 2 and steps[0] in hints and is_dataclass(hints[steps[0]]):
            inner = get_type_hints(hints[steps[0]])
            section = document.setdefault(steps[0], {}) or {}
            document[steps[0]] = section
            if isinstance(section, dict):
                section[steps[1]] = _scalar(environ[name], inner.get(steps[1], str))
            continue
        names = [f"{PREFIX}{f.name}".upper() for f in fields(Config) if not is_dataclass(hints[f.name])]
        for f in fields(Config):
            if is_dataclass(hints[f.name]):
                names += [f"{PREFIX}{f.name}__{g.name}".upper() for g in fields(hints[f.name])]
        mistakes.append(f"environment: {name}: unknown setting{_suggest(name, names)}")


def _scalar(text: str, hint: Any) -> Any:
    """What the text of an environment variable means for a setting of this type; a wrong one is reported later."""
    if hint in (str, Path):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _build(cls: Any, document: Any, file: str, where: str, mistakes: list[str]) -> Any:
    if not isinstance(document, dict):
        mistakes.append(f"{file}: {where or 'top'}: must be a section with settings under it, not {document!r}")
        return None
    hints = get_type_hints(cls)
    known: dict[str, Field[Any]] = {f.name: f for f in fields(cls)}
    for key in document:
        if key not in known:
            mistakes.append(f"{file}: {_join(where, key)}: unknown setting{_suggest(str(key), list(known))}")
    values: dict[str, Any] = {}
    for name, f in known.items():
        if name not in document or document[name] is None:
            if cls is PeerConfig and name == "ae_title":
                mistakes.append(f"{file}: {_join(where, name)}: missing")
            continue
        if is_dataclass(hints[name]):
            built = _build(hints[name], document[name], file, _join(where, name), mistakes)
            if built is not None:
                values[name] = built
        else:
            value = _value(document[name], hints[name], f, file, _join(where, name), mistakes)
            if value is not MISSING:
                values[name] = value
    return cls(**values)


def _value(raw: Any, hint: Any, f: Field[Any], file: str, where: str, mistakes: list[str]) -> Any:
    """`raw` as the type `hint`, or MISSING after saying what is wrong with it."""
    if isinstance(hint, UnionType):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    if get_origin(hint) is tuple:
        return _values(raw, get_args(hint)[0], f, file, where, mistakes)
    if hint is Path and isinstance(raw, str):
        return Path(raw).expanduser()
    if hint is str and isinstance(raw, int | float) and not isinstance(raw, bool):
        raw = str(raw)
    if type(raw) is not hint:
        kinds = {str: "text", int: "a whole number", bool: "true or false", Path: "a path"}
        mistakes.append(f"{file}: {where}: must be {kinds.get(hint, hint)}, not {raw!r}")
        return MISSING
    low, high = f.metadata.get("low"), f.metadata.get("high")
    if low is not None and not low <= raw <= high:
        mistakes.append(f"{file}: {where}: must be between {low} and {high}, not {raw}")
        return MISSING
    choices = f.metadata.get("choices")
    if choices and raw not in choices:
        mistakes.append(f"{file}: {where}: must be one of {', '.join(choices)}, not {raw!r}{_suggest(raw, choices)}")
        return MISSING
    pattern = f.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, raw):
        mistakes.append(f"{file}: {where}: {raw!r} is not allowed; {f.metadata['help']}")
        return MISSING
    return raw


def _values(raw: Any, item: Any, f: Field[Any], file: str, where: str, mistakes: list[str]) -> Any:
    if not isinstance(raw, list):
        mistakes.append(f"{file}: {where}: must be a list")
        return MISSING
    if is_dataclass(item):
        built = [_build(item, entry, file, f"{where}[{i}]", mistakes) for i, entry in enumerate(raw)]
        return tuple(b for b in built if b is not None)
    checked = [_value(entry, item, f, file, f"{where}[{i}]", mistakes) for i, entry in enumerate(raw)]
    return tuple(c for c in checked if c is not MISSING)


def _check_meaning(config: Config, file: str, mistakes: list[str]) -> None:
    """What no single setting shows: settings that contradict each other."""
    if config.dicom.port == config.web.port:
        mistakes.append(f"{file}: web.port: {config.web.port} is the DICOM port as well")
    _check_tls(config, file, mistakes)
    if not re.match(r"(file:|s3://).+", config.objects_url):
        mistakes.append(f"{file}: objects.url: must start with file: or s3://")
    if not re.match(r"(sqlite:///|postgresql(\+psycopg)?://)", config.index_url):
        mistakes.append(f"{file}: index.url: must start with sqlite:/// or postgresql+psycopg://")
    loopback = config.web.host in ("127.0.0.1", "::1", "localhost")
    if not loopback and not config.web.allow_insecure and not config.web.public_url.startswith("https://"):
        mistakes.append(
            f"{file}: web.host: {config.web.host} is open to the network without TLS. Put a TLS proxy in front and set "
            "web.public_url to its https:// address, or set web.allow_insecure: true if you accept clear-text passwords"
        )
    for network in config.web.trusted_networks:
        if not _is_network(network):
            mistakes.append(f"{file}: web.trusted_networks: {network} is no network, e.g. 10.0.0.0/8")
    if config.live.turn_secret_file and not Path(config.live.turn_secret_file).is_file():
        mistakes.append(f"{file}: live.turn_secret_file: {config.live.turn_secret_file} does not exist")
    if config.smtp.host and not config.smtp.sender:
        mistakes.append(f"{file}: smtp.sender: missing: the address that letters come from")
    if config.smtp.trusted and not Path(config.smtp.trusted).is_file():
        mistakes.append(f"{file}: smtp.trusted: {config.smtp.trusted} does not exist")
    if config.objects.secret_key_file and not Path(config.objects.secret_key_file).is_file():
        mistakes.append(f"{file}: objects.secret_key_file: {config.objects.secret_key_file} does not exist")


def _check_tls(config: Config, file: str, mistakes: list[str]) -> None:
    dicom = config.dicom
    if dicom.tls_port and dicom.tls_port in (dicom.port, config.web.port):
        mistakes.append(f"{file}: dicom.tls_port: {dicom.tls_port} is another port of ours as well")
    if dicom.tls_port and not dicom.tls_certificate:
        mistakes.append(f"{file}: dicom.tls_port: needs dicom.tls_certificate and dicom.tls_key")
    if dicom.tls_port and dicom.tls_client != "none" and not dicom.tls_trusted:
        mistakes.append(
            f"{file}: dicom.tls_trusted: missing: the file of the authorities whose certificates callers show "
            "(or set dicom.tls_client: none to let callers in without a certificate)"
        )
    for name in ("tls_certificate", "tls_key", "tls_trusted"):
        path = getattr(dicom, name)
        if path and not Path(path).is_file():
            mistakes.append(f"{file}: dicom.{name}: {path} does not exist")


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _join(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _suggest(wrong: str, known: Any) -> str:
    close = difflib.get_close_matches(wrong, [str(k) for k in known], n=1)
    return f", did you mean '{close[0]}'?" if close else ""

"""Write the pages that are made from the code, so that they cannot differ from it: docs/configuration.md and
docs/conformance.md (whose prose is tools/conformance.md).

Run it with the project's Python: ``.venv/bin/python tools/make_docs.py``. A test compares the result with the file.
"""

import re
import sys
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast, get_type_hints

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from flask import Flask  # noqa: E402
from pydicom.uid import UID  # noqa: E402

from pacs import status  # noqa: E402
from pacs.archive.transcode import PREFERRED  # noqa: E402
from pacs.config import Config, PeerConfig, WebConfig  # noqa: E402
from pacs.pixels.syntaxes import DECODABLE, ENCODABLE, RLE  # noqa: E402
from storage.errors import ArchiveError  # noqa: E402
from storage.model.attributes import ATTRIBUTES, LEVELS  # noqa: E402
from viewer.dicomweb import blueprint  # noqa: E402
from viewer.dicomweb.frames import offers_of  # noqa: E402
from viewer.dicomweb.media_types import FRAME_TYPES  # noqa: E402
from viewer.problems import PROBLEMS  # noqa: E402

HEAD = """# Configuration

All settings live in `config.yaml` (another file: `--config FILE`). Each can be overridden by an environment variable
`HOICHAN_<SECTION>__<KEY>`, with two underscores between section and key. `hoichan check-config` reports every mistake
at once; nothing starts with a wrong setting. This page is made from the code by `tools/make_docs.py`.
"""

TAIL = """
## Recipes

**Open the DICOM door to the hospital's network.** `dicom.host: 0.0.0.0`. Only known peers are let in:
`hoichan peers add CT1 --host 10.0.3.21 --allow store`, or *Administration → Peers*, where refused callers are listed
with a button that adds them.

**Open the web door.** Put a TLS proxy in front that forwards to `127.0.0.1:8080`, and set
`web.public_url: https://pacs.benhvien.vn`. Configurations that are tested with the real programs lie in `deploy/`:
`deploy/Caddyfile` and `deploy/nginx.conf` (HTTP/2, uploads and event streams not buffered, nothing packed
twice). Without TLS the program refuses to listen beyond this machine, unless you accept passwords in clear text with
`web.allow_insecure: true`.

**PostgreSQL instead of SQLite.** `index.url: postgresql+psycopg://hoichan:secret@db.benhvien.vn/hoichan`. The database
must exist and be UTF-8; tables are made at the first start. To move from one to the other, stop the server, change the
URL, run `hoichan index rebuild`, and add accounts and peers anew.

**S3 instead of files.** `objects.url: s3://s3.benhvien.vn:9000/hoichan?secure=true`, `objects.access_key`, and
`objects.secret_key_file: /etc/hoichan/s3-secret`. Without these settings the keys are taken from the URL
(`s3://key:secret@host…`) or from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. The bucket is created when it is
missing. What arrives is durable in `data/staging` before a sender hears of success, and goes to S3 in the background,
oldest first; there it is read back before the copy here may go. While S3 does not answer, receiving goes on until
`objects.waiting_gb` wait or the disk is short of room. The data folder therefore belongs on a good disk; with
`objects.strict: true` a success is said only after S3 has the object and it was read back.
"""


def configuration() -> str:
    """The text of docs/configuration.md."""
    parts = [HEAD]
    hints = get_type_hints(Config)
    plain = [f for f in fields(Config) if not is_dataclass(hints[f.name]) and f.name != "peers"]
    parts.append(_table("", Config, plain))
    for f in fields(Config):
        if is_dataclass(hints[f.name]):
            section: Any = hints[f.name]
            parts.append(f"\n## `{f.name}`\n\n{(section.__doc__ or '').splitlines()[0]}\n")
            parts.append(_table(f.name, section, list(fields(section))))
    parts.append(
        "\n## `peers`\n\nA list; each entry is a peer that is added at the first start, while the index is new.\n"
    )
    parts.append(_table("peers", PeerConfig, list(fields(PeerConfig))))
    return "\n".join(parts) + TAIL


def _table(section: str, cls: Any, rows: list[Any]) -> str:
    hints = get_type_hints(cls)
    lines = ["| setting | default | meaning | environment |", "| --- | --- | --- | --- |"]
    for f in rows:
        default = f.default if f.default is not MISSING else ""
        shown = _shown(default)
        name = f"{section}.{f.name}" if section else f.name
        variable = "–" if section == "peers" else f"`HOICHAN_{name.replace('.', '__').upper()}`"
        lines.append(f"| `{name}` | {shown} | {f.metadata.get('help', '')}{_limits(f, hints)} | {variable} |")
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "true" if default else "false"
    return "(empty)" if default == "" else "(none)" if default is None or default == () else str(default)


def _limits(f: Any, hints: dict[str, Any]) -> str:
    if "low" in f.metadata and hints[f.name] is not str:
        return f" From {f.metadata['low']} to {f.metadata['high']}."
    return ""


def conformance() -> str:
    """The text of docs/conformance.md."""
    prose = (ROOT / "tools" / "conformance.md").read_text(encoding="utf-8")
    tables = {
        "attributes": _attributes,
        "errors": _errors,
        "transfer_syntaxes": _transfer_syntaxes,
        "resources": _resources,
    }
    for name, make in tables.items():
        prose = prose.replace(f"{{{{{name}}}}}", make())
    return re.sub(r"\{\{(default|code) ([\w.]+)(?: / (\d+))?\}\}", _value, prose)


def _value(found: re.Match[str]) -> str:
    """`{{default dicom.idle_seconds}}` is the default of a setting, `{{code pacs.dimse.request.MAX_CONTEXTS}}` what a
    module says; `/ 1024` divides it. UIDs of a set are listed."""
    kind, name, divisor = found.groups()
    value: Any
    if kind == "default":
        section, key = name.split(".")
        value = next(f.default for f in fields(get_type_hints(Config)[section]) if f.name == key)
    else:
        module, _, attribute = name.rpartition(".")
        value = getattr(import_module(module), attribute)
    if divisor:
        value = value // int(divisor)
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    return ", ".join(UID(one).name for one in value) if isinstance(value, tuple) else str(value)


def _transfer_syntaxes() -> str:
    """What becomes of pixels in each transfer syntax, from the tables the codecs and the doors use."""
    lines = [
        "| transfer syntax | UID | decoded | objects made | frames made | media type of a frame |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for uid in sorted(DECODABLE | ENCODABLE | set(FRAME_TYPES), key=_by_numbers):
        types = ", ".join(FRAME_TYPES.get(uid, ("application/octet-stream",)))
        frames = {offer.transfer_syntax for offer in offers_of(RLE)}  # RLE itself is an offer, too
        tables = (DECODABLE, PREFERRED, frames)
        decoded, objects, made = ("yes" if uid in known else "" for known in tables)
        lines.append(f"| {_NEW.get(uid, UID(uid).name)} | {uid} | {decoded} | {objects} | {made} | {types} |")
    return "\n".join(lines)


_NEW = {  # newer than pydicom's dictionary
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
    "1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression",
}


def _by_numbers(uid: str) -> list[int]:
    return [int(part) for part in uid.split(".")]


def _resources() -> str:
    """Every address below /dicom-web and its methods, as the application has them."""
    lines = ["| resource | methods |", "| --- | --- |"]
    app = Flask("docs")
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.register_blueprint(blueprint(cast(Any, None), cast(Any, _NoGuard()), WebConfig()))
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/dicom-web"):
            found.setdefault(rule.rule.rstrip("/"), set()).update(rule.methods or ())
    for path in sorted(found):
        shown = re.sub(r"<(?:path:)?(\w+)>", r"{\1}", path)
        lines.append(f"| `{shown}` | {', '.join(sorted(found[path]))} |")
    return "\n".join(lines)


class _NoGuard:
    """Lets the routes be declared; nobody calls them."""

    def needs(self, right: str) -> Any:
        return lambda view: view


def _attributes() -> str:
    lines = ["| level | attribute | tag | VR | matching key | index |", "| --- | --- | --- | --- | --- | --- |"]
    for level in LEVELS:
        for a in sorted((a for a in ATTRIBUTES if a.level is level), key=lambda a: a.tag):
            inside = f" ({', '.join(item.keyword for item in a.items)})" if a.items else ""
            matched = "yes" if a.matchable else "computed" if a.computed else "no"
            about = f"({a.tag[:4]},{a.tag[4:]}) | {a.vr} | {matched} | {'yes' if a.indexed else ''}"
            lines.append(f"| {level} | {a.keyword}{inside} | {about} |")
    return "\n".join(lines)


def _errors() -> str:
    lines = []
    for kind, problem in PROBLEMS.items():
        if not issubclass(kind, ArchiveError):
            continue
        codes = [f"{status.status_of(kind('x'), s):04X}" for s in ("C-STORE", "C-FIND", "C-MOVE")]  # type: ignore[arg-type]
        lines.append(f"| {kind.__name__}: {problem.title} | {' | '.join(codes)} | {problem.status} |")
    return "\n".join(lines)


if __name__ == "__main__":
    (ROOT / "docs" / "configuration.md").write_text(configuration(), encoding="utf-8")
    (ROOT / "docs" / "conformance.md").write_text(conformance(), encoding="utf-8")

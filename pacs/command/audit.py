"""``hoichan audit``: check the audit log or an export of it, and export it."""

import sys
from pathlib import Path

from pacs import auditing
from pacs.assembly import open_objects, prepare
from pacs.auditing import Anchoring, Checked
from pacs.command.serve import make_folders
from pacs.config import Config
from pacs.errors import ConfigError
from storage.index import hospitals

UNVOUCHED = 3  # exit status: nothing was found wrong, and nothing signed vouches for that


def run_verify(config: Config, file: Path | None) -> int:
    """Check the log of the index, or the export in `file` ("-" for standard input); 1 when it was altered, 3 when no
    signed anchor vouches for the index's."""
    if file is not None:
        found = _check_export(file)
    else:
        make_folders(config)
        prepared = prepare(config)
        try:
            found = Anchoring(config.data).check(prepared.database, open_objects(config))
        finally:
            prepared.database.close()
    for fault in found.faults:
        print(f"  {fault}", file=sys.stderr)
    sequence, last = found.head
    print(f"  records  {found.records:>9,}")
    if file is None:
        older = f", {found.unsigned:,} more of before signatures" if found.unsigned else ""
        print(f"  anchors  {found.anchors:>9,}  signed, up to record {found.signed_to:,}{older}")
    print(f"  head     {sequence:>9,}  {last}")
    if found.faults:
        print("The audit log was ALTERED.")
        return 1
    if file is None and not found.anchors:
        print("The audit log fits itself, but NO SIGNED ANCHOR vouches for it. `hoichan serve` writes one every ten")
        print("minutes: a new installation has none until then; where there were some, somebody has taken them away.")
        return UNVOUCHED
    print("The audit log is whole.")
    return 0


def _check_export(file: Path) -> Checked:
    try:
        with sys.stdin if str(file) == "-" else file.open(encoding="utf-8") as lines:
            return auditing.check_export(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def run_export(config: Config, hospital: str | None) -> int:
    """Print the log as JSON lines."""
    prepared = prepare(config)
    try:
        if hospital:
            with prepared.database.reading() as db:
                hospitals.by_code(db, hospital)
        for line in auditing.export(prepared.database, hospital or ""):
            sys.stdout.write(line + "\n")
    finally:
        prepared.database.close()
    return 0

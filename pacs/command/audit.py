"""``hoichan audit``: check the audit log or an export of it, and export it."""

import sys
from pathlib import Path

from pacs import auditing
from pacs.assembly import open_objects, prepare
from pacs.command.serve import make_folders
from pacs.config import Config
from pacs.errors import ConfigError
from storage.index import hospitals


def run_verify(config: Config, file: Path | None) -> int:
    """Check the log of the index, or the export in `file` ("-" for standard input); 1 when it was altered."""
    if file is not None:
        try:
            with sys.stdin if str(file) == "-" else file.open(encoding="utf-8") as lines:
                found = auditing.check_export(lines)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} cannot be read: {error}") from error
    else:
        make_folders(config)
        prepared = prepare(config)
        try:
            found = auditing.check(prepared.database, open_objects(config))
        finally:
            prepared.database.close()
    for fault in found.faults:
        print(f"  {fault}", file=sys.stderr)
    sequence, last = found.head
    print(f"  records  {found.records:>9,}")
    if file is None:
        print(f"  anchors  {found.anchors:>9,}")
    print(f"  head     {sequence:>9,}  {last}")
    print("The audit log was ALTERED." if found.faults else "The audit log is whole.")
    return 1 if found.faults else 0


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

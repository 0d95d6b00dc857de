"""``hoichan import``: bring what lies in folders, files, ZIP archives and DICOMDIR trees into the archive."""

import sys
from pathlib import Path

from pacs.assembly import open_archive, prepare
from pacs.command.progress import Progress
from pacs.command.registry import find_hospital
from pacs.command.serve import make_folders
from pacs.command.standalone import codecs_if_none
from pacs.config import Config
from pacs.importing import Summary, count_files, import_paths
from pacs.logs import configure_logging
from storage.errors import NotFound
from storage.model.archive import Origin


def run_import(config: Config, paths: list[Path], hospital_code: str | None) -> int:
    """Import and print what became of everything; 1 when something was quarantined or could not be read."""
    configure_logging("error", config.log.format)
    for path in paths:
        if not path.exists():
            raise NotFound(f"{path} does not exist")
    make_folders(config)
    prepared = prepare(config)
    hospital = find_hospital(prepared.database, prepared.hospital, hospital_code)
    prepared.database.close()
    origin = Origin(hospital.id, hospital.code, "import", "command")
    with codecs_if_none(config):
        archive = open_archive(config)
        progress = Progress("files", count_files(paths))
        try:
            summary = import_paths(archive, origin, paths, lambda size: progress.advance(1, size))
        finally:
            progress.finish()
            archive.close()
    _print(summary)
    return 1 if summary.quarantined or summary.failed else 0


def _print(summary: Summary) -> None:
    rows = [
        ("stored", summary.stored),
        ("already there", summary.already),
        ("conflict (kept beside the first)", summary.conflict),
        ("quarantined (kept, not shown)", len(summary.quarantined)),
        ("could not be read", len(summary.failed)),
        ("not DICOM, skipped", summary.skipped),
    ]
    width = max(len(name) for name, _ in rows)
    print()
    for name, count in rows:
        print(f"  {name:{width}}  {count:>9,}")
    print(f"  {'bytes':{width}}  {summary.bytes:>9,}  in {summary.seconds:,.1f} s")
    for title, troubles in (("Quarantined", summary.quarantined), ("Could not be read", summary.failed)):
        if troubles:
            print(f"\n{title}:")
            for name, reason in troubles:
                print(f"  {name}: {reason}")
    sys.stdout.flush()

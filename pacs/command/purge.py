"""``hoichan purge``: forget for good what was rejected long enough ago."""

import getpass
import sys
import time

from pacs.assembly import open_archive, prepare
from pacs.command.serve import make_folders
from pacs.config import Config
from pacs.logs import configure_logging
from pacs.rejecting import GRACE_MS, purge
from storage.index import hospitals, rejecting
from storage.model.archive import Scope
from storage.model.audit import Actor


def run_purge(config: Config, reason: str, study: str, hospital_code: str, *, sure: bool) -> int:
    """Say what could be purged; do it when `sure`. Works beside a running server."""
    if sure and not reason.strip():
        print("a reason is needed: --reason TEXT", file=sys.stderr)
        return 2
    configure_logging("critical", config.log.format)
    make_folders(config)
    prepare(config).database.close()
    archive = open_archive(config)
    try:
        with archive.database.reading() as db:
            scope = hospitals.everywhere(db)
            if hospital_code:
                scope = Scope(frozenset({hospitals.by_code(db, hospital_code).id}))
            due = rejecting.due(db, scope, archive.clock() - GRACE_MS, study)
        print(f"  can be purged  {len(due):>10,}  ({sum(one.size for one in due) / 1e6:,.1f} MB)")
        if not sure:
            for one in due[:1000]:
                day = time.strftime("%Y-%m-%d", time.gmtime(one.rejected_at / 1000))
                print(f"  {day}  {one.study_instance_uid}  {one.sop_instance_uid}")
            if due:
                print("Nothing was done. With --yes and --reason TEXT these are gone for good.")
            return 0
        done = purge(archive, scope, reason.strip(), Actor(getpass.getuser(), "command"), study)
    finally:
        archive.close()
    print(f"  purged         {done.objects:>10,}  ({done.bytes / 1e6:,.1f} MB)")
    if done.left:
        print(f"  left           {done.left:>10,}  (restored meanwhile, or something else has the same bytes)")
    return 0

"""Acts in the audit log of an archive, and what somebody does to it who can write its index."""

from storage.index import audit
from storage.model.audit import AuditEvent
from tests.pacs.parts import House


def act(here: House, count: int = 5, hospital: str = "main") -> None:
    """So many acts."""
    with here.archive.database.writing() as db:
        for n in range(count):
            audit.append(db, AuditEvent(here.origin.hospital_id, hospital, "an", "conflict.keep", f"1.2.{n}"))


def alter(here: House, sql: str) -> None:
    """Change the log (SQLite) as nobody may: what keeps it from being changed is taken away first."""
    with here.archive.database.writing() as db:
        db.exec_driver_sql("DROP TRIGGER IF EXISTS audit_no_UPDATE")
        db.exec_driver_sql("DROP TRIGGER IF EXISTS audit_no_DELETE")
        db.exec_driver_sql(sql)

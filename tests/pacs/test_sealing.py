"""Secrets at rest open with the key, for whom they were sealed, and for nobody else."""

from dataclasses import replace
from pathlib import Path

from pacs import keyfile
from pacs.assembly import prepare
from pacs.config import Config
from pacs.sealing import Sealing, is_sealed
from storage.index import accounts, factors


def test_what_is_sealed_opens_with_the_key_and_for_its_account_alone() -> None:
    sealing = Sealing(b"k" * 32)
    sealed = sealing.seal("JBSWY3DPEHPK3PXP", "account 1")
    assert is_sealed(sealed)
    assert "JBSW" not in sealed
    assert sealed != sealing.seal("JBSWY3DPEHPK3PXP", "account 1")
    assert sealing.open(sealed, "account 1") == "JBSWY3DPEHPK3PXP"
    assert sealing.open("", "account 1") == ""
    for other, context, text in (
        (sealing, "account 2", sealed),
        (Sealing(b"o" * 32), "account 1", sealed),
        (sealing, "account 1", sealed[:-5] + "AAAA="),
        (sealing, "account 1", "g1:"),
        (sealing, "account 1", "JBSWY3DPEHPK3PXP"),
    ):
        assert other.open(text, context) == ""


def test_secrets_of_an_earlier_version_are_sealed_at_the_start(tmp_path: Path) -> None:
    config = replace(Config(), data=tmp_path)
    prepared = prepare(config)
    with prepared.database.writing() as db:
        user = accounts.add_user(db, "an", "An", "x", roles=[(prepared.hospital.id, "admin")])
        factors.reseal(db, user.id, "JBSWY3DPEHPK3PXP")
    prepared.database.close()
    again = prepare(config)
    with again.database.reading() as db:
        kept = factors.secret(db, user.id)
    again.database.close()
    sealing = Sealing(keyfile.derived(keyfile.load(config.data), keyfile.FACTORS))
    assert sealing.open(kept, keyfile.of_account(user.id)) == "JBSWY3DPEHPK3PXP"

"""Users, sessions, tokens, the set-up secret and failed sign-ins."""

import pytest

from storage.errors import Conflict, NotFound
from storage.index import accounts
from storage.index.database import Database
from storage.model.archive import Hospital

IDLE, ABSOLUTE = 60_000, 600_000


def test_a_name_is_taken_in_every_case(database: Database, hospital: Hospital) -> None:
    with database.writing() as db:
        assert accounts.needs_setup(db)
        made = accounts.add_user(db, "An.Nguyễn", "Nguyễn Văn An", "hash", roles=[(hospital.id, "admin")])
        assert not accounts.needs_setup(db)
        assert (made.name, made.display_name, made.language, made.disabled) == (
            "An.Nguyễn",
            "Nguyễn Văn An",
            "vi",
            False,
        )
        assert made.roles == ((hospital.id, "admin"),)
        with pytest.raises(Conflict):
            accounts.add_user(db, " an.NGUYỄN", "", "other")
    with database.reading() as db:
        assert accounts.credentials(db, "AN.NGUYE\u0302\u0303N") == (made, "hash")
        assert accounts.credentials(db, "nobody") is None
        assert accounts.users(db) == [made]
        with pytest.raises(NotFound):
            accounts.user(db, 99)


def test_changes_only_what_is_given(database: Database, hospital: Hospital, other_hospital: Hospital) -> None:
    with database.writing() as db:
        user = accounts.add_user(db, "an", "An", "hash", roles=[(hospital.id, "admin")])
        accounts.set_roles(db, user.id, [(other_hospital.id, "clinician"), (hospital.id, "radiologist")])
        changed = accounts.update_user(db, user.id, language="en", last_sign_in_at=5)
    assert (changed.language, changed.display_name, changed.last_sign_in_at) == ("en", "An", 5)
    assert changed.roles == ((hospital.id, "radiologist"), (other_hospital.id, "clinician"))


def test_a_session_ends_by_idleness_age_or_sign_out(database: Database) -> None:
    with database.writing() as db:
        user = accounts.add_user(db, "an", "An", "hash")
        made = accounts.add_session(db, "s1", user.id, "csrf", address="10.0.0.1", agent="Firefox", now=1000)

    def alive(now: int) -> bool:
        with database.reading() as db:
            found = accounts.session(db, "s1", idle_ms=IDLE, absolute_ms=ABSOLUTE, now=now)
        return found is not None

    with database.reading() as db:
        assert accounts.session(db, "s1", idle_ms=IDLE, absolute_ms=ABSOLUTE, now=2000) == (made, user)
        assert accounts.session(db, "other", idle_ms=IDLE, absolute_ms=ABSOLUTE, now=2000) is None
    assert alive(1000 + IDLE - 1)
    assert not alive(1000 + IDLE)
    for now in range(1000, ABSOLUTE + 1000, IDLE // 2):
        with database.writing() as db:
            accounts.touch_session(db, "s1", now=now)
    assert alive(ABSOLUTE + 999)
    assert not alive(ABSOLUTE + 1000)
    with database.writing() as db:
        accounts.end_session(db, "s1")
    assert not alive(2000)


def test_disabling_and_a_new_password_end_all_sessions(database: Database) -> None:
    with database.writing() as db:
        user = accounts.add_user(db, "an", "An", "hash")
        for number in range(3):
            accounts.add_session(db, f"s{number}", user.id, "c", now=number + 1)
        assert [one.id for one in accounts.sessions(db, user.id)] == ["s2", "s1", "s0"]
        assert accounts.end_sessions(db, user.id, keep="s1") == 2
        accounts.update_user(db, user.id, password_hash="new")
        assert accounts.sessions(db, user.id) == []
        accounts.add_session(db, "s4", user.id, "c", now=1)
        accounts.update_user(db, user.id, disabled=True)
        accounts.add_session(db, "s5", user.id, "c", now=1)
        assert accounts.session(db, "s5", idle_ms=IDLE, absolute_ms=ABSOLUTE, now=2) is None
        assert accounts.sweep_sessions(db, idle_ms=IDLE, absolute_ms=ABSOLUTE, now=IDLE * 2) == 1


def test_a_token_works_until_it_is_revoked(database: Database, hospital: Hospital) -> None:
    with database.writing() as db:
        made = accounts.add_token(db, "Quạt AI", "dicomweb", hospital.id, "abc")
        assert accounts.token(db, "abc") == made
        assert accounts.token(db, "abd") is None
        accounts.touch_token(db, made.id, now=7)
        assert accounts.tokens(db)[0].used_at == 7
        accounts.revoke_token(db, made.id)
        assert accounts.token(db, "abc") is None
        assert accounts.tokens(db)[0].revoked
        with pytest.raises(NotFound):
            accounts.revoke_token(db, 99)


def test_the_set_up_secret_works_once_and_not_for_ever(database: Database) -> None:
    with database.writing() as db:
        accounts.put_setup_secret(db, "old", expires_at=100)
        accounts.put_setup_secret(db, "new", expires_at=100)
        assert not accounts.use_setup_secret(db, "old", now=50)
        assert not accounts.use_setup_secret(db, "new", now=100)
        assert accounts.use_setup_secret(db, "new", now=50)
        assert not accounts.use_setup_secret(db, "new", now=50)


def test_failures_are_counted_by_account_and_by_address(database: Database) -> None:
    with database.writing() as db:
        for name, address, at in (("An", "a", 10), ("AN", "b", 20), ("binh", "a", 30), ("nobody", "a", 40)):
            accounts.add_sign_in_failure(db, name, address, now=at)
        assert accounts.sign_in_failures(db, "an", "a", since=0) == (2, 3)
        assert accounts.sign_in_failures(db, "an", "a", since=10) == (1, 2)
        accounts.clear_sign_in_failures(db, "an", "a")
        assert accounts.sign_in_failures(db, "an", "a", since=0) == (1, 2)
        assert accounts.sweep_sign_in_failures(db, before=40) == 2

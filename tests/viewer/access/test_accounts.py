"""Accounts and tokens as the command line and the admin page make them; passwords."""

import threading
import time

import pytest

from storage.errors import Conflict, NotFound
from storage.index import accounts as store
from tests.viewer.conftest import PASSWORD, Web
from viewer.access import accounts, passwords
from viewer.errors import InvalidRequest, TooBusy


def test_an_account_is_made_with_one_role(web: Web) -> None:
    user = accounts.add_user(web.archive.database, "bs.an", "Nguyễn Văn An", ["radiologist"], PASSWORD)
    assert user.roles == ((web.hospital.id, "radiologist"),)
    assert [one.name for one in accounts.list_users(web.archive.database)] == ["bs.an"]
    with pytest.raises(Conflict):
        accounts.add_user(web.archive.database, "BS.AN", "x", ["clinician"], PASSWORD)


def test_an_account_belongs_to_the_hospital_that_is_named(web: Web) -> None:
    other = web.hospital_of("other")
    user = accounts.add_user(web.archive.database, "bs.an", "", ["clinician"], PASSWORD, "other")
    assert user.roles == ((other.id, "clinician"),)
    with pytest.raises(NotFound):
        accounts.add_user(web.archive.database, "bs.binh", "", ["clinician"], PASSWORD, "nowhere")


@pytest.mark.parametrize("name", ["", "a", "a b", "-an", "an-", "a:b", "x" * 65, "a\nb", "<script>", "a/b"])
def test_a_name_that_cannot_be_typed_everywhere_is_refused(web: Web, name: str) -> None:
    with pytest.raises(InvalidRequest):
        accounts.add_user(web.archive.database, name, "", ["clinician"], PASSWORD)


@pytest.mark.parametrize("name", ["an", "bs.an", "bs_an", "an@benhvien.vn", "bác.sĩ", "An-2"])
def test_ordinary_names_are_taken(web: Web, name: str) -> None:
    assert accounts.check_name(name) == name


def test_a_role_that_does_not_exist_is_refused(web: Web) -> None:
    with pytest.raises(InvalidRequest, match="radiologist"):
        accounts.add_user(web.archive.database, "bs.an", "", ["god"], PASSWORD)


def test_disabling_ends_sessions_and_unknown_names_are_said(web: Web) -> None:
    web.user("admin")
    person = web.person("radiologist")
    accounts.disable_user(web.archive.database, "Radiologist.main")
    assert person.get("/api/session").status_code == 401
    with pytest.raises(NotFound):
        accounts.disable_user(web.archive.database, "nobody")


def test_the_last_administrator_stays(web: Web) -> None:
    admin = web.user("admin")
    with pytest.raises(Conflict):
        accounts.disable_user(web.archive.database, "admin.main")
    with pytest.raises(Conflict):
        accounts.change_user(web.archive.database, admin.id, roles=(web.hospital.id, ["clinician"]))
    web.user("admin", name="second.admin")
    assert accounts.disable_user(web.archive.database, "admin.main").disabled


def test_another_role_ends_sessions(web: Web) -> None:
    web.user("admin")
    person = web.person("radiologist")
    accounts.change_user(web.archive.database, person.user.id, roles=(web.hospital.id, ["clinician"]))
    assert person.get("/api/session").status_code == 401


def test_a_token_is_kept_as_a_hash(web: Web) -> None:
    secret = accounts.add_token(web.archive.database, "AI box", "dicomweb")
    assert len(secret) >= 40
    web.archive.database.close()
    for path in web.config.data.glob("index.sqlite*"):
        assert secret.encode() not in path.read_bytes()
    with pytest.raises(InvalidRequest):
        accounts.add_token(web.archive.database, "AI box", "everything")
    with pytest.raises(InvalidRequest):
        accounts.add_token(web.archive.database, " \n ", "dicomweb")


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short", "at least 10"),
        ("x" * 300, "at most"),
        ("password123", "everybody tries"),
        ("P@ssw0rd-123".replace("@", "a"), "everybody tries"),
        ("MatKhau 123", "everybody tries"),
        ("aaaaaaaaaaaaaa", "everybody tries"),
        ("1234567890", "everybody tries"),
        ("benh vien 2026", "everybody tries"),
        ("nguyen.van.an", "name of the account"),
        ("Nguyễn Văn An", "name of the account"),
    ],
)
def test_a_password_everybody_tries_is_refused_with_a_clear_sentence(password: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        passwords.check_password(password, "nguyen.van.an", "Nguyễn Văn An")


def test_a_password_is_the_same_on_every_keyboard() -> None:
    kept = passwords.hash_password("mật khẩu dài")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert passwords.verify_password("mật khẩu dài".encode().decode(), kept)
    assert passwords.verify_password("mật khẩu dài", kept)
    assert not passwords.verify_password("mat khau dai", kept)
    assert not passwords.verify_password("mật khẩu dài", None)
    assert not passwords.outdated(kept)


def test_at_most_two_passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0
    lock = threading.Lock()

    class Slow:
        def hash(self, password: str) -> str:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with lock:
                running -= 1
            return "x"

    monkeypatch.setattr(passwords, "HASHER", Slow())
    threads = [threading.Thread(target=passwords.hash_password, args=("x",)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_a_crowd_at_the_door_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PATIENCE", 0.01)
    monkeypatch.setattr(passwords, "_turns", threading.BoundedSemaphore(1))
    with passwords._Turn(), pytest.raises(TooBusy):
        passwords.hash_password("x")


def test_failures_are_forgotten_in_time(web: Web) -> None:
    with web.archive.database.writing() as db:
        store.add_sign_in_failure(db, "x", "10.0.0.1", now=1)
    web.anonymous().post("/api/session", json={"name": "y", "password": "z"})
    with web.archive.database.reading() as db:
        assert store.sign_in_failures(db, "x", "10.0.0.1", 0)[0] == 0

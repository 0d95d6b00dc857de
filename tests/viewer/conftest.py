"""A web application over a real archive in `tmp_path`, and people who are signed in to it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from pacs.archive import Archive
from pacs.assembly import open_archive, prepare
from pacs.config import Config, SmtpConfig, WebConfig
from pacs.pixels import pool
from storage.index import accounts as store
from storage.index import hospitals
from storage.model.archive import Hospital, Origin, Outcome
from storage.model.people import User
from tests.support.index import lay_index
from tests.viewer.objects import instance
from viewer.access import factors, passwords
from viewer.access.secrets import kept, new_secret
from viewer.app import create_app

SMTP = SmtpConfig(host="127.0.0.1", sender="pacs@bv.vn")  # nothing is sent without a worker
PASSWORD = "một mật khẩu đủ dài"
COSTLY = passwords.HASHER
QUICK = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)  # a sign-in is not about what guessing costs


class Still:
    """A clock that does not go on: as a module `time` for what asks what time it is."""

    def __init__(self, at: float) -> None:
        self._at = at

    def time(self) -> float:
        return self._at


@pytest.fixture
def steps_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """One-time passwords are of the step of half a minute in which the test began, however long it takes."""
    step = factors.STEP_SECONDS
    monkeypatch.setattr(factors, "time", Still(time.time() // step * step + step / 2))


def code_of(secret: str, steps: int = 0) -> str:
    """The one-time password of now, or so many steps later; for tests in which `steps_stand_still`."""
    assert isinstance(vars(factors)["time"], Still)
    return pyotp.TOTP(secret).at(int(vars(factors)["time"].time()) + factors.STEP_SECONDS * steps)


def password_hash() -> str:
    return _hashed(passwords.HASHER)


@cache
def _hashed(hasher: PasswordHasher) -> str:
    return hasher.hash(PASSWORD)


class Person:
    """A browser in which somebody is signed in; state changes carry the CSRF token."""

    def __init__(self, client: FlaskClient, user: User, csrf: str) -> None:
        self.client = client
        self.user = user
        self.csrf = csrf

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, **more)

    def open(self, method: str, path: str, **more: Any) -> Any:
        headers = {"X-CSRF-Token": self.csrf, **more.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self.open("POST", path, **more)

    def patch(self, path: str, **more: Any) -> Any:
        return self.open("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.open("DELETE", path, **more)


@dataclass
class Web:
    """The application and what lies below it."""

    app: Flask
    archive: Archive
    config: Config
    hospital: Hospital

    def anonymous(self) -> Any:
        return self.app.test_client()

    def hospital_of(self, code: str) -> Hospital:
        with self.archive.database.writing() as db:
            return hospitals.ensure(db, code, f"Bệnh viện {code}")

    def user(self, role: str, hospital: str = "main", name: str = "") -> User:
        where = self.hospital_of(hospital)
        with self.archive.database.writing() as db:
            roles = role.split(",")
            name = name or f"{roles[0]}.{hospital}"
            held = [(where.id, one) for one in roles]
            return store.add_user(db, name, f"Người {name}", password_hash(), roles=held)

    def person(self, role: str, hospital: str = "main", name: str = "") -> Person:
        """A new account with this role (or several, with commas between), signed in."""
        return self.signed_in(self.user(role, hospital, name))

    def signed_in(self, user: User) -> Person:
        secret, csrf = new_secret(), new_secret()
        with self.archive.database.writing() as db:
            store.add_session(db, kept(secret), user.id, csrf)
        client = self.app.test_client()
        client.set_cookie("hoichan", secret)
        return Person(client, user, csrf)

    def store(self, hospital: str = "main", **attributes: Any) -> Outcome:
        """An instance in the archive; attributes by DICOM keyword."""
        where = self.hospital_of(hospital)
        with self.archive.receive(Origin(where.id, where.code, "import", "test")) as incoming:
            incoming.write(instance(**attributes))
            return self.archive.store(incoming)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=tmp_path / "data", web=WebConfig(second_factor_for_admins=False), smtp=SMTP)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A small built front end."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>worklist</title>")
    (folder / "reading.html").write_text("<!doctype html><title>reading</title>")
    (folder / "assets" / "app-1a2b.js").write_text("export const big = 1;" * 50)
    return folder


@pytest.fixture
def web(config: Config, dist: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setattr(passwords, "HASHER", QUICK)
    monkeypatch.setattr(pool, "_RESTART_SECONDS", 0.0)  # there are no codecs, and nobody is about to restart them
    lay_index(config.data / "index.sqlite")
    prepared = prepare(config)
    prepared.database.close()
    archive = open_archive(config)
    app = create_app(archive, config, dist=dist)
    yield Web(app, archive, config, prepared.hospital)
    app.extensions["hoichan.stop"]()
    archive.close()

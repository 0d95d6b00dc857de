"""The table of roles: who sees images, who gives which role, and what became of the old administrators."""

import importlib
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from pacs import command
from storage.index import accounts as store
from tests.viewer.conftest import PASSWORD, Web
from viewer.access import rights


def test_administrators_see_no_images_and_readers_administer_nothing() -> None:
    for role in (rights.PLATFORM, rights.ADMIN):
        assert not rights.ROLES[role] & rights.CLINICAL
    for role in ("radiologist", "clinician", "expert", "guest"):
        assert rights.ROLES[role] <= rights.CLINICAL | {rights.CONSULT_STATISTICS}
    assert frozenset().union(*rights.ROLES.values()) == rights.RIGHTS
    assert set(command.ROLES) == set(rights.GIVABLE)


def test_nobody_gives_a_role_that_leads_past_their_own() -> None:
    """Whoever may give a role may get at it. The platform's administrators get at no images in one step, those of a
    hospital not at the platform."""
    platform, admin = [(1, "platform")], [(1, "admin")]
    assert not any(rights.ROLES[role] & rights.CLINICAL for role in rights.may_give(platform, 1))
    assert "platform" not in rights.may_give(admin, 1)
    assert not rights.may_give(admin, 2)
    assert not rights.may_manage(admin, [(1, "admin"), (1, "platform")])
    assert not rights.may_manage(admin, [(1, "clinician"), (2, "clinician")])
    assert not rights.may_manage(platform, [(1, "radiologist")])
    assert rights.may_manage(admin, [(1, "radiologist"), (1, "admin")])
    assert rights.spread(platform, [1, 2]) == ((1, "platform"), (2, "platform"))
    assert rights.spread(admin, [1, 2]) == ((1, "admin"),)


def test_the_platform_appoints_administrators_anywhere_and_nobody_else(web: Web) -> None:
    person, there = web.person("platform"), web.hospital_of("other")
    given: dict[str, Any] = {"name": "qt.other", "display_name": "Quản trị", "password": PASSWORD, "hospital": "other"}
    assert person.post("/api/admin/users", json={**given, "roles": ["radiologist"]}).status_code == 403
    made = person.post("/api/admin/users", json={**given, "roles": ["admin"]})
    assert (made.status_code, made.json["roles"]) == (201, [{"hospital": "other", "role": "admin"}])
    reader = web.user("radiologist", "other")
    one = f"/api/admin/users/{reader.id}"
    assert person.patch(one, json={"password": "một mật khẩu khác"}).status_code == 403
    assert person.patch(one, json={"hospital": "other", "roles": []}).json["roles"] == [
        {"hospital": "other", "role": "radiologist"}
    ]
    assert person.post("/api/admin/tokens", json={"name": "x", "scope": "dicomweb"}).status_code == 403
    assert person.get("/api/worklist").status_code == 403
    with web.archive.database.reading() as db:
        assert store.user(db, reader.id).roles == ((there.id, "radiologist"),)


def test_a_hospitals_administrator_gets_no_further_than_the_hospital(web: Web) -> None:
    person, platform = web.person("admin"), web.user("platform,admin", name="both")
    elsewhere = web.hospital_of("other").code
    given: dict[str, Any] = {"name": "bs.moi", "display_name": "x", "password": PASSWORD}
    assert person.post("/api/admin/users", json={**given, "roles": ["platform"]}).status_code == 403
    assert person.post("/api/admin/users", json={**given, "roles": ["guest"]}).status_code == 400
    there = {**given, "roles": ["clinician"], "hospital": elsewhere}
    assert person.post("/api/admin/users", json=there).status_code == 404
    one = f"/api/admin/users/{platform.id}"
    assert person.patch(one, json={"password": "một mật khẩu khác"}).status_code == 403
    assert person.patch(one, json={"disabled": True}).status_code == 403
    changed = person.patch(one, json={"roles": ["clinician"]}).json["roles"]
    assert {entry["role"] for entry in changed} == {"clinician", "platform"}


def test_the_admin_page_shows_the_table_itself(web: Web) -> None:
    shown = web.person("admin").get("/api/admin/roles").json
    assert shown["rights"] == list(rights.ALL_RIGHTS)
    told = {entry["role"]: set(entry["rights"]) for entry in shown["roles"]}
    assert told == {**rights.ROLES, "token.dicomweb": set(rights.TOKEN_SCOPES["dicomweb"])}


def test_old_administrators_keep_what_they_could_do(web: Web) -> None:
    other = web.hospital_of("other")
    first, second = web.user("admin", name="first"), web.user("admin,technologist", "other", name="second")
    upgraded = importlib.import_module("storage.index.migrations.versions.0011_roles")
    with web.archive.database.writing() as db:
        with Operations.context(MigrationContext.configure(db)):
            upgraded.upgrade()
        assert {role for _, role in store.user(db, first.id).roles} == {"admin", "platform", "technologist"}
        assert store.user(db, second.id).roles == ((other.id, "admin"), (other.id, "technologist"))
        assert db.execute(sa.text("SELECT count(*) FROM user_role")).scalar_one() == 5


def test_the_command_takes_several_roles(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["user", "add", "an", "--role", "admin,god"])
    assert "'god' is none of" in capsys.readouterr().err

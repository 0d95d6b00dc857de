"""Hospitals are made and renamed by who looks after the installation, and by nobody else."""

import pytest

from pacs.assembly import prepare
from tests.viewer.conftest import Web


def test_a_hospital_is_made_and_renamed(web: Web) -> None:
    platform = web.person("platform")
    made = platform.post("/api/admin/hospitals", json={"code": "lao-cai", "name": "  Bệnh viện  Lào Cai "})
    assert (made.status_code, made.json) == (201, {"code": "lao-cai", "name": "Bệnh viện Lào Cai"})
    again = platform.post("/api/admin/hospitals", json={"code": "lao-cai", "name": "Khác"})
    assert again.status_code == 409
    assert platform.patch("/api/admin/hospitals/lao-cai", json={"name": "BV Lào Cai"}).json["name"] == "BV Lào Cai"
    assert platform.patch("/api/admin/hospitals/nowhere", json={"name": "x"}).status_code == 404
    web.user("radiologist", "lao-cai")
    platform.patch("/api/admin/hospitals/lao-cai", json={"name": "BV Lào Cai"})  # the line above named it again
    listed = {one["code"]: one for one in platform.get("/api/admin/hospitals").json["hospitals"]}
    assert listed["lao-cai"] == {"code": "lao-cai", "name": "BV Lào Cai", "users": 1, "peers": 0}


@pytest.mark.parametrize("code", ["", "Lao", "-a", "a-", "a b", "x" * 33, "đà-nẵng", "a.b"])
def test_a_code_fits_into_keys(web: Web, code: str) -> None:
    answer = web.person("platform").post("/api/admin/hospitals", json={"code": code, "name": "x"})
    assert answer.status_code == 400


def test_a_hospitals_administrator_makes_none(web: Web) -> None:
    admin = web.person("admin")
    assert admin.get("/api/admin/hospitals").status_code == 403
    assert admin.post("/api/admin/hospitals", json={"code": "x1", "name": "x"}).status_code == 403


def test_the_own_hospital_keeps_the_name_it_was_given_until_the_configuration_names_it_anew(web: Web) -> None:
    platform = web.person("platform")
    platform.patch("/api/admin/hospitals/main", json={"name": "Bệnh viện Đa khoa"})
    prepared = prepare(web.config)
    prepared.database.close()
    assert prepared.hospital.name == "Bệnh viện Đa khoa"

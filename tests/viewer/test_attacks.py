"""What somebody tries who has a cookie of before, the number of something that is not theirs, or a room's ticket."""

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storage.index import accounts as store
from tests.viewer.access.test_matrix import put, said
from tests.viewer.conftest import PASSWORD, Person, Web, password_hash
from tests.viewer.consult.conftest import STUDY, Two, two

__all__ = ["two"]

MINE = {"study": "1.2.840.6.1", "series": "1.2.840.6.1.1", "sop": "1.2.840.6.1.1.1"}
THEIRS = {"study": "1.2.840.6.2", "series": "1.2.840.6.2.1", "sop": "1.2.840.6.2.1.1"}
ALSO_MINE = {"study": "1.2.840.6.3", "series": "1.2.840.6.3.1", "sop": "1.2.840.6.3.1.1"}
NOBODYS = {"study": "1.2.840.6.9", "series": "1.2.840.6.9.1", "sop": "1.2.840.6.9.1.1"}
REST = {"numbers": "1", "path": "7FE00010", "name": "x"}
KEYWORDS = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "sop": "SOPInstanceUID"}


def _signed_out(web: Web, person: Person) -> None:
    assert person.delete("/api/session").status_code == 204


def _everywhere_else(web: Web, person: Person) -> None:
    assert web.signed_in(person.user).delete("/api/sessions").status_code == 204


def _by_the_administrator(web: Web, person: Person) -> None:
    path = f"/api/admin/users/{person.user.id}/sessions"
    assert web.person("admin").delete(path).status_code == 204


def _with_a_new_password(web: Web, person: Person) -> None:
    new = {"current_password": PASSWORD, "password": "một mật khẩu khác hẳn"}
    assert web.signed_in(person.user).patch("/api/session", json=new).status_code == 200


def _disabled(web: Web, person: Person) -> None:
    path = f"/api/admin/users/{person.user.id}"
    assert web.person("admin").patch(path, json={"disabled": True}).status_code == 200


@pytest.mark.parametrize(
    "ended", [_signed_out, _everywhere_else, _by_the_administrator, _with_a_new_password, _disabled]
)
def test_a_cookie_that_was_copied_ends_with_its_session(web: Web, ended: Callable[[Web, Person], None]) -> None:
    web.store(**{KEYWORDS[name]: uid for name, uid in MINE.items()})
    person = web.person("radiologist")
    cookie = person.client.get_cookie("hoichan")
    assert cookie is not None
    thief = Person(web.app.test_client(), person.user, person.csrf)
    thief.client.set_cookie("hoichan", cookie.value)
    paths = ("/api/session", f"/api/studies/{MINE['study']}", f"/dicom-web/studies/{MINE['study']}/metadata", "/ws")
    assert [thief.get(path).status_code for path in paths] == [200, 200, 200, 426]
    room = thief.post("/api/rooms", json={"studies": [MINE["study"]], "title": "x"}).json["code"]
    ended(web, person)
    assert [thief.get(path).status_code for path in paths] == [401] * 4
    assert thief.post(f"/api/rooms/{room}/ticket", json={}).status_code == 401


def test_a_role_that_is_taken_away_is_gone_with_the_next_request(web: Web) -> None:
    web.store(**{KEYWORDS[name]: uid for name, uid in MINE.items()})
    person, study = web.person("radiologist"), f"/api/studies/{MINE['study']}"
    assert person.get(study).status_code == 200
    room = person.post("/api/rooms", json={"studies": [MINE["study"]], "title": "x"}).json["code"]
    admin, path = web.person("admin"), f"/api/admin/users/{person.user.id}"
    assert admin.patch(path, json={"roles": ["admin"]}).status_code == 200
    again = web.signed_in(person.user)  # the session of before has ended with the role
    for method, path in (
        ("GET", study), ("GET", f"/dicom-web/studies/{MINE['study']}/metadata"), ("GET", f"/api/rooms/{room}"),
        ("POST", f"/api/rooms/{room}/ticket"),
    ):  # fmt: skip
        assert person.open(method, path, json={}).status_code == 401, path
        assert again.open(method, path, json={}).status_code == 403, path


def _mixtures() -> Iterator[dict[str, str]]:
    """A study one may see with parts of another: of another hospital's, or of another one that may be seen too."""
    for other in (THEIRS, ALSO_MINE):
        yield {**MINE, "series": other["series"], "sop": other["sop"]}
        yield {**MINE, "sop": other["sop"]}
        yield {**other, "study": MINE["study"], "series": MINE["series"]}
    yield {**THEIRS, "series": MINE["series"], "sop": MINE["sop"]}
    yield {**THEIRS, "sop": MINE["sop"]}
    yield THEIRS


def test_swapped_uids_lead_nowhere_on_any_route_of_dicomweb(web: Web) -> None:
    for hospital, uids in (("main", MINE), ("main", ALSO_MINE), ("other", THEIRS)):
        web.store(hospital, **{KEYWORDS[name]: uid for name, uid in uids.items()})
    reader, walked = web.person("radiologist"), 0
    for rule in web.app.url_map.iter_rules():
        named = set(re.findall(r"<(?:\w+:)?(\w+)>", rule.rule))
        if "GET" not in (rule.methods or ()) or not named or not rule.rule.startswith("/dicom-web/studies"):
            continue
        for uids in _mixtures():
            unreal = {name: uid if uid in MINE.values() else NOBODYS[name] for name, uid in uids.items()}
            if all(uids[name] == unreal[name] for name in named & uids.keys()):
                continue  # this route does not name what was swapped
            answer, nothing = (said(reader.get(put(rule.rule, {**one, **REST})), one) for one in (uids, unreal))
            assert answer == nothing, (rule.rule, uids)
            assert answer[0] in (200, 204, 400, 404), (rule.rule, uids)
            walked += 1
    assert walked > 60


def test_what_belongs_to_another_consultation_is_not_there(two: Two) -> None:
    """Attachments and minutes have an address inside their consultation: another one does not open them."""
    ours = two.ask()
    id = str(uuid.uuid4())
    attached = two.asker.open("PUT", f"/api/consults/{ours}/attachments/{id}", data=b"%PDF-1.7 x")
    assert attached.status_code == 201
    theirs = two.ask(to={"hospital": "viet-duc"}, specialty="", chips=["next_step"])
    for person, code in ((two.stranger, theirs), (two.answerer, ours)):
        assert person.get(f"/api/consults/{code}").status_code == 200
    assert two.answerer.get(f"/api/consults/{ours}/attachments/{id}").status_code == 200
    for person, code in ((two.stranger, theirs), (two.stranger, ours), (two.answerer, theirs)):
        assert person.get(f"/api/consults/{code}/attachments/{id}").status_code == 404
    for path in ("", "/events", "/minutes", "/minutes.pdf"):
        assert two.stranger.get(f"/api/consults/{ours}{path}").status_code == 404
        assert two.answerer.get(f"/api/consults/{theirs}{path}").status_code == 404


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fetc%2Fpasswd", "%2e%2e", "x%00.pdf", "..%5C..%5Cx", "a" * 300, "%F0%9F%98%80"]
)
def test_names_of_attachments_name_no_file(two: Two, name: str) -> None:
    """The last part of the address is an id of ours, the file's own name is only ever said back."""
    code = two.ask()
    for path in (f"/api/consults/{code}/attachments/{name}", f"/api/consults/{name}/attachments/{uuid.uuid4()}"):
        assert two.asker.open("PUT", path, data=b"%PDF-1.7").status_code in (400, 404)
        assert two.asker.get(path).status_code in (400, 404)
    before = _files(two)
    where = f"/api/consults/{code}/attachments/{uuid.uuid4()}"
    kept = two.asker.open("PUT", where, data=b"%PDF-1.7 " + name.encode(), headers={"X-File-Name": name})
    assert kept.status_code == 201
    assert not set(kept.json["name"]) & set('/\\"<>\0')
    (made,) = _files(two) - before
    assert re.fullmatch(r"objects/lao-cai/c/.*[0-9a-f]{64}", made)
    given = two.answerer.get(where).headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename=\"attachment\.pdf\"; filename\*=UTF-8''[A-Za-z0-9%._~-]*\.pdf", given)


def _files(two: Two) -> set[str]:
    data = two.web.config.data
    return {str(path.relative_to(data)) for path in (data / "objects").rglob("*") if path.is_file()}


def test_an_account_of_another_hospital_is_not_signed_in_by_its_number(web: Web) -> None:
    """Numbers in addresses are looked up among what the caller administers."""
    admin, far = web.person("admin"), web.user("radiologist", "other")
    for method, path in (
        ("PATCH", f"/api/admin/users/{far.id}"), ("DELETE", f"/api/admin/users/{far.id}/sessions"),
        ("DELETE", f"/api/admin/users/{far.id}/factor"),
    ):  # fmt: skip
        assert admin.open(method, path, json={"password": PASSWORD + "!"}).status_code == 404
    with web.archive.database.reading() as db:
        found = store.credentials(db, far.name)
    assert found is not None
    assert found[1] == password_hash()


def test_studies_of_a_consultation_open_no_others(two: Two) -> None:
    """Who is asked sees what was named: not the rest of that patient, nor by another consultation's address."""
    two.ask()
    seen: list[Any] = two.answerer.get("/api/worklist").json["studies"]
    assert {one["StudyInstanceUID"] for one in seen} == {STUDY["StudyInstanceUID"], "1.2.840.5.2"}
    for path in ("/api/studies/{}", "/dicom-web/studies/{}/metadata", "/api/studies/{}/annotations"):
        assert two.answerer.get(path.format(STUDY["StudyInstanceUID"])).status_code == 200, path
        assert two.answerer.get(path.format("1.2.840.5.3")).status_code == 404, path

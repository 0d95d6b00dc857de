"""Rooms through the web door: who may open one, who may know of it, and under which UIDs."""

import json

import pytest

from pacs import sharing
from pacs.config import LiveConfig
from pacs.live import jobs, rules
from pacs.live.room import inward
from pacs.live.states import Malformed, merged
from storage.index import grants, links, rooms
from storage.model.grants import Grantee
from storage.model.live import AGENDA, Holder
from tests.viewer.conftest import Person, Web
from tests.viewer.links.guests import Arrived, make
from viewer.access.guard import Guard
from viewer.access.secrets import kept
from viewer.live.standing import GuardsDoorkeeper
from viewer.live.turn import ice_servers

STUDY, SERIES, SOP = "1.2.7", "1.2.7.1", "1.2.7.1.1"


@pytest.fixture
def maker(web: Web) -> Person:
    web.store(StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=SOP)
    return web.person("radiologist")


def opened(person: Person, *studies: str) -> str:
    answer = person.post("/api/rooms", json={"studies": list(studies or (STUDY,)), "title": "Giao ban"})
    assert answer.status_code == 201, answer.text
    return str(answer.json["code"])


def let_guests_in(web: Web, code: str) -> None:
    with web.archive.database.writing() as db:
        room = rooms.by_code(db, code)
        rooms.append(db, room.id, room.created_by, "guests-01", "guests", {"on": True}, {"guests": True})


def test_a_room_is_known_to_who_may_see_its_study(web: Web, maker: Person) -> None:
    code = opened(maker)
    colleague, far = web.person("clinician", name="lan"), web.person("radiologist", "other", "xa")
    assert [one["code"] for one in colleague.get(f"/api/rooms?study={STUDY}").json["rooms"]] == [code]
    assert far.get(f"/api/rooms?study={STUDY}").json["rooms"] == []
    assert far.get(f"/api/rooms/{code}").status_code == 404
    assert far.post(f"/api/rooms/{code}/ticket", json={}).status_code == 404
    assert far.post("/api/rooms", json={"studies": [STUDY]}).status_code == 404


def test_a_guest_comes_when_the_room_lets_guests_in(web: Web, maker: Person) -> None:
    code = opened(maker)
    guest = Arrived(web, make(maker, STUDY, anonymise=False))
    assert guest.get(f"/api/rooms/{code}").status_code == 404
    let_guests_in(web, code)
    assert guest.get(f"/api/rooms/{code}").json["cases"][0]["StudyInstanceUID"] == STUDY
    token = {"X-CSRF-Token": guest.told["csrf"]}
    given = guest.client.post(f"/api/rooms/{code}/ticket", json={}, headers=token)
    assert (given.status_code, given.json["ice"], given.json["relay_only"]) == (200, [], False)
    assert guest.client.post("/api/rooms", json={"studies": [STUDY]}, headers=token).status_code == 403
    assert guest.get(f"/api/rooms/{code}/events").status_code == 403


def test_a_guest_of_anonymised_copies_knows_only_their_uids(web: Web, maker: Person) -> None:
    code = opened(maker)
    let_guests_in(web, code)
    made = make(maker, STUDY)
    sharing.prepare(web.archive, made["link"]["id"])
    guest = Arrived(web, made)
    (copy,) = guest.studies
    told = guest.get(f"/api/rooms/{code}")
    assert told.json["cases"] == [{"position": 0, "label": "1 · CT", "StudyInstanceUID": copy, "hospital": None}]
    assert STUDY not in told.text
    assert [one["code"] for one in guest.get(f"/api/rooms?study={copy}").json["rooms"]] == [code]
    session = kept(guest.client.get_cookie("hoichan-guest").value)
    link = made["link"]["id"]
    with web.archive.database.reading() as db:
        room = rooms.by_code(db, code)
        exchange = links.exchange(db, link)
        theirs = rooms.cases(db, room.id)[0].hospital_id
    keeper = GuardsDoorkeeper(web.archive.database, Guard(web.archive.database, web.config))
    holder = Holder(room.id, f"guest-{link}-{session[:12]}", session)
    member = keeper.standing(holder, active=True)
    assert member is not None
    assert member.sees(theirs, STUDY)
    assert member.outward(SOP) == exchange.copies[SOP] != SOP
    assert member.inward(exchange.copies[SOP]) == SOP
    assert member.outward("1.2.3") == member.inward(SOP) == ""
    screen = inward({"i": exchange.copies[SOP], "s": "1.2.3", "f": 2}, member)
    assert screen == {"i": SOP, "f": 2}  # what names nothing of the room is not kept: no replay could read it
    assert merged({}, screen) == screen
    with web.archive.database.writing() as db:
        links.revoke(db, link, 1)
    assert keeper.standing(holder, active=True) is None


def test_a_grant_opens_a_room_and_its_end_closes_it(web: Web, maker: Person) -> None:
    code = opened(maker)
    expert = web.person("expert", "other", "xa")
    assert expert.get(f"/api/rooms/{code}").status_code == 403
    with web.archive.database.writing() as db:
        hospital = rooms.cases(db, rooms.by_code(db, code).id)[0].hospital_id
        grants.give(db, hospital, STUDY, Grantee(user_id=expert.user.id), consult_id=1)
    assert expert.get(f"/api/rooms/{code}").status_code == 200
    with web.archive.database.writing() as db:
        grants.revoke(db, consult_id=1)
    assert expert.get(f"/api/rooms/{code}").status_code == 403


def test_a_case_one_may_not_see_is_only_a_number(web: Web, maker: Person) -> None:
    web.store("other", StudyInstanceUID="1.2.9", SeriesInstanceUID="1.2.9.1", SOPInstanceUID="1.2.9.1.1")
    far = web.person("radiologist", "other", "xa")
    code = opened(far, "1.2.9")
    with web.archive.database.writing() as db:
        rooms.add_case(db, rooms.by_code(db, code).id, web.hospital.id, STUDY, "2 · CT")
    hidden = {"label": "", "StudyInstanceUID": None, "hospital": None}
    assert far.get(f"/api/rooms/{code}").json["cases"][1] == {"position": 1, **hidden}
    assert maker.get(f"/api/rooms/{code}").json["cases"][0] == {"position": 0, **hidden}


def test_a_replay_tells_nothing_of_a_case_beside_that_one_may_not_see(web: Web, maker: Person) -> None:
    web.store("other", StudyInstanceUID="1.2.9", SeriesInstanceUID="1.2.9.1", SOPInstanceUID="1.2.9.1.1")
    far = web.person("radiologist", "other", "xa")
    code = opened(far, "1.2.9")
    shown = {"c": 0, "s": "1.2.9.1", "i": "1.2.9.1.1", "f": 1, "l": [2, 0], "s1": SERIES, "i1": SOP, "f1": 1, "b1": 1}
    scrolled = {"f1": 2, "w1": [40, 400, 0], "p": [1, 2]}
    with web.archive.database.writing() as db:
        room = rooms.by_code(db, code)
        rooms.add_case(db, room.id, web.hospital.id, STUDY, "2 · CT")
        rooms.add_track(db, room.id, 1, 1, json.dumps([[0, room.presenter, shown], [9, room.presenter, scrolled]]))
    (stretch,) = far.get(f"/api/rooms/{code}/track").json["stretches"]
    own = {"c": 0, "s": "1.2.9.1", "i": "1.2.9.1.1", "f": 1, "l": [2, 0], "b1": 1}
    assert [changed for _, _, changed in stretch["moves"]] == [own, {"p": [1, 2]}]
    assert SOP not in far.get(f"/api/rooms/{code}/track").text
    assert maker.get(f"/api/rooms/{code}/track").json["stretches"][0]["moves"] == []


def test_the_agenda_has_an_order_and_loses_what_was_not_shown(web: Web, maker: Person) -> None:
    code = opened(maker)
    for number in (2, 3):
        uid = f"1.2.7{number}"
        web.store(StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", SOPInstanceUID=f"{uid}.1.1")
        added = maker.post(f"/api/rooms/{code}/cases", json={"StudyInstanceUID": uid})
        assert (added.status_code, added.json["position"]) == (201, number - 1)
    again = maker.post(f"/api/rooms/{code}/cases", json={"StudyInstanceUID": "1.2.72"})
    assert (again.status_code, again.json["position"]) == (200, 1), "a study is one case"
    assert [one["code"] for one in maker.get("/api/rooms").json["rooms"]] == [code]
    assert web.person("radiologist", name="khac").get("/api/rooms").json["rooms"] == []

    def positions() -> list[int]:
        return [one["position"] for one in maker.get(f"/api/rooms/{code}").json["cases"]]

    assert positions() == [0, 1, 2]
    with web.archive.database.writing() as db:
        room = rooms.by_code(db, code)
        jobs.write(room.id, room.created_by, "agenda-01", AGENDA, {"order": [2, 0], "removed": []}, {}, db)
    assert positions() == [2, 0, 1]
    with web.archive.database.writing() as db:
        jobs.write(room.id, room.created_by, "agenda-02", AGENDA, {"order": [], "removed": [1]}, {}, db)
    assert positions() == [2, 0]
    web.store(StudyInstanceUID="1.2.74", SeriesInstanceUID="1.2.74.1", SOPInstanceUID="1.2.74.1.1")
    added = maker.post(f"/api/rooms/{code}/cases", json={"StudyInstanceUID": "1.2.74"})
    assert added.json["position"] == 3, "the number of a case that went is not given again"
    assert positions() == [2, 0, 3]
    assert rules.checked(AGENDA, {"order": [0]}, room.created_by, room, [], [])[0] == {"order": [0], "removed": []}
    for wrong, known, shown in (({"order": [9]}, [0], []), ({"removed": [0]}, [0], [0])):
        with pytest.raises(rules.Refused):
            rules.check_agenda({"order": [], "removed": [], **wrong}, known, shown)
    for bad in ({"order": [0, 0]}, {"order": "0"}, {"order": [0], "removed": [0]}, {"order": [True]}):
        with pytest.raises(Malformed):
            rules.checked(AGENDA, bad, room.created_by, room, [], [])
    with pytest.raises(rules.Refused):
        rules.checked(AGENDA, {"order": [0]}, "user-999", room, [room.created_by], [])


def test_credentials_of_the_relay_end_by_themselves() -> None:
    live = LiveConfig(stun=("stun:turn.example:3478",), turn=("turn:turn.example:3478",), turn_secret="bí mật")
    stun, turn = ice_servers(live, "user-7", now=1_000_000)
    assert stun == {"urls": ["stun:turn.example:3478"]}
    assert turn["username"] == f"{1000 + 6 * 3600}:user-7"
    assert len(turn["credential"]) == 28
    assert ice_servers(LiveConfig(), "user-7") == []

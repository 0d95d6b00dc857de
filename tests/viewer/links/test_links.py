"""Links through the web door: made, opened with a PIN, looked at, ended; and everything that must not work."""

import hashlib
import io
import json
import logging
import re
import zipfile
from typing import Any

import pydicom
import pytest

from pacs import sharing
from storage.index import audit, links
from tests.viewer.access.test_matrix import NEEDS, NOTHING, UIDS, ask, asked, filled
from tests.viewer.conftest import Person, Web
from tests.viewer.links.guests import Arrived, enter, look, make, parts
from viewer.access import guests, throttle
from viewer.access.passwords import verify_password
from viewer.links import terms

STUDY, SERIES, SOP = "1.2.7", "1.2.7.1", "1.2.7.1.1"
PATH = f"/dicom-web/studies/{STUDY}/series/{SERIES}/instances/{SOP}"


@pytest.fixture
def maker(web: Web) -> Person:
    web.store(StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=SOP)
    web.store(
        StudyInstanceUID="1.2.8", SeriesInstanceUID="1.2.8.1", SOPInstanceUID="1.2.8.1.1", PatientName="Khác^Người"
    )
    return web.person("radiologist")


def cookie(client: Any, name: str) -> str:
    value: str = client.get_cookie(name).value
    return value


def acts(web: Web) -> list[tuple[str, str]]:
    web.archive.acts.flush()
    with web.archive.database.reading() as db:
        return [(one.action, one.actor) for one in audit.records(db)]


def test_a_link_is_an_address_with_a_secret_and_a_pin_by_another_way(web: Web, maker: Person) -> None:
    made = make(maker, STUDY, anonymise=False)
    found = parts(made)
    assert re.fullmatch(r"[\w-]{22}", found["code"])
    assert re.fullmatch(r"[\w-]{43}", found["secret"])  # 256 bits
    assert re.fullmatch(r"[0-9]{6}", made["pin"])
    assert made["pin"] not in made["url"]
    with web.archive.database.reading() as db:
        kept = links.by_code(db, found["code"])
    assert kept is not None
    assert kept[1].secret_sha256 == hashlib.sha256(found["secret"].encode()).hexdigest()
    assert kept[1].pin_hash.startswith("$argon2id$")
    week = made["link"]["expires_at"] - made["link"]["created_at"]
    assert week == 7 * terms.DAY_MS


def test_a_guest_sees_the_study_and_who_shared_it(web: Web, maker: Person) -> None:
    guest = Arrived(web, make(maker, STUDY, anonymise=False))
    assert guest.told["hospital"] == "Bệnh viện main"
    assert guest.told["purpose"] == "ý kiến thứ hai"
    assert guest.studies == [STUDY]
    assert guest.get(f"/api/studies/{STUDY}").json["PatientName"]
    assert guest.get(f"{PATH}/frames/1").status_code == 200
    who = {"name": "Dr. Anna Schmidt", "institution": "Charité Berlin", "link": guest.told["code"]}
    assert guest.get("/api/session").json["guest"] == who
    assert guest.get("/api/guest").json["studies"] == guest.told["studies"]


def test_guests_reach_nothing_but_their_study(web: Web, maker: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of the guest in the matrix: every route, with the study of the link, another one and nothing."""
    monkeypatch.setattr(web.archive.codecs, "_absence", 0.0)  # what needs pixels says 503 at once; it was let through
    theirs = filled(web)
    guest = Arrived(web, make(maker, STUDY, anonymise=False))
    visitor = Person(guest.client, maker.user, guest.told["csrf"])
    allowed = guests.LOOK - {"guests.leave"}
    mine = {**NOTHING, "study": STUDY, "series": SERIES, "sop": SOP, "uid": STUDY}
    for endpoint, method, rule in asked(web):
        if endpoint == "guests.leave":
            continue
        real, unreal = ask(visitor, endpoint, method, rule, theirs), ask(visitor, endpoint, method, rule, NOTHING)
        assert real == unreal or endpoint in ("changing.changes",), f"{method} {rule}"
        assert "CANARY" not in real[1], f"{method} {rule}"
        assert UIDS["StudyInstanceUID"] not in real[1]
        assert (real[0] == 403) == (endpoint not in allowed), f"{method} {rule}: {real[0]}"
        own = ask(visitor, endpoint, method, rule, mine)
        assert "Khác" not in own[1], f"{method} {rule}"
    assert set(NEEDS) >= guests.LOOK | guests.TAKE


def test_a_guest_who_may_only_look_takes_nothing_along(web: Web, maker: Person) -> None:
    guest = Arrived(web, make(maker, STUDY, anonymise=False))
    for path in (PATH, f"/dicom-web/studies/{STUDY}", f"/api/guest/studies/{STUDY}.zip", f"{PATH}/pixeldata"):
        assert guest.get(path).status_code == 403, path


def test_what_may_be_taken_along_comes_as_a_zip(web: Web, maker: Person) -> None:
    guest = Arrived(web, make(maker, STUDY, anonymise=False, download=True))
    response = guest.get(f"/api/guest/studies/{STUDY}.zip")
    assert response.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.data)) as packed:
        assert packed.testzip() is None
        (name,) = packed.namelist()
        assert pydicom.dcmread(io.BytesIO(packed.read(name))).SOPInstanceUID == SOP
    assert guest.get("/api/guest/studies/1.2.8.zip").status_code == 404
    assert ("study.export", acts(web)[-1][1]) in acts(web)


def test_an_anonymised_link_shows_copies_under_other_names(web: Web, maker: Person) -> None:
    made = make(maker, STUDY)
    guest = Arrived(web, made)
    assert guest.told["state"] == "preparing"
    assert guest.told["studies"] == [{"StudyInstanceUID": guest.studies[0], "images": 0}]
    sharing.prepare(web.archive, made["link"]["id"])
    told = guest.get("/api/guest").json
    assert (told["state"], told["images"]) == ("ready", {"done": 1, "total": 1, "left": 0})
    (study,) = told["studies"]
    assert study["StudyInstanceUID"].startswith("2.25.")
    assert study["PatientName"].startswith("AN-")
    assert study["StudyDate"] == ""
    assert study["StudyDescription"] == "CT ngực"
    text = guest.get(f"/api/studies/{study['StudyInstanceUID']}").text
    text += guest.get(f"/dicom-web/studies/{study['StudyInstanceUID']}/metadata").text
    for name in ("Nguyễn", "BN-0001", "19810203", "PHIẾU", "Trần", STUDY, SERIES):
        assert name not in text
    assert guest.get(f"/api/studies/{STUDY}").status_code == 404
    assert maker.get(f"/api/studies/{study['StudyInstanceUID']}").status_code == 404


def test_what_may_show_text_is_copied_when_the_maker_has_looked(web: Web, maker: Person) -> None:
    web.store(StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1", SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="OT")
    made = make(maker, "1.9")
    path = f"/api/links/{made['link']['id']}"
    sharing.prepare(web.archive, made["link"]["id"])
    (series,) = maker.get(path).json["series"]
    assert (series["verdict"], series["reason"], series["confirmed"]) == ("confirm", "secondary-capture", False)
    assert maker.get(path).json["images"] == {"done": 0, "total": 1, "left": 1}
    assert web.person("clinician").post(f"{path}/series", json={"SeriesInstanceUID": "1.9.1"}).status_code == 404
    assert maker.post(f"{path}/series", json={"SeriesInstanceUID": "1.9.1"}).status_code == 204
    assert maker.post(f"{path}/series", json={"SeriesInstanceUID": "1.9.1"}).status_code == 404
    sharing.prepare(web.archive, made["link"]["id"])
    assert maker.get(path).json["images"] == {"done": 1, "total": 1, "left": 0}


def test_a_link_that_is_revoked_is_over_at_once(web: Web, maker: Person) -> None:
    made = make(maker, STUDY, anonymise=False)
    guest = Arrived(web, made)
    replayed = cookie(guest.client, "hoichan-guest")
    assert guest.get(f"{PATH}/frames/1").status_code == 200
    assert maker.delete(f"/api/links/{made['link']['id']}").status_code == 204
    for path in (
        f"{PATH}/frames/1",
        f"{PATH}/frames/1/rendered",
        "/api/guest",
        f"/api/studies/{STUDY}",
        "/api/session",
    ):
        assert guest.get(path).status_code == 401, path
    again = web.anonymous()
    again.set_cookie("hoichan-guest", replayed)
    assert again.get("/api/guest").status_code == 401
    assert enter(web, made).status_code == 404


def test_an_open_viewer_hears_that_it_is_over(web: Web, maker: Person) -> None:
    made = make(maker, STUDY, anonymise=False)
    guest = Arrived(web, made)
    stream = guest.client.get("/api/events", buffered=False).response
    parts_of_it = iter(stream)
    next(parts_of_it), next(parts_of_it)
    maker.delete(f"/api/links/{made['link']['id']}")
    heard = next(one for one in parts_of_it if b"event: revoked" in one)
    assert STUDY.encode() in heard


def test_another_browser_with_the_same_cookie_of_an_account_is_that_account(web: Web, maker: Person) -> None:
    """Who is signed in and opens a link is both: themselves on every page, a guest where the page says so."""
    web.hospital_of("other")
    made = make(maker, STUDY, anonymise=False)
    stranger = web.person("clinician", "other")
    assert enter(web, made, stranger.client).status_code == 200
    assert stranger.get(f"/api/studies/{STUDY}").status_code == 404
    assert stranger.get(f"/api/studies/{STUDY}", headers={"X-Hoichan-Guest": "1"}).status_code == 200
    assert stranger.get("/api/session").json["user"]["name"] == stranger.user.name


def test_a_session_of_an_account_that_is_over_does_not_hide_the_guest(web: Web, maker: Person) -> None:
    guest = Arrived(web, make(maker, STUDY, anonymise=False))
    guest.client.set_cookie("hoichan", "x" * 43)
    assert guest.get(f"/api/studies/{STUDY}").status_code == 200


def test_secrets_of_one_kind_are_no_secrets_of_the_other(web: Web, maker: Person) -> None:
    guest = Arrived(web, make(maker, STUDY, anonymise=False))
    secret = cookie(guest.client, "hoichan-guest")
    client = web.anonymous()
    client.set_cookie("hoichan", secret)
    assert client.get(f"/api/studies/{STUDY}").status_code == 401
    client = web.anonymous()
    client.set_cookie("hoichan-guest", cookie(maker.client, "hoichan"))
    assert client.get("/api/session").status_code == 401


def test_a_guest_changes_nothing_without_the_token(web: Web, maker: Person) -> None:
    guest = Arrived(web, make(maker, STUDY, anonymise=False))
    assert guest.client.delete("/api/guest").status_code == 403
    assert guest.leave() == 204
    assert guest.get("/api/guest").status_code == 401


def test_pictures_that_guests_saw_are_not_kept_by_their_browser(web: Web, maker: Person) -> None:
    guest = Arrived(web, make(maker, STUDY, anonymise=False))
    for path in (f"{PATH}/frames/1", f"/dicom-web/studies/{STUDY}/metadata", f"/api/studies/{STUDY}"):
        assert guest.get(path).headers["Cache-Control"] == "private, no-store", path


def wrong_links(web: Web, maker: Person) -> dict[str, dict[str, Any]]:
    """Links nobody can come by, each for another reason."""
    good = make(maker, STUDY, anonymise=False)
    revoked, spent, locked = (make(maker, STUDY, anonymise=False, max_opens=1) for _ in range(3))
    maker.delete(f"/api/links/{revoked['link']['id']}")
    Arrived(web, spent)
    with web.archive.database.writing() as db:
        for _ in range(sharing.PINS):
            links.wrong_pin(db, locked["link"]["id"], sharing.PINS, web.archive.clock())
    code, secret = parts(good).values()
    base = good["url"].rpartition("/s/")[0]
    return {
        "nobody's": {**good, "url": f"{base}/s/{'x' * 22}#{secret}"},
        "another secret": {**good, "url": f"{base}/s/{code}#{'y' * 43}"},
        "swapped": {**good, "url": f"{base}/s/{parts(spent)['code']}#{secret}"},
        "revoked": revoked, "spent": spent, "locked": locked,
    }  # fmt: skip


def test_whatever_is_wrong_with_a_link_sounds_alike(web: Web, maker: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = wrong_links(web, maker)
    worked: list[str] = []

    def counted(password: str, hashed: str | None) -> bool:
        worked.append("once")
        return verify_password(password, hashed)

    monkeypatch.setattr("viewer.links.entering.verify_password", counted)
    said = set()
    for number, made in enumerate(wrong.values()):
        for answer in (look(web, made), enter(web, made, address=f"10.0.1.{number}")):
            text = re.sub(r'"request": ?"[^"]*"', "", answer.text)
            said.add((answer.status_code, text))
    assert len(said) == 1
    assert next(iter(said))[0] == 404
    assert len(worked) == 2 * len(wrong)  # each try costs the same work: one Argon2id


def test_five_wrong_pins_lock_the_link_also_for_who_has_the_right_one(web: Web, maker: Person) -> None:
    made = make(maker, STUDY, anonymise=False)
    inside = Arrived(web, made)
    answers = [enter(web, made, pin="wrong", address=f"10.0.2.{n}") for n in range(5)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 404]
    assert "4 more" in answers[0].json["detail"]
    assert enter(web, made).status_code in (404, 429)
    assert inside.get("/api/guest").status_code == 401
    assert maker.get(f"/api/links/{made['link']['id']}").json["state"] == "locked"


def test_guessing_is_slowed_down(web: Web, maker: Person) -> None:
    """By link and by address; and without the secret no PIN is ever looked at."""
    made = make(maker, STUDY, anonymise=False)
    blind = {**made, "url": made["url"].rpartition("#")[0] + "#" + "z" * 43}
    limit = throttle.LIMITS[0]
    answers = [look(web, blind).status_code for _ in range(limit.of_account + 1)]
    assert answers == [404] * limit.of_account + [429]
    many = [
        look(web, {**made, "url": f"http://x/s/{number:022}#secret"}).status_code for number in range(limit.of_address)
    ]
    assert many[-1] == 429
    assert maker.get(f"/api/links/{made['link']['id']}").json["state"] == "ready"


def test_guests_say_who_they_are_and_agree(web: Web, maker: Person) -> None:
    made = make(maker, STUDY, anonymise=False)
    mistakes: list[dict[str, Any]] = [{"name": " "}, {"institution": ""}, {"agree": False}, {"name": "x" * 200}]
    for missing in mistakes:
        assert enter(web, made, **missing).status_code == 400, missing
    assert maker.get(f"/api/links/{made['link']['id']}").json["opens"] == 0


def test_swapped_uids_lead_nowhere(web: Web, maker: Person) -> None:
    guest = Arrived(web, make(maker, STUDY, anonymise=False))
    for study, series, sop in (
        ("1.2.8", "1.2.8.1", "1.2.8.1.1"),
        (STUDY, "1.2.8.1", "1.2.8.1.1"),
        (STUDY, SERIES, "1.2.8.1.1"),
    ):
        path = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}"
        for tail in ("/frames/1", "/rendered", "/metadata", "/frames/1/preview"):
            assert guest.get(path + tail).status_code == 404, path + tail


def test_the_mapping_is_told_to_nobody(web: Web, maker: Person) -> None:
    made = make(maker, STUDY)
    sharing.prepare(web.archive, made["link"]["id"])
    guest = Arrived(web, made)
    with web.archive.database.reading() as db:
        exchange, key = links.exchange(db, made["link"]["id"]), links.key(db, made["link"]["id"])
    copy = exchange.copies[STUDY]
    said = "".join(
        guest.get(path).text
        for path in ("/api/guest", f"/api/studies/{copy}", f"/dicom-web/studies/{copy}/metadata", "/api/session")
    )
    said += "".join(maker.get(path).text for path in ("/api/links", f"/api/links/{made['link']['id']}"))
    assert key not in said
    assert copy not in maker.get(f"/api/links/{made['link']['id']}").text
    for original in exchange.copies:
        assert original not in "".join(guest.get(p).text for p in ("/api/guest", f"/dicom-web/studies/{copy}/metadata"))


def test_what_can_be_shared_is_ones_own(web: Web, maker: Person) -> None:
    theirs = filled(web)
    asked_for = {"studies": [theirs["study"]], "purpose": "x"}
    assert maker.post("/api/links", json=asked_for).status_code == 404
    assert web.person("technologist").post("/api/links", json=asked_for).status_code == 403
    mistakes: list[dict[str, Any]] = [
        {"studies": []}, {"purpose": " "}, {"days": 0}, {"days": 99}, {"max_opens": 0}, {"dates": "kept"},
    ]  # fmt: skip
    for wrong in mistakes:
        assert maker.post("/api/links", json={"studies": [STUDY], "purpose": "x", **wrong}).status_code == 400, wrong


def test_links_are_listed_for_their_maker_and_the_administrator(web: Web, maker: Person) -> None:
    made = make(maker, STUDY, anonymise=False)
    Arrived(web, made)
    other, admin = web.person("clinician"), web.person("admin")
    assert [one["id"] for one in maker.get("/api/links").json["links"]] == [made["link"]["id"]]
    assert other.get("/api/links").json["links"] == []
    assert other.get(f"/api/links/{made['link']['id']}").status_code == 404
    (one,) = admin.get("/api/admin/links").json["links"]
    assert one["maker"] == maker.user.display_name
    assert one["opens"] == 1
    assert one["guests"][0]["address"] == "10.0.0.7"
    assert one["guests"][0]["institution"] == "Charité Berlin"
    text = admin.get("/api/admin/links").text
    assert "Nguyễn" not in text
    assert STUDY not in text
    far = web.person("admin", "other")
    assert far.get("/api/admin/links").json["links"] == []
    assert far.delete(f"/api/admin/links/{made['link']['id']}").status_code == 404
    assert admin.delete(f"/api/admin/links/{made['link']['id']}").status_code == 204
    assert maker.get("/api/links").json["links"][0]["state"] == "revoked"


def test_secrets_and_pins_are_in_no_log(web: Web, maker: Person, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = make(maker, STUDY, anonymise=False)
        enter(web, made, pin="271828")
        Arrived(web, made).leave()
        web.anonymous().get(f"/s/{parts(made)['code']}")
    web.archive.acts.flush()
    with web.archive.database.reading() as db:
        told = json.dumps([(one.object, one.reason, one.detail, one.actor) for one in audit.records(db)])
    for text in (caplog.text, told):
        assert parts(made)["secret"] not in text
        assert made["pin"] not in text
        assert "271828" not in text
    assert parts(made)["code"] not in caplog.text


def test_looks_of_guests_are_in_the_log_of_their_host(web: Web, maker: Person) -> None:
    made = make(maker, STUDY)
    sharing.prepare(web.archive, made["link"]["id"])
    guest = Arrived(web, made)
    guest.get(f"/api/studies/{guest.studies[0]}")
    web.archive.acts.flush()
    admin = web.person("admin")
    found = admin.get("/api/admin/audit?action=study").json["records"]
    (one,) = [record for record in found if record["action"] == "study.details"]
    assert one["actor"] == f"link-{made['link']['id']} (Dr. Anna Schmidt, Charité Berlin)"
    assert one["role"] == "guest"


def test_the_page_of_a_link_is_the_same_for_every_code(web: Web, maker: Person) -> None:
    (web.config.data.parent / "dist" / "shared-link.html").write_text("<!doctype html><title>link</title>")
    code = parts(make(maker, STUDY, anonymise=False))["code"]
    pages = [web.anonymous().get(f"/s/{one}") for one in (code, "x" * 22)]
    assert pages[0].data == pages[1].data
    assert pages[0].status_code == 200
    assert pages[0].headers["X-Robots-Tag"] == "noindex"
    assert pages[0].headers["Referrer-Policy"] == "no-referrer"
    assert "'unsafe-inline'" not in pages[0].headers["Content-Security-Policy"]

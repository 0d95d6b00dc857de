"""Whatever a DICOM attribute or a person says stands on every page to be read, and does nothing: real pages in a real
browser, with a payload in every attribute of the dictionary that holds text and in everything people can type."""

import csv
import io
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pydicom
import pytest
from playwright.sync_api import Browser
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from pacs.assembly import open_archive, prepare
from pacs.config import Config
from pacs.samples import phantom_ct, uid
from storage.index import accounts, hospitals, peers
from storage.model.archive import Hospital, Origin
from storage.model.people import Peer
from tests.support import hostile
from tests.support.browser import Watched, chromium
from tests.support.hostile import Payloads, Trap
from tests.support.rooms import enter
from tests.support.server import PASSWORD, Browserless, configured
from viewer.access.passwords import hash_password

STUDY = uid("ct 1 64 64 study")
SERIES, SOP = uid("ct 1 64 64 series"), uid("ct 1 64 64 instance 0")
IMAGE = {"study_instance_uid": STUDY, "series_instance_uid": SERIES, "sop_instance_uid": SOP, "frame": 1}
REJECTED = {
    "StudyInstanceUID": "1.2.840.7.1", "SeriesInstanceUID": "1.2.840.7.2", "SOPInstanceUID": "1.2.840.7.3",
}  # fmt: skip
CODED = {"SeriesInstanceUID": f"{SERIES[:40]}.7", "SOPInstanceUID": f"{SERIES[:40]}.7.1"}
FORMULA = "=cmd|' /C calc'!A0"


class Scene:
    """A server where everything that is shown is hostile: two hospitals, their people, a study of one of them."""

    def __init__(self, folder: Path) -> None:
        self.texts = Payloads()
        self.server = configured(folder)
        say, config = self.texts.long, Config(data=folder / "data")
        prepare(config).database.close()
        archive = open_archive(config)
        hashed = hash_password(PASSWORD)
        with archive.database.writing() as db:
            ours = hospitals.ensure(db, "a", say("hospital A", FORMULA[:12]))
            theirs = hospitals.ensure(db, "b", say("hospital B", "+1"))
            roles = ["platform", "admin", "technologist", "radiologist"]
            accounts.add_user(db, "owner", say("owner"), hashed, roles=[(ours.id, one) for one in roles])
            accounts.add_user(db, "asker", say("asker"), hashed, roles=[(ours.id, "radiologist")])
            accounts.add_user(db, "expert", say("expert"), hashed, roles=[(theirs.id, "radiologist")])
            accounts.add_user(db, say("account name"), say("account"), hashed, roles=[(ours.id, "clinician")])
            what = frozenset({"store"})
            peer = Peer(
                self.texts.short("peer"), ours.id, "a", "127.0.0.1", 1, what, description=say("peer description")
            )
            peers.add(db, peer)
            short = self.texts.short
            peers.refused(db, short("refused caller"), short("called"), say("refused address"), say("refused reason"))
        (image,) = phantom_ct(1, 64, 64)
        self.plain = hostile.hostile(image, self.texts, {}, "image")
        self._stored(archive, ours, self.plain)
        self._stored(archive, ours, hostile.hostile(image, self.texts, CODED, "coded", coded=True))
        self._stored(archive, ours, hostile.hostile(image, self.texts, REJECTED, "rejected"))
        for document in hostile.documents(self.texts, STUDY):
            self._stored(archive, ours, document)
        self._stored(archive, ours, b"\0" * 128 + b"DICM" + self.texts.long("broken object").encode() * 3)
        archive.close()

    def _stored(self, archive: Any, hospital: Hospital, data: bytes) -> None:
        caller = self.texts.short("sender")
        with archive.receive(Origin(hospital.id, hospital.code, "dimse", caller)) as incoming:
            incoming.write(data)
            archive.store(incoming)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("hostile"))
    made.server.start()
    try:
        yield made
    finally:
        made.server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def trapped(browser: Browser, scene: Scene, name: str = "", **context: Any) -> Trap:
    """Somebody in a browser that is watched."""
    base = scene.server.base_url
    opened = browser.new_context(**{"viewport": {"width": 1560, "height": 900}, "locale": "vi-VN", **context})
    if name:
        headers = {"Origin": base, "User-Agent": scene.texts.long(f"user agent of {name}")}
        answer = opened.request.post(f"{base}/api/session", data={"name": name, "password": PASSWORD}, headers=headers)
        assert answer.ok, answer.text()
    return Trap(Watched(opened.new_page()), scene.texts, base)


def test_the_trap_notices(browser: Browser) -> None:
    texts = Payloads()
    trap = Trap(Watched(browser.new_context().new_page()), texts)
    trap.page.goto("about:blank")
    trap.page.evaluate("text => { document.body.innerHTML = `<p>${text}</p>`; }", texts.long("unguarded"))
    trap.watched.until("the canary", lambda: trap.look() is not None and any("ran" in one for one in trap.faults))
    assert any(one.startswith("element") for one in trap.faults)
    assert any(one.startswith("attribute onclick") for one in trap.faults)
    assert any(one.startswith("request") for one in trap.faults)


def test_the_objects_attack_with_every_attribute_the_code_knows(scene: Scene) -> None:
    image = pydicom.dcmread(io.BytesIO(scene.plain))
    for tag in hostile.shown_tags():
        number = int(tag, 16)
        if dictionary_has_tag(number) and dictionary_VR(number) in ("PN", "LO", "SH", "LT", "ST", "UT", "UC"):
            assert "xss-" in str(image.get_item(number).value), tag  # a new attribute is in the walk by itself


class Talk:
    """What people type, through the doors the pages use."""

    code: str
    room: str
    played: str
    link: dict[str, Any]

    def __init__(self, scene: Scene) -> None:
        self.say, self.scene = scene.texts.long, scene
        self.owner, self.asker, self.expert = (scene.server.client(name) for name in ("owner", "asker", "expert"))

    def post(self, client: Browserless, path: str, body: Any, method: str = "POST") -> Any:
        answer = client.ask(method, path, body)
        assert answer.status < 300, (path, answer.body)
        return answer.json() if answer.body else None

    def reads(self, name: str, language: str) -> None:
        """Whose pages are in this language from now on."""
        self.post(self.scene.server.client(name), "/api/session", {"language": language}, "PATCH")

    def consult(self) -> str:
        say = self.say
        given = {
            "client_id": str(uuid.uuid4()), "study": STUDY, "to": {"hospital": "b"}, "urgency": "urgent",
            "due_at": int(time.time() * 1000) + 3_600_000, "question": say("question"), "language": "vi",
            "informed_how": "oral", "images": [{**IMAGE, "note": say("note of an image")}],
        }  # fmt: skip
        code: str = self.post(self.asker, "/api/consults", given)["code"]
        file = f"/api/consults/{code}/attachments/{uuid.uuid4()}"
        named = {"X-File-Name": quote(f"../../{self.say('attachment')}.html", safe="")}
        answer = self.asker.ask("PUT", file, b"%PDF-1.7 <script>canary(0)</script>", named)
        assert answer.status == 201, answer.body
        for client, kind, body in (
            (self.expert, "accepted", {}),
            (self.asker, "message", {"text": say("message")}),
            (self.expert, "opinion", {"verdict": "differ", "text": say("opinion"), "language": "en"}),
            (self.asker, "translation", {"of": 1, "text": say("translation"), "language": "en"}),
            (self.expert, "concluded", {"conclusion": say("conclusion"), "recommendation": say("recommendation")}),
        ):
            event = {"client_id": str(uuid.uuid4()), "kind": kind, "body": body}
            self.post(client, f"/api/consults/{code}/events", event)
        return code

    def minutes(self) -> str:
        """Minutes as written; the address of their PDF."""
        address = f"/api/consults/{self.code}/minutes"
        draft = self.asker.get(address).json()
        self.post(self.asker, address, {"version": draft["version"], "body": draft["body"]}, "PUT")
        return f"{address}.pdf"

    def annotations(self) -> None:
        drawing = {"tool": "arrow", "points": [[5, 5], [20, 20]], "text": self.say("annotation")}
        place = {name: IMAGE[name] for name in ("series_instance_uid", "sop_instance_uid", "frame")}
        id = str(uuid.uuid4())
        for client, annotation, body in (
            (self.owner, id, {**drawing, **place}),
            (self.asker, str(uuid.uuid4()), {"tool": "answer", "to": id, "text": self.say("answer to an annotation")}),
            (self.owner, str(uuid.uuid4()), {"tool": "key_image", "text": self.say("key image"), **place}),
        ):
            act = {
                "client_id": str(uuid.uuid4()),
                "annotation_id": annotation,
                "version": 1,
                "kind": "put",
                "body": body,
            }
            self.post(client, f"/api/studies/{STUDY}/annotations", act)

    def meeting(self, place: str) -> str:
        given = {"studies": [STUDY], "title": self.say(f"title of {place}")}
        code: str = self.post(self.owner, "/api/rooms", given)["code"]
        member = enter(self.owner, code)
        member.say("chat", text=self.say(f"chat of {place}"))
        member.event("chat")
        return code

    def meeting_of_the_past(self) -> str:
        code = self.meeting("the replay")
        member = enter(self.owner, code)
        member.say("ended")
        member.event("ended")
        return code

    def meeting_with_sound(self) -> None:
        code = self.meeting("the recording")
        member = enter(self.owner, code)
        member.say("sound", on=True)
        take = member.event("sounding")
        query = f"take={take['n']}&at={take['at']}&ms=900"
        sound = b"\x1a\x45\xdf\xa3" + bytes(400)
        answer = self.owner.ask("PUT", f"/api/rooms/{code}/sound/piece-0001?{query}", sound)
        assert answer.status == 201, answer.body

    def shared(self) -> dict[str, Any]:
        terms = {
            "purpose": self.say("purpose"),
            "recipient": self.say("recipient"),
            "anonymise": False,
            "download": True,
        }
        made: dict[str, Any] = self.post(self.owner, "/api/links", {"studies": [STUDY], **terms})
        address, _, secret = made["url"].partition("#")
        who = {"name": self.say("guest"), "institution": self.say("institution of a guest"), "agree": True}
        entry = {"code": address.rpartition("/")[2], "secret": secret, "pin": made["pin"], **who}
        answer = Browserless(self.scene.server.base_url).ask("POST", "/api/guest", entry)
        assert answer.status == 200, answer.body
        return made

    def administration(self) -> None:
        self.post(self.owner, "/api/admin/tokens", {"name": self.say("token"), "scope": "dicomweb"})
        reason = {"title": "113001", "reason": self.say("reason of a rejection")}
        self.post(self.owner, f"/api/studies/{REJECTED['StudyInstanceUID']}/rejection", reason)


@pytest.fixture(scope="module")
def said(scene: Scene) -> Talk:
    """Everything has been typed."""
    talk = Talk(scene)
    talk.code, talk.room, talk.link = talk.consult(), talk.meeting("the room"), talk.shared()
    talk.played = talk.meeting_of_the_past()
    talk.meeting_with_sound()
    talk.annotations()
    talk.administration()
    return talk


@pytest.mark.parametrize("language", ["vi", "en"])
def test_administration_shows_it_to_be_read(browser: Browser, scene: Scene, said: Talk, language: str) -> None:
    said.reads("owner", language)
    trap = trapped(browser, scene, "owner")
    for page, shown in (
        (
            "peers",
            ("owner", "peer", "peer description", "refused caller", "called", "refused address", "refused reason"),
        ),
        ("users", ("account", "account name", "asker", "expert")),
        ("hospitals", ("hospital A", "hospital B")),
        ("tokens", ("token",)),
        ("conflicts", ("coded: PatientID", "coded: PatientName, alphabetic")),
        ("quarantine", ("sender",)),
        ("rejected", ("reason of a rejection", "rejected: StudyDescription")),
        ("recordings", ("title of the recording", "owner")),
        ("audit", ("guest", "institution of a guest")),
        ("health", ()),
        ("links", ("purpose", "recipient")),
    ):
        trap.go(f"/#/admin/{page}")
        trap.watched.find(f"admin-{page}").and_(trap.page.locator("[aria-current=page]")).wait_for()
        trap.shows(*shown)
    trap.watched.find("link-details").click()
    trap.shows("guest", "institution of a guest")
    trap.go("/#/account")
    trap.shows("user agent of owner")
    assert trap.page.locator("html").get_attribute("lang") == language
    trap.go("/#/admin/audit")
    table = trap.watched.find("audit-csv")
    for place in ("actor", "object"):  # what is searched for stands in its field and in an address
        text = scene.texts.long(f"searched {place}")
        trap.watched.find(f"audit-{place}").fill(text)
        mark = text.partition("<")[2].partition(" ")[0]
        trap.watched.until("the search", partial(_leads_to, table, mark))
    trap.look()
    trap.clean()


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_worklist_and_consultations_show_it_to_be_read(
    browser: Browser, scene: Scene, said: Talk, language: str
) -> None:
    said.reads("asker", language)
    trap = trapped(browser, scene, "asker")
    trap.go("/")
    trap.watched.find("study-row").first.hover()
    answer = said.asker.get(f"/api/studies/{STUDY}").json()
    trap.shows(*hostile.told("image", answer), *hostile.told("image", answer["series"][0]))
    trap.go("/#/links")
    trap.go("/#/statistics")
    trap.watched.find("statistics-csv").wait_for()
    trap.shows("hospital B")
    trap.go(f"/#/consult/concluded/{said.code}")
    thread = ("question", "message", "opinion", "translation", "conclusion", "recommendation", "attachment", "expert")
    trap.shows(*thread, "note of an image", "hospital B")
    trap.go(f"/#/minutes/{said.code}")
    trap.shows("conclusion", "recommendation", "hospital A")
    for address in (
        "/#/{}",
        "/#/admin/{}",
        "/#/consult/{0}/{0}",
        "/?q={}#/?q={}",
        "/read/{}",
        "/read/-#room={}",
        "/s/{0}#{0}",
    ):
        trap.go(address.format(*[quote(scene.texts.short("an address"))] * 2))
        trap.watched.until("a page", lambda: trap.page.locator("#app").inner_text().strip())
        trap.look()
    trap.clean()


def _leads_to(link: Any, text: str) -> bool:
    return text in (link.get_attribute("href") or "")


def chosen(series: Any) -> bool:
    return bool(series.get_attribute("aria-current") == "true")


def test_the_reading_room_shows_it_to_be_read(browser: Browser, scene: Scene, said: Talk) -> None:
    trap = trapped(browser, scene, "asker")
    trap.go(f"/read/{STUDY}?consult={said.code}")
    overlay = ("PatientID", "StudyDescription", "SeriesDescription", "InstitutionName", "WindowCenterWidthExplanation")
    trap.shows(*(f"image: {name}" for name in overlay), "image: PatientName, alphabetic")
    trap.shows(
        "coded: SeriesDescription", "coded: Modality", "annotation", "question", "opinion", "conclusion", "attachment"
    )
    trap.watched.find("side-notes").click()
    trap.shows("annotation", "answer to an annotation", "owner")
    trap.watched.find("side-keys").click()
    trap.shows("key image")
    for place in range(5):  # nothing runs either in what is odd, a report, a presentation state or a document
        series = trap.watched.find("series").nth(place)
        series.click()
        trap.watched.until("the series", partial(chosen, series))
        trap.look()
    trap.go("/")
    trap.go(f"/read/{STUDY}#room={said.room}")
    trap.shows("title of the room", "chat of the room", "owner")
    trap.go("/")
    trap.go(f"/read/{STUDY}#replay={said.played}")
    seek = trap.watched.find("live-seek")
    trap.watched.until("the replay", lambda: seek.count() == 1 and int(seek.get_attribute("max") or 0) > 0)
    seek.fill(str(seek.get_attribute("max")))
    trap.shows("title of the replay", "chat of the replay", "owner")
    trap.clean()


def test_who_comes_by_a_link_reads_it_too(browser: Browser, scene: Scene, said: Talk) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    trap = trapped(browser, scene, **phone)
    trap.page.goto(said.link["url"])
    trap.shows("hospital A")
    trap.watched.find("door-pin").fill(said.link["pin"])
    for field in ("name", "institution"):
        trap.watched.find(f"door-{field}").fill(scene.texts.long(f"{field} at the door"))
    trap.watched.find("door-agree").check()
    trap.watched.find("door-enter").click()
    trap.watched.find("lite").wait_for()
    trap.watched.until("a picture", lambda: trap.watched.find("stage").get_attribute("data-shown"), 60)
    trap.shows("image: StudyDescription")
    trap.watched.find("lite-back").click()
    trap.shows("purpose", "hospital A", "name at the door", "institution at the door", "image: StudyDescription")
    trap.clean()


def test_tables_hold_no_formula_and_papers_no_script(scene: Scene, said: Talk) -> None:
    for path in ("/api/consult/statistics.csv", "/api/admin/audit.csv"):
        answer = said.owner.get(path)
        rows = list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"))))
        assert "xss-" in str(rows), path
        assert {len(row) for row in rows} == {len(rows[0])}, path
        assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+-@\t\r\n")], path
        assert answer.headers["content-disposition"].startswith("attachment")
    paper = said.asker.get(said.minutes()).body
    assert paper.startswith(b"%PDF-")
    assert not [word for word in (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/OpenAction") if word in paper]

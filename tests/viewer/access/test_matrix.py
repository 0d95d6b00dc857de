"""The walk: every route, every role, what another hospital has and what nobody has, and nobody signed in.

What is not permitted looks like what does not exist: same status, same words. A new route stands in NEEDS, or fails.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pacs import sharing
from storage.index import accounts as store
from storage.index import grants, links, peers, rooms, sounds, tasks
from storage.index.types import now_ms
from storage.model.archive import Hospital, Origin, Scope
from storage.model.grants import Grantee
from storage.model.links import Guest, LinkTerms
from storage.model.live import SoundPiece
from storage.model.people import Peer
from tests.viewer.conftest import PASSWORD, Person, Web
from viewer.access import accounts, rights

_WADO = (
    "retrieve_bulkdata retrieve_by_parameters retrieve_frame_preview retrieve_frame_thumbnail retrieve_frames "
    "retrieve_instance retrieve_instance_metadata retrieve_instance_pixel_data retrieve_instance_thumbnail "
    "retrieve_metadata retrieve_opening retrieve_pixel_data retrieve_rendered retrieve_rendered_frames "
    "retrieve_rendered_instance retrieve_series_frames retrieve_series_previews retrieve_study retrieve_thumbnail "
    "search_all_instances search_all_series search_instances search_instances_of_study search_series search_studies "
    "capabilities"
)
# Every route that is not open, and the right it needs; written down a second time on purpose.
NEEDS: dict[str, str] = {
    **{f"dicomweb.{name}": "study.read" for name in _WADO.split()},
    "dicomweb.store_instances": "study.store",
    **{f"worklist.{name}": "study.read" for name in ("study", "worklist")},
    **{f"copies.{name}": "signed in" for name in ("copies", "confirm")},
    **{f"translating.{name}": "signed in" for name in ("translate", "translation")},
    **{f"annotations.{name}": "study.read" for name in ("annotate", "annotations")},
    **dict.fromkeys(("changing.changes", "changing.events"), "signed in"),
    "changing.progress": "study.read",
    **{f"live.{name}": "study.read" for name in ("add_case", "events", "on_study", "one_room", "open_room", "ticket")},
    "live.track": "study.read",
    "live.socket": "signed in",
    **dict.fromkeys(("sound.keep", "sound.piece", "sound.pieces"), "study.read"),
    "sound.delete": "signed in",
    **{f"consult.{name}": "signed in" for name in ("act", "consultation", "events", "inbox", "of_study", "seen")},
    **dict.fromkeys(("attachments.attach", "attachments.attachment"), "signed in"),
    **dict.fromkeys(("consult.forgotten", "consult.vocabulary"), "signed in"),
    **dict.fromkeys(("consult.addressees", "consult.ask"), "consult.ask"),
    **dict.fromkeys(("statistics.statistics", "statistics.as_csv"), "consult.statistics"),
    **{f"minutes.{name}": "signed in" for name in ("read", "as_pdf", "write", "sign", "add")},
    "worklist.change": "study.status",
    "changing.samples": "study.store",
    "uploads.upload": "study.store",
    "rejected.reject": "study.reject",
    **{f"rejected.{name}": "admin.conflicts" for name in ("objects", "picture", "restore", "studies")},
    **{f"reconcile.{name}": "admin.conflicts" for name in ("conflict", "conflicts", "decide", "decide_quarantined")},
    **{f"reconcile.{name}": "admin.conflicts" for name in ("evidence", "picture", "quarantine", "retry")},
    **dict.fromkeys(("reconcile.delete", "rejected.purge", "recordings.recordings"), "admin.delete"),
    **{f"peers.{name}": "admin.peers" for name in ("add_peer", "change_peer", "echo_peer", "remove_peer")},
    **{f"peers.{name}": "admin.peers" for name in ("list_peers", "list_refusals", "forget_refusals")},
    **{f"admin.{name}": "admin.tokens" for name in ("add_token", "list_tokens", "revoke_token")},
    **{f"admin.{name}": "admin.users" for name in ("add_user", "change_user", "list_roles", "list_users")},
    **{f"admin.{name}": "admin.users" for name in ("reset_factor", "end_sessions")},
    **{f"devices.{name}": "signed in" for name in ("own", "end", "end_others")},
    **{f"hospitals.{name}": "admin.hospitals" for name in ("every", "create", "rename")},
    **{f"audit.{name}": "admin.audit" for name in ("as_csv", "search")},
    **{f"links.{name}": "link.make" for name in ("make", "own", "one", "revoke", "confirm")},
    **{f"links.{name}": "admin.links" for name in ("administered", "revoke_any")},
    **{f"guests.{name}": "signed in" for name in ("here", "leave", "download")},
    **{f"health.{name}": "admin.health" for name in ("damaged_and_asked_for", "health")},
    **{f"session.{name}": "signed in" for name in ("change", "session", "sign_out")},
}
# The platform's administrators know the accounts of every hospital; they are no secret to them.
KNOWN_TO_THE_PLATFORM = (
    "admin.list_users", "admin.change_user", "admin.reset_factor", "admin.end_sessions", "hospitals.every",
)  # fmt: skip
KNOWN_TO_WHO_ASKS = ("consult.addressees",)  # which hospitals and people answer: that is whom one can ask
ENDLESS = ("changing.events",)
CHANGING = ("health.health", "audit.as_csv", "audit.search")  # never twice the same
LAST = ("session.sign_out",)  # it would end the walk
_ANNOTATION = {"series_instance_uid": "1.2.840.99.2", "sop_instance_uid": "1.2.840.99.3", "frame": 1}
BODIES: dict[str, Any] = {
    "consult.act": {"client_id": "5f0c3f0e-0000-4000-8000-000000000001", "kind": "message", "body": {"text": "x"}},
    "consult.seen": {"sequence": 1},
    "translating.translate": {"of": 1, "language": "en"},
    "minutes.write": {"version": 0, "body": {}},
    "minutes.sign": {"part": 0, "sha256": "", "code": "000000"},
    "minutes.add": {"text": "x", "language": "vi", "code": "000000"},
    "annotations.annotate": {
        "client_id": "00000000-0000-4000-8000-000000000001",
        "annotation_id": "00000000-0000-4000-8000-000000000002",
        "version": 1,
        "kind": "put",
        "body": {"tool": "probe", "points": [[1, 1]], **_ANNOTATION},
    },
    "live.open_room": {"studies": ["<study>"], "title": "x"},
    "live.add_case": {"StudyInstanceUID": "<study>"},
    "sound.delete": {"reason": "x"},
    "worklist.change": {"status": "read"},
    "rejected.reject": {"title": "113038", "reason": "sai"},
    "rejected.restore": {"reason": "sai"},
    "rejected.purge": {"reason": "hết hạn"},
    "reconcile.decide": {"action": "keep"},
    "reconcile.decide_quarantined": {"action": "link", "study": "1.2"},
    "reconcile.delete": {"reason": "rác"},
    "admin.change_user": {"disabled": True},
    "links.make": {"studies": ["1.2.840.97.1"], "purpose": "ý kiến thứ hai"},
    "links.confirm": {"SeriesInstanceUID": "1.2.840.99.2"},
    "copies.confirm": {"SeriesInstanceUID": "1.2.840.99.2"},
    "peers.change_peer": {"description": "x"},
}
_WRITES = ("POST", "PATCH", "PUT", "DELETE")
CANARY = "CANARY"
UIDS = {"StudyInstanceUID": "1.2.840.99.1", "SeriesInstanceUID": "1.2.840.99.2", "SOPInstanceUID": "1.2.840.99.3"}
ODD = {"StudyInstanceUID": "1.2.840.99.4", "SeriesInstanceUID": "1.2.840.99.5", "SOPInstanceUID": "1.2.840.99.6"}
BASE = {"name": "5f0c3f0e-0000-4000-8000-000000000002", "numbers": "1", "path": "7FE00010", "which": "shown"}
NOTHING = {
    **BASE, "study": "1.2.840.98.1", "series": "1.2.840.98.2", "sop": "1.2.840.98.3", "uid": "1.2.840.98.1",
    "conflict_id": "987001", "entry_id": "987002", "rejected_id": "987003", "user_id": "987004", "token_id": "987005",
    "task": "987006", "session": "0000000000000000", "code": "AAAAAAAAAAAAAAAA", "ae_title": "NOBODY",
    "room": "nosuchroom", "link_id": "987007",
}  # fmt: skip


def filled(web: Web) -> dict[str, str]:
    """Another hospital with something of everything; the values that name its things in addresses."""
    theirs = web.hospital_of("other")
    web.store("other", **UIDS, PatientName=f"{CANARY}^A", PatientID=f"{CANARY}-1", StudyDescription=CANARY)
    web.store("other", **ODD, PatientName=f"{CANARY}^B")
    web.store("other", **ODD, PatientName=f"{CANARY}^C")
    origin = Origin(theirs.id, theirs.code, "dimse", f"{CANARY}_CT")
    with web.archive.receive(origin) as incoming:
        incoming.write(b"\0" * 128 + b"DICM" + b"broken" * 9)
        web.archive.store(incoming)
    person = web.person("admin,technologist", "other", f"{CANARY}.admin".lower())
    room, odd_room = (
        person.post("/api/rooms", json={"studies": [uids["StudyInstanceUID"]], "title": CANARY}).json["code"]
        for uids in (UIDS, ODD)
    )
    conflict = person.get("/api/admin/conflicts").json["conflicts"][0]["id"]
    entry = person.get("/api/admin/quarantine").json["quarantine"][0]["id"]
    accounts.add_token(web.archive.database, f"{CANARY} token", "dicomweb", theirs.id)
    arguments = json.dumps({"hospital": theirs.code, "hospital_id": theirs.id, "source": CANARY})
    code = consulting(web, person)
    with web.archive.database.writing() as db:
        peers.add(db, Peer(f"{CANARY}_CT", theirs.id, theirs.code, "127.0.0.1", None, frozenset({"store"})))
        where = rooms.by_code(db, room).id
        sounds.add(db, where, SoundPiece(BASE["name"], CANARY, 1, 0, now_ms(), 900, "audio/webm", 9, "other/v/00/00"))
        peers.refused(db, f"{CANARY}_CT", "HOICHAN", "10.0.0.1", "the peer does not call from this address")
        task = tasks.enqueue(db, "samples", arguments, key=CANARY)
        token = store.tokens(db)[0].id
    series = {"study": UIDS["StudyInstanceUID"], "series": UIDS["SeriesInstanceUID"], "sop": UIDS["SOPInstanceUID"]}
    return {
        **BASE, **series, "uid": series["study"], "conflict_id": str(conflict), "entry_id": str(entry),
        "rejected_id": "1", "user_id": str(person.user.id), "token_id": str(token), "task": str(task),
        "session": "f" * 16, "code": code, "ae_title": f"{CANARY}_CT", "room": room,
        "link_id": str(_linked(web, theirs)),
        "odd_room": odd_room,
    }  # fmt: skip


def consulting(web: Web, person: Person) -> str:
    """The other hospital asks a third one; the code of the consultation."""
    web.user("radiologist", "third", "third.reader")
    given = {
        "client_id": "5f0c3f0e-0000-4000-8000-000000000000", "study": UIDS["StudyInstanceUID"],
        "to": {"hospital": "third"}, "urgency": "urgent", "due_at": now_ms() + 3_600_000, "question": CANARY,
        "language": "vi", "informed_how": "oral",
    }  # fmt: skip
    return str(person.post("/api/consults", json=given).json["code"])


def _linked(web: Web, theirs: Hospital) -> int:
    """A link of the other hospital, and a guest who came by it."""
    maker = web.user("clinician", "other", f"{CANARY}.maker".lower())
    now = now_ms()
    terms = LinkTerms(theirs.id, maker.id, CANARY, CANARY, now + 60_000)
    with web.archive.database.writing() as db:
        scope = Scope(frozenset({theirs.id}))
        link = sharing.make(db, terms, scope, [UIDS["StudyInstanceUID"]], now, code=CANARY)
        links.opened(db, link.id, Guest("g" * 64, link.id, "c", CANARY, CANARY, now, now, "10.0.0.1", CANARY))
        return link.id


def asked(web: Web) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and rule of every route that needs a right."""
    for rule in sorted(web.app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if getattr(web.app.view_functions[rule.endpoint], "right", "") == "open" or rule.endpoint in LAST:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD"}):
            if rule.endpoint != "dicomweb.capabilities" or method == "OPTIONS":
                yield rule.endpoint, method, rule.rule


def put(rule: str, values: dict[str, str]) -> str:
    address = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], rule)
    if address.endswith("/wado"):
        given = {"studyUID": values["study"], "seriesUID": values["series"], "objectUID": values["sop"]}
        return f"{address}?requestType=WADO&" + "&".join(f"{key}={value}" for key, value in given.items())
    return address


def said(response: Any, values: dict[str, str]) -> tuple[int, str]:
    """Status and words, but for the names that were asked for and the number of the request."""
    text = re.sub(r'"request": ?"[^"]*"', "", response.get_data().decode("utf-8", "replace"))
    for value in sorted(set(values.values()), key=len, reverse=True):
        text = re.sub(rf"(?<![\w.]){re.escape(value)}(?![\w.])", "·", text)
    return response.status_code, text


def ask(
    person: Person, endpoint: str, method: str, rule: str, values: dict[str, str], before: str = ""
) -> tuple[int, str]:
    body = json.loads(put(json.dumps(BODIES.get(endpoint, {})), values)) if method in _WRITES else None
    response = person.open(method, before + put(rule, values), json=body, buffered=False)
    try:
        return (response.status_code, "") if endpoint in ENDLESS else said(response, values)
    finally:
        response.close()


def test_every_route_is_in_the_table_of_this_test(web: Web) -> None:
    rights_by_route = {endpoint: getattr(view, "right", "") for endpoint, view in web.app.view_functions.items()}
    assert {endpoint: right for endpoint, right in rights_by_route.items() if right != "open"} == NEEDS


@pytest.mark.parametrize("role", [*rights.ROLES, "token"])
def test_what_is_another_hospitals_looks_like_what_is_nobodys(
    web: Web, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.archive.codecs, "_absence", 0.0)  # no codecs run here; they are not waited for
    theirs = filled(web)
    person = web.person("clinician" if role == "token" else role)
    held = rights.ROLES.get(role, rights.TOKEN_SCOPES["dicomweb"])
    if role == "token":
        secret = accounts.add_token(web.archive.database, "AI", "dicomweb", web.hospital.id)
        person.client.delete_cookie("hoichan")
        person.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    walked = permitted = 0
    for endpoint, method, rule in asked(web):
        known = role == "platform" and endpoint in KNOWN_TO_THE_PLATFORM
        known |= rights.CONSULT_ASK in held and endpoint in KNOWN_TO_WHO_ASKS
        if known or (role == "token" and not rule.startswith("/dicom-web")):
            continue
        real = ask(person, endpoint, method, rule, theirs)
        unreal = real if endpoint in CHANGING else ask(person, endpoint, method, rule, NOTHING)
        assert real == unreal, f"{role}: {method} {rule}"
        assert real[0] < 500, f"{role}: {method} {rule}: {real}"
        assert CANARY.casefold() not in real[1].casefold(), f"{role}: {method} {rule}"
        assert "1.2.840.99" not in real[1], f"{role}: {method} {rule}"
        may = NEEDS[endpoint] == "signed in" or NEEDS[endpoint] in held
        assert (real[0] != 403) == may, f"{role}: {method} {rule}: {real[0]}"
        there, nowhere = (ask(person, endpoint, method, rule, theirs, f"/at/{code}") for code in ("other", "nowhere"))
        assert CANARY.casefold() not in there[1].casefold(), f"{role}: {method} /at/other{rule}"
        if role != rights.PLATFORM:  # which looks after every hospital
            assert there == nowhere, f"{role}: {method} /at/other{rule}"
            assert there[0] == (404 if may else 403), f"{role}: {method} /at/other{rule}: {there[0]}"
        walked, permitted = walked + 1, permitted + may
    assert walked > (50 if role == "token" else 100)
    assert permitted >= len(held)
    unharmed(web, theirs)


def test_nobody_who_is_not_signed_in_learns_what_there_is(web: Web) -> None:
    theirs, nobody = filled(web), web.anonymous()
    for endpoint, method, rule in asked(web):
        real, unreal = (said(nobody.open(put(rule, values), method=method), values) for values in (theirs, NOTHING))
        assert real == unreal, f"{method} {rule}"
        assert real[0] == 401, f"{endpoint} {method} {rule}"
    unharmed(web, theirs)


def test_the_walk_would_notice(web: Web) -> None:
    """The hospital itself sees by the same addresses what the walk looked for."""
    theirs = filled(web)
    person = web.person("admin,technologist", "other", "own")
    looked = {
        "worklist.study", "dicomweb.retrieve_metadata", "dicomweb.retrieve_frames", "reconcile.conflict",
        "changing.progress", "reconcile.evidence", "dicomweb.search_series",
    }  # fmt: skip
    found = set[str]()
    for endpoint, method, rule in asked(web):
        if endpoint in looked and method == "GET":
            real, unreal = (ask(person, endpoint, method, rule, values) for values in (theirs, NOTHING))
            assert real != unreal, f"{method} {rule}"
            found.add(endpoint)
    assert found == looked
    listed = "".join(person.get(path).text for path in ("/api/worklist", "/dicom-web/studies", "/api/admin/peers"))
    assert listed.count(CANARY) >= 3
    assert CANARY in person.get("/api/admin/recordings").text


def test_a_grant_shows_exactly_its_study_until_it_ends(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """An expert by every route that reads studies: the study granted, nothing else of that patient or hospital, and
    after the grant ended nothing any more."""
    monkeypatch.setattr(web.archive.codecs, "_absence", 0.0)  # what needs pixels says 503 at once; it was let through
    theirs = filled(web)
    person = web.person("expert")
    hospital = web.hospital_of("other")
    reads = [(e, m, r) for e, m, r in asked(web) if NEEDS[e] == "study.read" and m in ("GET", "OPTIONS")]
    odd = {**theirs, "study": ODD["StudyInstanceUID"], "series": ODD["SeriesInstanceUID"], "sop": ODD["SOPInstanceUID"]}
    odd |= {"uid": odd["study"], "room": odd["odd_room"]}
    mixed = {**odd, "study": theirs["study"]}  # the study granted, series and instance of another
    unknown = {**NOTHING, "study": theirs["study"]}
    nothing = [ask(person, *one, theirs) for one in reads]
    assert {status for status, _ in nothing} == {403}
    for ended in (_revoked, _expired):
        with web.archive.database.writing() as db:
            grants.give(db, hospital.id, theirs["study"], Grantee(user_id=person.user.id), consult_id=101)
        with web.archive.database.writing() as db:
            grants.give(db, hospital.id, "1.2.840.97", Grantee(link_id=1), consult_id=102)
        seen = set[str]()
        for endpoint, method, rule in reads:
            real = ask(person, endpoint, method, rule, theirs)
            named = "<" in rule or rule.endswith("/wado")
            pairs = [(odd, NOTHING), (mixed, unknown)] if rule.count("<") > 1 else [(odd, NOTHING)]
            for other, nobodys in pairs if named else []:
                there, nowhere = (ask(person, endpoint, method, rule, values) for values in (other, nobodys))
                assert there == nowhere, f"{method} {rule}"
            assert real[0] != 403, f"{method} {rule}"
            assert f"{CANARY}^B" not in real[1], f"{method} {rule}"
            assert ODD["SeriesInstanceUID"] not in real[1], f"{method} {rule}"
            if CANARY in real[1] or (real[0] == 200 and named):
                seen.add(endpoint)
        assert {"worklist.worklist", "worklist.study", "dicomweb.search_studies", "dicomweb.search_all_series"} <= seen
        assert {"dicomweb.retrieve_metadata", "dicomweb.retrieve_frames", "dicomweb.search_all_instances"} <= seen
        assert person.get("/api/worklist").json["total"] == 1
        changed = person.patch(f"/api/studies/{theirs['study']}", json={"status": "read"})
        assert changed.status_code == 403
        ended(web)
        assert [ask(person, *one, theirs) for one in reads] == nothing
    unharmed(web, theirs)


def _revoked(web: Web) -> None:
    with web.archive.database.writing() as db:
        assert grants.revoke(db, consult_id=101) == 1


def _expired(web: Web) -> None:
    with web.archive.database.writing() as db:
        grants.limit(db, 101, 1000)


def test_a_program_of_the_person_gets_nothing_by_a_grant(web: Web) -> None:
    theirs, user, hospital = filled(web), web.user("clinician"), web.hospital_of("other")
    with web.archive.database.writing() as db:
        grants.give(db, hospital.id, theirs["study"], Grantee(user_id=user.id), consult_id=101)
    assert web.signed_in(user).get("/dicom-web/studies").json[0]["0020000D"]["Value"] == [theirs["study"]]
    secret = base64.b64encode(f"{user.name}:{PASSWORD}".encode()).decode()
    assert web.anonymous().get("/dicom-web/studies", headers={"Authorization": f"Basic {secret}"}).json == []


def unharmed(web: Web, theirs: dict[str, str]) -> None:
    """Nobody changed anything of the other hospital."""
    with web.archive.database.reading() as db:
        assert not store.user(db, int(theirs["user_id"])).disabled
        assert not next(one for one in store.tokens(db) if one.id == int(theirs["token_id"])).revoked
        assert peers.get(db, theirs["ae_title"]).description == ""
        assert sounds.of_room(db, rooms.by_code(db, theirs["room"]).id)
    person = web.person("admin,technologist", "other", "after")
    study = person.get(f"/api/studies/{theirs['study']}").json
    assert study["status"] == "unread"
    assert person.get("/api/admin/conflicts?state=open").json["open"] == 1
    assert person.get("/api/admin/quarantine?state=open").json["open"] == 1

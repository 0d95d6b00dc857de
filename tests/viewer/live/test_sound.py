"""Recorded voices through the web door: what is kept, who hears it, how it is deleted."""

from typing import Any

import pytest

from pacs.jobs.worker import Worker
from pacs.live import voices
from storage.errors import ObjectMissing
from storage.index import audit, rooms, sounds
from storage.index.types import now_ms
from storage.model.live import CONSENT, SOUND, SOUNDING
from tests.viewer.conftest import Person, Web
from tests.viewer.links.guests import Arrived, make
from tests.viewer.live.test_rooms import STUDY, let_guests_in, maker, opened
from viewer.access.secrets import kept

__all__ = ["maker"]
WEBM = b"\x1a\x45\xdf\xa3" + bytes(4000)


def said(web: Web, code: str, member: str, kind: str, **body: Any) -> int:
    """An event as the process of the rooms writes it; its number."""
    with web.archive.database.writing() as db:
        room = rooms.by_code(db, code)
        return rooms.append(db, room.id, member, f"test-{now_ms()}-{member}-{kind}", kind, body)[0].sequence


def recorded(web: Web, code: str, *members: str) -> int:
    """Somebody asked and all of these agreed: the number of the take."""
    said(web, code, members[0], SOUND, on=True)
    for one in members[1:]:
        said(web, code, one, CONSENT, audio=True)
    return said(web, code, "", SOUNDING, on=True)


def bring(person: Person, code: str, take: int, name: str = "piece-0001", data: bytes = WEBM, **more: int) -> Any:
    query = "&".join(f"{key}={value}" for key, value in {"take": take, "at": now_ms(), "ms": 900, **more}.items())
    return person.open("PUT", f"/api/rooms/{code}/sound/{name}?{query}", data=data, content_type="audio/webm")


def key(person: Person) -> str:
    return f"user-{person.user.id}"


def test_a_piece_is_kept_once_heard_and_deleted_for_good(web: Web, maker: Person) -> None:
    code, lan = opened(maker), web.person("clinician", name="lan")
    take = recorded(web, code, key(maker), key(lan))
    at = now_ms()
    assert bring(lan, code, take, at=at).status_code == 201
    assert bring(lan, code, take, at=at).status_code == 200  # the same again is harmless
    assert bring(lan, code, take, data=WEBM + b"x").status_code == 409
    assert bring(maker, code, take).status_code == 409  # another's name
    told = maker.get(f"/api/rooms/{code}/sound").json
    assert told["pieces"] == [{"id": "piece-0001", "by": key(lan), "at": at, "ms": 900, "case": 0}]
    assert told["deletable"]
    assert not lan.get(f"/api/rooms/{code}/sound").json["deletable"]
    heard = lan.get(f"/api/rooms/{code}/sound/piece-0001")
    assert (heard.data, heard.content_type) == (WEBM, "audio/webm")
    assert heard.headers["Cache-Control"] == "private, no-store"

    path = f"/api/rooms/{code}/sound"
    assert maker.delete(path, json={"reason": "nói nhầm"}).status_code == 409  # it still goes on
    said(web, code, key(maker), SOUND, on=False)
    assert lan.delete(path, json={"reason": "nói nhầm"}).status_code == 404
    assert maker.delete(path, json={"reason": " "}).status_code == 400
    with web.archive.database.reading() as db:
        room = rooms.by_code(db, code)
        stored = sounds.get(db, room.id, "piece-0001").object_key
    assert stored.startswith("main/v/")
    assert maker.delete(path, json={"reason": "nói nhầm"}).json == {"pieces": 1}
    assert maker.get(path).json["pieces"] == []
    assert maker.get(path).json["deleted_at"]
    assert lan.get(f"{path}/piece-0001").status_code == 404
    assert bring(lan, code, take, name="piece-0002", at=at).status_code == 403  # nor does any more of it come
    worker = Worker(web.archive, kinds=frozenset({sounds.FORGET}))
    assert worker.step()
    with pytest.raises(ObjectMissing):
        web.archive.objects.get(stored)
    web.archive.acts.flush()
    with web.archive.database.reading() as db:
        acts = [(one.action, one.reason) for one in audit.records(db) if one.action.startswith("room.sound")]
    assert acts.count(("room.sound-keep", "")) == 1
    assert ("room.sound-listen", "") in acts
    assert ("room.sound-delete", "nói nhầm") in acts


def test_only_what_was_to_be_recorded_is_kept(web: Web, maker: Person) -> None:
    code, lan = opened(maker), web.person("clinician", name="lan")
    take = recorded(web, code, key(maker))
    assert bring(lan, code, take).status_code == 403  # lan has not agreed
    assert bring(maker, code, take + 5).status_code == 403
    assert bring(maker, code, take, at=now_ms() - 60_000).status_code == 403
    assert bring(maker, code, take, at=now_ms() + 60_000).status_code == 403
    assert bring(maker, code, take, data=b"GIF89a..").status_code == 409
    assert bring(maker, code, take, data=WEBM * 20).status_code == 409  # more bytes than sound has
    assert bring(maker, code, take, data=bytes(voices.MOST_BYTES + 1)).status_code == 413
    assert bring(maker, code, take, name="x").status_code == 400
    said(web, code, "", SOUNDING, on=False)
    assert bring(maker, code, take).status_code == 201  # said a moment before
    assert maker.get(f"/api/rooms/{code}/sound/piece-0001").status_code == 200


def test_a_guest_brings_their_voice_and_who_was_not_there_hears_no_name(web: Web, maker: Person) -> None:
    code = opened(maker)
    let_guests_in(web, code)
    link = make(maker, STUDY, anonymise=False)
    guest = Arrived(web, link)
    with web.archive.database.reading() as db:
        room = rooms.by_code(db, code)
    token = {"X-CSRF-Token": guest.told["csrf"]}
    session = guest.client.get_cookie("hoichan-guest").value
    me = f"guest-{link['link']['id']}-{kept(session)[:12]}"
    take = recorded(web, code, key(maker), me)
    query = f"take={take}&at={now_ms()}&ms=900"
    answer = guest.client.put(f"/api/rooms/{code}/sound/guest-0001?{query}", data=WEBM, headers=token)
    assert answer.status_code == 201, answer.text
    assert guest.get(f"/api/rooms/{code}/sound").status_code == 403
    assert [one["by"] for one in maker.get(f"/api/rooms/{code}/sound").json["pieces"]] == [me]
    far = web.person("radiologist", "other", "xa")
    assert far.get(f"/api/rooms/{code}/sound").status_code == 404
    assert far.get(f"/api/rooms/{code}/sound/guest-0001").status_code == 404
    assert far.delete(f"/api/rooms/{code}/sound", json={"reason": "?"}).status_code == 404
    said(web, code, key(maker), SOUND, on=False)
    admin = web.person("admin", name="quantri")  # sees no images, and may delete
    assert admin.delete(f"/api/rooms/{code}/sound", json={"reason": "yêu cầu"}).json == {"pieces": 1}
    assert room.hospital_id == web.hospital.id


def test_old_recordings_go_by_themselves(web: Web, maker: Person) -> None:
    code = opened(maker)
    take = recorded(web, code, key(maker))
    assert bring(maker, code, take).status_code == 201
    database, day = web.archive.database, 24 * 3600 * 1000
    assert voices.retain(database, 0, now_ms() + 99 * day) == 0
    assert voices.retain(database, 30, now_ms() + 29 * day) == 0
    assert voices.retain(database, 30, now_ms() + 31 * day) == 1
    assert maker.get(f"/api/rooms/{code}/sound").json["pieces"] == []
    assert voices.retain(database, 30, now_ms() + 31 * day) == 0

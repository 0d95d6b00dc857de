"""Recorded sound as an administrator sees and deletes it: of the own hospital only, and without hearing it."""

from typing import Any

from storage.index import audit, rooms, sounds
from storage.index.types import now_ms
from storage.model.live import ENDED, SOUND, SoundPiece
from tests.viewer.conftest import Person, Web
from tests.viewer.live.test_rooms import maker, opened
from tests.viewer.live.test_sound import bring, key, recorded, said

__all__ = ["maker"]
PATH = "/api/admin/recordings"


def listed(person: Person, query: str = "") -> list[dict[str, Any]]:
    return list(person.get(PATH + query).json["recordings"])


def test_it_is_listed_and_deleted_with_a_reason(web: Web, maker: Person) -> None:
    code, lan = opened(maker), web.person("clinician", name="lan")
    opened(maker)  # a room without sound
    admin = web.person("admin", name="quantri")
    assert listed(admin) == []
    lan.get(f"/api/rooms/{code}")
    at, take = now_ms(), recorded(web, code, key(maker), key(lan))
    assert bring(lan, code, take, at=at).status_code == 201
    assert bring(maker, code, take, "piece-0002", at=at + 100).status_code == 201
    with web.archive.database.writing() as db:
        room = rooms.by_code(db, code)
        rooms.enter(db, room.id, key(lan), "Lan", "main")
        rooms.enter(db, room.id, key(maker), "Minh", "main")
        rooms.enter(db, room.id, "user-987", "Im lặng", "main")
    (one,) = listed(admin)
    assert one == {
        "id": room.id, "room": code, "title": "Giao ban", "hospital": "main", "speakers": ["Lan", "Minh"],
        "first_at": at, "pieces": 2, "ms": 1000, "bytes": one["bytes"], "running": True,
    }  # fmt: skip
    assert one["bytes"] > 8000
    assert admin.get(f"/api/rooms/{code}/sound/piece-0001").status_code == 403, "who administers hears nothing"
    assert admin.delete(f"/api/rooms/{code}/sound", json={"reason": "theo yêu cầu"}).status_code == 409
    said(web, code, key(maker), SOUND, on=False)
    assert not listed(admin)[0]["running"]
    assert admin.delete(f"/api/rooms/{code}/sound", json={"reason": "theo yêu cầu"}).json == {"pieces": 2}
    assert listed(admin) == []
    assert bring(lan, code, take, "piece-0003", at=at).status_code == 403
    web.archive.acts.flush()
    with web.archive.database.reading() as db:
        (act,) = [one for one in audit.records(db) if one.action == "room.sound-delete"]
    assert (act.actor, act.role, act.object, act.reason) == ("quantri", "admin", code, "theo yêu cầu")


def test_only_who_may_delete_sees_it_and_only_of_the_own_hospital(web: Web, maker: Person) -> None:
    code = opened(maker)
    take = recorded(web, code, key(maker))
    assert bring(maker, code, take).status_code == 201
    said(web, code, "", ENDED)
    theirs = web.person("admin", "other", "xa")
    assert listed(theirs) == []
    assert theirs.delete(f"/api/rooms/{code}/sound", json={"reason": "?"}).status_code == 404
    for role in ("radiologist", "clinician", "technologist", "expert", "platform"):
        assert web.person(role, name=f"nguoi.{role}").get(PATH).status_code == 403
    assert len(listed(web.person("admin", name="quantri"))) == 1


def test_the_newest_come_first_page_by_page(web: Web, maker: Person) -> None:
    codes = [opened(maker) for _ in range(5)]
    with web.archive.database.writing() as db:
        for n, code in enumerate(codes):
            room = rooms.by_code(db, code)
            for take, at in ((1, 10_000), (1, 10_500), (9, 90_000)):
                piece = SoundPiece(f"piece-{take}-{at}", key(maker), take, 0, at, 1000, "audio/webm", 7, f"main/v/{n}")
                sounds.add(db, room.id, piece)
    admin = web.person("admin", name="quantri")
    first = admin.get(f"{PATH}?limit=2").json
    second = admin.get(f"{PATH}?limit=2&before={first['next']}").json
    third = admin.get(f"{PATH}?limit=2&before={second['next']}").json
    assert third["next"] is None
    found = [one for page in (first, second, third) for one in page["recordings"]]
    assert [one["room"] for one in found] == codes[::-1]
    assert {(one["pieces"], one["ms"], one["first_at"], one["bytes"]) for one in found} == {(3, 2500, 10_000, 21)}
    assert admin.get(f"{PATH}?limit=x").status_code == 400

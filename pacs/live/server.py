"""The process of the rooms: sockets come in, members take their seats, what they do goes to the others."""

import asyncio
import contextlib
import logging
import secrets
import socket
import time
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson

from pacs.live import handover, jobs, keeping, rules, sound, sounding
from pacs.live.across import Across
from pacs.live.connection import AGAIN, FULL, NORMAL, POLICY, Connection
from pacs.live.joining import Joined, TicketRefused, ask_to_join
from pacs.live.room import LiveRoom, Seat, events_for, for_seat, inward
from pacs.live.standing import Doorkeeper, Standing
from pacs.live.states import Malformed, merged, within
from pacs.live.writing import Writing
from storage.errors import ArchiveError
from storage.index.database import Database
from storage.model.live import AGENDA, CONSENT, ENDED, LEFT, PRESENTER, SOUND, STEP, RoomEvent

log = logging.getLogger(__name__)

MOST_SOCKETS = 1000
MOST_STRANGERS = 200  # sockets that have not joined a room yet
JOIN_SECONDS = 10.0
PER_MEMBER = 4
LOOK_SECONDS = 2.0  # between looks whether those who are here may be, when something was committed
LOOK_ANYWAY_SECONDS = 4.0  # … and when nothing was: sessions, grants and links also end by the clock
SILENCE_SECONDS = 2.0  # after which we say that we are still here
AWAY_SECONDS = 20.0  # somebody cut off may come back within this without having left
LONGEST_RTC = 12_000


class Live:
    """All rooms of this process."""

    def __init__(self, database: Database, doorkeeper: Doorkeeper, public_url: str = "") -> None:
        self._database = database
        self._doorkeeper = doorkeeper
        self._public_host = urlsplit(public_url).netloc.casefold()
        self._loop = asyncio.get_running_loop()
        self.writing = Writing(database, self._loop)
        self._sounding = sounding.Sounding(self._write_own)
        self.rooms: dict[int, LiveRoom] = {}
        self._strangers: dict[Connection, float] = {}
        self._seats: dict[Connection, tuple[LiveRoom, Seat]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stamp: object = None
        self._looked = 0.0
        self.across = Across(database, self)

    # ── what connections need ────────────────────────────────────────────────────────────────────────────────────

    def origins(self, host: str) -> set[str]:
        return {host, self._public_host} - {""}

    def heard(self, connection: Connection, text: str) -> None:
        try:
            message = orjson.loads(text)
            seated = self._seats.get(connection)
            if seated is not None:
                self._from_member(*seated, message)
            elif self._strangers.pop(connection, None) is not None:
                self._spawn(self._join(connection, message))
        except (Malformed, orjson.JSONDecodeError) as error:
            connection.end(POLICY, str(error)[:100])

    def gone(self, connection: Connection) -> None:
        self._strangers.pop(connection, None)
        found = self._seats.pop(connection, None)
        if found is None:
            return
        room, seat = found
        room.seats.remove(seat)
        if not any(other.member == seat.member for other in room.seats):
            if seat.member not in room.here():
                room.leaving.setdefault(seat.member, time.monotonic())
                room.forget(seat.member)
            room.tell_people()
            self.across.here(room)

    def writable(self, connection: Connection) -> None:
        found = self._seats.get(connection)
        if found is not None:
            found[0].move(found[1])

    # ── coming in ────────────────────────────────────────────────────────────────────────────────────────────────

    def arrive(self, read: bytes = b"") -> Connection:
        """A connection that has just come in."""
        connection = Connection(self, read)
        self._strangers[connection] = time.monotonic()
        return connection

    def receive(self, door: socket.socket) -> None:
        """Sockets that web workers hand over, and their news."""
        for _ in range(32):
            try:
                data, given = handover.receive(door)
            except OSError:
                return
            if given is None:
                if data.startswith(handover.POKE) and data[len(handover.POKE) :].isdigit():
                    self.news(int(data[len(handover.POKE) :]))
            elif len(self._seats) + len(self._strangers) >= MOST_SOCKETS or len(self._strangers) >= MOST_STRANGERS:
                given.close()
            else:
                given.setblocking(False)
                self._spawn(self._take(given, data))

    async def _take(self, given: socket.socket, data: bytes) -> None:
        try:
            await self._loop.connect_accepted_socket(partial(self.arrive, data), given)
        except OSError:
            given.close()

    async def _join(self, connection: Connection, message: Any) -> None:
        try:
            joined = await ask_to_join(self.writing, self._standing, connection.cookies, message, self.rooms)
        except Malformed as error:
            connection.end(POLICY, str(error))
            return
        except TicketRefused as error:
            _bye(connection, str(error))
            return
        except ArchiveError:
            _bye(connection, "again", AGAIN)
            return
        if connection.is_open:
            self._seat(connection, joined)

    async def _standing(self, holder: Any) -> Standing | None:
        return await self._loop.run_in_executor(None, partial(self._doorkeeper.standing, holder, active=True))

    def _seat(self, connection: Connection, joined: Joined) -> None:
        """The member takes a seat; from now on everything is told to them in its order."""
        room = self.rooms.get(joined.room.id)
        if room is None:
            room = self.rooms[joined.room.id] = LiveRoom(joined.room, joined.cases, node=self.across.node)
            room.told = joined.room.sequence
            room.sound = joined.sound
            room.shown = joined.shown
        room.row, room.cases = joined.room, joined.cases
        room.members = {one.key: one for one in joined.members}
        seat = Seat(connection, joined.holder, joined.standing)
        seat.cases = room.visible(joined.standing)
        if joined.standing.guest:
            room.guests.add(seat.member)
        if joined.arrival is not None:
            if joined.arrival.sequence > room.told + 1:
                self.news(room.row.id)
            else:
                self._happened(room, joined.arrival)
        room.leaving.pop(seat.member, None)
        alone = not room.seats
        room.seats.append(seat)
        self.across.here(room, ask=alone)
        self._seats[connection] = (room, seat)
        room.number(seat.member)
        seat.say(
            {
                "t": "welcome", "me": seat.member, "room": _described(room), "cases": room.agenda(seat),
                "people": room.people(), "sequence": joined.room.sequence, "events": events_for(joined.events, seat),
                "ticket": joined.ticket, "now": time.time_ns() // 1_000_000,
            }
        )  # fmt: skip
        room.tell_people()
        self._spawn(self._sounding.look(room))
        room.move(seat)
        mine = [other for other in room.seats if other.member == seat.member]
        for old in mine[:-PER_MEMBER]:
            _bye(old.connection, "replaced")

    # ── what members say ─────────────────────────────────────────────────────────────────────────────────────────

    def _from_member(self, room: LiveRoom, seat: Seat, message: Any) -> None:
        if isinstance(message, list):
            self._moved(room, seat, message)
        elif isinstance(message, dict) and message.get("t") == "say":
            self._spawn(self._said(room, seat, message))
        elif isinstance(message, dict) and message.get("t") == "rtc":
            self._signalled(room, seat, message)
        elif isinstance(message, dict) and message.get("t") == "leave":
            room.leaving[seat.member] = 0.0
            seat.connection.end(NORMAL)
        else:
            raise Malformed("an unknown message")

    def _moved(self, room: LiveRoom, seat: Seat, message: list[Any]) -> None:
        match message:
            case ["m", given]:
                seat.known = merged(seat.known, given)
                seat.active = True
                state = inward(seat.known, seat.standing)
                if state.get("c", 0) in seat.cases or "s" not in seat.known:
                    room.states[seat.member] = within(state, seat.cases)
                    keeping.note(room, seat.member)
                    self.tell_moves_soon(room)
                    self.across.moved(room, seat.member)
            case ["k", int(count)]:
                seat.unanswered = max(0, seat.unanswered - count)
                room.move(seat)
            case ["h"]:
                seat.say(["h"])
            case _:
                raise Malformed("an unknown message")

    def tell_moves_soon(self, room: LiveRoom) -> None:
        """At once when nothing was told for a while, else when it is time again: newest wins."""
        now = self._loop.time()
        if room.told_at > now:
            return
        at = max(now, room.told_at + room.period)
        room.told_at = at
        self._loop.call_at(at, self._tell_moves, room) if at > now else self._tell_moves(room)

    def _tell_moves(self, room: LiveRoom) -> None:
        for seat in room.seats:
            room.move(seat)

    async def _said(self, room: LiveRoom, seat: Seat, message: dict[str, Any]) -> None:
        identity, kind, given = message.get("id"), str(message.get("kind")), message.get("body")
        try:
            client_id = rules.client_id(identity)
            body, changes = rules.checked(kind, _inward(given, seat), seat.member, room.row, room.here(), seat.cases)
            sounding.check(kind, room.sound, seat.member)
            if kind == AGENDA:
                rules.check_agenda(body, [one.position for one in room.cases], room.shown)
            seat.active = True
            if kind == ENDED:
                keeping.keep(room, self.writing, now=True)  # who hears that it is over finds the whole track
            write = partial(jobs.write, room.row.id, seat.member, client_id, kind, body, changes)
            if kind in (SOUND, CONSENT):
                write = partial(jobs.noted, write, room.row, seat.standing.actor)
            event, fresh = await self.writing.ask(write)
        except Malformed as error:
            seat.connection.end(POLICY, str(error))
            return
        except rules.Refused as error:
            seat.say({"t": "refused", "id": identity, "why": str(error)})
            return
        except ArchiveError:
            seat.say({"t": "refused", "id": identity, "why": "again"})
            return
        if not fresh:
            mine = for_seat(event, seat)
            seat.say({"t": "event", **mine} if mine else {"t": "refused", "id": identity, "why": "no such case"})
            return
        room.row = replace(room.row, sequence=max(room.row.sequence, event.sequence), **changes)
        await self._tell(room, event)

    async def _tell(self, room: LiveRoom, event: RoomEvent) -> None:
        """Tell an event we wrote; when others have written before it, theirs first."""
        if event.sequence > room.told + 1:
            await self._read_news(room)
        else:
            self._happened(room, event)

    def _happened(self, room: LiveRoom, event: RoomEvent) -> None:
        """An event is durable: everybody is told, and what follows from it is done."""
        if event.sequence <= room.told:
            return
        room.tell(event)
        room.sound = sound.after(room.sound, event)
        self._spawn(self._sounding.look(room))
        if event.kind == STEP:
            room.shown.add(int(event.body["case"]))
        if event.kind == AGENDA:
            self.news(room.row.id)  # the agenda as it is now
        if event.kind == PRESENTER:
            self.tell_moves_soon(room)
            room.tell_people()
        if event.kind == ENDED:
            for seat in list(room.seats):
                _bye(seat.connection, "ended")

    async def _write_own(self, room: LiveRoom, kind: str, body: dict[str, Any]) -> RoomEvent:
        """An event that nobody said; it is told when this returns."""
        write = partial(jobs.write, room.row.id, "", sounding.name(), kind, body, {})
        event, _ = await self.writing.ask(partial(jobs.noted, write, room.row, sounding.SERVER))
        await self._tell(room, event)
        return event

    def _signalled(self, room: LiveRoom, seat: Seat, message: dict[str, Any]) -> None:
        """What two browsers must tell each other to hear each other; not looked into, not kept."""
        to, data = message.get("to"), message.get("data")
        if not isinstance(data, dict) or len(orjson.dumps(data)) > LONGEST_RTC:
            raise Malformed("not a signal")
        for other in room.seats:
            if other.member == to and other is not seat:
                other.say({"t": "rtc", "from": seat.member, "data": data})
        if isinstance(to, str):
            self.across.signal(room, seat.member, to, data)

    # ── what others wrote ────────────────────────────────────────────────────────────────────────────────────────

    def news(self, room_id: int) -> None:
        """Somebody else wrote in a room: those here are told."""
        if room_id in self.rooms:
            self._spawn(self._read_news(self.rooms[room_id]))

    async def _read_news(self, room: LiveRoom) -> None:
        with contextlib.suppress(ArchiveError):
            row, cases, members, events = await self.writing.ask(partial(jobs.news, room.row.id, room.told))
            before = {one.key: one.name for one in room.members.values()}
            room.row, room.members = row, {one.key: one for one in members}
            if before != {one.key: one.name for one in members}:
                room.tell_people()
            if cases != room.cases:
                room.cases = cases
                for seat in list(room.seats):
                    seat.cases = frozenset()  # so that everybody is told, also of a new order
                    self._sees_anew(room, seat, seat.standing)
            for event in events:
                self._happened(room, event)
            if row.ended_at is not None:
                keeping.keep(room, self.writing, now=True)
                for seat in list(room.seats):
                    _bye(seat.connection, "ended")

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def tend(self, stop: asyncio.Event) -> None:
        """Until `stop`: who is silent, who left, who may not be here any more, what is to be kept."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
            now = time.monotonic()
            for connection, since in list(self._strangers.items()):
                if now - since > JOIN_SECONDS:
                    connection.end(POLICY, "nothing was asked")
            self.across.tend(now)
            for room in list(self.rooms.values()):
                self._tend_room(room, now)
            try:
                await self._look(now)
            except ArchiveError as error:
                log.warning("%s: %s", type(error).__name__, error)
            except Exception:
                log.exception("looking after the rooms fell")
                raise

    def _tend_room(self, room: LiveRoom, now: float) -> None:
        for seat in room.seats:
            if now - seat.spoken_at >= SILENCE_SECONDS:
                seat.say(["h"])
        for key, since in list(room.leaving.items()):
            if now - since > AWAY_SECONDS:
                del room.leaving[key]
                called = room.lost.pop(key, "") or f"left-{secrets.token_hex(8)}"
                if key not in room.present():
                    self._spawn(self._left(room, key, called))
        keeping.keep(room, self.writing)
        if room.sound.asked:
            self._spawn(self._sounding.look(room))
        if not room.seats and not room.leaving and not room.moves:
            self.rooms.pop(room.row.id, None)

    async def _left(self, room: LiveRoom, key: str, called: str) -> None:
        with contextlib.suppress(ArchiveError):
            event, _ = await self.writing.ask(partial(jobs.write, room.row.id, key, called, LEFT, {}, {}))
            await self._tell(room, event)

    async def _look(self, now: float) -> None:
        """Whether everybody may still be here: after a commit every other second, and every four in any case."""
        if not self._seats or now - self._looked < LOOK_SECONDS:
            return
        stamp = await self._loop.run_in_executor(None, self._database.stamp)
        if stamp == self._stamp and now - self._looked < LOOK_ANYWAY_SECONDS:
            return
        self._stamp, self._looked = stamp, now
        seated = list(self._seats.values())
        asked = [(seat.holder, seat.active) for _, seat in seated]
        for _, seat in seated:
            seat.active = False
        answers = await self._loop.run_in_executor(
            None, lambda: [self._doorkeeper.standing(holder, active=active) for holder, active in asked]
        )
        for (room, seat), standing in zip(seated, answers, strict=True):
            if standing is None:
                _bye(seat.connection, "revoked")
            else:
                self._sees_anew(room, seat, standing)

    def _sees_anew(self, room: LiveRoom, seat: Seat, standing: Standing) -> None:
        """What the member may see now; who may see no case of the room may not be in it."""
        seat.standing = standing
        cases = room.visible(standing)
        if not cases:
            _bye(seat.connection, "revoked")
        elif cases != seat.cases or len(room.cases) != len(cases):
            seat.cases = cases
            seat.say({"t": "cases", "cases": room.agenda(seat)})

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Tell everybody to come again, and write what is to be kept."""
        for connection in [*self._seats, *self._strangers]:
            _bye(connection, "again", AGAIN)
        for room in self.rooms.values():
            keeping.keep(room, self.writing, now=True)
        await asyncio.sleep(0.05)
        self.across.stop()
        self.writing.close()


def _bye(connection: Connection, why: str, code: int = NORMAL) -> None:
    connection.say(orjson.dumps({"t": "bye", "why": why}))
    connection.end(code if why != "full" else FULL, why)


def _described(room: LiveRoom) -> dict[str, Any]:
    row = room.row
    return {
        "code": row.code, "title": row.title, "step": row.step, "presenter": row.presenter,
        "recording": row.recording, "guests": row.guests, "created_by": row.created_by, "created_at": row.created_at,
    }  # fmt: skip


def _inward(body: Any, seat: Seat) -> Any:
    if not isinstance(body, dict):
        return body
    names = {"SeriesInstanceUID", "SOPInstanceUID"} & body.keys()
    return {**body, **{name: seat.standing.inward(str(body[name])) for name in names}}

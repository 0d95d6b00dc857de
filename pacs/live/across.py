"""Rooms that reach over several servers on one PostgreSQL: who is at the others, what moves there, and signalling.

What is kept goes through the index, in one order (`jobs`). This is the rest: it goes by notices, newest wins, and a
server that is silent for a while has none of its people here any more. With SQLite there is one server, and nothing
is told.

    ["H", node, ask, [[room, {member: guest}, [leaving]], …]]   all who are at this node; `ask`: tell me yours
    ["h", node, ask, [[room, …]]]                               the same of some rooms
    ["m", node, [[room, {member: state}], …]]                   what their screens show now
    ["r", node, room, from, to, data]                           signalling for voice
    ["b", node]                                                 this node ends
"""

import asyncio
import hashlib
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from pacs.live import keeping
from pacs.live.parcels import Opening, packed
from pacs.live.room import PERIOD, LiveRoom
from storage.errors import StorageUnavailable
from storage.index import notices
from storage.index.database import Database

log = logging.getLogger(__name__)

ALIVE_SECONDS = 3.0  # between two tellings who is here
DEAD_SECONDS = 10.0  # a node that told nothing for so long has nobody here any more
LOST_EARLIER = 5.0  # its people have left this much sooner than who was cut off: 15 s after it was last heard
MOST_WAITING = 2_000  # messages that wait for the index; beyond that what moves is dropped
AGAIN_SECONDS = 1.0


class Host(Protocol):
    """What is needed of the process of the rooms."""

    rooms: dict[int, LiveRoom]

    def news(self, room_id: int) -> None:
        """Something was written in the room by somebody else."""

    def tell_moves_soon(self, room: LiveRoom) -> None:
        """What moves in the room is to be told."""


class Across:
    """This node, and the others."""

    def __init__(self, database: Database, host: Host) -> None:
        self.node = secrets.token_hex(4)
        self.reaches = notices.shared(database)
        self._database, self._host = database, host
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[list[Any] | None] = queue.SimpleQueue()
        self._opening = Opening()
        self._heard: dict[str, float] = {}
        self._moved: dict[int, set[str]] = {}
        self._told_moves = 0.0
        self._told_here = 0.0

    def start(self, over: Callable[[], bool]) -> None:
        """Listen and tell from now on, until `over`."""
        for work in (self._listen_rooms, self._listen_nodes) if self.reaches else ():
            threading.Thread(target=work, args=(over,), name="news", daemon=True).start()
        if self.reaches:
            self._teller = threading.Thread(target=self._tell, name="telling", daemon=True)
            self._teller.start()

    def stop(self) -> None:
        """Tell the others that this node ends."""
        if self.reaches:
            self._waiting.put(["b", self.node])
            self._waiting.put(None)
            self._teller.join(2)

    # ── to the others ────────────────────────────────────────────────────────────────────────────────────────────

    def here(self, room: LiveRoom, *, ask: bool = False) -> None:
        """Somebody came into or left the room at this node."""
        if self.reaches:
            self._waiting.put(["h", self.node, ask, [_present(room)]])

    def moved(self, room: LiveRoom, key: str) -> None:
        """The state of a member at this node is new."""
        if self.reaches and room.away:
            self._moved.setdefault(room.row.id, set()).add(key)
            self._tell_moves_soon()

    def signal(self, room: LiveRoom, sender: str, to: str, data: dict[str, Any]) -> None:
        """Pass a signal on to the nodes where its receiver is."""
        if any(to in keys for keys in room.away.values()):
            self._waiting.put(["r", self.node, room.row.id, sender, to, data])

    def tend(self, now: float) -> None:
        """Once a second: tell that we are here, forget who is silent."""
        if not self.reaches:
            return
        if now - self._told_here >= ALIVE_SECONDS:
            self._told_here = now
            self._tell_all()
        for node, at in list(self._heard.items()):
            if now - at > DEAD_SECONDS:
                log.warning("the server %s is silent: its %d rooms go on without it", node, self._drop(node, at))

    def _tell_all(self, *, ask: bool = False) -> None:
        rooms = [_present(room) for room in self._host.rooms.values() if room.seats or room.leaving]
        self._waiting.put(["H", self.node, ask, rooms])

    def _tell_moves_soon(self) -> None:
        now = self._loop.time()
        if self._told_moves > now:
            return
        at = max(now, self._told_moves + PERIOD)
        self._told_moves = at
        self._loop.call_at(at, self._tell_moves) if at > now else self._tell_moves()

    def _tell_moves(self) -> None:
        moved, self._moved = self._moved, {}
        told = []
        for room_id, keys in moved.items():
            room = self._host.rooms.get(room_id)
            if room is not None:
                told.append([room_id, {key: room.states.get(key) for key in keys}])
        if told and self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(["m", self.node, told])

    # ── from the others ──────────────────────────────────────────────────────────────────────────────────────────

    def hear(self, payload: str) -> None:
        """What another node told."""
        match self._opening.add(payload):
            case ["H" | "h" as kind, str(node), ask, list(rooms)]:
                self._hear_of(node, rooms, whole=kind == "H", ask=bool(ask))
            case ["m", str(node), list(rooms)] if node in self._heard:
                self._heard[node] = time.monotonic()
                for room_id, states in rooms:
                    self._hear_moves(node, room_id, states)
            case ["r", str(node), int(room_id), str(sender), str(to), dict(data)]:
                room = self._host.rooms.get(room_id)
                for seat in room.seats if room is not None and sender in room.away.get(node, {}) else ():
                    if seat.member == to:
                        seat.say({"t": "rtc", "from": sender, "data": data})
            case ["b", str(node)]:
                self._drop(node, time.monotonic() + LOST_EARLIER)

    def _hear_of(self, node: str, rooms: list[Any], *, whole: bool, ask: bool) -> None:
        unknown = node not in self._heard
        self._heard[node] = time.monotonic()
        told: dict[int, tuple[dict[str, int], list[str]]] = {room_id: (keys, going) for room_id, keys, going in rooms}
        for room in list(self._host.rooms.values()):
            if room.row.id in told:
                self._place(room, node, *told[room.row.id])
                if ask:
                    self.here(room)
                    self._moved.setdefault(room.row.id, set()).update(seat.member for seat in room.seats)
            elif whole and (node in room.away or node in room.going):
                self._place(room, node, {}, [])
        if ask:
            self._tell_moves_soon()
        if unknown:
            self._tell_all(ask=True)

    def _place(self, room: LiveRoom, node: str, keys: dict[str, int], going: list[str]) -> None:
        """These are at that node now, and those were cut off there a moment ago."""
        before = room.here()
        if keys:
            if node not in room.away:  # it knows nothing of what our screens show
                self._moved.setdefault(room.row.id, set()).update(seat.member for seat in room.seats)
                self._tell_moves_soon()
            room.away[node] = keys
        else:
            room.away.pop(node, None)
        room.going[node] = set(going)
        for key, guest in keys.items():
            room.leaving.pop(key, None)
            if guest:
                room.guests.add(key)
        self._changed(room, before)

    def _changed(self, room: LiveRoom, before: set[str]) -> None:
        here = room.here()
        for key in before - here:
            room.forget(key)
        if here - room.members.keys():
            self._host.news(room.row.id)  # and who they are
        if here != before:
            room.tell_people()

    def _hear_moves(self, node: str, room_id: int, states: dict[str, Any]) -> None:
        room = self._host.rooms.get(room_id)
        if room is None:
            return
        own = {seat.member for seat in room.seats}
        for key, state in states.items():
            if key in own or key not in room.away.get(node, {}):
                continue
            if state is None:
                room.forget(key)
                continue
            room.states[key] = state
            keeping.note(room, key)
        self._host.tell_moves_soon(room)

    def _drop(self, node: str, heard_at: float) -> int:
        """A node is gone; its people have left some seconds later, unless they come to another one. How many rooms."""
        self._heard.pop(node, None)
        touched = [room for room in self._host.rooms.values() if node in room.away or node in room.going]
        for room in touched:
            before = room.here()
            lost = set(room.away.pop(node, {})) | room.going.pop(node, set())
            for key in lost - room.here():
                room.leaving.setdefault(key, heard_at - LOST_EARLIER)
                # Every node that is left says so, under one name: it is kept once.
                room.lost[key] = f"left-{node}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
            self._changed(room, before)
        return len(touched)

    # ── threads ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _listen_rooms(self, over: Callable[[], bool]) -> None:
        def hear(payload: str) -> None:
            if payload.isdigit():
                self._loop.call_soon_threadsafe(self._host.news, int(payload))

        def look() -> None:
            for room_id in list(self._host.rooms):
                self._host.news(room_id)

        self._listen(notices.ROOMS, hear, look, over)

    def _listen_nodes(self, over: Callable[[], bool]) -> None:
        def hear(payload: str) -> None:
            if not payload.startswith(self.node):
                self._loop.call_soon_threadsafe(self.hear, payload[len(self.node) :])

        self._listen(notices.NODES, hear, lambda: self._tell_all(ask=True), over)

    def _listen(
        self, channel: str, hear: Callable[[str], None], ask: Callable[[], None], over: Callable[[], bool]
    ) -> None:
        """Hear a channel; whenever a connection begins to listen, `ask` makes up for what was told before."""
        while not over():
            try:
                notices.listen(self._database, channel, hear, over, lambda: self._soon(ask))
                return
            except StorageUnavailable as error:
                log.warning("%s", error)
                time.sleep(AGAIN_SECONDS)

    def _soon(self, ask: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(ask)

    def _tell(self) -> None:
        teller = notices.Teller(self._database)
        while (message := self._waiting.get()) is not None:
            try:
                teller.tell(notices.NODES, [self.node + payload for payload in packed(message)])
            except StorageUnavailable as error:
                log.warning("%s", error)  # who is here is told again in a moment; what moves is old by then
                time.sleep(AGAIN_SECONDS)
        teller.close()


def _present(room: LiveRoom) -> list[Any]:
    own = {seat.member: int(seat.standing.guest) for seat in room.seats}
    return [room.row.id, own, sorted(room.leaving)]

"""Anchors of the audit log: what is written down elsewhere of which hash a record had, signed, and what breaks them.

An anchor is its name: `<sequence>-<hash>-<serial><c or b>-<signature>`. The signature is an HMAC-SHA-256 (its first 128
bits) under a key that is neither in the index nor in the object store; serials count from 1 without holes. `b` (broken)
says that the log did not continue what was written down before. Versions before signatures wrote `<sequence>-<hash>`.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from storage.model.audit import GENESIS, Chain
from storage.model.faults import Fault

_NAME = re.compile(r"(\d{12,})-([0-9a-f]{64})(?:-(\d{8,})([cb])-([0-9a-f]{32}))?", re.ASCII)
_PURPOSE = "hoichan anchor 1"


@dataclass(frozen=True, slots=True)
class Anchor:
    """Which hash a record had. `serial` is 0 and `signature` empty where nobody signed it."""

    sequence: int
    hash: str
    serial: int = 0
    continues: bool = True
    signature: str = ""

    @property
    def name(self) -> str:
        """The anchor, whole."""
        name = f"{self.sequence:012d}-{self.hash}"
        return f"{name}-{self.serial:08d}{_flag(self)}-{self.signature}" if self.signature else name


@dataclass(slots=True)
class Judged:
    """What the anchors say: hashes by sequence, which are signed (by their numbers), how many are older than
    signatures, and what is wrong with them."""

    known: dict[int, str]
    signed: list[Anchor]
    unsigned: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def last(self) -> Anchor | None:
        """The newest signed one."""
        return self.signed[-1] if self.signed else None

    def fitting(self, faults: Iterable[Fault]) -> Anchor | None:
        """The newest signed one that none of these faults touches: up to its record the log is vouched for."""
        touched = list(faults)
        record = min((one.record for one in touched if one.record), default=None)
        serial = min((one.anchor for one in touched if one.anchor), default=None)
        fits = (
            one
            for one in reversed(self.signed)
            if (record is None or one.sequence < record) and (serial is None or one.serial < serial)
        )
        return next(fits, None)


def read(name: str) -> Anchor | None:
    """The anchor of this name; None when it is no anchor's."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    sequence, hashed, serial, flag, signature = found.groups()
    if signature is None:
        return Anchor(int(sequence), hashed)
    return Anchor(int(sequence), hashed, int(serial), flag == "c", signature)


def signed(key: bytes, sequence: int, hashed: str, serial: int, continues: bool = True) -> Anchor:
    """An anchor that only who has the key can make."""
    anchor = Anchor(sequence, hashed, serial, continues)
    return Anchor(sequence, hashed, serial, continues, _signature(key, anchor))


def holds(key: bytes, anchor: Anchor) -> bool:
    """Whether this key signed it, as it is."""
    return hmac.compare_digest(anchor.signature, _signature(key, anchor))


def newest(key: bytes, anchors: Iterable[Anchor]) -> Anchor | None:
    """What the log has to continue: the newest signed anchor, else the newest of before signatures."""
    best: Anchor | None = None
    for anchor in anchors:
        if anchor.signature and not holds(key, anchor):
            continue
        if best is None or (anchor.serial, anchor.sequence) > (best.serial, best.sequence):
            best = anchor
    return best


def following(
    key: bytes, last: Anchor | None, head: tuple[int, str], links: Iterable[Mapping[str, str | int]]
) -> Anchor | None:
    """The next anchor of a log with this head, whose links after that of `last` are given; None when there is nothing
    new to say. It is honest: of a log that does not continue, it says so."""
    before = (last.sequence, last.hash) if last else (0, GENESIS)
    chain = Chain(after=before)
    if head[0] > before[0]:
        continues = not list(chain.take(links))
        head = chain.head
    else:
        continues = head == before
    if continues and head == before and (last is None or last.signature):
        return None
    return signed(key, *head, (last.serial if last else 0) + 1, continues)


def judge(key: bytes, anchors: Collection[Anchor], noted: Anchor | None = None) -> Judged:
    """Judge anchors against the key, each other, and the newest one that was `noted` beside the key.

    Unsigned ones count as far as the first signed one and no farther: whoever takes signatures off makes an unsigned
    anchor too many, or a hole.
    """
    good = sorted((one for one in anchors if one.signature and holds(key, one)), key=lambda one: one.serial)
    forged = sorted(one.sequence for one in anchors if one.signature and not holds(key, one))
    plain = [one for one in anchors if not one.signature]
    known: dict[int, str] = {}
    found = Judged(known, good)
    if forged:
        found.faults.append(Fault("forged", forged[0], count=len(forged)))
    late = sorted(one.sequence for one in plain if good and one.sequence > good[0].sequence)
    if late:
        found.faults.append(Fault("unsigned", late[0], count=len(late)))
    found.unsigned = len(plain) - len(late)
    trusted = [*(one for one in plain if not good or one.sequence <= good[0].sequence), *good]
    if noted is not None:
        if holds(key, noted):
            trusted += [noted] if noted not in good else []
        else:
            found.faults.append(Fault("note"))
            noted = None
    found.faults += _holes({one.serial for one in good}, noted.serial if noted else 0)
    for one in trusted:
        if known.setdefault(one.sequence, one.hash) != one.hash:
            found.faults.append(Fault("twice", one.sequence))
    for one in good:
        if not one.continues:
            found.faults.append(Fault("broken", one.sequence, one.serial))
    return found


def _holes(serials: set[int], noted: int) -> Iterator[Fault]:
    """Signed anchors that must have been there."""
    before = 0
    for serial in sorted(serials | {noted} - {0}):
        if serial in serials and serial == before + 1:
            before = serial
            continue
        last = serial - 1 if serial in serials else serial
        yield Fault("missing", anchor=before + 1, last=last)
        before = serial


def _flag(anchor: Anchor) -> str:
    return "c" if anchor.continues else "b"


def _signature(key: bytes, anchor: Anchor) -> str:
    said = f"{_PURPOSE}\n{anchor.serial} {anchor.sequence} {anchor.hash} {_flag(anchor)}"
    return hmac.digest(key, said.encode(), hashlib.sha256)[:16].hex()

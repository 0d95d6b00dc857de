"""Random alterations of an audit log and its anchors, and whether each is noticed.

``python -m tests.support.alterations 10000``

Who alters has no key. What is noted beside the key is out of reach; where checking is done on another machine it is not
there. The honest program, which has both, may write further anchors after the deed.
"""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from storage.model import anchors as room
from storage.model.anchors import Anchor
from storage.model.audit import GENESIS, AuditRecord, Chain, as_object, hash_of

Link = dict[str, str | int]
RECORDS = ("modify", "rehash", "delete", "insert", "reorder", "truncate", "fork")  # of the log alone
ANCHORS = ("forge", "strip", "borrow", "drop", "roll back", "forget", "whitewash")  # of the log and what was written
KINDS = (*RECORDS, *ANCHORS)
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
_TEXTS = ("actor", "role", "hospital", "address", "action", "object", "patient", "reason", "result", "detail")


def chain_of(length: int, start: int = 1, previous: str = GENESIS, salt: str = "") -> list[Link]:
    """A sound chain of records."""
    links: list[Link] = []
    for n in range(start, start + length):
        facts = as_object(
            AuditRecord(
                n, 1_700_000_000_000 + n, 1, "main", f"người.{n % 5}{salt}", "admin", "10.0.0.1", "conflict.keep",
                f"1.2.{n}", "1.2.3", "trùng lặp", "done", "{}", previous, "",
            )
        )  # fmt: skip
        previous = hash_of(facts)
        links.append({**facts, "hash": previous})
    return links


@dataclass(frozen=True, slots=True)
class Kept:
    """A log, its anchors in the object store, and what is noted beside the key."""

    links: list[Link]
    anchors: list[Anchor]
    noted: Anchor | None


def alterations(count: int, seed: int = 1, length: int = 40) -> dict[str, tuple[int, int]]:
    """Alter a log `count` times; how many alterations of each kind were made and how many were noticed."""
    chance = random.Random(seed)
    found = dict.fromkeys(KINDS, (0, 0))
    whole = sound(length)
    if faults(whole):
        raise AssertionError("what nobody altered has faults")
    for n in range(count):
        kind = KINDS[n % len(KINDS)]
        altered = _alter(kind, whole, chance)
        if altered.noted is not None and chance.random() < 0.3:
            altered = _go_on(altered, chance)
        made, noticed = found[kind]
        found[kind] = made + 1, noticed + bool(faults(altered))
    return found


def sound(length: int, key: bytes = KEY) -> Kept:
    """A log that nobody altered: two anchors of before signatures, then signed ones up to the end."""
    links = chain_of(length)
    made = [Anchor(at, str(links[at - 1]["hash"])) for at in (length // 8, length // 4)]
    for at in (length // 4, length // 2, 3 * length // 4, length):
        last = room.newest(key, made)
        following = room.following(
            key, last, (at, str(links[at - 1]["hash"])), links[last.sequence if last else 0 : at]
        )
        if following is not None:
            made.append(following)
    return Kept(links, made, made[-1])


def faults(kept: Kept, key: bytes = KEY) -> list[str]:
    """What checking says, as `hoichan audit verify` does."""
    judged = room.judge(key, kept.anchors, kept.noted)
    chain = Chain(judged.known)
    found = [str(fault) for fault in (*judged.faults, *chain.take(kept.links), *chain.end())]
    return found if judged.signed else [*found, "nothing signed vouches for the log"]


def _go_on(kept: Kept, chance: random.Random) -> Kept:
    """The program that has noted its newest anchor goes on after the deed: further acts, and an anchor."""
    links = list(kept.links)
    if links and chance.random() < 0.7:
        links += chain_of(chance.randrange(1, 5), int(links[-1]["seq"]) + 1, str(links[-1]["hash"]), salt=" later")
    last = room.newest(KEY, [*kept.anchors, *([kept.noted] if kept.noted else [])])
    head = (int(links[-1]["seq"]), str(links[-1]["hash"])) if links else (0, GENESIS)
    after = last.sequence if last else 0
    made = room.following(KEY, last, head, [link for link in links if int(link["seq"]) > after])
    return replace(kept, links=links, anchors=[*kept.anchors, *([made] if made else [])])


def _alter(kind: str, kept: Kept, chance: random.Random) -> Kept:
    if kind in RECORDS:
        noted = kept.noted if chance.random() < 0.5 else None
        return replace(kept, links=_altered(kind, kept.links, chance), noted=noted)
    return _OF_ANCHORS[kind](kept, chance)


def _rewritten(kept: Kept, chance: random.Random) -> tuple[list[Link], list[Anchor], list[Anchor]]:
    """Another history from some record on, the anchors that fit it, and those that do not; at least one is signed."""
    at = chance.randrange(len(kept.links))
    links = _altered(chance.choice(("rehash", "fork")), kept.links, chance, at)
    return (
        links,
        [one for one in kept.anchors if one.sequence <= at],
        [one for one in kept.anchors if one.sequence > at],
    )


def _hash_at(links: list[Link], anchor: Anchor) -> str:
    return str(links[anchor.sequence - 1]["hash"])


def _forge(kept: Kept, chance: random.Random) -> Kept:
    """Anchors of another history, signed with another key, or with none that is a key."""
    links, fit, others = _rewritten(kept, chance)
    key = OTHER_KEY if chance.random() < 0.5 else chance.randbytes(32)
    made = [
        room.signed(key, one.sequence, _hash_at(links, one), one.serial) if one.signature
        else replace(one, hash=_hash_at(links, one)) for one in others
    ]  # fmt: skip
    return Kept(links, [*fit, *made], _maybe(kept, chance))


def _strip(kept: Kept, chance: random.Random) -> Kept:
    """Another history with anchors as they were before signatures: in place of those that do not fit, or of all."""
    links, fit, others = _rewritten(kept, chance)
    if chance.random() < 0.5:
        fit, others = [], kept.anchors
    plain = [Anchor(one.sequence, _hash_at(links, one)) for one in others]
    return Kept(links, [*fit, *(plain if chance.random() < 0.7 else [])], _unless_honest_end(kept, fit))


def _borrow(kept: Kept, chance: random.Random) -> Kept:
    """Another history, with signatures that were good for something else."""
    links, fit, others = _rewritten(kept, chance)
    good = [one for one in kept.anchors if one.signature]
    made = [
        replace(one, hash=_hash_at(links, one), signature=chance.choice(good).signature) if one.signature
        else replace(one, hash=_hash_at(links, one)) for one in others
    ]  # fmt: skip
    return Kept(links, [*fit, *made], _maybe(kept, chance))


def _drop(kept: Kept, chance: random.Random) -> Kept:
    """Nothing but one signed anchor that is not the newest is taken away."""
    gone = chance.choice([one for one in kept.anchors if one.signature][:-1])
    return Kept(kept.links, [one for one in kept.anchors if one is not gone], _maybe(kept, chance))


def _roll_back(kept: Kept, chance: random.Random) -> Kept:
    """Log and anchors as they were once: nothing in them is wrong, only what is noted beside the key is newer."""
    at = chance.randrange(len(kept.links))
    return replace(kept, links=kept.links[:at], anchors=[one for one in kept.anchors if one.sequence <= at])


def _forget(kept: Kept, chance: random.Random) -> Kept:
    """The same, and another history goes on from there, with or without anchors of before signatures."""
    links, fit, others = _rewritten(kept, chance)
    plain = [Anchor(one.sequence, _hash_at(links, one)) for one in others]
    return replace(kept, links=links, anchors=[*fit, *(plain if chance.random() < 0.5 else [])])


def _whitewash(kept: Kept, chance: random.Random) -> Kept:
    """The program has written down that the log does not continue; this is made to say that it does, or taken away."""
    links, fit, _ = _rewritten(kept, chance)
    found = _go_on(Kept(links, fit, kept.noted), chance)
    told = found.anchors[-1]
    found = _go_on(replace(found, noted=told), chance)
    lies = [replace(told, continues=True)] if chance.random() < 0.5 else []
    return replace(found, anchors=[*lies, *(one for one in found.anchors if one is not told)])


def _maybe(kept: Kept, chance: random.Random) -> Anchor | None:
    return kept.noted if chance.random() < 0.5 else None


def _unless_honest_end(kept: Kept, fit: list[Anchor]) -> Anchor | None:
    """Without what is noted only who leaves no signed anchor is found: the others are as if the log had ended there."""
    return kept.noted if any(one.signature for one in fit) else None


_OF_ANCHORS: dict[str, Callable[[Kept, random.Random], Kept]] = {
    "forge": _forge, "strip": _strip, "borrow": _borrow, "drop": _drop, "roll back": _roll_back, "forget": _forget,
    "whitewash": _whitewash,
}  # fmt: skip


def _altered(kind: str, whole: list[Link], chance: random.Random, at: int | None = None) -> list[Link]:
    links = [dict(link) for link in whole]
    at = chance.randrange(len(links)) if at is None else at
    if kind == "modify":
        _modify(links[at], chance)
    elif kind == "rehash":  # as somebody would who knows how: everything after is hashed again
        links[at][chance.choice(_TEXTS)] = f"altered {chance.random()}"
        previous = str(links[at]["prev_hash"])
        for link in links[at:]:
            link["prev_hash"] = previous
            previous = link["hash"] = hash_of({key: value for key, value in link.items() if key != "hash"})
    elif kind == "delete":
        del links[at]
    elif kind == "insert":
        links.insert(at, dict(chance.choice(links)))
    elif kind == "reorder":
        other = chance.choice([n for n in range(len(links)) if n != at])
        links[at], links[other] = links[other], links[at]
    elif kind == "truncate":
        del links[at:]
    else:  # another history from here on, sound in itself
        previous = str(links[at]["prev_hash"])
        links[at:] = chain_of(len(links) - at, at + 1, previous, salt=str(chance.random()))
    return links


def _modify(link: Link, chance: random.Random) -> None:
    name = chance.choice([*_TEXTS, "seq", "utc", "prev_hash", "hash"])
    value = str(link[name])
    if name == "seq":
        link[name] = int(value) + chance.choice((-1, 1, 1000))
    elif name in ("prev_hash", "hash"):
        digit = chance.randrange(64)
        link[name] = (
            value[:digit] + chance.choice([c for c in "0123456789abcdef" if c != value[digit]]) + value[digit + 1 :]
        )
    else:
        link[name] = value + chance.choice("abc .")


def main() -> int:
    """Print how many of the alterations were noticed; 0 when all were."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    found = alterations(count)
    for kind, (made, noticed) in found.items():
        print(f"  {kind:<10} {made:>6} made {noticed:>6} noticed")
    made, noticed = (sum(numbers) for numbers in zip(*found.values(), strict=True))
    print(f"  {noticed} of {made} alterations noticed")
    return 0 if noticed == made > 0 else 1


if __name__ == "__main__":
    sys.exit(main())

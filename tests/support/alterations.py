"""Random alterations of an audit log, and whether each is noticed. ``python -m tests.support.alterations 10000``"""

import random
import sys
from collections.abc import Mapping

from storage.model.audit import GENESIS, AuditRecord, Chain, as_object, hash_of

Link = dict[str, str | int]
KINDS = ("modify", "rehash", "delete", "insert", "reorder", "truncate", "fork")
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


def alterations(count: int, seed: int = 1, length: int = 40) -> dict[str, tuple[int, int]]:
    """Alter a log `count` times; how many alterations of each kind were made and how many were noticed."""
    chance = random.Random(seed)
    found = dict.fromkeys(KINDS, (0, 0))
    for n in range(count):
        sound = chain_of(length)
        anchors = {length // 2: str(sound[length // 2 - 1]["hash"]), length: str(sound[-1]["hash"])}
        kind = KINDS[n % len(KINDS)]
        altered = _altered(kind, sound, chance)
        made, noticed = found[kind]
        found[kind] = made + 1, noticed + bool(_faults(altered, anchors))
    return found


def _faults(links: list[Link], anchors: Mapping[int, str]) -> list[str]:
    chain = Chain(anchors)
    return [*chain.take(links), *chain.end()]


def _altered(kind: str, sound: list[Link], chance: random.Random) -> list[Link]:
    links = [dict(link) for link in sound]
    at = chance.randrange(len(links))
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

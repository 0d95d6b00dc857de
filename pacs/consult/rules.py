"""Who may do what in a consultation, in which state, and what state it then has.

    asked ──accepted──▶ accepted ──opinion──▶ answered ──concluded──▶ concluded ──closed──▶ closed
      └────────────────opinion───────────────────▲                                     (reopened: back to answered)
    asked, accepted, answered ──withdrawn──▶ withdrawn                                 (reopened: back to asked)

Anybody who takes part may write; the side that asks ends it. Revoking ends what the other side sees and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.errors import Conflict, NotPermitted
from storage.model.consult import ENDED, OPEN, Consult, Kind, Party, Side, State

_BOTH = frozenset(Side)
_FROM, _TO = frozenset({Side.FROM}), frozenset({Side.TO})
_ALIVE = frozenset(State) - ENDED


@dataclass(frozen=True, slots=True)
class Rule:
    """The sides that may do it, and the states in which it can be done."""

    sides: frozenset[Side]
    states: frozenset[State]


# What people do by themselves; what is not here our own rooms write down (rooms, minutes, attachments).
RULES: Mapping[Kind, Rule] = {
    Kind.ACCEPTED: Rule(_TO, frozenset({State.ASKED})),
    Kind.OPINION: Rule(_TO, OPEN),
    Kind.MESSAGE: Rule(_BOTH, _ALIVE),
    Kind.TRANSLATION: Rule(_BOTH, _ALIVE),
    Kind.KEY_IMAGES: Rule(_BOTH, _ALIVE),
    Kind.CONCLUDED: Rule(_BOTH, frozenset({State.ACCEPTED, State.ANSWERED})),
    Kind.CLOSED: Rule(_FROM, frozenset({State.ACCEPTED, State.ANSWERED, State.CONCLUDED})),
    Kind.WITHDRAWN: Rule(_FROM, OPEN),
    Kind.REVOKED: Rule(_FROM, frozenset({State.ACCEPTED, State.ANSWERED, State.CONCLUDED, State.CLOSED})),
    Kind.REOPENED: Rule(_FROM, ENDED),
}
_ATTACHING = Rule(_BOTH, _ALIVE)


def may(consult: Consult, party: Party) -> tuple[Kind, ...]:
    """What this party may do now, in the order of the table."""
    sides = consult.sides(party)
    return tuple(kind for kind, rule in RULES.items() if rule.sides & sides and consult.state in rule.states)


def check(consult: Consult, party: Party, kind: Kind) -> Side:
    """The side on which the party does this. Raises NotPermitted, and Conflict in the wrong state."""
    rule = _ATTACHING if kind is Kind.ATTACHMENT else RULES.get(kind)
    sides = consult.sides(party)
    if rule is None or not rule.sides & sides:
        raise NotPermitted("this is not yours to do in this consultation")
    if consult.state not in rule.states:
        raise Conflict(f"this consultation is {consult.state} by now")
    both = rule.sides & sides
    return Side.TO if both == _BOTH and kind in (Kind.OPINION, Kind.ACCEPTED) else min(both)


def changed(consult: Consult, kind: Kind, side: Side, body: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The columns of the consultation that this changes."""
    match kind:
        case Kind.ACCEPTED:
            return {"state": State.ACCEPTED.value}
        case Kind.OPINION:
            first = {} if consult.answered_at else {"answered_at": now}
            return {
                "state": State.ANSWERED.value, "waits_for": Side.FROM.value, "verdict": body["verdict"], **first
            }  # fmt: skip
        case Kind.CONCLUDED:
            return {"state": State.CONCLUDED.value, "waits_for": Side.FROM.value, "concluded_at": now}
        case Kind.CLOSED:
            return {"state": State.CLOSED.value, "waits_for": "", "closed_at": now, "outcome": body["outcome"]}
        case Kind.WITHDRAWN:
            return {"state": State.WITHDRAWN.value, "waits_for": "", "closed_at": now, "revoked_at": now}
        case Kind.REVOKED:
            return {"revoked_at": now}
        case Kind.REOPENED:
            answered = consult.answered_at is not None
            return {
                "state": (State.ANSWERED if answered else State.ASKED).value,
                "waits_for": Side.TO.value, "closed_at": None, "revoked_at": None, "outcome": "",
            }  # fmt: skip
        case Kind.MESSAGE | Kind.ATTACHMENT | Kind.KEY_IMAGES if side is Side.FROM and consult.verdict == "more":
            return {"waits_for": Side.TO.value} if consult.state is State.ANSWERED else {}
        case _:
            return {}

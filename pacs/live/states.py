"""What a member's screen shows and where they point: small, replaced by what is newer, told as differences.

The fields are single letters, since they cross thin links up to 15 times a second:

    c  position of the case on the agenda          s  Series Instance UID
    i  SOP Instance UID                            f  frame number, from 1
    w  [centre, width, inverted 0 or 1]            z  camera in patient space: focal point x, y, z in mm, extent of
    m  three planes (MPR), all in patient space:      the smaller side in mm, rotation in degrees, flips 0 or 1
       cross-hair x, y, z in mm, two of the three   r  [frames this member has, frames there are] of the case
       axes as unit vectors, middle of the screens  v  [speaks 0, muted 1, only hears 2; camera 0 or 1]: in
       in mm, extent of the smaller side in mm         the call with who else has this field
    p  [column, row] of the pointer in the frame; [x, y, z] in mm in the patient where it points on one of three planes
    b  position of the case of the image, where that is put beside the case c and is another
    l  [panes side by side: 1, 2 or 4; the active one from 0], which is what s, i, f, w, z and b are about
    s0 i0 f0 w0 z0 b0 … s3 i3 f3 w3 z3 b3   the same of each other pane; only with l, and only of panes that it counts
"""

import math
import re
from collections.abc import Container, Mapping
from typing import Any

State = dict[str, Any]

PANES = frozenset((1, 2, 4))
_NTH = range(max(PANES))
_OTHERS = {f"{field}{nth}": nth for field in "sifwzb" for nth in _NTH}
_FIELDS = frozenset("csifwzbmprvl") | _OTHERS.keys()
UIDS = frozenset(name for name in _FIELDS if name[0] in "si")
LONGEST = 16
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_SHORTEST_SHARED = 6
_MAY_GO = _FIELDS - {"c"}  # a screen between two studies shows no image


class Malformed(ValueError):
    """A message that no program of ours would send."""


def merged(known: Mapping[str, Any], given: object) -> State:
    """The state after a difference as a member's program sent it. Raises Malformed."""
    if not isinstance(given, dict):
        raise Malformed("a state is an object")
    state = dict(known)
    for field, value in given.items():
        if field not in _FIELDS:
            raise Malformed("an unknown field of a state")
        if value is None and field in _MAY_GO:
            state.pop(field, None)
        elif field in UIDS:
            state[field] = _uid(value, str(known.get(field, "")))
        elif field[0] in "cfb":
            state[field] = _position(value)
        else:
            state[field] = _layout(value) if field == "l" else _numbers(value)
    _fits(state)
    return state


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> State:
    """What turns the one into the other; UIDs as what they do not share with the one before."""
    changed: State = {}
    for field, value in new.items():
        before = old.get(field)
        if before != value:
            changed[field] = _shortened(str(before or ""), value) if field in UIDS else value
    for field in old:
        if field not in new:
            changed[field] = None
    return changed


def shown(state: Mapping[str, Any], *, leads: bool) -> State:
    """What the others are told: all of who leads; of the rest where they point and how much they have."""
    if leads:
        return dict(state)
    fields = "csifbprv" if "p" in state else "crv"
    return {field: state[field] for field in fields if field in state}


def within(state: Mapping[str, Any], cases: Container[int]) -> State:
    """What somebody may know of it who sees these cases: of another case only where the member is, of a pane with one
    only which case that is."""
    case = state.get("c", 0)
    if case not in cases:
        return {field: state[field] for field in "crv" if field in state}
    hidden = {nth for nth in ("", *map(str, _NTH)) if state.get(f"b{nth}", case) not in cases}
    gone = {f"{field}{nth}" for nth in hidden for field in "sifwzmp"}
    return {field: value for field, value in state.items() if field not in gone}


def _position(value: object) -> int:
    if type(value) is not int or not 0 <= value <= 1_000_000:
        raise Malformed("not a position")
    return value


def _layout(value: object) -> list[int]:
    if not isinstance(value, list) or len(value) != 2 or not all(type(one) is int for one in value):
        raise Malformed("not a layout")
    panes, active = value
    if panes not in PANES or not 0 <= active < panes:
        raise Malformed("no such panes")
    return value


def _fits(state: Mapping[str, Any]) -> None:
    """Images stand only in panes that there are; the active one's is told without a number."""
    panes, active = state.get("l", (0, 0))
    if any(nth >= panes or nth == active for name, nth in _OTHERS.items() if name in state):
        raise Malformed("an image in no pane")


def _uid(value: object, before: str) -> str:
    if isinstance(value, list) and len(value) == 2 and type(value[0]) is int and isinstance(value[1], str):
        value = before[: max(0, value[0])] + value[1]
    if not isinstance(value, str) or not _UID.fullmatch(value):
        raise Malformed("not a UID")
    return value


def _shortened(before: str, value: str) -> object:
    shared = 0
    for one, other in zip(before, value, strict=False):
        if one != other:
            break
        shared += 1
    return [shared, value[shared:]] if shared >= _SHORTEST_SHARED else value


def _numbers(value: object) -> list[float]:
    if not isinstance(value, list) or len(value) > LONGEST:
        raise Malformed("not a short list")
    for one in value:
        if type(one) not in (int, float) or not math.isfinite(one) or abs(one) > 1e9:
            raise Malformed("not a number")
    return value

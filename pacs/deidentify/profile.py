"""Which data element of a copy becomes what: PS3.15 Annex E, Table E.1-1, edition 2024e.

An allow-list: what no rule below lets pass is dropped, also when a later edition of the Standard adds it. The table
(`table_e1_1.csv`) has, for every attribute the Standard names, the action of the Basic Application Level
Confidentiality Profile and the options that touch it: d Clean Descriptors, g Clean Graphics, t Retain Longitudinal
Temporal Information with Modified Dates, p Retain Patient Characteristics. Attributes it does not name pass by group
and VR: numbers, terms and words we know, sequences (element by element), UIDs (made new). Private, unknown and
repeating groups (curves, overlays) never pass.
"""

import csv
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import resources

from pydicom.datadict import DicomDictionary

EDITION = "PS3.15 2024e, Table E.1-1"
REMOVED, SHIFTED = "removed", "shifted"


class Action(Enum):
    """What happens to an element."""

    DROP = "drop"
    EMPTY = "empty"  # present, without a value
    DUMMY = "dummy"  # a value that says nothing
    UID = "uid"  # a UID of this link; one that the Standard registers stays
    CLEAN = "clean"  # the words we know, no others
    TERM = "term"  # a Code String, when it is made of terms we know
    NUMBER = "number"
    MOMENT = "moment"  # moved by the days of this link
    AGE = "age"
    DATA = "data"  # look-up tables, as they are
    ITEMS = "items"  # a sequence, element by element


@dataclass(frozen=True, slots=True)
class Policy:
    """What is declared for a link. `dates`: REMOVED, or SHIFTED by one number of days for all that the link shows;
    `characteristics`: age (at most 90 years), sex, size and weight stay."""

    dates: str = REMOVED
    characteristics: bool = False


# Groups that describe images. Others (visits, orders, procedures, reports, radiotherapy, films …) do not pass.
GROUPS = frozenset(
    (0x0008, 0x0010, 0x0018, 0x0020, 0x0022, 0x0028, 0x0040, 0x0048, 0x0052, 0x0054, 0x0062, 0x0070, 0x2050, 0x5200)
)
# What would pass by its VR and must not: graphics and their layers, other people's words for codes, what we set anew.
NEVER = frozenset({
    0x00080005, 0x00080201, 0x00120062, 0x00120063, 0x00120064, 0x00280301, 0x00280303,
    0x00620007, 0x00700001, 0x00700002, 0x00700008, 0x00700009, 0x0070000A, 0x00700060, 0x00700066, 0x00700068,
    0x00700209, 0x00700226, 0x00700295, 0x0040A043, 0x0040A168, 0x0040A730, 0x0040A160, 0x0040A123,
})  # fmt: skip
# What presentation states must say of themselves.
OF_STATES = {0x00700080: Action.DUMMY, 0x00700081: Action.EMPTY, 0x00700082: Action.DUMMY, 0x00700083: Action.DUMMY}
# Text of Type 1 in some class: when no word of it may stay, it says that it was removed.
NEVER_EMPTY = frozenset({
    0x00080070, 0x00081090, 0x00181000, 0x00181020, 0x00189005, 0x00209056, 0x00281054, 0x00283003, 0x00283004,
    0x00409210, 0x00620005, 0x00620009, 0x00620020,
})  # fmt: skip
ACQUISITION_CONTEXT = 0x00400555  # of Type 2 where it is needed
# Of the patient nothing passes by its VR.
OF_PATIENT = 0x0010
PATIENT_CHARACTERISTICS = {
    0x00101010: Action.AGE, 0x00100040: Action.TERM, 0x00101020: Action.NUMBER, 0x00101030: Action.NUMBER,
}  # fmt: skip
STILL_PASS = frozenset({0x00102210})  # Anatomical Orientation Type
# Binary values that pass: look-up tables of greys and colours, and the table of frames.
DATA = frozenset({
    0x00281201, 0x00281202, 0x00281203, 0x00281204, 0x00281221, 0x00281222, 0x00281223, 0x00283006,
    0x7FE00001, 0x7FE00002,
})  # fmt: skip
NUMERIC = frozenset({"US", "SS", "UL", "SL", "SV", "UV", "FL", "FD", "AT", "IS", "DS"})
MOMENTS = frozenset({"DA", "TM", "DT"})
WORDS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC"})
# What makes an item a code: taken whole or not at all, and written by us (codes.py).
CODE_ELEMENTS = frozenset({
    0x00080100, 0x00080101, 0x00080102, 0x00080103, 0x00080104, 0x00080105, 0x00080106, 0x00080107, 0x00080108,
    0x0008010B, 0x0008010D, 0x0008010F, 0x00080117, 0x00080118, 0x00080119, 0x00080120, 0x00080121,
})  # fmt: skip
# Of Type 1 in enhanced, multi-frame classes and PET.
NEEDED_WHEN_ENHANCED = frozenset({
    0x00080021, 0x00080022, 0x00080031, 0x00080032, 0x00080023, 0x00080033, 0x0008002A, 0x00181000,
    0x00189074, 0x00189151, 0x00189517,
})  # fmt: skip


@cache
def _table() -> dict[int, tuple[str, str]]:
    text = resources.files(__package__).joinpath("table_e1_1.csv").read_text(encoding="ascii")
    return {int(row["tag"], 16): (row["basic"], row["options"]) for row in csv.DictReader(text.splitlines())}


@cache
def dictionary_entry(tag: int) -> tuple[tuple[str, ...], str]:
    """The VRs and the multiplicity the Standard gives a tag; () for what it does not know."""
    entry = DicomDictionary.get(tag)
    return (tuple(entry[0].split(" or ")), entry[1]) if entry is not None else ((), "")


@cache
def action(tag: int, policy: Policy, enhanced: bool = False) -> Action:
    """What happens to the elements of this tag; `enhanced` when the object is of an enhanced multi-frame class."""
    vrs, _ = dictionary_entry(tag)
    group = tag >> 16
    if not vrs or group & 1 or tag in NEVER:
        return Action.DROP
    listed = _table().get(tag)
    if tag in DATA:
        return Action.DATA
    if tag in OF_STATES:
        return OF_STATES[tag]
    if policy.characteristics and tag in PATIENT_CHARACTERISTICS:
        return PATIENT_CHARACTERISTICS[tag]
    if listed is not None:
        return _listed(tag, vrs[0], *listed, policy, enhanced)
    if group not in GROUPS or (group == OF_PATIENT and tag not in STILL_PASS):
        return Action.DROP
    return _by_vr(vrs[0], policy)


def _listed(tag: int, vr: str, basic: str, options: str, policy: Policy, enhanced: bool) -> Action:
    if "d" in options and vr in WORDS:
        return Action.CLEAN  # what is left of it may be nothing
    if "t" in options and vr in MOMENTS and policy.dates == SHIFTED:
        return Action.MOMENT
    choices = basic.split("/")
    if "U" in choices:
        return Action.ITEMS if vr == "SQ" else Action.UID
    if vr == "SQ":
        return Action.EMPTY if choices == ["Z"] or tag == ACQUISITION_CONTEXT else Action.DROP
    if basic == "D" or (enhanced and "D" in choices and tag in NEEDED_WHEN_ENHANCED):
        return Action.DUMMY
    if "X" in choices and not (enhanced and "Z" in choices and tag in NEEDED_WHEN_ENHANCED):
        return Action.DROP
    return Action.EMPTY


def _by_vr(vr: str, policy: Policy) -> Action:
    if vr in NUMERIC:
        return Action.NUMBER
    if vr in MOMENTS:
        return Action.MOMENT if policy.dates == SHIFTED else Action.DROP
    if vr in WORDS:
        return Action.CLEAN
    return {"UI": Action.UID, "SQ": Action.ITEMS, "CS": Action.TERM}.get(vr, Action.DROP)

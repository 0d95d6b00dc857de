"""Which objects may become anonymised copies at all: images yes; images that may show text only when a person has
looked at their series and says that they show none; documents, reports and recordings never."""

import re
from dataclasses import dataclass
from enum import Enum

_STORAGE = "1.2.840.10008.5.1.4.1.1."


class Verdict(Enum):
    """CONFIRM: only after a person has seen the series."""

    COPY = "copy"
    CONFIRM = "confirm"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Screened:
    """`reason` is a word of REASONS; "" for COPY."""

    verdict: Verdict
    reason: str = ""


# Why something is not copied without more. The pages have a sentence for each.
SECONDARY, ULTRASOUND, CAMERA, FLUOROSCOPY, MARKED, SCREEN, FILM = (
    "secondary-capture", "ultrasound", "camera", "fluoroscopy", "burned-in", "screen", "film",
)  # fmt: skip
DOCUMENT, REPORT, VIDEO, UNKNOWN = "document", "report", "video", "not-an-image"
REASONS = (
    SECONDARY, ULTRASOUND, CAMERA, FLUOROSCOPY, MARKED, SCREEN, FILM, DOCUMENT, REPORT, VIDEO, UNKNOWN,
)  # fmt: skip

# SOP classes (PS3.4 B.5) whose pixels come from a detector, without anything drawn into them.
_CLEAN = frozenset(_STORAGE + rest for rest in (
    "1", "1.1", "1.2", "1.3", "2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", "13.1.3", "13.1.4", "13.1.5", "20", "30",
    "128", "128.1", "130", "14.1", "14.2",
))  # fmt: skip
_MAMMOGRAPHY = frozenset(_STORAGE + rest for rest in ("1.2", "1.2.1", "1.3", "1.3.1", "1.1.1"))
_SEGMENTS = frozenset({_STORAGE + "66.4", _STORAGE + "66.7"})
_STATES = frozenset(_STORAGE + rest for rest in ("11.1", "11.2", "11.3", "11.4", "11.6", "11.8"))
_TO_CONFIRM = {
    **dict.fromkeys((_STORAGE + rest for rest in ("7", "7.1", "7.2", "7.3", "7.4", "5")), SECONDARY),
    **dict.fromkeys((_STORAGE + rest for rest in ("3", "3.1", "6", "6.1", "6.2", "6.3")), ULTRASOUND),
    **dict.fromkeys((_STORAGE + rest for rest in ("12.1", "12.2", "12.1.1", "12.2.1", "12.3")), FLUOROSCOPY),
    **dict.fromkeys(
        (
            _STORAGE + "77.1." + rest
            for rest in ("1", "2", "3", "4", "5.1", "5.2", "5.4", "5.5", "5.6", "5.7", "5.8", "7")
        ),
        CAMERA,
    ),
}
_DOCUMENTS = re.compile(re.escape(_STORAGE) + r"104\.[0-9]+")
_REPORTS = re.compile(re.escape(_STORAGE) + r"(88\.[0-9]+|11\.(5|7|9|10|11|12)|80\.1)")
_RISKY_MODALITIES = {
    "US": ULTRASOUND, "IVUS": ULTRASOUND, "XA": FLUOROSCOPY, "RF": FLUOROSCOPY, "ES": CAMERA, "XC": CAMERA,
    "GM": CAMERA, "SM": CAMERA, "OT": SECONDARY, "SC": SECONDARY, "OP": CAMERA, "HC": FILM, "DOC": DOCUMENT,
}  # fmt: skip
_SCREENS = re.compile(r"SCREEN|SAVE|DOSE|PROTOCOL|PATIENT|REPORT|CAPTURE|SUMMARY|TEXT|GRAPH", re.IGNORECASE)
_VIDEO = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?|1\.2\.840\.10008\.1\.2\.7\.[0-9]")


@dataclass(frozen=True, slots=True)
class Facts:
    """What an object says of itself. `converted` when it has a Conversion Type (0008,0064)."""

    sop_class_uid: str
    transfer_syntax_uid: str = ""
    modality: str = ""
    image_type: tuple[str, ...] = ()
    burned_in: str = ""  # Burned In Annotation (0028,0301)
    converted: bool = False
    frames: int = 0


def screened(facts: Facts) -> Screened:
    """Whether this object may become a copy."""
    uid = facts.sop_class_uid
    if _DOCUMENTS.fullmatch(uid):
        return Screened(Verdict.NEVER, DOCUMENT)
    if _REPORTS.fullmatch(uid):
        return Screened(Verdict.NEVER, REPORT)
    if _VIDEO.fullmatch(facts.transfer_syntax_uid):
        return Screened(Verdict.NEVER, VIDEO)
    if uid in _STATES:
        return Screened(Verdict.COPY)
    reason = _TO_CONFIRM.get(uid, "")
    if not reason and uid not in _CLEAN | _MAMMOGRAPHY | _SEGMENTS:
        return Screened(Verdict.NEVER, UNKNOWN)
    if not facts.frames:
        return Screened(Verdict.NEVER, UNKNOWN)
    reason = reason or _doubt(facts)
    return Screened(Verdict.CONFIRM, reason) if reason else Screened(Verdict.COPY)


def _doubt(facts: Facts) -> str:
    """Why an image of a class that usually shows no text may do so."""
    if facts.burned_in.strip().upper() not in ("", "NO"):
        return MARKED
    if facts.modality.upper() in _RISKY_MODALITIES:
        return _RISKY_MODALITIES[facts.modality.upper()]
    if facts.converted:
        return SECONDARY
    return SCREEN if any(_SCREENS.search(value) for value in facts.image_type) else ""

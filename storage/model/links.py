"""Links to studies for people without an account, the guests who come by them, and anonymised copies."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Of a link.
PREPARING, READY = "preparing", "ready"
# Of a series that is copied without its identity; the words of pacs/deidentify/screening.py.
COPY, CONFIRM, NEVER = "copy", "confirm", "never"


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """What is declared when a link, or a set of anonymised copies, is made. `dates` and `characteristics` count for
    anonymised ones. Instants are UTC milliseconds."""

    hospital_id: int
    maker_id: int
    purpose: str
    recipient: str
    expires_at: int
    max_opens: int = 20
    download: bool = False
    anonymise: bool = False
    dates: str = "removed"
    characteristics: bool = False
    consult_id: int | None = None


@dataclass(frozen=True, slots=True)
class ShareLink:
    """A link as it stands. `code` is its public name; a set of copies for a consultation has none and nobody comes by
    it. `done` of `total` images are prepared, `left` of them stay where they are."""

    id: int
    code: str
    terms: LinkTerms
    created_at: int
    opens: int = 0
    tries: int = 0
    locked_at: int | None = None
    revoked_at: int | None = None
    purged_at: int | None = None
    state: str = READY
    done: int = 0
    total: int = 0
    left: int = 0

    def stands(self, now: int) -> bool:
        """Whether it is in force."""
        return self.revoked_at is None and self.locked_at is None and now < self.terms.expires_at


@dataclass(frozen=True, slots=True)
class LinkSecrets:
    """What is kept of a link's secrets: SHA-256 of the one in the address, the PIN's Argon2id, and the key from which
    pseudonyms follow (hexadecimal, "" when nothing is anonymised, and again when the copies are gone)."""

    secret_sha256: str
    pin_hash: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who came by a link: what they say they are, which nobody has checked."""

    session_id: str
    link_id: int
    csrf: str
    name: str
    institution: str
    created_at: int
    seen_at: int
    address: str
    agent: str
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class SharedStudy:
    """A study of a link; `copy_uid` is the Study Instance UID guests know it by."""

    hospital_id: int
    study_instance_uid: str
    copy_uid: str


@dataclass(frozen=True, slots=True)
class SharedSeries:
    """A series of an anonymised link: whether it may be copied, why not, and how far that is."""

    hospital_id: int
    study_instance_uid: str
    series_instance_uid: str
    verdict: str
    reason: str = ""
    instances: int = 0
    copied: int = 0
    left: int = 0
    confirmed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """An object and its copy: SOP Instance UIDs, and the UIDs of the series and study of both."""

    original: tuple[str, str, str]  # study, series, instance
    copy: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Exchange:
    """UIDs of ours by those of the copies, and back; studies, series and instances together."""

    originals: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)

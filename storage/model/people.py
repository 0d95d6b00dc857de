"""Users, their sessions and tokens; peers and those who were refused."""

from dataclasses import dataclass

# Specific Character Sets a peer may want its answers in, when UTF-8 is too much for it. What they cannot write is
# written without its marks.
CHARSETS = ("ISO_IR 6", "ISO_IR 100", "GB18030")


@dataclass(frozen=True, slots=True)
class User:
    """An account. `roles` are (hospital_id, role) pairs."""

    id: int
    name: str
    display_name: str
    language: str  # "vi" or "en"
    disabled: bool
    roles: tuple[tuple[int, str], ...]
    created_at: int
    last_sign_in_at: int | None = None
    second_factor: bool = False
    email: str = ""
    mail: bool = True  # whether notices are sent to the address
    specialties: tuple[str, ...] = ()  # codes of pacs/consult/vocabulary.py
    invited: bool = False  # came by an invitation: answers what they are asked themselves, and nothing for a hospital

    @property
    def awaited(self) -> bool:
        """Whether the person was invited and has not signed in yet."""
        return self.invited and self.last_sign_in_at is None


@dataclass(frozen=True, slots=True)
class Session:
    """A server-side session; the cookie's secret is only kept as SHA-256."""

    id: str
    user_id: int
    csrf: str
    created_at: int
    seen_at: int
    address: str
    agent: str
    stage: str = ""  # "code" or "enrol" while the second factor is owed; "" is signed in


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token for programs; shown once, kept as SHA-256."""

    id: int
    name: str
    scope: str
    hospital_id: int
    created_at: int
    used_at: int | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class Peer:
    """A DICOM application entity we know: AE title, where it calls from, where it listens, what it may do."""

    ae_title: str
    hospital_id: int
    hospital_code: str
    host: str  # an address, a network in CIDR form, or a host name
    port: int | None  # where it listens, for C-MOVE and C-ECHO towards it
    allow: frozenset[str]  # of "store", "query", "retrieve"; C-ECHO is always allowed
    description: str = ""
    created_at: int = 0
    last_association_at: int | None = None
    last_stored_at: int | None = None
    charset: str = ""  # of its C-FIND answers: "" is UTF-8 (ISO_IR 192); or one of CHARSETS
    certificate: str = ""  # SHA-256 of its TLS certificate in hex; when set, it calls with this one
    plain: bool = False  # although it has a certificate, it may call without TLS
    tls: bool = False  # we call it over TLS
    min_rate: int | None = None  # bytes a second below which it is too slow; None: as configured
    max_object_mb: int | None = None  # its largest object; None: as configured
    max_associations: int | None = None  # at once; None: as configured


@dataclass(frozen=True, slots=True)
class Refusal:
    """Connections and associations we refused, counted by who called from where and why. Who was sent away before it
    said its name has no AE title."""

    ae_title: str
    called_ae_title: str
    address: str
    reason: str
    count: int
    first_at: int
    last_at: int
    certificate: str = ""  # SHA-256 in hex of the one that was offered last

"""The one table of roles and rights."""

from collections.abc import Iterable

STUDY_READ = "study.read"
STUDY_STORE = "study.store"
STUDY_STATUS = "study.status"
STUDY_REJECT = "study.reject"
ADMIN_PEERS = "admin.peers"
ADMIN_USERS = "admin.users"
ADMIN_HEALTH = "admin.health"
ADMIN_CONFLICTS = "admin.conflicts"
ADMIN_DELETE = "admin.delete"
ADMIN_AUDIT = "admin.audit"
DICOMWEB = "dicomweb"
RIGHTS = frozenset(
    {
        STUDY_READ, STUDY_STORE, STUDY_STATUS, STUDY_REJECT, ADMIN_PEERS, ADMIN_USERS, ADMIN_HEALTH, ADMIN_CONFLICTS,
        ADMIN_DELETE, ADMIN_AUDIT, DICOMWEB,
    }
)  # fmt: skip

ROLES: dict[str, frozenset[str]] = {
    "admin": RIGHTS,
    "radiologist": frozenset({STUDY_READ, STUDY_STORE, STUDY_STATUS, STUDY_REJECT, DICOMWEB}),
    "technologist": frozenset({STUDY_READ, STUDY_STORE, STUDY_STATUS, STUDY_REJECT, ADMIN_CONFLICTS, DICOMWEB}),
    "clinician": frozenset({STUDY_READ, DICOMWEB}),
}

TOKEN_SCOPES: dict[str, frozenset[str]] = {
    "dicomweb": frozenset({STUDY_READ, STUDY_STORE, DICOMWEB}),
}


def rights_of(roles: Iterable[tuple[int, str]]) -> frozenset[str]:
    """All rights these (hospital id, role) pairs give somewhere."""
    return frozenset[str]().union(*(ROLES.get(role, frozenset()) for _, role in roles))


def hospitals_with(right: str, roles: Iterable[tuple[int, str]]) -> frozenset[int]:
    """The hospitals where these roles give the right; with right "" where they give any."""
    return frozenset(hospital for hospital, role in roles if not right or right in ROLES.get(role, frozenset()))

"""The one table of roles and rights, and who may give which role.

A role is held at a hospital and counts there; only `platform` counts for the whole installation. What is not written
here is not permitted. The admin page shows this table as it is.
"""

from collections.abc import Iterable

from storage.model.people import User

STUDY_READ = "study.read"
STUDY_STORE = "study.store"
STUDY_STATUS = "study.status"
STUDY_REJECT = "study.reject"
ADMIN_PEERS = "admin.peers"
ADMIN_USERS = "admin.users"
ADMIN_TOKENS = "admin.tokens"
ADMIN_HOSPITALS = "admin.hospitals"
ADMIN_HEALTH = "admin.health"
ADMIN_CONFLICTS = "admin.conflicts"
ADMIN_DELETE = "admin.delete"
ADMIN_AUDIT = "admin.audit"
ADMIN_LINKS = "admin.links"
DICOMWEB = "dicomweb"
CONSULT_ASK = "consult.ask"
CONSULT_ANSWER = "consult.answer"
CONSULT_STATISTICS = "consult.statistics"
LINK_MAKE = "link.make"

# In the order in which the admin page shows them.
ALL_RIGHTS = (
    STUDY_READ, STUDY_STORE, STUDY_STATUS, STUDY_REJECT, DICOMWEB, CONSULT_ASK, CONSULT_ANSWER, LINK_MAKE,
    CONSULT_STATISTICS, ADMIN_CONFLICTS, ADMIN_DELETE, ADMIN_PEERS, ADMIN_TOKENS, ADMIN_USERS, ADMIN_AUDIT,
    ADMIN_LINKS, ADMIN_HEALTH, ADMIN_HOSPITALS,
)  # fmt: skip
RIGHTS = frozenset(ALL_RIGHTS)

# These show patients or their images; roles of administration have none of them.
CLINICAL = frozenset(
    {STUDY_READ, STUDY_STORE, STUDY_STATUS, STUDY_REJECT, DICOMWEB, ADMIN_CONFLICTS, CONSULT_ASK, CONSULT_ANSWER,
     LINK_MAKE}
)  # fmt: skip

# These count for a single study of another hospital too, while it is granted (storage/index/grants.py).
GRANTED = frozenset({STUDY_READ})

PLATFORM = "platform"
ADMIN = "admin"
ROLES: dict[str, frozenset[str]] = {
    PLATFORM: frozenset({ADMIN_HOSPITALS, ADMIN_USERS, ADMIN_HEALTH}),
    ADMIN: frozenset(
        {
            ADMIN_PEERS,
            ADMIN_TOKENS,
            ADMIN_USERS,
            ADMIN_AUDIT,
            ADMIN_HEALTH,
            ADMIN_DELETE,
            ADMIN_LINKS,
            CONSULT_STATISTICS,
        }
    ),
    "radiologist": frozenset(
        {
            STUDY_READ,
            STUDY_STORE,
            STUDY_STATUS,
            STUDY_REJECT,
            DICOMWEB,
            CONSULT_ASK,
            CONSULT_ANSWER,
            LINK_MAKE,
            CONSULT_STATISTICS,
        }
    ),
    "technologist": frozenset(
        {STUDY_READ, STUDY_STORE, STUDY_STATUS, STUDY_REJECT, ADMIN_CONFLICTS, DICOMWEB, CONSULT_ASK}
    ),
    "clinician": frozenset({STUDY_READ, DICOMWEB, CONSULT_ASK, LINK_MAKE}),
    "expert": frozenset({CONSULT_ANSWER}),  # sees only what a consultation grants
    "guest": frozenset(),  # comes by a link, has no account: nobody can give this role
}

# Who may give and take a role, and manage the accounts that have it.
GIVES: dict[str, frozenset[str]] = {
    PLATFORM: frozenset({PLATFORM, ADMIN}),
    ADMIN: frozenset({ADMIN, "radiologist", "technologist", "clinician", "expert"}),
}
GIVABLE = frozenset[str]().union(*GIVES.values())

# What an administrator of a new installation needs: to look after the server and the hospital, and to see that images
# arrive. Each of the three can be taken away later.
FIRST_ROLES = (PLATFORM, ADMIN, "technologist")

TOKEN_SCOPES: dict[str, frozenset[str]] = {
    "dicomweb": frozenset({STUDY_READ, STUDY_STORE, DICOMWEB}),
}

Held = Iterable[tuple[int, str]]


def rights_of(roles: Held) -> frozenset[str]:
    """All rights these (hospital id, role) pairs give somewhere."""
    return frozenset[str]().union(*(ROLES.get(role, frozenset()) for _, role in roles))


def hospitals_with(right: str, roles: Held) -> frozenset[int]:
    """The hospitals where these roles give the right; with right "" where they give any."""
    return frozenset(hospital for hospital, role in roles if not right or right in ROLES.get(role, frozenset()))


def answers_for(user: User | None, roles: Held) -> frozenset[int]:
    """The hospitals whose consultations the account answers; one that was invited answers only its own."""
    return frozenset() if user is None or user.invited else hospitals_with(CONSULT_ANSWER, roles)


def on_platform(roles: Held) -> bool:
    """Whether one of the roles counts for the whole installation."""
    return any(role == PLATFORM for _, role in roles)


def spread(roles: Held, hospitals: Iterable[int]) -> tuple[tuple[int, str], ...]:
    """The roles with `platform` at every one of the hospitals, when it is held at any."""
    held = tuple(roles)
    if not on_platform(held):
        return held
    return tuple(dict.fromkeys([*held, *((hospital, PLATFORM) for hospital in hospitals)]))


def may_give(roles: Held, hospital: int) -> frozenset[str]:
    """The roles that somebody with these roles may give and take at the hospital."""
    return frozenset[str]().union(*(GIVES.get(role, frozenset()) for where, role in roles if where == hospital))


def may_manage(roles: Held, others: Held) -> bool:
    """Whether somebody with these roles may set the password of an account with the other roles, or disable it: then
    they must be allowed to give every one of those, since who holds a password holds the roles."""
    held = tuple(roles)
    return all(role in may_give(held, hospital) for hospital, role in others)

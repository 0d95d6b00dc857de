"""Who asks, as the guard at every route has made them out."""

from dataclasses import dataclass

from storage.model.archive import Scope
from storage.model.links import Guest, ShareLink
from storage.model.people import Token, User


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `scope` are the hospitals where the caller has the right that the route needs."""

    user: User | None
    token: Token | None
    roles: tuple[tuple[int, str], ...]
    rights: frozenset[str]
    scope: Scope
    csrf: str = ""
    session_id: str = ""
    granted: frozenset[tuple[int, str]] = frozenset()  # studies of other hospitals, see storage/index/grants.py
    guest: Guest | None = None  # who came by a link …
    link: ShareLink | None = None  # … and by which
    at: int | None = None  # the hospital that the address names (its id), see narrowing.py

    @property
    def label(self) -> str:
        """Who it was, for logs: an id, no name."""
        if self.guest is not None:
            return f"guest-{self.guest.link_id}"
        return f"user-{self.user.id}" if self.user else f"token-{self.token.id}" if self.token else "-"

    @property
    def name(self) -> str:
        """The account or token that acts; of a guest the link, and what they say they are."""
        if self.guest is not None:
            return f"link-{self.guest.link_id} ({self.guest.name}, {self.guest.institution})"
        return self.user.name if self.user else self.token.name if self.token else ""

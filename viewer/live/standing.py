"""How the members of a room stand: the same sessions, roles and rights as at every route, asked again while they stay.

A member sees the studies that they could open on the page. Who came by a link for anonymised copies has other UIDs;
`outward` and `inward` are where these are exchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.index import hospitals, rooms
from storage.index.database import Database
from storage.model.archive import Scope
from storage.model.live import Holder
from viewer.access.guard import Caller, Guard
from viewer.access.rights import STUDY_READ


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with an account, as they stand now. `copies` are UIDs of ours and what they see in their place."""

    name: str
    hospital: str
    scope: Scope
    guest: bool = False
    copies: Mapping[str, str] = field(default_factory=dict)
    originals: Mapping[str, str] = field(default_factory=dict)

    def sees(self, hospital_id: int, study_instance_uid: str) -> bool:
        return rooms.sees(self.scope, hospital_id, study_instance_uid)

    def outward(self, uid: str) -> str:
        return self.copies.get(uid, "") if self.guest and self.copies else uid

    def inward(self, uid: str) -> str:
        return self.originals.get(uid, "") if self.guest and self.copies else uid


class GuardsDoorkeeper:
    """Asks the guard."""

    def __init__(self, database: Database, guard: Guard) -> None:
        self._database = database
        self._guard = guard

    def standing(self, holder: Holder, *, active: bool) -> Member | None:
        caller = self._guard.of_session(holder.session_id, STUDY_READ, use=active)
        if caller is None or caller.user is None or key_of(caller) != holder.member:
            return None
        return Member(caller.user.display_name or caller.user.name, self._hospital(caller), caller.scope)

    def _hospital(self, caller: Caller) -> str:
        with self._database.reading() as db:
            known = {hospital.id: hospital.name for hospital in hospitals.all(db)}
        mine = [known[hospital] for hospital, _ in caller.roles if hospital in known]
        return mine[0] if mine else ""


def key_of(caller: Caller) -> str:
    """What a caller is called in rooms."""
    return f"user-{caller.user.id}" if caller.user is not None else ""

"""Who takes part in a consultation: the party a caller is, and what pages are told as that party."""

from collections.abc import Iterable

from storage.errors import NotPermitted
from storage.index import accounts as store
from storage.index import consults, hospitals, links
from storage.index.database import Connection
from storage.index.types import now_ms
from storage.model.consult import Consult, Party
from viewer.access.caller import Caller
from viewer.access.rights import CONSULT_ASK, answers_for, hospitals_with
from viewer.consult.cards import Told


def party_of(caller: Caller) -> Party:
    """The party the caller is in every consultation; raises NotPermitted for what is no person."""
    if caller.user is None:
        raise NotPermitted("only people take part in consultations")
    asks_at = hospitals_with(CONSULT_ASK, caller.roles)
    return Party(caller.user.id, asks_at, answers_for(caller.user, caller.roles))


def telling(db: Connection, party: Party, found: Iterable[Consult]) -> Told:
    """What tells the party of these consultations."""
    mentioned = list(found)
    people = {id for one in mentioned for id in (one.requester_id, one.to_user_id) if id is not None}
    exchanges = {}
    for one in mentioned:
        copies = links.of_consult(db, one.id) if one.anonymise else None
        if copies is not None:
            exchanges[one.id] = links.exchange(db, copies.id)
    return Told(
        party,
        mentioned,
        {user.id: user for user in store.users_of(db, people)},
        {hospital.id: hospital for hospital in hospitals.all(db)},
        consults.seen(db, [one.id for one in mentioned], party.user_id),
        exchanges,
        now_ms(),
    )

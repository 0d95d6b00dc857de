"""Instances that were just looked up: a viewer asks for the frames of a series one by one.

An instance is remembered only while nothing is committed to the index (storage/index/remembered.py), so what was
rejected, replaced or moved since is never found here. The second instance asked for of a series brings all of it.
"""

from dataclasses import dataclass
from itertools import pairwise

from storage.index import instances
from storage.index.database import Database
from storage.index.remembered import Remembered, Stamp
from storage.model.archive import Instance, InstanceKey, Scope

MOST_AT_ONCE = 2000  # instances of a series that are read for one of them
_SINGLE, _SERIES, _LARGE = 512, 8, 2  # how many are remembered
_LARGE_TABLE = 5000  # frames; the table of such an instance takes megabytes

Place = tuple[frozenset[int], str, str]


@dataclass(frozen=True, slots=True)
class _Group:
    """The instances of a series by their UID; `whole` when it is all of them. `following` has the UID after each."""

    members: dict[str, Instance]
    whole: bool
    following: dict[str, str]


class KnownInstances:
    """Looks instances up in the index, at best without asking it again. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._groups: Remembered[Place, _Group] = Remembered(database.stamp, _SERIES)
        self._singles: Remembered[tuple[Place, str], Instance] = Remembered(database.stamp, _SINGLE)
        self._large: Remembered[tuple[Place, str], Instance] = Remembered(database.stamp, _LARGE)

    def get(self, scope: Scope, key: InstanceKey, stamp: Stamp | None = None) -> Instance:
        """The instance of exactly this study, series and UID. Raises NotFound. `stamp` is one that was just taken."""
        stamp = stamp or self._database.stamp()
        found = self.remembered(scope, key, stamp)
        if found is None:
            place = _place(scope, key)
            found = self._read(scope, key, place, self._groups.known(place, stamp), stamp)
        return found

    def remembered(self, scope: Scope, key: InstanceKey, stamp: Stamp) -> Instance | None:
        """The same without asking the index; None when it would have to be."""
        place = _place(scope, key)
        group = self._groups.known(place, stamp)
        uid = key.sop_instance_uid
        if group is not None and uid in group.members:
            return group.members[uid]
        single = (place, uid)
        return self._singles.known(single, stamp) or self._large.known(single, stamp)

    def after(self, scope: Scope, key: InstanceKey, stamp: Stamp) -> Instance | None:
        """The one that follows in its series, as far as that is remembered."""
        group = self._groups.known(_place(scope, key), stamp)
        return group.members.get(group.following.get(key.sop_instance_uid, "")) if group is not None else None

    def _read(self, scope: Scope, key: InstanceKey, place: Place, group: _Group | None, stamp: Stamp) -> Instance:
        with self._database.reading() as db:
            found = instances.get(db, scope, key)
            if len(found.facts.frame_table) > _LARGE_TABLE:
                self._large.keep((place, key.sop_instance_uid), found, stamp)
                return found
            self._singles.keep((place, key.sop_instance_uid), found, stamp)
            if group is None:  # the first one: whether more will be asked for is not known yet
                self._groups.keep(place, _Group({}, whole=False, following={}), stamp)
            elif not group.whole:
                count = instances.series(db, scope, key.study_instance_uid, key.series_instance_uid).instances
                members = {}
                if count <= MOST_AT_ONCE:
                    members = _small(instances.of_series(db, scope, key.study_instance_uid, key.series_instance_uid))
                self._groups.keep(place, _Group(members, whole=True, following=dict(pairwise(members))), stamp)
        return found


def _place(scope: Scope, key: InstanceKey) -> Place:
    return scope.at(key.study_instance_uid), key.study_instance_uid, key.series_instance_uid


def _small(found: list[Instance]) -> dict[str, Instance]:
    """Those without large frame tables; of two hospitals that have one, the first hospital's."""
    members: dict[str, Instance] = {}
    for instance in found:
        if len(instance.facts.frame_table) <= _LARGE_TABLE // 10:
            members.setdefault(instance.key.sop_instance_uid, instance)
    return members

"""Whether somebody may still be in a room: asked of the floor that knows sessions, grants and links."""

from typing import Protocol

from storage.model.audit import Actor
from storage.model.live import Holder


class Standing(Protocol):
    """A member as they stand now."""

    @property
    def name(self) -> str:
        """What the others call them."""

    @property
    def hospital(self) -> str:
        """Where they are from."""

    @property
    def guest(self) -> bool:
        """Whether they came by a link."""

    @property
    def actor(self) -> Actor:
        """What the audit log calls them."""

    def sees(self, hospital_id: int, study_instance_uid: str) -> bool:
        """Whether they may see this study."""

    def outward(self, uid: str) -> str:
        """A UID of the room as their copies have it: another one only for who sees anonymised copies."""

    def inward(self, uid: str) -> str:
        """The room's UID for one of their copies; "" when it names nothing of the room."""


class Doorkeeper(Protocol):
    """Says how holders of tickets stand. Called in a thread that may wait for the index."""

    def standing(self, holder: Holder, *, active: bool) -> Standing | None:
        """None when they may not be here any more. `active`: they did something since they were asked about last."""

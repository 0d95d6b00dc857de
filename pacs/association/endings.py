"""How an association ends. These never leave the rooms that speak DIMSE; a message under way is lost with them.

AssociationEnd
├── Released            the peer asked for release, in order
├── AbortedByPeer       A-ABORT received
├── ConnectionLost      the transport connection broke
├── TimedOut            nothing, or too little, arrived in time
├── Stopping            we are shutting down
├── Unfinished          we could not finish a message we had begun
└── ProtocolError       the peer broke the protocol; carries the reason of our A-ABORT (PS3.8 Table 9-26)
    └── TooLarge        an object or a message over the limit
"""

_WORDS = {"Released": "released", "AbortedByPeer": "aborted by the peer", "Stopping": "we are stopping"}


class AssociationEnd(Exception):
    """The association is over."""

    def __str__(self) -> str:
        return super().__str__() or _WORDS.get(type(self).__name__, type(self).__name__)


class Released(AssociationEnd):
    """The peer released the association."""


class AbortedByPeer(AssociationEnd):
    """The peer aborted the association."""


class ConnectionLost(AssociationEnd):
    """The transport connection is gone."""


class TimedOut(AssociationEnd):
    """The peer was silent, or too slow."""


class Stopping(AssociationEnd):
    """This process is shutting down."""


class Unfinished(AssociationEnd):
    """A message we had begun to send cannot be finished (its object became unreadable on the way)."""


NOT_SPECIFIED, UNRECOGNISED_PDU, UNEXPECTED_PDU, INVALID_PARAMETER = 0, 1, 2, 6


class ProtocolError(AssociationEnd):
    """The peer broke the protocol."""

    def __init__(self, message: str, reason: int = NOT_SPECIFIED) -> None:
        super().__init__(message)
        self.reason = reason


class TooLarge(ProtocolError):
    """More bytes than we take."""

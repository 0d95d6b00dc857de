"""What errors are in DIMSE (PS3.4 B.2.3, C.4; PS3.7 Annex C) and in a STOW Failure Reason (0008,1197): one table.

Failure Reasons are the statuses of C-STORE, as PS3.18 I.2.2 has it. Wait-and-retry is a property of the status:
senders keep their queue on 0xA700.
"""

from collections.abc import Mapping
from typing import Literal

from pacs import errors as done
from storage import errors as kept

Service = Literal["C-STORE", "C-FIND", "C-MOVE", "C-GET", "N-ACTION", "STOW"]

PROCESSING_FAILURE = 0x0110
NOT_AUTHORISED = 0x0124
SOP_CLASS_NOT_SUPPORTED = 0x0122
RESOURCE_LIMITATION = 0x0213
OUT_OF_RESOURCES = 0xA700
UNABLE_TO_SEND = 0xA702
DESTINATION_UNKNOWN = 0xA801
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000

STORE: Mapping[type[kept.ArchiveError], int] = {
    kept.ArchiveError: PROCESSING_FAILURE,
    kept.NotFound: PROCESSING_FAILURE,
    kept.NotPermitted: NOT_AUTHORISED,
    kept.StorageUnavailable: OUT_OF_RESOURCES,
    kept.StorageFull: OUT_OF_RESOURCES,
    kept.StorageContended: OUT_OF_RESOURCES,
    kept.ObjectMissing: OUT_OF_RESOURCES,
    kept.ObjectCorrupt: PROCESSING_FAILURE,
    kept.InvalidInstance: CANNOT_UNDERSTAND,
    kept.InvalidQuery: PROCESSING_FAILURE,
    kept.Conflict: PROCESSING_FAILURE,
    done.LimitExceeded: CANNOT_UNDERSTAND,
    done.SopClassMismatch: DOES_NOT_MATCH,
    done.UnsupportedTransferSyntax: SOP_CLASS_NOT_SUPPORTED,
    done.UndecodablePixels: CANNOT_UNDERSTAND,
    done.NotDeidentifiable: PROCESSING_FAILURE,
    done.NotAcceptable: PROCESSING_FAILURE,
    done.UnknownDestination: PROCESSING_FAILURE,
    done.PeerUnreachable: PROCESSING_FAILURE,
    done.InvalidAnnotation: PROCESSING_FAILURE,
    done.AnnotationLimit: PROCESSING_FAILURE,
    done.InvalidConsult: PROCESSING_FAILURE,
    done.ActiveDocument: PROCESSING_FAILURE,
    done.PdfUnavailable: PROCESSING_FAILURE,
    done.MailRefused: PROCESSING_FAILURE,
    done.NotSignedIn: NOT_AUTHORISED,
    done.TooManyTries: OUT_OF_RESOURCES,
    done.ConfigError: PROCESSING_FAILURE,
}

FIND: Mapping[type[kept.ArchiveError], int] = {
    kept.ArchiveError: CANNOT_UNDERSTAND,
    kept.NotPermitted: NOT_AUTHORISED,
    kept.StorageUnavailable: OUT_OF_RESOURCES,
    kept.InvalidQuery: DOES_NOT_MATCH,
}

# C-GET has the same codes; 0x0124 is general (PS3.7 Annex C).
MOVE: Mapping[type[kept.ArchiveError], int] = {
    kept.ArchiveError: CANNOT_UNDERSTAND,
    kept.NotPermitted: NOT_AUTHORISED,
    kept.StorageUnavailable: UNABLE_TO_SEND,
    kept.InvalidQuery: DOES_NOT_MATCH,
    done.UnknownDestination: DESTINATION_UNKNOWN,
    done.PeerUnreachable: UNABLE_TO_SEND,
}

# PS3.7 10.1.4.1.10
ACTION: Mapping[type[kept.ArchiveError], int] = {
    kept.ArchiveError: PROCESSING_FAILURE,
    kept.NotPermitted: NOT_AUTHORISED,
    kept.StorageUnavailable: RESOURCE_LIMITATION,
}

TABLES: Mapping[Service, Mapping[type[kept.ArchiveError], int]] = {
    "C-STORE": STORE,
    "STOW": STORE,
    "C-FIND": FIND,
    "C-MOVE": MOVE,
    "C-GET": MOVE,
    "N-ACTION": ACTION,
}


def status_of(error: kept.ArchiveError, service: Service) -> int:
    """The status of the nearest class of the error's ancestry that the service's table knows."""
    table = TABLES[service]
    for kind in type(error).__mro__:
        if kind in table:
            return table[kind]
    return PROCESSING_FAILURE

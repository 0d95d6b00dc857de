"""Which service an abstract syntax belongs to. What no service knows is an object: it is stored."""

from enum import Enum
from functools import lru_cache

from pydicom.uid import UID
from pynetdicom import sop_class
from pynetdicom.service_class import ServiceClass, StorageServiceClass

from pacs.association.contexts import VERIFICATION
from pacs.send.commitment import PUSH_MODEL

PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"

PATIENT_ROOT = frozenset({PATIENT_ROOT_FIND, PATIENT_ROOT_MOVE, PATIENT_ROOT_GET})
FIND = frozenset({PATIENT_ROOT_FIND, STUDY_ROOT_FIND})
MOVE = frozenset({PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE})
GET = frozenset({PATIENT_ROOT_GET, STUDY_ROOT_GET})

_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"


class Service(Enum):
    """What we do in a presentation context."""

    VERIFICATION = "verification"
    STORAGE = "storage"
    FIND = "find"
    MOVE = "move"
    GET = "get"
    COMMITMENT = "commitment"
    NONE = "none"


@lru_cache(maxsize=1024)
def service_of(abstract_syntax: str) -> Service:
    """The service of an abstract syntax; private and unknown SOP Classes are storage."""
    if abstract_syntax == VERIFICATION:
        return Service.VERIFICATION
    if abstract_syntax in FIND:
        return Service.FIND
    if abstract_syntax in MOVE:
        return Service.MOVE
    if abstract_syntax in GET:
        return Service.GET
    if abstract_syntax == PUSH_MODEL:
        return Service.COMMITMENT
    if abstract_syntax == _MEDIA_DIRECTORY:
        return Service.NONE
    known = sop_class.uid_to_service_class(abstract_syntax)
    if known is StorageServiceClass:
        return Service.STORAGE
    return Service.STORAGE if known is ServiceClass and _may_be_an_object(abstract_syntax) else Service.NONE


def _may_be_an_object(abstract_syntax: str) -> bool:
    """Whether a SOP Class without a known service may be of objects: a private or new one, or a retired one of storage,
    but not print, worklists and managements of older editions, which the dictionary knows by another name."""
    uid = UID(abstract_syntax)
    return uid.type == "" or uid.name in ("", abstract_syntax) or "Storage" in uid.name

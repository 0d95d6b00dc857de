"""What can go wrong with what is kept.

ArchiveError
├── NotFound                    no such study, series, instance, frame, peer or user
├── NotPermitted                known, but not for this caller
├── StorageUnavailable          the object store or the index does not answer; try again
│   ├── StorageFull             no room; nothing was acknowledged
│   └── StorageContended        of two transactions that waited for each other this one was ended; begin it anew
├── ObjectMissing               the index knows the object, the store does not have it
├── ObjectCorrupt               the stored bytes no longer have their SHA-256
├── InvalidInstance             bytes that cannot be read as a DICOM instance (pacs adds kinds)
├── InvalidQuery                matching keys that make no sense
└── Conflict                    the request contradicts what is stored (a name taken, a state passed)

pacs/errors.py adds the errors of doing things with objects. Errors carry facts, never codes: pacs/status.py says
what they are in DIMSE and STOW-RS, viewer/problems.py what they are in HTTP. Messages may reach logs and peers, so
they never contain patient data.
"""


class ArchiveError(Exception):
    """Something the archive could not do, said in one sentence without patient data."""


class NotFound(ArchiveError):
    """What was asked for does not exist, or not for this caller."""


class NotPermitted(ArchiveError):
    """The caller is known but may not do this."""


class StorageUnavailable(ArchiveError):
    """The object store or the index does not answer at the moment. Nothing was lost; try again later."""


class StorageFull(StorageUnavailable):
    """There is no room to keep more. Nothing of the refused object was acknowledged."""


class StorageContended(StorageUnavailable):
    """The index ended this transaction because another one could not go on beside it. Begun anew it succeeds."""


class ObjectMissing(ArchiveError):
    """The index knows this object but the object store does not have it."""


class ObjectCorrupt(ArchiveError):
    """The stored bytes no longer match the SHA-256 they were stored under."""


class InvalidInstance(ArchiveError):
    """These bytes cannot be read as a DICOM instance."""


class InvalidQuery(ArchiveError):
    """The matching keys of a query make no sense."""


class Conflict(ArchiveError):
    """The request contradicts what is already stored."""

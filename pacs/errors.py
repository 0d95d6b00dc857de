"""What can go wrong when something is done with objects; storage/errors.py has the root of the tree.

ArchiveError
├── InvalidInstance             (storage) bytes that cannot be read as a DICOM instance
│   ├── LimitExceeded           over a resource limit: depth, elements, size, dimensions, inflation
│   └── SopClassMismatch        the command or request names another instance than the dataset
├── UnsupportedTransferSyntax   no way from the stored transfer syntax to one that is accepted
├── UndecodablePixels           the codec refused, crashed or ran out of its limits on these pixels
├── NotDeidentifiable           this object may not become an anonymised copy
├── NotAcceptable               nothing that can be made is acceptable to the client
├── UnknownDestination          C-MOVE to an AE title that is not a peer with an address
├── PeerUnreachable             the peer does not answer or refuses the association
├── InvalidAnnotation           what was drawn or written cannot be kept as it is
│   └── AnnotationLimit         the study has as many acts as are kept of one
├── InvalidConsult              what is asked or answered in a consultation cannot be kept as it is
│   └── ActiveDocument          a PDF with scripts, files or programs inside, or one that cannot be looked into
├── PdfUnavailable              the libraries that draw PDF are not on this machine
├── MailRefused                 the mail server will never take this letter
├── NotSignedIn                 no valid session or token
├── TooManyTries                sign-in throttled
└── ConfigError                 every mistake in config.yaml at once
"""

from storage.errors import ArchiveError, InvalidInstance


class LimitExceeded(InvalidInstance):
    """The object is over a resource limit (depth, elements, size, dimensions or inflation)."""


class SopClassMismatch(InvalidInstance):
    """The request names another instance than the dataset it carries."""


class UnsupportedTransferSyntax(ArchiveError):
    """There is no way from the stored transfer syntax to one that is accepted."""


class UndecodablePixels(ArchiveError):
    """The pixels could not be decoded: the codec refused them, crashed, or ran over its limits."""


class NotDeidentifiable(ArchiveError):
    """This object may not become an anonymised copy, or only after a person has seen it."""


class NotAcceptable(ArchiveError):
    """Nothing that can be made of this is acceptable to the client."""


class UnknownDestination(ArchiveError):
    """The move destination is not a peer with an address."""


class PeerUnreachable(ArchiveError):
    """The peer does not answer, or refuses the association."""


class InvalidAnnotation(ArchiveError):
    """What was drawn or written cannot be kept as it is: a field is missing, too large or makes no sense."""


class AnnotationLimit(InvalidAnnotation):
    """This study has as many acts of annotation as are kept of one study."""


class InvalidConsult(ArchiveError):
    """What is asked or answered in a consultation cannot be kept as it is: a field is missing, too long or unknown."""


class ActiveDocument(InvalidConsult):
    """A PDF with scripts, programs or files inside, or one that cannot be looked into: print it into a new PDF."""


class PdfUnavailable(ArchiveError):
    """The libraries that draw PDF are not on this machine; the message names the packages."""


class MailRefused(ArchiveError):
    """The mail server will never take this letter, whoever asks again."""


class NotSignedIn(ArchiveError):
    """There is no valid session, token or password."""


class TooManyTries(ArchiveError):
    """Too many failed sign-ins; wait a little."""


class ConfigError(ArchiveError):
    """The configuration has mistakes; the message lists all of them."""

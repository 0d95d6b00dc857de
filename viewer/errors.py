"""What can go wrong only between people, browsers and us; storage/errors.py has the root of the tree.

ArchiveError
├── InvalidRequest              a field of a request is missing or makes no sense
├── LinkSpent                   a one-time link was used before, or its time is over
├── TooBusy                     no thread is free for this; the client has another way or tries again
├── NotBuilt                    the pages have not been built yet
└── (pacs) TooManyTries
    └── Throttled               the same, and it knows for how long
"""

from pacs.errors import TooManyTries
from storage.errors import ArchiveError


class InvalidRequest(ArchiveError):
    """A field of the request is missing or makes no sense."""


class LinkSpent(ArchiveError):
    """This one-time link was used before, or its time is over. Restart the program to get a new one."""


class TooBusy(ArchiveError):
    """Everything that could do this is in use at the moment; try again a little later."""


class NotBuilt(ArchiveError):
    """The pages have not been built. Run `make web` in the project folder, then load this page again."""


class Throttled(TooManyTries):
    """Too many failed sign-ins; wait as long as Retry-After says."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many failed sign-ins, try again in {seconds} s")
        self.retry_after = seconds

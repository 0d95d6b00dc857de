"""How a task ends before it is done."""

from storage.errors import ArchiveError


class Stopping(ArchiveError):
    """The worker was asked to stop in the middle of a task; the task will be done later."""

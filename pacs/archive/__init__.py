"""The one room where bytes and index meet: receive, store, find, retrieve, summarise."""

from pacs.archive.archive import Archive, Expected
from pacs.archive.frames import Frame
from pacs.archive.metadata import Metadata
from pacs.archive.spool import Incoming

__all__ = ["Archive", "Expected", "Frame", "Incoming", "Metadata"]

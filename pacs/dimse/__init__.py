"""The DICOM door: C-ECHO, C-STORE, C-FIND, C-MOVE and C-GET as SCP (PS3.4 Annexes A, B, C)."""

from pacs.dimse.server import listen, serve

__all__ = ["listen", "serve"]

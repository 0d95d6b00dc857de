"""DICOMweb (PS3.18): search (QIDO-RS), retrieve and render (WADO-RS), store (STOW-RS)."""

from viewer.dicomweb.routes import blueprint

__all__ = ["blueprint"]

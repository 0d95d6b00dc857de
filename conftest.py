"""Servers that tests of every room may ask for: a real S3 store and a real PostgreSQL, one each per session."""

from tests.support.corpus import corpus, manifest

pytest_plugins = ["tests.support.s3", "tests.support.postgres"]


def pytest_report_header() -> str:
    """Say which DICOM files are read."""
    if corpus() is None:
        return "DICOM files: those inside the pydicom package only; the shared corpus is not beside this clone"
    return f"DICOM files: {len(manifest())} of the shared corpus"

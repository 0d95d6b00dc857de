"""What pynetdicom and pydicom may say and check in a process that serves the DICOM door."""

import logging

import pydicom.config
from pynetdicom import _config


def quieten() -> None:
    """Neither library logs, prints or warns: their messages quote values, and values are patient data."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE

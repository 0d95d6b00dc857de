"""Identifiers of C-FIND, C-MOVE and C-GET: datasets without pixels, short, in the syntax of their context."""

from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from pacs.association.contexts import EXPLICIT_BIG, IMPLICIT_LITTLE
from pacs.dataset.keys import plain_keys
from pacs.query import Identifier
from storage.errors import InvalidQuery

LIMIT = 1024 * 1024


def read(data: bytes, transfer_syntax: str) -> Identifier:
    """The matching keys in `data`, without pydicom where they are as plain as most; InvalidQuery as from `decode`."""
    if transfer_syntax == EXPLICIT_BIG:
        return decode(data, transfer_syntax)
    return plain_keys(data, implicit=transfer_syntax == IMPLICIT_LITTLE) or decode(data, transfer_syntax)


def decode(data: bytes, transfer_syntax: str) -> Dataset:
    """The dataset in `data`; InvalidQuery when it cannot be read."""
    try:
        dataset = read_dataset(
            BytesIO(data), transfer_syntax == IMPLICIT_LITTLE, transfer_syntax != EXPLICIT_BIG, bytelength=len(data)
        )
        for element in dataset.iterall():  # converts raw elements here, where errors are expected
            _ = element.value
    except Exception as error:  # pydicom raises whatever it stumbles over
        raise InvalidQuery("the identifier cannot be read") from error
    return dataset


def encode(dataset: Dataset, transfer_syntax: str) -> bytes:
    """`dataset` as bytes."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = transfer_syntax == IMPLICIT_LITTLE
    buffer.is_little_endian = transfer_syntax != EXPLICIT_BIG
    write_dataset(buffer, dataset)
    return buffer.getvalue()

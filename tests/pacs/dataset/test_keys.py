"""Identifiers read without pydicom mean what pydicom makes of them; what is not plain is left to it."""

from itertools import product
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs.association.contexts import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from pacs.dataset.keys import plain_keys
from pacs.dimse.identifier import decode, encode, read
from pacs.query import not_supported, study_query
from storage.model.archive import Scope
from storage.model.query import Level

SYNTAXES = [EXPLICIT_LITTLE, IMPLICIT_LITTLE]
SCOPE = Scope(frozenset({1}))


def identifier(charset: str | None = "ISO_IR 192", **keys: Any) -> Dataset:
    dataset = Dataset()
    if charset is not None:
        dataset.SpecificCharacterSet = charset
    dataset.QueryRetrieveLevel = "STUDY"
    for keyword, value in keys.items():
        setattr(dataset, keyword, value)
    return dataset


PLAIN = [
    identifier(PatientName="Nguyễn^Văn*", PatientID=None, StudyDate="20260101-20260131", StudyInstanceUID=None),
    identifier(ModalitiesInStudy=["CT", "MR"], StudyInstanceUID=["1.2", "1.3"], PatientID=" P 1 "),
    identifier(None, PatientName="NGUYEN^VAN", StudyTime="10-12", AccessionNumber="A?1", SeriesNumber=None),
    identifier("ISO_IR 6", PatientBirthDate="19800101", StudyDescription="*", NumberOfStudyRelatedInstances=None),
    identifier(PatientName="^^^", PatientComments=None, TimezoneOffsetFromUTC="+0700", InstitutionName="a\\"),
]
OTHER = [
    identifier("ISO_IR 100", PatientName="Müller"),
    identifier(PatientName="A^B=C", PatientID=None),
    identifier(PatientID="   "),
    identifier(SeriesNumber="3"),
    identifier(Rows=512),
    identifier(StudyDescription="sọ", RequestAttributesSequence=[Dataset()]),
]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("dataset", PLAIN)
def test_plain_identifiers_mean_the_same(dataset: Dataset, syntax: str) -> None:
    data = encode(dataset, syntax)
    keys, whole = plain_keys(data, implicit=syntax == IMPLICIT_LITTLE), decode(data, syntax)
    assert keys is not None
    assert [(key.tag, key.keyword, key.VR, key.is_empty) for key in keys] == [
        (int(one.tag), one.keyword, one.VR, one.is_empty) for one in whole
    ]
    for fuzzy, combined, timezone in product((False, True), repeat=3):
        of_keys, of_whole = (
            study_query(SCOPE, one, fuzzy=fuzzy, combined=combined, timezone=timezone) for one in (keys, whole)
        )
        assert of_keys == of_whole
    assert not_supported(keys, Level.STUDY) == not_supported(whole, Level.STUDY)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("dataset", OTHER)
def test_other_identifiers_are_left_to_pydicom(dataset: Dataset, syntax: str) -> None:
    data = encode(dataset, syntax)
    assert plain_keys(data, implicit=syntax == IMPLICIT_LITTLE) is None
    assert read(data, syntax) == decode(data, syntax)


def test_mistakes_are_left_to_pydicom() -> None:
    data = encode(PLAIN[0], EXPLICIT_LITTLE)
    start = len(encode(identifier(), EXPLICIT_LITTLE))
    swapped = data[start:] + data[:start]  # not in the order of tags
    for broken in (data[:-1], data + b"\x10", swapped, data.replace(b"PN", b"PX"), data.replace(b"192", b"999")):
        assert plain_keys(broken, implicit=False) is None

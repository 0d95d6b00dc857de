"""The table of attributes."""

from pydicom.datadict import dictionary_VR, tag_for_keyword

from storage.index import schema
from storage.model.attributes import ATTRIBUTES, BY_KEYWORD, BY_TAG, Attribute, at_level, down_to, kept_at
from storage.model.query import Level


def test_says_what_the_standard_says() -> None:
    def check(attribute: Attribute) -> None:
        tag = tag_for_keyword(attribute.keyword)
        assert tag is not None
        assert f"{tag:08X}" == attribute.tag
        assert dictionary_VR(tag) == attribute.vr
        for item in attribute.items:
            check(item)

    for attribute in ATTRIBUTES:
        check(attribute)


def test_every_attribute_stands_once() -> None:
    assert len(ATTRIBUTES) == len(BY_KEYWORD) == len(BY_TAG)


def test_columns_are_there() -> None:
    for attribute in ATTRIBUTES:
        if attribute.column is not None:
            table, column = attribute.column.split(".")
            assert column in schema.metadata.tables[table].c


def test_levels_add_up() -> None:
    assert sum(len(at_level(level)) for level in Level) == len(ATTRIBUTES)
    assert len(down_to(Level.IMAGE)) == len(ATTRIBUTES)
    assert {attribute.level for attribute in down_to(Level.STUDY)} == {Level.PATIENT, Level.STUDY}


def test_what_is_kept_is_neither_computed_nor_an_instance_column() -> None:
    assert "ModalitiesInStudy" not in {attribute.keyword for attribute in kept_at(Level.STUDY)}
    assert "PatientName" in {attribute.keyword for attribute in kept_at(Level.PATIENT)}
    instance = {attribute.keyword for attribute in kept_at(Level.IMAGE)}
    assert "ImageType" in instance
    assert "Rows" not in instance

"""The quick text of an instance says what the plain one says, whatever was written before it."""

import json
from pathlib import Path

from pacs.archive.frames import opened_header
from pacs.instance_text import InstanceTexts, dumps
from pacs.present import instance_json
from tests.pacs.parts import House, Made, element
from tests.support.corpus import images, pydicom_files


def check(here: House, paths: list[Path]) -> int:
    texts, compared = InstanceTexts(), 0
    for path in paths:
        outcome = here.put(path.read_bytes())
        if outcome.key is None:
            continue
        instance = here.archive.instance(here.scope, outcome.key)
        with opened_header(here.archive.objects, instance) as header:
            quick = json.loads(texts.text(instance, header, "/root"))
            plain = instance_json(instance, header, "/root")
        assert list(quick.items()) == list(json.loads(json.dumps(plain)).items()), path.name
        compared += 1
    return compared


def test_says_what_the_plain_text_says(here: House) -> None:
    assert check(here, [*pydicom_files()]) > 20


def test_a_series_is_written_once_and_each_instance_as_it_is(here: House) -> None:
    paths = images("series-ct/**/*.dcm", "CT_small.dcm")[:12]
    assert check(here, paths + paths) == 2 * len(paths)


def test_the_character_set_of_each_instance_counts(here: House) -> None:
    texts = InstanceTexts()
    protocol = element(0x00181030, "LO", b"Caf\xe9")
    names = []
    for sop, charset in (("1.2.1", "ISO_IR 100"), ("1.2.2", "ISO_IR 144"), ("1.2.3", "ISO_IR 100")):
        made = Made(sop=sop, charset=charset, name="A^B", description="CT", before=protocol)
        here.put(made.part10())
        instance = here.instance(made)
        with opened_header(here.archive.objects, instance) as header:
            names.append(json.loads(texts.text(instance, header, ""))["00181030"]["Value"])
            assert names[-1] == instance_json(instance, header, "")["00181030"]["Value"]
    assert names == [["Café"], ["Cafщ"], ["Café"]]


def test_numbers_of_any_size_are_written(here: House) -> None:
    made = Made(before=element(0x00181152, "IS", "9" * 30))
    here.put(made.part10())
    instance = here.instance(made)
    with opened_header(here.archive.objects, instance) as header:
        assert b"9" * 30 in InstanceTexts().text(instance, header, "")
    assert dumps({"a": 1 << 70}) == b'{"a":1180591620717411303424}'

"""The metadata of instances as text of DICOM JSON, quickly: what the instances of a series repeat is written once.

The text is that of `present.instance_json`; a test compares them.
"""

import json
from collections.abc import Hashable

import orjson

from pacs.dataset.scan import Element
from pacs.dataset.syntaxes import Header
from pacs.dataset.values import Reader
from pacs.present import AVAILABLE_TRANSFER_SYNTAX, CHARACTER_SET, ENCAPSULATION, INLINE_BYTES, UTF_8, bulk_path
from storage.model.archive import Instance

_REPEATED = 256  # bytes; longer values hardly repeat
_MOST_REPEATED = 20_000
_LAST_COMMAND_GROUP = 7

Texts = dict[int, bytes]


class InstanceTexts:
    """Writes instances that resemble each other. Not for several threads at once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, dict[Hashable, bytes]] = {}
        self._count = 0

    def text(self, instance: Instance, header: Header, root: str) -> bytes:
        """The JSON object of an instance, its bulk data below `root`, in UTF-8."""
        key = instance.key
        series = f"{root}/studies/{key.study_instance_uid}/series/{key.series_instance_uid}"
        place = f"{series}/instances/{key.sop_instance_uid}/bulkdata"
        scanner = header.scanner()
        elements = scanner.top_level(header.start)
        reader = Reader(scanner, inline=INLINE_BYTES, bulk=lambda path: f"{place}/{bulk_path(path)}")
        reader.see(elements)
        found = self._elements(reader, elements)
        if scanner.pixels is not None:
            vr = scanner.pixels.vr if scanner.pixels.vr in ("OB", "OW", "OF", "OD") else "OW"
            tag = scanner.pixels.tag
            found[tag] = _member(tag, {"vr": vr, "BulkDataURI": f"{place}/{tag:08X}"})
        for tag, vr, value in (
            (int(CHARACTER_SET, 16), "CS", UTF_8),
            (0x00080016, "UI", instance.facts.sop_class_uid),
            (0x00080018, "UI", key.sop_instance_uid),
            (int(AVAILABLE_TRANSFER_SYNTAX, 16), "UI", instance.facts.transfer_syntax_uid),
        ):
            found[tag] = _member(tag, {"vr": vr, "Value": [value]})
        return b"{" + b",".join(found[tag] for tag in sorted(found)) + b"}"

    def _elements(self, reader: Reader, elements: list[Element]) -> Texts:
        """Each element as a member of the object. Elements that follow one in another encoding mean something else."""
        known = self._known.setdefault(reader.encoding, {})
        buffer, found = reader.buffer, Texts()
        for element in elements:
            tag, vr, offset, length, items = element
            if tag >> 16 <= _LAST_COMMAND_GROUP or not tag & 0xFFFF:
                continue
            if length > _REPEATED or items is not None:
                found[tag] = _member(tag, reader.json(element))
                continue
            key = (tag, vr, buffer[offset : offset + length])
            text = known.get(key)
            if text is None:
                text = _member(tag, reader.json(element))
                if self._count < _MOST_REPEATED:
                    known[key] = text
                    self._count += 1
            found[tag] = text
        for name in ENCAPSULATION:
            found.pop(int(name, 16), None)
        return found


def dumps(value: object) -> bytes:
    """JSON in UTF-8 without spaces; also numbers that need more than 64 bits."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _member(tag: int, value: object) -> bytes:
    return b'"%08X":%b' % (tag, dumps(value))

"""The metadata of a series as one immutable object: gzipped DICOM JSON, made once for each revision (manifest).

`BulkDataURI`s in it are absolute paths below BULK_ROOT, so that the same bytes are right at every level of the
resource tree and can be served without being unpacked.
"""

import gzip
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from pacs.archive.announcing import announce_headers
from pacs.archive.frames import opened_header
from pacs.instance_text import InstanceTexts, dumps
from pacs.present import indexed_json
from storage.errors import ObjectCorrupt, ObjectMissing
from storage.model.archive import Instance, Series
from storage.objects.base import ObjectStore

BULK_ROOT = "/dicom-web"
KEPT_LEVEL, _PASSING_LEVEL = 6, 1


@dataclass(frozen=True)
class Metadata:
    """A JSON array of `count` instances, and a strong validator for it; each of its forms is made when it is wanted."""

    etag: str
    count: int
    pack: Callable[[], bytes]
    write: Callable[[], bytes] | None = None  # the text, where it need not be unpacked

    @cached_property
    def gzip(self) -> bytes:
        """The text, gzipped."""
        return self.pack()

    def text(self) -> bytes:
        """The text as it is."""
        return gzip.decompress(self.gzip) if self.write is None else self.write()


def manifest_of(
    objects: ObjectStore,
    found: Sequence[Instance],
    level: int = _PASSING_LEVEL,
    known: Mapping[str, bytes] = MappingProxyType({}),
) -> Metadata:
    """Read the headers and make the metadata. `known` has texts by the SHA-256 of their objects."""
    unknown = [instance for instance in found if instance.stored.sha256 not in known]
    texts = InstanceTexts(len(unknown))
    announce_headers(objects, unknown)
    made = (None if instance.damage else known.get(instance.stored.sha256) for instance in found)
    return _packed(
        [text or instance_text(objects, instance, texts) for instance, text in zip(found, made, strict=True)], level
    )


def kept_manifest(objects: ObjectStore, series: Series) -> Metadata | None:
    """The manifest the worker made of this very revision, when there is one."""
    if not series.manifest_key or series.manifest_revision != series.revision:
        return None
    try:
        data = objects.get(series.manifest_key)
    except ObjectMissing:
        return None
    return Metadata(series.manifest_key.rpartition("/")[2][:32], series.instances, lambda: data)


def joined(parts: Sequence[Metadata]) -> Metadata:
    """One array of several."""
    if len(parts) == 1:
        return parts[0]
    texts = [part.text()[1:-1] for part in parts]
    whole = _packed([text for text in texts if text], _PASSING_LEVEL)
    etag = hashlib.sha256("".join(part.etag for part in parts).encode()).hexdigest()[:32]
    return Metadata(etag, sum(part.count for part in parts), whole.pack, whole.write)


def instance_text(objects: ObjectStore, instance: Instance, texts: InstanceTexts) -> bytes:
    """The JSON object of an instance; what the index says where its object is lost."""
    try:
        with opened_header(objects, instance) as header:
            return texts.text(instance, header, BULK_ROOT)
    except (ObjectMissing, ObjectCorrupt):  # the series is not lost for one of its instances
        return dumps(indexed_json(instance))


def _packed(parts: Sequence[bytes], level: int) -> Metadata:
    text = b"[" + b",".join(parts) + b"]"
    etag = hashlib.sha256(text).hexdigest()[:32]
    data = gzip.compress(text, level, mtime=0)
    return Metadata(etag, len(parts), lambda: data)

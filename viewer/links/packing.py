"""DICOM objects as one ZIP file, sent while it is made: nothing is kept, and objects of any size go through."""

import io
import zipfile
from collections.abc import Iterator, Sequence

from flask import Response

from pacs.archive import Archive
from pacs.dataset.preamble import LENGTH, MAGIC, harmless
from storage.model.archive import Instance

BLOCK = 1 << 20


class _Outgoing(io.RawIOBase):
    """What zipfile writes, to be taken piece by piece."""

    def __init__(self) -> None:
        self._written = bytearray()
        self._place = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return self._place

    def write(self, data: object) -> int:
        view = bytes(data)  # type: ignore[call-overload]
        self._written += view
        self._place += len(view)
        return len(view)

    def take(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data


def packed(archive: Archive, instances: Sequence[Instance], name: str) -> Response:
    """The objects as they are stored, with a harmless preamble, in folders by series."""
    response = Response(_pieces(archive, instances), content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _pieces(archive: Archive, instances: Sequence[Instance]) -> Iterator[bytes]:
    out = _Outgoing()
    series: dict[str, int] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive_file:
        for number, instance in enumerate(instances, 1):
            folder = series.setdefault(instance.key.series_instance_uid, len(series) + 1)
            with (
                archive.open(instance) as stream,
                archive_file.open(f"S{folder:03}/I{number:05}.dcm", "w", force_zip64=True) as entry,
            ):
                entry.write(harmless(stream.read(LENGTH + len(MAGIC))))
                while block := stream.read(BLOCK):
                    entry.write(block)
                    yield out.take()
            yield out.take()
    yield out.take()

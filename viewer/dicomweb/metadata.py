"""Metadata of a study, series or instance (PS3.18 10.4.1.1.2): handed out as it was packed, without parsing."""

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

from flask import Response, request

from pacs.archive import Metadata
from viewer.dicomweb.addresses import PATH
from viewer.dicomweb.media_types import DICOM_JSON, JSON, Offer, accepted, choose
from viewer.dicomweb.ranges import REVALIDATED, not_modified, validated

JSON_OFFERS = (Offer(DICOM_JSON), Offer(JSON))
_LOCAL = f'"BulkDataURI":"{PATH}/'.encode()


def json_type() -> str:
    """Which name of DICOM JSON the client accepts; NotAcceptable when neither."""
    return choose(accepted(), JSON_OFFERS, multipart=False).offer.type


def retrieve_metadata(metadata: Metadata, base: str) -> Response:
    """The metadata, gzipped when the client takes that. Its bulk data URIs are paths, which a browser completes;
    programs, known by their Authorization, get whole URLs below `base`."""
    type = json_type()
    whole = "Authorization" in request.headers
    zipped = request.accept_encodings["gzip"] > 0
    etag = _etag(metadata.etag, base if whole else "", zipped)
    unchanged = not_modified(etag, REVALIDATED)
    if unchanged is not None:
        return _varying(unchanged)
    data = metadata.gzip if zipped and not whole else _FORMS.get(etag, lambda: _form(metadata, base, whole, zipped))
    response = Response(data, content_type=type)
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return _varying(validated(response, etag, REVALIDATED))


def _form(metadata: Metadata, base: str, whole: bool, zipped: bool) -> bytes:
    text = gzip.decompress(metadata.gzip)
    if whole:
        text = text.replace(_LOCAL, f'"BulkDataURI":"{base}/'.encode())
    return gzip.compress(text, 1, mtime=0) if zipped else text


class _Forms:
    """The last forms that were made, by their validators, which name their bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, etag: str, make: Callable[[], bytes]) -> bytes:
        with self._lock:
            found = self._made.get(etag)
            if found is not None:
                self._made.move_to_end(etag)
                return found
        data = make()
        with self._lock:
            if etag not in self._made and len(data) <= self._most // 4:
                self._made[etag] = data
                self._size += len(data)
            while self._size > self._most:
                self._size -= len(self._made.popitem(last=False)[1])
        return data


_FORMS = _Forms(16 << 20)


def _etag(made: str, base: str, zipped: bool) -> str:
    """Strong validators name exact bytes, so each form has its own."""
    if base:
        made = hashlib.sha256(f"{made} {base}".encode()).hexdigest()[:32]
    return f"{made}-gzip" if zipped else made


def _varying(response: Response) -> Response:
    response.vary.update(("Accept", "Accept-Encoding", "Authorization"))
    return response

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
VARY = ("Accept", "Accept-Encoding", "Authorization")
_LOCAL = f'"BulkDataURI":"{PATH}/'.encode()


def json_type() -> str:
    """Which name of DICOM JSON the client accepts; NotAcceptable when neither."""
    return choose(accepted(), JSON_OFFERS, multipart=False).offer.type


def retrieve_metadata(metadata: Metadata, base: str) -> Response:
    """The metadata, gzipped when the client takes that. Its bulk data URIs are paths, which a browser completes;
    programs, known by their Authorization, get whole URLs below `base`."""
    type = json_type()
    form = Form(metadata, base if "Authorization" in request.headers else "", request.accept_encodings["gzip"] > 0)
    unchanged = not_modified(form.etag, REVALIDATED)
    if unchanged is not None:
        return _varying(unchanged)
    response = Response(form.data(), content_type=type)
    if form.zipped:
        response.headers["Content-Encoding"] = "gzip"
    return _varying(validated(response, form.etag, REVALIDATED))


class Form:
    """The metadata as one client wants it: with whole URLs below `base` unless that is "", and gzipped or not."""

    def __init__(self, metadata: Metadata, base: str, zipped: bool) -> None:
        self._metadata = metadata
        self._base = base
        self.zipped = zipped
        self.etag = _etag(metadata.etag, base, zipped)

    def data(self) -> bytes:
        """The bytes of the answer."""
        return self._metadata.gzip if self.zipped and not self._base else _FORMS.get(self.etag, self._made)

    def _made(self) -> bytes:
        text = self._metadata.text()
        if self._base:
            text = text.replace(_LOCAL, f'"BulkDataURI":"{self._base}/'.encode())
        return gzip.compress(text, 1, mtime=0) if self.zipped else text


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
    response.vary.update(VARY)
    return response

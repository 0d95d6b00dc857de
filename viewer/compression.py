"""Lists of studies and search results are gzipped for clients that take it: over a thin link they are most of the wait.

Only answers that hold no secret are compressed (never /api/session), so that their length tells nothing worth knowing.
"""

import gzip

from flask import Flask, Response, request

PATHS = ("/api/worklist", "/api/studies", "/dicom-web/")
TYPES = ("application/json", "application/dicom+json")
SMALLEST = 1400  # bytes; less fits one packet anyway


def install(app: Flask) -> None:
    """Compress what the views have left plain."""

    @app.after_request
    def compress(response: Response) -> Response:
        if not request.path.startswith(PATHS) or response.mimetype not in TYPES or response.status_code != 200:
            return response
        response.vary.add("Accept-Encoding")
        if response.is_streamed or response.headers.get("Content-Encoding") or response.headers.get("ETag"):
            return response
        if request.accept_encodings.quality("gzip") <= 0 or (response.content_length or 0) < SMALLEST:
            return response
        response.set_data(gzip.compress(response.get_data(), 1, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        return response

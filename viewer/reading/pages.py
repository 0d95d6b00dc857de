"""The built pages and their assets: / (worklist), /read/<uid> (reading room), /s/<link> (for guests), /static/…"""

import re
from pathlib import Path

from flask import Blueprint, Response, request, send_file
from werkzeug.security import safe_join

from storage.errors import NotFound
from viewer.access.guard import Guard
from viewer.access.narrowing import meant
from viewer.errors import NotBuilt
from viewer.headers import PAGE_POLICY, READING_PERMISSIONS, READING_POLICY, SHARED_POLICY

DIST = Path(__file__).resolve().parent.parent.parent / "static" / "dist"
IMMUTABLE = "public, max-age=31536000, immutable"

# Decided here, never by the machine's own table.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
ENCODINGS = {"br": ".br", "gzip": ".gz"}

_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_NOT_BUILT = """<!doctype html><html lang="vi"><meta charset="utf-8"><title>Hội Chẩn</title>
<h1>Hội Chẩn</h1>
<p>Chưa có trang web. Hãy chạy <code>make web</code> rồi tải lại trang này.</p>
<p lang="en">The pages have not been built. Run <code>make web</code>, then load this page again.</p>
</html>
"""


def blueprint(guard: Guard, dist: Path = DIST) -> Blueprint:
    """Pages hold no data, so they need no session; what they show comes from the API, which does."""
    routes = Blueprint("pages", __name__)

    @routes.get("/", defaults={"study": None})
    @routes.get("/read/<study>")
    @guard.open
    def page(study: str | None) -> Response:
        name = "index.html" if study is None else "reading.html"
        policy = PAGE_POLICY if study is None else READING_POLICY
        path = dist / name
        if path.is_file():
            response = _file(path)
        else:
            response = Response(_NOT_BUILT, 503, content_type=MEDIA_TYPES[".html"])
        response.headers["Content-Security-Policy"] = policy
        if study is not None:
            response.headers["Permissions-Policy"] = READING_PERMISSIONS
        response.headers["Cache-Control"] = "no-cache"
        if study is not None and _UID.fullmatch(study):
            # The browser asks for the first image while the programs are still being read.
            address = f"{meant()}/dicom-web/studies/{study}/opening"
            response.headers["Link"] = f"<{address}>; rel=preload; as=fetch; crossorigin"
        return response

    @routes.get("/s/<code>")
    @guard.open
    def shared(code: str) -> Response:
        """The page of a link, the same for every code: the secret is in the fragment, which stays in the browser."""
        path = dist / "shared-link.html"
        response = _file(path) if path.is_file() else Response(_NOT_BUILT, 503, content_type=MEDIA_TYPES[".html"])
        response.headers["Content-Security-Policy"] = SHARED_POLICY
        response.headers["Cache-Control"] = "no-cache"
        return response

    @routes.get("/static/<path:name>")
    @guard.open
    def asset(name: str) -> Response:
        found = safe_join(str(dist), name)
        path = Path(found) if found else None
        if path is None or not path.is_file() or path.suffix not in MEDIA_TYPES:
            if not dist.is_dir():
                raise NotBuilt("the pages have not been built; run `make web`")
            raise NotFound("there is no such asset")
        response = _file(path)
        # A worker or page of ours is held to the policy of the page it came for.
        response.headers["Content-Security-Policy"] = READING_POLICY if path.suffix in (".js", ".mjs") else PAGE_POLICY
        response.headers["Cache-Control"] = IMMUTABLE if name.startswith("assets/") else "no-cache"
        return response

    return routes


def _file(path: Path) -> Response:
    """The file, or its smaller twin (.br, .gz) when there is one and the client takes it."""
    chosen, encoding = path, ""
    for name, suffix in ENCODINGS.items():
        twin = path.with_name(path.name + suffix)
        if request.accept_encodings[name] > 0 and twin.is_file():
            chosen, encoding = twin, name
            break
    response = send_file(chosen, mimetype="application/octet-stream", conditional=True, etag=True, max_age=None)
    response.headers["Content-Type"] = MEDIA_TYPES[path.suffix]
    if encoding:
        response.headers["Content-Encoding"] = encoding
    response.headers["Vary"] = "Accept-Encoding"
    return response

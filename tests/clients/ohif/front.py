"""The front a hospital puts before OHIF and an archive: OHIF's files and our DICOMweb root under one origin, with the
token added on the way. What it does is what docs/clients.md tells to configure in nginx."""

import http.client
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_ONE_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"})
_PIECE = 1 << 16

CONFIG = """window.config = {
  routerBasename: '/',
  extensions: [],
  modes: [],
  showStudyList: true,
  maxNumberOfWebWorkers: 2,
  strictZSpacingForVolumeViewport: true,
  investigationalUseDialog: { option: 'never' },
  defaultDataSourceName: 'hoichan',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'hoichan',
    configuration: {
      friendlyName: 'Hội Chẩn',
      name: 'hoichan',
      qidoRoot: '/dicom-web',
      wadoRoot: '/dicom-web',
      wadoUriRoot: '/dicom-web/wado',
      qidoSupportsIncludeField: true,
      supportsFuzzyMatching: true,
      supportsWildcard: true,
      supportsStow: true,
      imageRendering: 'wadors',
      thumbnailRendering: 'thumbnail',
      thumbnailRequestStrategy: 'fetch',
      enableStudyLazyLoad: true,
      bulkDataURI: { enabled: true },
      singlepart: 'bulkdata',
    },
  }],
};
"""


class _Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: Path
    behind: tuple[str, int]
    token: str
    config: str

    def do_GET(self) -> None:
        self._pass() if self.path.startswith("/dicom-web") else self._file()

    def do_POST(self) -> None:
        self._pass()

    def do_OPTIONS(self) -> None:
        self._pass()

    def _pass(self) -> None:
        """To the archive and back, as it comes."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length else None
        headers = {key: value for key, value in self.headers.items() if key.lower() not in _ONE_HOP}
        headers["Authorization"] = f"Bearer {self.token}"
        upstream = http.client.HTTPConnection(*self.behind, timeout=120)
        try:
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            self.send_response(answer.status)
            known = answer.getheader("Content-Length") is not None or answer.status in (204, 304)
            for key, value in answer.getheaders():
                if key.lower() not in _ONE_HOP:
                    self.send_header(key, value)
            if not known:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            while piece := answer.read(_PIECE):
                self.wfile.write(piece)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the browser went on to something else
        finally:
            upstream.close()

    def _file(self) -> None:
        name = self.path.partition("?")[0].lstrip("/")
        found = (self.files / name).resolve()
        if name == "app-config.js":
            body, type = self.config.encode(), "text/javascript"
        elif name and found.is_file() and found.is_relative_to(self.files):
            body, type = found.read_bytes(), mimetypes.guess_type(name)[0] or "application/octet-stream"
        elif "." in name.rpartition("/")[2]:
            self.send_error(404)
            return
        else:  # an address of the application itself
            body, type = (self.files / "index.html").read_bytes(), "text/html"
        self.send_response(200)
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the browser's side is what is watched."""


@contextmanager
def front(files: Path, host: str, port: int, token: str, config: str = CONFIG) -> Iterator[str]:
    """The address of a front that is up."""
    handler = type(
        "Front", (_Front,), {"files": files.resolve(), "behind": (host, port), "token": token, "config": config}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()

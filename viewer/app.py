"""The web application: rooms are given what they need, every route is guarded, every answer carries its headers."""

from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, jsonify

from pacs.archive import Archive
from pacs.config import Config
from viewer import compression, headers, journal, problem_pages, problems
from viewer.access import devices, factors, invitation, setup
from viewer.access import routes as session
from viewer.access.guard import Guard
from viewer.access.narrowing import AtHospital
from viewer.addresses import LateRule
from viewer.admin import access as admin_access
from viewer.admin import audit, health, hospitals, peers, reconcile, recordings, rejected
from viewer.consult import attachments, copies, minutes, statistics, translating
from viewer.consult import routes as consult
from viewer.dicomweb import blueprint as dicomweb
from viewer.dicomweb.direct import DirectFrames
from viewer.dicomweb.direct_metadata import DirectMetadata
from viewer.dicomweb.direct_rendered import DirectRendered
from viewer.dicomweb.direct_search import DirectSearches
from viewer.links import entering, making
from viewer.live import routes as live
from viewer.live import sound
from viewer.live.door import SocketDoor
from viewer.reading import annotations, pages
from viewer.worklist import changing, studies, uploads
from viewer.worklist.events import Tail


def create_app(
    archive: Archive,
    config: Config,
    *,
    doors: Callable[[], dict[str, bool]] | None = None,
    dist: Path = pages.DIST,
) -> Flask:
    """The application of one web process. `doors` says which other parts are up; by default the files say it that the
    supervisor keeps. `app.extensions["hoichan.stop"]()` ends its event streams; `app.extensions["hoichan.at_once"]` is
    what a server may ask in its main loop (viewer/at_once.py)."""
    app = Flask("hoichan", static_folder=None, template_folder=None)
    app.url_rule_class = LateRule
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # an address with a double slash is not an address of ours
    app.config["MAX_CONTENT_LENGTH"] = config.web.max_upload_mb << 20  # JSON bodies are held to 1 MiB in bodies.py
    app.config["DOORS"] = doors or health.doors_of(config)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]

    guard = Guard(archive.database, config, archive.acts)
    tail = Tail(archive.database, config.web.threads // 2)
    app.extensions["hoichan.stop"] = tail.stop
    journal.install(app)
    headers.install(app)
    compression.install(app)
    guard.install(app)
    problem_pages.install(app)
    problems.install(app)
    for rooms in (
        pages.blueprint(guard, dist),
        session.blueprint(guard),
        factors.blueprint(guard),
        devices.blueprint(guard),
        setup.blueprint(guard),
        invitation.blueprint(guard),
        studies.blueprint(archive, guard),
        annotations.blueprint(archive, guard),
        changing.blueprint(archive, guard, tail),
        uploads.blueprint(archive, guard, config),
        consult.blueprint(archive, guard, invites=bool(config.smtp.host)),
        translating.blueprint(archive, guard, config.consult),
        attachments.blueprint(archive, guard),
        minutes.blueprint(archive, guard),
        copies.blueprint(archive, guard),
        statistics.blueprint(archive, guard),
        making.blueprint(archive, guard, config.web.public_url),
        entering.blueprint(archive, guard),
        peers.blueprint(archive, guard, config),
        admin_access.blueprint(archive, guard),
        hospitals.blueprint(archive, guard),
        reconcile.blueprint(archive, guard),
        rejected.blueprint(archive, guard),
        recordings.blueprint(archive, guard),
        audit.blueprint(archive, guard),
        live.blueprint(archive, guard, config),
        sound.blueprint(archive, guard),
        health.blueprint(archive, guard, config, lambda: app.config["DOORS"]()),
        dicomweb(archive, guard, config.web),
    ):
        app.register_blueprint(rooms)

    @app.get("/problems/<name>", endpoint="problems.problem")
    @guard.open
    def problem(name: str) -> Response:
        return jsonify(title=name, detail=problems.explain(name))

    guard.seal(app)
    pictures = DirectRendered(app.wsgi_app, archive, guard)
    described = DirectMetadata(pictures, archive, guard, config.web.public_url)
    whole = DirectSearches(described, archive, guard, config.web.public_url)
    frames = DirectFrames(whole, archive, guard, config.web.public_url)
    sockets = SocketDoor(frames, guard, config.live_socket, config.web.public_url)
    app.wsgi_app = AtHospital(sockets)  # type: ignore[method-assign]
    if archive.database.stamps_at_once:
        app.extensions["hoichan.at_once"] = AtHospital(frames.at_once)
    return app

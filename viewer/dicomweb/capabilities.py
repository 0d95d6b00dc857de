"""What this DICOMweb server can do (PS3.18 8.9): the answer to OPTIONS, made from the routes themselves."""

import json
from xml.sax.saxutils import quoteattr

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import Map

from viewer.access.guard import Guard
from viewer.access.rights import STUDY_READ
from viewer.dicomweb.addresses import PATH, root
from viewer.dicomweb.media_types import DICOM, DICOM_JSON, FRAME_TYPES, JSON, OCTETS, Offer, accepted, choose

_WADL = "application/vnd.sun.wadl+xml"
_JSON_TYPES = (DICOM_JSON, JSON)
_FRAMES = (OCTETS, *sorted({types[0] for types in FRAME_TYPES.values()}))
_PICTURES = ("image/jpeg", "image/png", "image/webp")
_INSTANCES = (f'multipart/related; type="{DICOM}"',)
# What GET answers with, by the last part of the path that is not a variable; the first name that fits counts.
_ANSWERS: dict[str, tuple[str, ...]] = {
    "rendered": _PICTURES,
    "thumbnail": _PICTURES,
    "metadata": _JSON_TYPES,
    "wado": (*_PICTURES, DICOM),
    "frames": _FRAMES,
    "bulkdata": (OCTETS,),
    "pixeldata": _FRAMES,
}
_METHODS = ("GET", "HEAD", "OPTIONS", "POST")


def install(routes: Blueprint, guard: Guard, public_url: str) -> None:
    """Have every address below /dicom-web, registered by now, answer OPTIONS."""

    @guard.needs(STUDY_READ)
    def capabilities(**_: str) -> Response:
        known = _resources(routes.name, request.url_rule.rule if request.url_rule else "")
        allowed = ", ".join(next(iter(known.values()), ("OPTIONS",)))
        if request.path.rstrip("/") != PATH:
            return Response(status=204, headers={"Allow": allowed})
        whole = _resources(routes.name)
        type = choose(accepted(), [Offer(_WADL), Offer(JSON)], multipart=False).offer.type
        base = root(public_url)
        text = _wadl(whole, base) if type == _WADL else json.dumps(_listed(whole, base))
        return Response(text, content_type=type, headers={"Allow": "OPTIONS", "Vary": "Accept"})

    def register(state: BlueprintSetupState) -> None:
        paths = dict.fromkeys([PATH, f"{PATH}/", *_resources(routes.name, url_map=state.app.url_map)])
        for path in paths:
            state.app.add_url_rule(path, f"{routes.name}.capabilities", capabilities, methods=["OPTIONS"])

    routes.record_once(register)


def _resources(blueprint: str, only: str = "", url_map: Map | None = None) -> dict[str, tuple[str, ...]]:
    """The paths of the blueprint and their methods; of one path when `only` names it."""
    found: dict[str, set[str]] = {}
    for rule in (url_map or current_app.url_map).iter_rules():
        if rule.endpoint.startswith(f"{blueprint}.") and only in ("", rule.rule):
            found.setdefault(rule.rule, set()).update(rule.methods or ())
    return {path: tuple(name for name in _METHODS if name in methods) for path, methods in sorted(found.items())}


def _answers(path: str) -> tuple[str, ...]:
    """The media types GET of this path answers with."""
    parts = [part for part in path.removeprefix(PATH).split("/") if part and not part.startswith("<")]
    for part in reversed(parts):
        if part in _ANSWERS:
            return _ANSWERS[part]
    last = path.rsplit("/", 1)[-1]
    return _INSTANCES if last.startswith("<") else _JSON_TYPES


def _template(path: str) -> str:
    """The path of a rule as a template: ``<path:path>`` is ``{path}``."""
    parts = path.removeprefix(PATH).strip("/").split("/")
    return "/".join(f"{{{part.strip('<>').rpartition(':')[2]}}}" if part.startswith("<") else part for part in parts)


def _wadl(resources: dict[str, tuple[str, ...]], base: str) -> str:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<application xmlns="http://wadl.dev.java.net/2009/02">']
    lines.append(f"<resources base={quoteattr(base)}>")
    for path, methods in resources.items():
        lines.append(f"<resource path={quoteattr(_template(path))}>")
        for method in methods:
            types = _answers(path) if method == "GET" else ()
            inside = "".join(f"<representation mediaType={quoteattr(type)}/>" for type in types)
            lines.append(f"<method name={quoteattr(method)}><response>{inside}</response></method>")
        lines.append("</resource>")
    return "\n".join([*lines, "</resources>", "</application>", ""])


def _listed(resources: dict[str, tuple[str, ...]], base: str) -> dict[str, object]:
    """The same for readers of JSON."""
    return {
        "base": base,
        "resources": [
            {"path": _template(path), "methods": list(methods), "representations": list(_answers(path))}
            for path, methods in resources.items()
        ],
    }

"""The resource tree of DICOMweb (PS3.18 10.1): which address is answered by which function."""

from collections import Counter

from flask import Blueprint, Response, request

from pacs.archive import Archive
from pacs.config import WebConfig
from storage.model.archive import Instance, InstanceKey
from storage.model.query import Level
from viewer.access.guard import Guard, acts
from viewer.access.rights import STUDY_READ, STUDY_STORE
from viewer.dicomweb import (
    bulkdata,
    capabilities,
    frames,
    instances,
    metadata,
    opening,
    previews,
    rendered,
    search,
    store,
    wado_uri,
)
from viewer.dicomweb.addresses import PATH, instance_url, root

_STUDY = "/studies/<study>"
_SERIES = f"{_STUDY}/series/<series>"
_INSTANCE = f"{_SERIES}/instances/<sop>"
_FRAMES = f"{_INSTANCE}/frames/<numbers>"
_MEGABYTE = 1 << 20


def blueprint(archive: Archive, guard: Guard, web: WebConfig) -> Blueprint:
    """QIDO-RS, WADO-RS and STOW-RS under /dicom-web."""
    routes = Blueprint("dicomweb", __name__, url_prefix=PATH)
    _search(routes, archive, guard, web)
    _retrieve(routes, archive, guard, web)
    _retrieve_instance(routes, archive, guard, web)
    _retrieve_frames(routes, archive, guard, web)
    _retrieve_pixels(routes, archive, guard, web)
    _store(routes, archive, guard, web)
    capabilities.install(routes, guard, web.public_url)
    return routes


def _search(routes: Blueprint, archive: Archive, guard: Guard, web: WebConfig) -> None:
    def found(level: Level, study: str = "", series: str = "") -> Response:
        base = root(web.public_url)
        return search.search(archive, guard.caller().scope, guard.actor(), level, base, study, series)

    @routes.get("/studies")
    @guard.needs(STUDY_READ)
    def search_studies() -> Response:
        return found(Level.STUDY)

    @routes.get("/series")
    @guard.needs(STUDY_READ)
    def search_all_series() -> Response:
        return found(Level.SERIES)

    @routes.get("/instances")
    @guard.needs(STUDY_READ)
    def search_all_instances() -> Response:
        return found(Level.IMAGE)

    @routes.get(f"{_STUDY}/series")
    @guard.needs(STUDY_READ)
    def search_series(study: str) -> Response:
        return found(Level.SERIES, study)

    @routes.get(f"{_STUDY}/instances")
    @guard.needs(STUDY_READ)
    def search_instances_of_study(study: str) -> Response:
        return found(Level.IMAGE, study)

    @routes.get(f"{_SERIES}/instances")
    @guard.needs(STUDY_READ)
    def search_instances(study: str, series: str) -> Response:
        return found(Level.IMAGE, study, series)


def _retrieve(routes: Blueprint, archive: Archive, guard: Guard, web: WebConfig) -> None:
    """Studies and series, whole."""

    def all_of(study: str, series: str | None) -> list[Instance]:
        return _seen(guard, archive.instances(guard.caller().scope, study, series))

    @routes.get(_STUDY)
    @routes.get(_SERIES)
    @guard.needs(STUDY_READ)
    def retrieve_study(study: str, series: str | None = None) -> Response:
        found = archive.instances(guard.caller().scope, study, series)
        response = instances.retrieve_instances(archive, found, root(web.public_url))
        _exported(archive, guard, found)
        return response

    @routes.get(f"{_STUDY}/metadata")
    @routes.get(f"{_SERIES}/metadata")
    @guard.needs(STUDY_READ)
    def retrieve_metadata(study: str, series: str | None = None) -> Response:
        found = archive.metadata(guard.caller().scope, study, series)
        _opened(archive, guard, study)
        return metadata.retrieve_metadata(found, root(web.public_url))

    @routes.get(f"{_STUDY}/rendered")
    @routes.get(f"{_SERIES}/rendered")
    @guard.needs(STUDY_READ)
    def retrieve_rendered(study: str, series: str | None = None) -> Response:
        return rendered.retrieve_rendered_all(archive, all_of(study, series), root(web.public_url))

    @routes.get(f"{_STUDY}/thumbnail")
    @routes.get(f"{_SERIES}/thumbnail")
    @guard.needs(STUDY_READ)
    def retrieve_thumbnail(study: str, series: str | None = None) -> Response:
        if rendered.wants_own_thumbnail():
            return rendered.retrieve_thumbnail(archive, *rendered.middle(all_of(study, series)))
        picture = archive.thumbnail(guard.caller().scope, study, series)
        _opened(archive, guard, study, "details")
        return rendered.retrieve_kept_thumbnail(picture)


def _retrieve_instance(routes: Blueprint, archive: Archive, guard: Guard, web: WebConfig) -> None:
    """One instance."""

    def one(study: str, series: str, sop: str) -> tuple[Instance, str]:
        key = InstanceKey(study, series, sop)
        (found,) = _seen(guard, [archive.instance(guard.caller().scope, key)])
        return found, instance_url(root(web.public_url), key)

    @routes.get(_INSTANCE)
    @guard.needs(STUDY_READ)
    def retrieve_instance(study: str, series: str, sop: str) -> Response:
        found = archive.instance(guard.caller().scope, InstanceKey(study, series, sop))
        response = instances.retrieve_instance(archive, found, root(web.public_url))
        _exported(archive, guard, [found])
        return response

    @routes.get(f"{_INSTANCE}/metadata")
    @guard.needs(STUDY_READ)
    def retrieve_instance_metadata(study: str, series: str, sop: str) -> Response:
        found = archive.metadata(guard.caller().scope, study, series, sop)
        _opened(archive, guard, study)
        return metadata.retrieve_metadata(found, root(web.public_url))

    @routes.get(f"{_INSTANCE}/bulkdata/<path:path>")
    @guard.needs(STUDY_READ)
    def retrieve_bulkdata(study: str, series: str, sop: str, path: str) -> Response:
        instance, address = one(study, series, sop)
        return bulkdata.retrieve_bulkdata(archive, instance, path, address)

    @routes.get(f"{_INSTANCE}/rendered")
    @guard.needs(STUDY_READ)
    def retrieve_rendered_instance(study: str, series: str, sop: str) -> Response:
        instance, address = one(study, series, sop)
        frames.check_numbers(instance, [1])
        return rendered.retrieve_rendered_instance(archive, instance, address, _presentation(archive, guard))

    @routes.get(f"{_INSTANCE}/thumbnail")
    @guard.needs(STUDY_READ)
    def retrieve_instance_thumbnail(study: str, series: str, sop: str) -> Response:
        return rendered.retrieve_thumbnail(archive, *rendered.middle([one(study, series, sop)[0]]))


def _retrieve_frames(routes: Blueprint, archive: Archive, guard: Guard, web: WebConfig) -> None:
    """Frames of one instance."""

    def some(study: str, series: str, sop: str, text: str) -> tuple[Instance, list[int], str]:
        numbers = frames.numbers_of(text)
        key = InstanceKey(study, series, sop)
        (instance,) = _seen(guard, [archive.instance(guard.caller().scope, key)])
        frames.check_numbers(instance, numbers)
        return instance, numbers, instance_url(root(web.public_url), key)

    @routes.get(_FRAMES)
    @guard.needs(STUDY_READ)
    def retrieve_frames(study: str, series: str, sop: str, numbers: str) -> Response:
        return frames.retrieve_frames(archive, *some(study, series, sop, numbers))

    @routes.get(f"{_FRAMES}/rendered")
    @guard.needs(STUDY_READ)
    def retrieve_rendered_frames(study: str, series: str, sop: str, numbers: str) -> Response:
        return rendered.retrieve_rendered(
            archive, *some(study, series, sop, numbers), presentation=_presentation(archive, guard)
        )

    @routes.get(f"{_FRAMES}/preview")
    @guard.needs(STUDY_READ)
    def retrieve_frame_preview(study: str, series: str, sop: str, numbers: str) -> Response:
        instance, several, _ = some(study, series, sop, numbers)
        return previews.retrieve_preview(archive, instance, several[0])

    @routes.get(f"{_FRAMES}/thumbnail")
    @guard.needs(STUDY_READ)
    def retrieve_frame_thumbnail(study: str, series: str, sop: str, numbers: str) -> Response:
        instance, several, _ = some(study, series, sop, numbers)
        return rendered.retrieve_thumbnail(archive, instance, several[0])


def _retrieve_pixels(routes: Blueprint, archive: Archive, guard: Guard, web: WebConfig) -> None:
    """Pixel data of many instances in one answer, and WADO-URI."""

    def all_of(study: str, series: str | None) -> list[Instance]:
        return _seen(guard, archive.instances(guard.caller().scope, study, series))

    @routes.get(f"{_SERIES}/frames")
    @guard.needs(STUDY_READ)
    def retrieve_series_frames(study: str, series: str) -> Response:
        text = request.args.get("frames", "")
        return frames.retrieve_series_frames(archive, all_of(study, series), text, root(web.public_url))

    @routes.get(f"{_STUDY}/opening")
    @routes.get(f"{_SERIES}/opening")
    @guard.needs(STUDY_READ)
    def retrieve_opening(study: str, series: str | None = None) -> Response:
        response = opening.retrieve_opening(archive, guard.caller().scope, study, series, root(web.public_url))
        _opened(archive, guard, study)
        return response

    @routes.get(f"{_SERIES}/previews")
    @guard.needs(STUDY_READ)
    def retrieve_series_previews(study: str, series: str) -> Response:
        text = request.args.get("frames", "")
        return previews.retrieve_previews(archive, all_of(study, series), text, root(web.public_url))

    @routes.get(f"{_STUDY}/pixeldata")
    @routes.get(f"{_SERIES}/pixeldata")
    @guard.needs(STUDY_READ)
    def retrieve_pixel_data(study: str, series: str | None = None) -> Response:
        return bulkdata.retrieve_pixel_data(archive, all_of(study, series), root(web.public_url))

    @routes.get(f"{_INSTANCE}/pixeldata")
    @guard.needs(STUDY_READ)
    def retrieve_instance_pixel_data(study: str, series: str, sop: str) -> Response:
        found = _seen(guard, [archive.instance(guard.caller().scope, InstanceKey(study, series, sop))])
        return bulkdata.retrieve_pixel_data(archive, found, root(web.public_url))

    @routes.get("/wado")
    @guard.needs(STUDY_READ)
    def retrieve_by_parameters() -> Response:
        instance, as_dicom, response = wado_uri.retrieve(archive, guard.caller().scope, root(web.public_url))
        if as_dicom:
            _exported(archive, guard, [instance])
        else:
            _seen(guard, [instance])
        return response


def _seen(guard: Guard, found: list[Instance]) -> list[Instance]:
    """The same; the audit log knows that the caller opened their study."""
    if found:
        guard.viewed(found[0].key.study_instance_uid, lambda: found[0].hospital_id)
    return found


def _opened(archive: Archive, guard: Guard, study: str, how: str = "view") -> None:
    """The same of a study whose instances were not read."""
    scope = guard.caller().scope
    guard.viewed(study, lambda: archive.series(scope, study)[0].hospital_id, how)


def _exported(archive: Archive, guard: Guard, found: list[Instance]) -> None:
    """So many instances leave, each hospital's told to it."""
    actor, study = guard.actor(), found[0].key.study_instance_uid
    for hospital_id, count in Counter(one.hospital_id for one in found).items():
        archive.acts.exported(actor, hospital_id, study, "DICOMweb", count)


def _presentation(archive: Archive, guard: Guard) -> Instance | None:
    """The presentation state the query names, of those the caller may see."""
    uid = request.args.get("presentationUID")
    if uid is None:
        return None
    return rendered.check_presentation(archive.instance_by_uid(guard.caller().scope, uid))


def _store(routes: Blueprint, archive: Archive, guard: Guard, web: WebConfig) -> None:
    sealers = store.Sealers()

    @routes.post("/studies")
    @routes.post(_STUDY)
    @guard.needs(STUDY_STORE)
    @acts("study.store")
    def store_instances(study: str = "") -> Response:
        most_bytes, origin, actor = web.max_upload_mb * _MEGABYTE, guard.origin("stow"), guard.actor()
        archive.acts.must_write()

        def noted(stored: str, count: int) -> None:
            archive.acts.stored(actor, origin.hospital_id, stored, origin.door, count)

        return store.store_instances(archive, sealers, origin, study, root(web.public_url), most_bytes, noted)

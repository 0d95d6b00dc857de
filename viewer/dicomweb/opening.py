"""What a viewport needs to show its first image, in one answer: a resource of our own (docs/thin-link.md).

    GET /dicom-web/studies/{study}/opening                   the first series that has images
    GET /dicom-web/studies/{study}/series/{series}/opening   this series

multipart/related of two or three parts: what there is (JSON), the metadata of the series (DICOM JSON), and, unless
``?preview=no``, the preview of the image to be shown first. JSON parts are gzipped and say so.
"""

import gzip
import hashlib
import json
from collections.abc import Sequence

from flask import Response, request

from pacs.archive import Archive, Metadata
from pacs.pixels.previews import KIND, Preview
from storage.errors import NotFound
from storage.model.archive import Instance, Scope, Series
from storage.model.modalities import PICTURELESS
from viewer.dicomweb.media_types import DICOM_JSON, JSON
from viewer.dicomweb.multipart import Part, multipart_response
from viewer.dicomweb.previews import part_of
from viewer.dicomweb.ranges import REVALIDATED, not_modified, validated
from viewer.dicomweb.versions import version_of

# As static/src/reading/dicom/series.ts orders them: what holds no pixels comes last, what was made of images before it.
DERIVED = frozenset({"SEG", "RTDOSE"})
_VOLUMES = frozenset({"CT", "MR", "PT"})  # begun in the middle
_LEVEL = 6


def retrieve_opening(archive: Archive, scope: Scope, study: str, series: str | None, base: str) -> Response:
    """The answer for this series, or for the one a study is opened with. Raises NotFound."""
    all_series = archive.series(scope, study)
    all_series = [one for one in all_series if one.hospital_id == all_series[0].hospital_id]
    chosen = _chosen(all_series, series)
    uid = chosen.facts.series_instance_uid
    own = Scope(frozenset({chosen.hospital_id}))
    found = archive.instances(own, study, uid)
    metadata = archive.metadata(own, study, uid)
    first = first_of(found, chosen.facts.modality)
    wants_preview = request.args.get("preview") != "no" and first is not None
    text = json.dumps(_said(all_series, chosen, found, first), separators=(",", ":"))
    etag = hashlib.sha256(f"{KIND} {text} {metadata.etag} {wants_preview} {base}".encode()).hexdigest()[:32]
    unchanged = not_modified(etag, REVALIDATED)
    if unchanged is not None:
        return unchanged
    preview = archive.preview(*first) if wants_preview and first is not None else None
    parts = _parts(text, metadata, preview, first, base)
    return validated(multipart_response(JSON, parts, etag), etag, REVALIDATED)


def first_of(instances: Sequence[Instance], modality: str) -> tuple[Instance, int] | None:
    """The frame to be shown first: the middle one of a volume, else the first; None without images."""
    places = [(one, number) for one in instances for number in range(1, one.facts.frames + 1) if one.facts.rows]
    if not places:
        return None
    return places[(len(places) - 1) // 2 if modality in _VOLUMES else 0]


def _chosen(all_series: Sequence[Series], uid: str | None) -> Series:
    if uid is not None:
        for one in all_series:
            if one.facts.series_instance_uid == uid:
                return one
        raise NotFound(f"there is no series {uid}")
    return min(all_series, key=_order)


def _order(series: Series) -> tuple[int, int, str]:
    facts = series.facts
    rank = 2 if facts.modality in PICTURELESS else 1 if facts.modality in DERIVED else 0
    return rank, 10**9 if facts.number is None else facts.number, facts.series_instance_uid


def _said(
    all_series: Sequence[Series], chosen: Series, found: Sequence[Instance], first: tuple[Instance, int] | None
) -> dict[str, object]:
    return {
        "StudyInstanceUID": chosen.study_instance_uid,
        "SeriesInstanceUID": chosen.facts.series_instance_uid,
        "series": [
            {
                "SeriesInstanceUID": one.facts.series_instance_uid,
                "Modality": one.facts.modality,
                "SeriesNumber": one.facts.number,
                "SeriesDescription": one.facts.description,
                "instances": one.instances,
            }
            for one in sorted(all_series, key=_order)
        ],
        "versions": {one.key.sop_instance_uid: version_of(one) for one in found},
        "first": {"SOPInstanceUID": first[0].key.sop_instance_uid, "frame": first[1]} if first else None,
    }


def _parts(
    text: str, metadata: Metadata, preview: Preview | None, first: tuple[Instance, int] | None, base: str
) -> list[Part]:
    said = gzip.compress(text.encode(), _LEVEL, mtime=0)
    zipped = (("Content-Encoding", "gzip"),)
    parts = [
        Part(JSON, lambda: (said,), len(said), headers=zipped),
        Part(DICOM_JSON, lambda: (metadata.gzip,), len(metadata.gzip), headers=zipped),
    ]
    if preview is not None and first is not None:
        parts.append(part_of(preview, *first, base))
    return parts

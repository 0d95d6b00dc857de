"""F17: objects that are gone while the index knows them. Lists go on, each of them is named, nothing crashes."""

from typing import Any

from storage.model.archive import Scope
from tests.viewer.conftest import Web

STUDY = "1.2.826.7"


def test_lists_go_on_and_what_is_lost_is_said(web: Web) -> None:
    series = f"{STUDY}.1"
    for number in range(1, 5):
        web.store(
            StudyInstanceUID=STUDY, SeriesInstanceUID=series, SOPInstanceUID=f"{series}.{number}", InstanceNumber=number
        )
    person = web.person("radiologist")
    instances: list[dict[str, Any]] = person.get(f"/dicom-web/studies/{STUDY}/instances").json
    assert len(instances) == 4
    lost = f"{series}.2"
    web.archive.objects.delete(web.archive.instance_by_uid(everywhere(web), lost).stored.key)

    assert len(person.get(f"/dicom-web/studies/{STUDY}/instances").json) == 4
    assert len(person.get("/dicom-web/studies").json) == 1
    assert person.get("/api/worklist").json["studies"]
    base = f"/dicom-web/studies/{STUDY}/series/{series}/instances"
    for path in (f"{base}/{lost}", f"{base}/{lost}/frames/1", f"{base}/{lost}/rendered"):
        answer = person.get(path)
        assert answer.status_code >= 400, path
        assert answer.content_type == "application/problem+json", path
    assert person.get(f"{base}/{lost}").json["type"] == "/problems/ObjectMissing"
    assert person.get(f"{base}/{series}.3").status_code == 200
    assert person.get(f"/dicom-web/studies/{STUDY}/series/{series}/metadata").status_code in (200, 500)


def everywhere(web: Web) -> Scope:
    return Scope(frozenset({web.hospital.id}))

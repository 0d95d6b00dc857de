"""Annotations and consultations: private ones stay at home, shared ones are seen on both sides, copies included."""

from typing import Any

from pacs import sharing
from storage.index import consults, hospitals, links
from storage.index.types import now_ms
from storage.model.archive import Scope
from storage.model.consult import Named, Party
from storage.model.grants import Grantee
from storage.model.links import LinkTerms
from tests.viewer.conftest import Person
from tests.viewer.consult.conftest import STUDY, Two
from tests.viewer.reading.test_annotations import acted
from viewer.worklist.events import Listener, changes_after

UID = STUDY["StudyInstanceUID"]
PLACE: dict[str, Any] = {"series_instance_uid": STUDY["SeriesInstanceUID"], "sop_instance_uid": STUDY["SOPInstanceUID"]}


def path(study: str = UID) -> str:
    return f"/api/studies/{study}/annotations"


def listed(person: Person, study: str = UID) -> list[dict[str, Any]]:
    answer = person.get(path(study))
    assert answer.status_code == 200, answer.text
    return list(answer.json["annotations"])


def test_what_is_shared_is_seen_by_both_sides_and_the_rest_stays_at_home(two: Two) -> None:
    private, shared = acted(**PLACE), acted(**PLACE)
    code = two.ask()
    assert two.asker.post(path(), json=private).status_code == 201
    assert two.asker.post(path(), json={**shared, "consult": code}).status_code == 201
    assert [one["consult"] for one in listed(two.colleague)] == ["", code]
    (seen,) = listed(two.answerer)
    assert (seen["annotation_id"], seen["consult"], seen["mine"]) == (shared["annotation_id"], code, False)
    assert two.stranger.get(path()).status_code == 404

    later = acted(private["annotation_id"], 2, **PLACE)
    assert two.asker.post(path(), json={**later, "consult": code}).status_code == 201, "shared afterwards"
    assert len(listed(two.answerer)) == 2
    more = acted(private["annotation_id"], 3, "delete")
    assert two.asker.post(path(), json=more).status_code == 201
    assert {one["consult"] for one in listed(two.answerer)} == {code}, "what is shared stays so"


def test_who_is_asked_draws_within_the_consultation(two: Two) -> None:
    code = two.ask()
    own = acted(**PLACE)
    assert two.answerer.post(path(), json=own).status_code == 201
    assert [(one["consult"], one["mine"]) for one in listed(two.answerer)] == [(code, True)]
    assert [(one["consult"], one["mine"]) for one in listed(two.asker)] == [(code, False)]
    assert two.asker.post(path(), json=acted(own["annotation_id"], 2, **PLACE)).status_code == 403
    other = two.ask()
    assert two.answerer.post(path(), json=acted(**PLACE)).status_code == 403, "which of the two is meant?"
    assert two.answerer.post(path(), json={**acted(**PLACE), "consult": other}).status_code == 201
    assert two.asker.post(path(), json={**acted(own["annotation_id"], 2, **PLACE), "consult": "x"}).status_code == 404
    moved = {**acted(own["annotation_id"], 2, **PLACE), "consult": other}
    assert two.answerer.post(path(), json=moved).status_code == 409

    assert two.act(two.asker, code, "withdrawn").status_code == 201
    assert two.act(two.asker, other, "withdrawn").status_code == 201
    assert two.answerer.get(path()).status_code == 404
    assert two.answerer.post(path(), json=acted(own["annotation_id"], 2, **PLACE)).status_code == 404
    assert len(listed(two.asker)) == 2, "what was drawn stays with the study"


def test_an_answer_reaches_only_what_is_seen(two: Two) -> None:
    private = acted(**PLACE)
    two.asker.post(path(), json=private)
    code = two.ask()
    answer = acted()
    answer["body"] = {"tool": "answer", "to": private["annotation_id"], "text": "Có thật không?"}
    assert two.answerer.post(path(), json=answer).status_code == 404
    two.asker.post(path(), json={**acted(private["annotation_id"], 2, **PLACE), "consult": code})
    assert two.answerer.post(path(), json=answer).status_code == 201


def test_on_an_anonymised_copy_each_side_knows_its_own_uids(two: Two) -> None:
    code, database = two.ask(anonymise=True), two.web.archive.database
    where, asked = two.web.hospital_of("lao-cai"), two.web.hospital_of("bach-mai")
    now = now_ms()
    with database.writing() as db:
        party = Party(two.asker.user.id, frozenset({where.id}), frozenset())
        made = next(one for one in consults.about(db, party, UID, {where.id}) if one.code == code)
        terms = LinkTerms(where.id, two.asker.user.id, "", "", now + 3_600_000, anonymise=True, consult_id=made.id)
        own = Scope(frozenset({where.id}))
        link = sharing.make(db, terms, own, [UID], now, to=[Grantee(hospital_id=asked.id)])
    assert sharing.prepare(two.web.archive, link.id)
    with database.writing() as db:
        copies, hidden = links.exchange(db, link.id).copies, hospitals.shared(db)
        consults.show_copy(db, made.id, Named(where.id, UID), hidden.id, copies[UID])
    copy = copies[UID]
    theirs: dict[str, Any] = {name: copies[uid] for name, uid in PLACE.items()}

    listener = Listener(Scope(frozenset(), frozenset({(hidden.id, copy)})), False)
    before = changes_after(database, 0, listener).sequence
    assert two.asker.post(path(), json={**acted(**PLACE), "consult": code}).status_code == 201
    assert list(changes_after(database, before, listener).annotated) == [copy]
    (seen,) = listed(two.answerer, copy)
    assert {name: seen["body"][name] for name in PLACE} == theirs
    assert UID not in two.answerer.get(path(copy)).text

    answer = two.answerer.post(path(copy), json=acted(**theirs))
    assert answer.status_code == 201
    assert {name: answer.json["body"][name] for name in PLACE} == theirs
    assert [{name: one["body"][name] for name in PLACE} for one in listed(two.asker)] == [PLACE, PLACE]
    assert two.answerer.post(path(copy), json=acted(**PLACE)).status_code == 404, "it does not know the originals"
    assert two.answerer.get(path(UID)).status_code == 404

"""Links and their anonymised copies, from making to purging, on both engines."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from pacs import sharing
from pacs.rebuilding import rebuild_index
from storage.errors import NotFound
from storage.index import accounts, changes, grants, hospitals, links, tasks
from storage.model.archive import Instance, Scope
from storage.model.grants import Grantee
from storage.model.links import Guest, LinkTerms, ShareLink
from storage.model.work import ChangeKind
from tests.pacs.parts import House, Made, house
from tests.storage.index.conftest import ENGINES, fresh_url

CT = Made(study="1.2.9", series="1.2.9.1", sop="1.2.9.1.1", description="CT ngực Nguyễn Thị Ánh")
CT_2 = replace(CT, sop="1.2.9.1.2", number=2)
US = replace(
    CT, series="1.2.9.2", sop="1.2.9.2.1", modality="US", sop_class="1.2.840.10008.5.1.4.1.1.6.1", number=1
)  # fmt: skip
SR = replace(
    CT, series="1.2.9.3", sop="1.2.9.3.1", modality="SR", sop_class="1.2.840.10008.5.1.4.1.1.88.11", pixels=None
)
HOUR = 3_600_000


@pytest.fixture(params=ENGINES)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with fresh_url(request, tmp_path) as url:
        made = house(tmp_path, index_url=url)
        for one in (CT, CT_2, US, SR):
            made.put(one.part10())
        with made.archive.database.writing() as db:
            accounts.add_user(db, "minh", "Minh", "", roles=[(made.origin.hospital_id, "radiologist")])
        yield made
        made.archive.close()


def linked(there: House, *, anonymise: bool = True, ms: int = HOUR, **terms: object) -> ShareLink:
    now = there.archive.clock()
    said = LinkTerms(
        there.origin.hospital_id,
        1,
        "ý kiến thứ hai",
        "Dr. Smith",
        now + ms,
        anonymise=anonymise,
        **terms,  # type: ignore[arg-type]
    )
    with there.archive.database.writing() as db:
        return sharing.make(
            db, said, there.scope, [CT.study], now, code="kod" + str(now), secret_sha256="s", pin_hash="p"
        )


def now_of(there: House, link: ShareLink) -> ShareLink:
    with there.archive.database.reading() as db:
        return links.by_id(db, link.id)


def scope_of(there: House, link: ShareLink) -> Scope:
    with there.archive.database.reading() as db:
        return Scope(frozenset(), grants.of_link(db, link.id, there.archive.clock()).studies)


def shown(there: House, link: ShareLink) -> list[Instance]:
    scope = scope_of(there, link)
    return [one for _, uid in scope.studies for one in there.archive.instances(scope, uid)]


def guest(link: ShareLink, now: int, session: str = "g") -> Guest:
    return Guest(session, link.id, "csrf", "Dr. Smith", "Charité", now, now, "10.0.0.9", "Safari")


def test_an_anonymised_link_shows_copies_and_nothing_of_the_patient(there: House) -> None:
    link = linked(there)
    assert sharing.prepare(there.archive, link.id)
    state = now_of(there, link)
    assert (state.state, state.done, state.total, state.left) == ("ready", 2, 4, 2)
    copies = shown(there, link)
    assert len(copies) == 2
    for one in copies:
        data = there.archive.bytes_of(one)
        assert b"\xc3\x81nh" not in data
        assert b"BN001" not in data
        copy = pydicom.dcmread(BytesIO(data))
        assert copy.StudyDescription == "CT ngực"
        assert copy.PatientIdentityRemoved == "YES"
        assert not one.key.study_instance_uid.startswith("1.2.9")
    with pytest.raises(NotFound):
        there.archive.instances(scope_of(there, link), CT.study)
    with pytest.raises(NotFound):
        there.archive.instances(there.scope, copies[0].key.study_instance_uid)


def test_where_copies_live_is_no_hospital_of_people(there: House) -> None:
    linked(there)
    with there.archive.database.reading() as db:
        assert [one.code for one in hospitals.all(db)] == ["main"]
        assert [one.code for one in hospitals.every(db)] == ["main", "shared"]


def test_what_may_show_text_waits_for_a_person_and_reports_never_go(there: House) -> None:
    link = linked(there)
    sharing.prepare(there.archive, link.id)
    with there.archive.database.reading() as db:
        series = {one.series_instance_uid: one for one in links.series(db, link.id)}
    assert (series[US.series].verdict, series[US.series].reason) == ("confirm", "ultrasound")
    assert (series[SR.series].verdict, series[SR.series].reason) == ("never", "report")
    assert [one.series_instance_uid for one in sharing.series_waiting(series.values())] == [US.series]
    with there.archive.database.writing() as db:
        assert not links.confirm(db, link.id, SR.series, 1, 5)
        assert links.confirm(db, link.id, US.series, 1, 5)
        assert not links.confirm(db, link.id, US.series, 1, 6)
    sharing.prepare(there.archive, link.id)
    assert now_of(there, link).done == 3
    assert {one.modality for one in shown(there, link)} == {"CT", "US"}


def test_preparing_again_makes_nothing_twice(there: House) -> None:
    link = linked(there)
    assert not sharing.prepare(there.archive, link.id, lambda: True)
    assert now_of(there, link).state == "preparing"
    sharing.prepare(there.archive, link.id)
    before = sorted(one.key for one in there.archive.objects.keys("shared/o"))
    with there.archive.database.writing() as db:
        db.execute(links._COPY.delete())  # killed before it was noted
    sharing.prepare(there.archive, link.id)
    assert sorted(one.key for one in there.archive.objects.keys("shared/o")) == before
    assert now_of(there, link).done == 2


def test_links_have_nothing_in_common(there: House) -> None:
    one, other = linked(there), linked(there)
    for link in (one, other):
        sharing.prepare(there.archive, link.id)
    uids = [{instance.key for instance in shown(there, link)} for link in (one, other)]
    assert len(uids[0] | uids[1]) == 4
    patients = {
        pydicom.dcmread(BytesIO(there.archive.bytes_of(i))).PatientID for k in (one, other) for i in shown(there, k)
    }
    assert len(patients) == 2


def test_rooms_can_tell_what_stands_for_what_and_afterwards_nobody_can(there: House) -> None:
    link = linked(there)
    sharing.prepare(there.archive, link.id)
    (copy, _) = shown(there, link)
    with there.archive.database.reading() as db:
        exchange = links.exchange(db, link.id)
    assert exchange.originals[copy.key.study_instance_uid] == CT.study
    assert exchange.copies[CT.sop] in {one.key.sop_instance_uid for one in shown(there, link)}
    with there.archive.database.writing() as db:
        sharing.end(db, link.id, there.archive.clock())
    sharing.finish(there.archive, link.id)
    with there.archive.database.reading() as db:
        assert links.exchange(db, link.id).originals == {}
        assert links.key(db, link.id) == ""


def test_a_link_that_is_over_leaves_no_bytes(there: House) -> None:
    link = linked(there)
    sharing.prepare(there.archive, link.id)
    copies = shown(there, link)
    there.archive.summarise(copies[0].hospital_id, copies[0].key.study_instance_uid, copies[0].key.series_instance_uid)
    with there.archive.database.writing() as db:
        before = changes.last(db)
        assert sharing.end(db, link.id, there.archive.clock())
        assert not sharing.end(db, link.id, there.archive.clock())
    with there.archive.database.reading() as db:
        told = [one for one in changes.after(db, before, 10) if one.kind is ChangeKind.GRANT_CHANGED]
    assert told
    assert scope_of(there, link).studies == frozenset()
    sharing.finish(there.archive, link.id)
    assert [one.key for one in there.archive.objects.keys("shared/") if "/r/" not in one.key] == []
    with pytest.raises(NotFound):
        there.archive.instances(Scope(frozenset({copies[0].hospital_id})), copies[0].key.study_instance_uid)
    assert len(there.archive.instances(there.scope, CT.study)) == 4
    sharing.finish(there.archive, link.id)  # once more is harmless


def test_a_link_ends_by_itself(there: House) -> None:
    link = linked(there, ms=50)
    sharing.prepare(there.archive, link.id)
    there.archive.clock = lambda: link.terms.expires_at
    sharing.finish(there.archive, link.id)
    state = now_of(there, link)
    assert state.revoked_at is not None
    assert state.purged_at is not None


def test_what_is_not_over_waits(there: House) -> None:
    link = linked(there)
    sharing.prepare(there.archive, link.id)
    sharing.finish(there.archive, link.id)
    assert now_of(there, link).revoked_at is None
    assert len(shown(there, link)) == 2
    with there.archive.database.reading() as db:
        assert {task.kind for task in tasks.all(db)} == {"share", "share end"}


def test_a_forgotten_end_is_remembered(there: House) -> None:
    link = linked(there)
    sharing.prepare(there.archive, link.id)
    with there.archive.database.writing() as db:
        links.revoke(db, link.id, there.archive.clock())
        db.execute(tasks._TABLE.delete())
    sharing.catch_up(there.archive.database, there.archive.clock())
    with there.archive.database.reading() as db:
        assert [task.kind for task in tasks.all(db)] == ["share end"]


def test_a_plain_link_shows_the_study_itself(there: House) -> None:
    link = linked(there, anonymise=False)
    assert link.state == "ready"
    assert {one.key.sop_instance_uid for one in shown(there, link)} == {CT.sop, CT_2.sop, US.sop, SR.sop}


def test_only_ones_own_studies_can_be_shared(there: House) -> None:
    now = there.archive.clock()
    terms = LinkTerms(there.origin.hospital_id, 1, "", "", now + HOUR)
    granted = Scope(frozenset({99}), frozenset({(there.origin.hospital_id, CT.study)}))
    with there.archive.database.writing() as db, pytest.raises(NotFound):
        sharing.make(db, terms, granted, [CT.study], now, code="x")


def test_copies_can_be_for_a_person_instead(there: House) -> None:
    now = there.archive.clock()
    terms = LinkTerms(there.origin.hospital_id, 1, "", "", now + HOUR, anonymise=True, consult_id=7)
    with there.archive.database.writing() as db:
        made = sharing.make(db, terms, there.scope, [CT.study], now, to=[Grantee(user_id=1)])
    sharing.prepare(there.archive, made.id)
    with there.archive.database.reading() as db:
        granted = grants.of_user(db, 1, [], now)
        assert links.of_consult(db, 7) == now_of(there, made)
    assert len(there.archive.instances(Scope(frozenset(), granted), next(iter(granted))[1])) == 2


def test_guests_come_as_often_as_they_may(there: House) -> None:
    link = linked(there, anonymise=False, max_opens=2)
    now = there.archive.clock()
    with there.archive.database.writing() as db:
        assert links.opened(db, link.id, guest(link, now, "a"))
        assert links.opened(db, link.id, guest(link, now, "b"))
        assert not links.opened(db, link.id, guest(link, now, "c"))
        found = links.guest(db, "a", now + 1, HOUR)
        assert found is not None
        assert found[0].institution == "Charité"
        assert links.guest(db, "a", now + HOUR, HOUR) is None  # idle
        assert links.guest(db, "nobody", now, HOUR) is None
        links.end_guest(db, "b", now)
        assert links.guest(db, "b", now, HOUR) is None
        links.revoke(db, link.id, now)
        assert links.guest(db, "a", now, HOUR) is None
        assert [one.session_id for one in links.guests(db, link.id)] == ["a", "b"] or len(
            links.guests(db, link.id)
        ) == 2


def test_wrong_pins_lock_the_link(there: House) -> None:
    link = linked(there, anonymise=False)
    now = there.archive.clock()
    with there.archive.database.writing() as db:
        links.opened(db, link.id, guest(link, now))
        assert [links.wrong_pin(db, link.id, 3, now) for _ in range(3)] == [2, 1, 0]
        assert not links.opened(db, link.id, guest(link, now, "b"))
        assert links.guest(db, "g", now, HOUR) is None
    assert not now_of(there, link).stands(now)
    assert scope_of(there, link).studies == frozenset()


def test_a_rebuilt_index_knows_copies_as_copies(there: House, tmp_path: Path) -> None:
    link = linked(there)
    sharing.prepare(there.archive, link.id)
    before = {one.key for one in shown(there, link)}
    rebuild_index(there.archive.database, lambda: there.archive.objects, lambda *_: None)
    assert {one.key for one in shown(there, link)} == before
    with there.archive.database.reading() as db:
        assert [one.code for one in hospitals.all(db)] == ["main"]

"""Translation by a machine through its addresses: off by default; asked for, it comes as a marked event."""

from dataclasses import replace

import pytest

from pacs.config import Config, ConsultConfig
from pacs.jobs.worker import Worker
from tests.viewer.conftest import Web
from tests.viewer.consult.conftest import Two

ENTRY = "tests.pacs.consult.test_translating:shout"


def test_without_a_machine_there_is_none(two: Two) -> None:
    code = two.ask()
    assert two.answerer.get("/api/consult/translation").json == {"on": False}
    asked = two.answerer.post(f"/api/consults/{code}/translations", json={"of": 1, "language": "en"})
    assert asked.status_code == 404


class TestWithAMachine:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return replace(config, consult=ConsultConfig(translator=ENTRY))

    def test_what_it_says_is_marked_as_a_machines_and_said_once(self, two: Two, web: Web) -> None:
        code = two.ask()
        path = f"/api/consults/{code}/translations"
        assert two.answerer.get("/api/consult/translation").json == {"on": True}
        assert two.stranger.post(path, json={"of": 1, "language": "en"}).status_code == 404
        assert two.answerer.post(path, json={"of": 1, "language": "vi"}).status_code == 404, "it is Vietnamese already"
        assert two.answerer.post(path, json={"of": 1, "language": "fr"}).status_code == 400
        for _ in range(2):
            assert two.answerer.post(path, json={"of": 1, "language": "en"}).status_code == 202
            worker = Worker(web.archive, translator=ENTRY)
            while worker.step():
                pass
        events = two.asker.get(f"/api/consults/{code}/events").json["events"]
        (machine,) = [one for one in events if one["kind"] == "translation"]
        assert machine["body"]["by"] == "machine"
        assert machine["body"]["text"].startswith("[vi>en] BỆNH NHÂN")
        assert machine["actor"] == {"id": None, "name": "machine", "guest": True}

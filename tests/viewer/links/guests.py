"""Making links and coming by them, for tests."""

from typing import Any
from urllib.parse import urlsplit

from tests.viewer.conftest import Person, Web

WHO = {"name": "Dr. Anna Schmidt", "institution": "Charité Berlin", "agree": True}


def make(person: Person, *studies: str, **terms: Any) -> dict[str, Any]:
    """A link as its maker gets it: `link`, `url`, `pin`."""
    asked = {"studies": list(studies), "purpose": "ý kiến thứ hai", "recipient": "Dr. Schmidt", **terms}
    response = person.post("/api/links", json=asked)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json
    return made


def parts(made: dict[str, Any]) -> dict[str, str]:
    """What the page reads from the address: code and secret."""
    address = urlsplit(made["url"])
    return {"code": address.path.rpartition("/")[2], "secret": address.fragment}


def look(web: Web, made: dict[str, Any], **other: Any) -> Any:
    return web.anonymous().post("/api/guest/look", json={**parts(made), **other})


def enter(web: Web, made: dict[str, Any], client: Any = None, address: str = "10.0.0.7", **other: Any) -> Any:
    body = {**parts(made), "pin": made["pin"], **WHO, **other}
    return (client or web.anonymous()).post("/api/guest", json=body, environ_base={"REMOTE_ADDR": address})


class Arrived:
    """The browser of somebody who came by a link."""

    def __init__(self, web: Web, made: dict[str, Any]) -> None:
        self.client = web.anonymous()
        response = enter(web, made, self.client)
        assert response.status_code == 200, response.text
        self.told: dict[str, Any] = response.json

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, **more)

    def leave(self) -> int:
        response = self.client.delete("/api/guest", headers={"X-CSRF-Token": self.told["csrf"]})
        status: int = response.status_code
        return status

    @property
    def studies(self) -> list[str]:
        return [study["StudyInstanceUID"] for study in self.told["studies"]]

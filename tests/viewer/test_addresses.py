"""Routes build their addresses as Flask's own do, though later."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import BuildError, Rule

from viewer.addresses import LateRule

VALUES: tuple[dict[str, Any], ...] = (
    {"study": "1.2 ă", "number": 7},
    {"study": "1.2", "number": 0, "limit": "5&"},
    {"study": "1.2 ă", "number": 7},  # as compiled before
)


def _app(rule: type[Rule]) -> Flask:
    app = Flask("test")
    app.url_rule_class = rule
    app.add_url_rule("/studies/<study>/series/<int:number>", "series", lambda study, number: f"{study} {number}")
    return app


def test_an_address_is_built_as_by_flask_and_leads_there() -> None:
    late, own = _app(LateRule), _app(Rule)
    for values in VALUES:
        built = late.url_map.bind("pacs.example").build("series", values)
        assert built == own.url_map.bind("pacs.example").build("series", values)
        assert late.test_client().get(built).text == f"{values['study']} {values['number']}"
    for app in (late, own):
        with pytest.raises(BuildError):
            app.url_map.bind("pacs.example").build("series", {"study": "1.2"})

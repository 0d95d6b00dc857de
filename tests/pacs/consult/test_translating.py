"""A machine translates only where one is configured, and what it says is marked as a machine's."""

import pytest

from pacs.consult import translating
from pacs.errors import ConfigError


def test_nothing_translates_unless_configured() -> None:
    assert translating.translator("") is None


def test_the_configured_function_is_found() -> None:
    found = translating.translator("tests.pacs.consult.test_translating:shout")
    assert found is not None
    assert found("đau đầu", "vi", "en") == "[vi>en] ĐAU ĐẦU"


@pytest.mark.parametrize("entry", ["no.such.module:name", "json:nothing", "json:__name__"])
def test_what_cannot_be_loaded_is_said(entry: str) -> None:
    with pytest.raises(ConfigError, match="consult.translator"):
        translating.translator(entry)


def shout(text: str, source: str, target: str) -> str:
    return f"[{source}>{target}] {text.upper()}"

"""Which way a request went."""

import re

import pytest
from flask import Request

from viewer.dicomweb.short_way import ShortWay
from viewer.sending import DataBody, FileBody


def watching(monkeypatch: pytest.MonkeyPatch, way: type[ShortWay]) -> list[bool]:
    """For each request that could go the short way, whether it did."""
    seen: list[bool] = []
    answer = way._answer

    def watched(self: ShortWay, asked: Request, found: re.Match[str]) -> DataBody | FileBody | None:
        body = answer(self, asked, found)
        seen.append(body is not None)
        return body

    monkeypatch.setattr(way, "_answer", watched)
    return seen

"""Objects that are something else as well: kept as they came, seen, and harmless when they leave."""

import hashlib
import struct
from collections.abc import Iterator

import pytest

from pacs.dataset.preamble import OTHER, TIFF, ZERO, kind_of
from storage.index import audit
from storage.model.archive import CONFLICT, QUARANTINED, STORED
from storage.model.audit import AuditFilter
from tests.pacs.parts import EXPLICIT, House, Made

# What begins a file that a system runs or a browser opens; with and without blanks before it where that is allowed.
BEGINNINGS = [
    b"MZ\x90\0\x03", b"MZ" + bytes(58) + struct.pack("<I", 0x80), b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x01\x01",
    b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe",
    b"#!/bin/sh\nid\n", b"#!/usr/bin/env python3\n", b"\xef\xbb\xbf#!/bin/sh\n", b"PK\x03\x04\x14\0", b"PK\x05\x06",
    b"%PDF-1.7\n", b" \n%PDF-1.4", b"<script>alert(1)</script>", b"<html>", b"<!DOCTYPE html>", b"<?php id(); ?>",
    b"<?xml version='1.0'?>", b"<svg onload=alert(1)>", b"\n\n<html>", b"\xef\xbb\xbf<html>", b"GIF89a", b"\x89PNG\r\n",
    b"\xff\xd8\xff\xe0", b"@echo off\r\n", b"{\\rtf1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"Rar!\x1a\x07",
    b"7z\xbc\xaf", b"\x1f\x8b\x08", b"BZh9", b"OggS", b"RIFF\0\0\0\0WAVE", b"\0asm\x01\0\0\0", b"dex\n035\0", b"#",
    b"A",
]  # fmt: skip
TIFFS = [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0"]


def _polyglot(number: int, beginning: bytes) -> bytes:
    plain = Made(sop=f"1.2.3.1.{number + 1}", number=number + 1).part10()
    return beginning.ljust(128, b"\x90" if beginning else b"\0")[:128] + plain[128:]


def _leaving(here: House, number: int) -> bytes:
    stream, syntax = here.archive.transcoded(here.instance(Made(sop=f"1.2.3.1.{number + 1}")), (EXPLICIT,))
    with stream:
        assert syntax == EXPLICIT
        return stream.read()


def _noted(here: House) -> Iterator[tuple[str, str, str]]:
    with here.archive.database.reading() as db:
        for record in audit.find(db, here.scope, AuditFilter(action="object.preamble")):
            yield record.object, record.patient, record.actor


def test_forty_polyglots_are_kept_seen_and_leave_with_zeros(here: House) -> None:
    assert len(BEGINNINGS) == 40
    for number, beginning in enumerate(BEGINNINGS):
        data = _polyglot(number, beginning)
        assert here.put(data).kind == STORED
        assert here.archive.bytes_of(here.instance(Made(sop=f"1.2.3.1.{number + 1}"))) == data
        left = _leaving(here, number)
        assert left == bytes(128) + data[128:], beginning
    assert {one for one, _, _ in _noted(here)} == {f"1.2.3.1.{number + 1}" for number in range(40)}
    assert set(_noted(here)) == {(f"1.2.3.1.{number + 1}", "1.2.3", "test") for number in range(40)}


def test_ordinary_and_tiff_preambles_leave_as_they_came_and_nobody_is_told(here: House) -> None:
    for number, beginning in enumerate([b"", *TIFFS]):
        data = _polyglot(number, beginning)
        here.put(data)
        assert _leaving(here, number) == data
    assert list(_noted(here)) == []


def test_the_same_polyglot_again_is_noted_once(here: House) -> None:
    for _ in range(3):
        here.put(_polyglot(0, b"MZ"))
    assert len(list(_noted(here))) == 1


def test_polyglots_in_quarantine_and_conflict_are_seen_too(here: House) -> None:
    broken = b"MZ".ljust(128, b"\0") + b"DICM" + b"nothing to read"
    assert here.put(broken).kind == QUARANTINED
    here.put(Made().part10())
    other = Made(name="Khác").part10()
    assert here.put(b"#!/bin/sh\n".ljust(128, b"\n") + other[128:]).kind == CONFLICT
    assert {one for one, _, _ in _noted(here)} == {hashlib.sha256(broken).hexdigest(), "1.2.3.1.1"}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", ZERO), (b"MZ", ZERO), (bytes(132), ZERO), (bytes(128) + b"DICM", ZERO), (b"MZ" + bytes(130), ZERO),
        (b"II*\0".ljust(128, b"x") + b"DICM", TIFF), (b"x".ljust(128, b"\0") + b"DICM", OTHER),
    ],
)  # fmt: skip
def test_without_the_magic_there_is_no_preamble(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind

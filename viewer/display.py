"""How values of the archive look to people: names and ages."""

import re
import unicodedata
from datetime import date as date_type

from storage.model.text import fold

# The family names most of Viet Nam shares, folded; enough to tell which order a name is spoken in.
_FAMILIES = """
nguyen tran le pham hoang huynh phan vu vo dang bui do ho ngo duong ly dao doan vuong trinh truong dinh lam phung mai to
ton ha cao luong luu chau ta thai tang kieu quach la quan nghiem thach chu kim nong giang tong mac tieu diep ninh khuc
tu ung ong bach au lo hua dam trieu vi khong than phi cu dau ba sung ma banh tat
"""
VIETNAMESE = frozenset(_FAMILIES.split())
# đ, the horn, hook and dot below; a tone on a circumflex or breve; a tilde on e, i, u, y (decomposed text).
_ONLY_VIETNAMESE = re.compile("đ|[\u031b\u0309\u0323]|[\u0302\u0306][\u0300\u0301\u0303]|[eiuy]\u0303")


def display_name(name: str) -> str:
    """A person name as people write it: "Nguyễn Văn An", "Doe, John Q", "Yamada, Tarou (山田 太郎)"."""
    groups = name.split("=")
    alphabetic = _alphabetic(groups[0])
    ideographic = " ".join(_components(groups[1])) if len(groups) > 1 else ""
    if alphabetic and ideographic and ideographic != alphabetic:
        return f"{alphabetic} ({ideographic})"
    return alphabetic or ideographic or (_alphabetic(groups[2]) if len(groups) > 2 else "")


def _alphabetic(group: str) -> str:
    components = [clean(part) for part in group.split("^")] + [""] * 5
    family, given, middle, prefix, suffix = components[:5]
    if not family or not (given or middle):
        return " ".join(part for part in (prefix, family, given, middle, suffix) if part)
    if _is_vietnamese(family, f"{middle} {given}"):
        return " ".join(part for part in (family, middle, given, suffix) if part)
    return f"{family}, {' '.join(part for part in (prefix, given, middle, suffix) if part)}"


def _is_vietnamese(family: str, rest: str) -> bool:
    """By the letters only Vietnamese has, or by the family name."""
    letters = unicodedata.normalize("NFD", f"{family} {rest}".casefold())
    return _ONLY_VIETNAMESE.search(letters) is not None or fold(family).split(" ")[0] in VIETNAMESE


def _components(group: str) -> list[str]:
    return [part for part in (clean(c) for c in group.split("^")) if part]


def clean(text: str) -> str:
    """Without control and direction characters, one space between words."""
    kept = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf")
    )
    return " ".join(kept.split())


def age_at(birth_date: int | None, date: int | None) -> str:
    """The age as a DICOM Age String (PS3.5 AS: "045Y", "011M", "003W", "006D"), "" when it cannot be told."""
    if not birth_date or not date or date < birth_date:
        return ""
    born, then = _day(birth_date), _day(date)
    if born is None or then is None:
        return ""
    months = (then.year - born.year) * 12 + then.month - born.month - (then.day < born.day)
    days = (then - born).days
    if months >= 24:
        return f"{months // 12:03}Y" if months < 1800 else ""
    if days < 28:
        return f"{days:03}D"
    return f"{days // 7:03}W" if days < 92 else f"{months:03}M"


def _day(number: int) -> date_type | None:
    try:
        return date_type(number // 10000, number // 100 % 100, number % 100)
    except ValueError:
        return None

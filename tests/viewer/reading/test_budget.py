"""What the reading room loads before its first image stays small; what can wait comes later."""

import re
from pathlib import Path

from viewer.reading.pages import DIST

FIRST_KB = 48  # of scripts, as brotli sends them: the page itself, without the viewer's chunk
LATER = ("NotesPanel", "save-status", "hoichan.unsent.")  # words of what comes after the first image


def first_scripts() -> list[Path]:
    """The page's script and all it imports at once."""
    page = (DIST / "reading.html").read_text(encoding="utf-8")
    waiting = [DIST / name for name in re.findall(r'(?:src|href)="/static/(assets/[^"]+\.js)"', page)]
    found: list[Path] = []
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.append(one)
            text = one.read_text(encoding="utf-8")
            waiting += [one.parent / name for name in re.findall(r'(?:from|import)\s*"\./([^"]+\.js)"', text)]
    return found


def test_the_page_before_the_first_image_is_small() -> None:
    assert DIST.is_dir(), "the pages are not built; run `make web`"
    scripts = first_scripts()
    assert scripts
    size = sum(one.with_name(one.name + ".br").stat().st_size for one in scripts if one.stat().st_size > 512)
    assert size <= FIRST_KB * 1000, f"{size / 1000:.1f} KB before the first image: {[one.name for one in scripts]}"
    text = "".join(one.read_text(encoding="utf-8") for one in scripts)
    assert not [word for word in LATER if word in text], "this is loaded after the first image"

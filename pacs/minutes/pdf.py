"""HTML → PDF by WeasyPrint, which fetches nothing but our font. Imported when first needed: it takes half a second."""

import re
from html import unescape
from importlib import import_module
from typing import Any

from pacs.errors import PdfUnavailable
from pacs.minutes.body import check_letters
from pacs.minutes.document import Paper, css, html
from pacs.minutes.glyphs import FONTS

PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
_MARKUP = re.compile(r"<[^>]*>")
_FONT = re.compile(rb"/BaseFont\s*/([\w+-]+)")


def pdf_of(paper: Paper) -> bytes:
    """The minutes as a PDF. Raises InvalidConsult when the font lacks a letter, PdfUnavailable when the libraries that
    draw are not on this machine, or drew with a font that is not ours."""
    page = html(paper)
    check_letters(unescape(_MARKUP.sub("", page)))
    weasyprint = _library()
    fetcher = _fetcher()
    fonts = import_module("weasyprint.text.fonts").FontConfiguration()
    sheet = weasyprint.CSS(string=css(), font_config=fonts, url_fetcher=fetcher)
    document = weasyprint.HTML(string=page, url_fetcher=fetcher)
    made = bytes(document.write_pdf(stylesheets=[sheet], font_config=fonts, pdf_version="1.4"))
    used = set(_FONT.findall(made))
    if not used or not all(b"+Minutes" in name for name in used):
        raise PdfUnavailable("the minutes were not drawn with the font whose letters were checked")
    return made


def _library() -> Any:
    try:
        return import_module("weasyprint")
    except OSError as error:
        raise PdfUnavailable(f"the libraries that draw PDF are missing: apt-get install {PACKAGES}") from error


def _fetcher() -> Any:
    """Fetches our own font files; asking for anything else stops the drawing."""
    urls = import_module("weasyprint.urls")

    def fetch(self: Any, url: str, headers: Any = None) -> Any:
        if not url.startswith(FONTS.as_uri() + "/"):
            raise urls.FatalURLFetchingError("nothing is fetched for a PDF")
        return urls.URLFetcher.fetch(self, url, headers)

    kind = type("OnlyFonts", (urls.URLFetcher,), {"fetch": fetch})
    return kind(allowed_protocols={"file"}, fail_on_errors=True)

"""Problems as a person sees them who opened an address in a browser: what happened, what to do, a way back.

The page stands alone: no file of the built pages, no font and no request of its own, so that it is there when they are
not. Its one style and one script are named in its policy by their hashes.
"""

import base64
import hashlib
import json
from html import escape
from typing import NamedTuple

from flask import Flask, Request, Response, request

PROBLEM = "application/problem+json"


class Words(NamedTuple):
    """One status in one language; `{wait}` in the text stands for seconds."""

    title: str
    text: str


_REFUSED = (
    Words("Không làm được việc này", "Địa chỉ hoặc yêu cầu không hợp lệ. Hãy quay lại trang chính và thử cách khác."),
    Words(
        "This could not be done", "The address or the request makes no sense. Go back to the start and try another way."
    ),
)
_FAILED = (
    Words(
        "Hệ thống gặp lỗi",
        "Lỗi đã được ghi lại. Hãy thử lại; nếu vẫn vậy, báo mã yêu cầu bên dưới cho bộ phận công nghệ thông tin.",
    ),
    Words(
        "Something went wrong in the system",
        "It has been written down. Try again; if it stays so, tell your IT department the request code below.",
    ),
)
PAGES: dict[int, tuple[Words, Words]] = {
    401: (
        Words("Cần đăng nhập", "Nội dung này chỉ mở được sau khi đăng nhập. Hãy đăng nhập rồi mở lại địa chỉ này."),
        Words("Sign in first", "This opens only for who has signed in. Sign in, then open this address again."),
    ),
    403: (
        Words(
            "Bạn không có quyền xem nội dung này",
            "Vai trò của bạn không cho phép. Nếu cần cho công việc, hãy nhờ quản trị viên của bệnh viện cấp quyền.",
        ),
        Words(
            "You may not see this",
            "Your role does not allow it. If your work needs it, ask the administrator of your hospital.",
        ),
    ),
    404: (
        Words(
            "Không có gì ở địa chỉ này",
            "Địa chỉ có thể bị gõ sai, hoặc nội dung không còn được chia sẻ với bạn. Hãy tìm lại từ danh sách ca chụp.",
        ),
        Words(
            "There is nothing at this address",
            "It may be mistyped, or what was here is no longer shared with you. Look for it in the worklist.",
        ),
    ),
    410: (
        Words(
            "Liên kết này không còn dùng được", "Liên kết đã hết hạn hoặc đã được dùng. Hãy xin người gửi liên kết mới."
        ),
        Words(
            "This link no longer works", "It was used before, or its time is over. Ask whoever sent it for a new one."
        ),
    ),
    429: (
        Words("Đã thử quá nhiều lần", "Máy chủ tạm dừng nhận yêu cầu từ đây. Hãy đợi {wait} giây rồi thử lại."),
        Words(
            "Too many tries", "The server takes no more from here for a moment. Wait {wait} seconds, then try again."
        ),
    ),
    503: (
        Words(
            "Hệ thống đang bận",
            "Máy chủ chưa trả lời được lúc này; những gì đã lưu vẫn an toàn. Hãy đợi {wait} giây rồi thử lại.",
        ),
        Words(
            "The system is busy",
            "The server cannot answer just now; what was stored is safe. Wait {wait} seconds, then try again.",
        ),
    ),
    507: (
        Words(
            "Máy chủ đã hết chỗ lưu",
            "Xem và tìm vẫn bình thường, chưa lưu thêm được. Hãy báo bộ phận công nghệ thông tin.",
        ),
        Words("The server is full", "Finding and reading go on, nothing more can be stored. Tell your IT department."),
    ),
}
_BACK, _AGAIN = ("Về trang chính", "Back to the start"), ("Thử lại", "Try again")
_SIGN_IN, _CODE = ("Đăng nhập", "Sign in"), ("Mã yêu cầu", "Request code")
_MAYBE_LATER = frozenset({408, 429, 500, 502, 503, 504})
_WAIT = 30  # seconds, where nobody knows better

_STYLE = """
:root{color-scheme:dark;--bg:#131313;--text:#ededed;--soft:#b6b6b6;--line:#6e6e6e;--fill:#2672bd;--focus:#8cc6ff}
:root[data-theme=light]{color-scheme:light;--bg:#f4f4f4;--text:#1b1b1b;--soft:#4d4d4d;--line:#868686;--fill:#1f69b3;
--focus:#1a63ab}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-content:center;justify-items:center;gap:16px;
padding:24px;background:var(--bg);color:var(--text);text-align:center;overflow-wrap:anywhere;
font:400 15px/1.55 Inter,'Noto Sans','Segoe UI',system-ui,sans-serif}
main{display:grid;justify-items:center;gap:12px;max-width:480px}
h1{margin:0;font-size:22px;font-weight:600;line-height:1.3}
p{margin:0;color:var(--soft)}
nav{display:flex;flex-wrap:wrap;justify-content:center;gap:8px;margin-top:8px}
a{display:inline-flex;align-items:center;min-height:44px;padding:0 18px;border:1px solid var(--line);border-radius:6px;
color:var(--text);text-decoration:none}
a.first{border-color:var(--fill);background:var(--fill);color:#fff}
a:hover{text-decoration:underline}
a:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
small{color:var(--soft);font-size:13px}
code{font-family:ui-monospace,'DejaVu Sans Mono',Consolas,monospace}
:root[lang=vi] main[lang=en],:root[lang=en] main[lang=vi]{display:none}
"""
# The theme and language of this device, as the pages keep them (static/src/common/theme.ts, i18n.ts).
_SCRIPT = """
(()=>{const root=document.documentElement;try{
if(localStorage.getItem('hoichan.theme')==='light')root.dataset.theme='light';
const language=localStorage.getItem('hoichan.language');if(language==='vi'||language==='en')root.lang=language;
}catch{}
document.title=document.querySelector(`main[lang=${root.lang}] h1`).textContent+' · Hội Chẩn';})()
"""
_MARK = """<svg width="48" height="48" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7"
fill="#2672bd"/><g fill="none" stroke="#fff" stroke-width="2.4"><circle cx="12.2" cy="16" r="6.6"/><circle cx="19.8"
cy="16" r="6.6"/></g><path d="M16 10.6a6.6 6.6 0 0 1 0 10.8 6.6 6.6 0 0 1 0-10.8Z" fill="#fff"/></svg>"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


def install(app: Flask) -> None:
    """Show problem documents as pages to browsers that open an address. Programs, and scripts of our own pages, get the
    document as ever."""

    @app.after_request
    def shown(response: Response) -> Response:
        if response.content_type != PROBLEM or not opens(request):
            return response
        told = json.loads(response.get_data())
        language = "en" if request.accept_languages.best_match(("vi", "en")) == "en" else "vi"
        wait = response.headers.get("Retry-After", type=int)
        response.set_data(page(response.status_code, str(told.get("request", "")), language, wait))
        response.content_type = "text/html; charset=utf-8"
        response.headers["Content-Security-Policy"] = POLICY
        return response


def opens(asked: Request) -> bool:
    """Whether somebody opens this address to look at it. Old browsers do not say what they want it for, but take HTML
    by name."""
    wants = asked.headers.get("Accept", "")
    return asked.headers.get("Sec-Fetch-Dest", "document") == "document" and "text/html" in wants


def page(status: int, request_code: str, language: str, wait: int | None = None) -> str:
    """The page for this status; both languages stand in it and one is seen."""
    mains = "".join(_main(status, request_code, at, wait) for at in (0, 1))
    first = words_of(status)[language == "en"].title
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(first)} · Hội Chẩn</title><style>{_STYLE}</style></head><body>{_MARK}{mains}"
        f"<script>{_SCRIPT}</script></body></html>"
    )


def words_of(status: int) -> tuple[Words, Words]:
    """Vietnamese and English of this status."""
    return PAGES.get(status) or (_FAILED if status >= 500 else _REFUSED)


def _main(status: int, request_code: str, at: int, wait: int | None) -> str:
    title, text = words_of(status)[at]
    start = _SIGN_IN if status == 401 else _BACK
    ways = [f'<a class="first" href="/">{start[at]}</a>']
    if status in _MAYBE_LATER:
        ways = [f'<a class="first" href="">{_AGAIN[at]}</a>', f'<a href="/">{start[at]}</a>']
    code = f"<small>{_CODE[at]}: <code>{escape(request_code)}</code> · {status}</small>"
    return (
        f'<main lang="{("vi", "en")[at]}"><h1>{title}</h1><p>{text.format(wait=wait or _WAIT)}</p>'
        f"<nav>{''.join(ways)}</nav>{code}</main>"
    )

"""The security headers every response carries."""

from flask import Flask, Response, request

DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Text never becomes markup or a script: assigning it to innerHTML and its like is an error in the browser itself."""
READING_POLICY = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "trusted-types 'none'", "trusted-types default"
)
"""The reading room has a policy that names the worker of the decoders (static/src/reading/trusted.ts)."""
# The page of a link runs no WebAssembly and no worker.
SHARED_POLICY = PAGE_POLICY.replace(" 'wasm-unsafe-eval'", "").replace("worker-src 'self' blob:", "worker-src 'none'")

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), usb=(), fullscreen=(self)",
    "X-Robots-Tag": "noindex",
}

READING_PERMISSIONS = (
    ALWAYS["Permissions-Policy"].replace("microphone=()", "microphone=(self)").replace("camera=()", "camera=(self)")
)
"""Voice and camera in live rooms; the browser still asks whoever sits before it."""

BARE = {**ALWAYS, "Content-Security-Policy": DATA_POLICY, "Cache-Control": "no-store"}
"""For answers made before there is a request."""

TRANSPORT = "max-age=63072000"


def always(*, secure: bool) -> tuple[tuple[str, str], ...]:
    """The headers of an answer with data, made without Flask; without Cache-Control."""
    return _SECURE if secure else _PLAIN


_PLAIN = (*ALWAYS.items(), ("Content-Security-Policy", DATA_POLICY))
_SECURE = (*_PLAIN, ("Strict-Transport-Security", TRANSPORT))


def install(app: Flask) -> None:
    """Put the headers on every response, errors included. What a view has set itself stays."""

    @app.after_request
    def protect(response: Response) -> Response:
        for key, value in ALWAYS.items():
            response.headers.setdefault(key, value)
        response.headers.setdefault("Content-Security-Policy", DATA_POLICY)
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", TRANSPORT)
        if response.status_code >= 400 or "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response

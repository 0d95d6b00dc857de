"""The session cookie: HttpOnly, SameSite=Lax, and on https Secure with the __Host- prefix."""

from flask import Request, Response, request

PLAIN = "hoichan"
SECURE = "__Host-hoichan"


def read(asked: Request = request) -> str:
    """The secret the browser sent, "" when there is none. Each scheme has its own name, so that plain http can never
    plant a cookie for https."""
    secret = asked.cookies.get(SECURE if asked.is_secure else PLAIN, "")
    return secret if 0 < len(secret) <= 128 else ""


def write(response: Response, secret: str, hours: int) -> None:
    """Give the browser the secret for as long as the session can last."""
    response.set_cookie(
        _name(), secret, max_age=hours * 3600, path="/", secure=request.is_secure, httponly=True, samesite="Lax"
    )


def clear(response: Response) -> None:
    """Make the browser forget it."""
    response.delete_cookie(_name(), path="/", secure=request.is_secure, httponly=True, samesite="Lax")


def _name() -> str:
    return SECURE if request.is_secure else PLAIN

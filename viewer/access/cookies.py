"""The session cookies: HttpOnly, SameSite=Lax, and on https Secure with the __Host- prefix. Who came by a link has a
cookie of their own, which an account's session goes before unless the page says that it is a guest's."""

from flask import Request, Response, request

PLAIN = "hoichan"
SECURE = "__Host-hoichan"
GUEST = "guest "  # before a guest's secret, so that nobody can take one kind for the other
AS_GUEST = "X-Hoichan-Guest"


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


def of(asked: Request = request) -> list[str]:
    """The secrets the browser sent, in the order in which they count; a guest's with GUEST before it."""
    person, guest = read(asked), asked.cookies.get(_guest_name(asked), "")
    guests = [GUEST + guest] if 0 < len(guest) <= 128 else []
    if AS_GUEST in asked.headers and guests:
        return guests
    return ([person] if person else []) + guests


def write_guest(response: Response, secret: str, seconds: int) -> None:
    """Give the browser of a guest the secret for as long as the link can last."""
    response.set_cookie(
        _guest_name(request), secret, max_age=seconds, path="/", secure=request.is_secure, httponly=True, samesite="Lax"
    )


def clear_guest(response: Response) -> None:
    """Make the browser forget it."""
    response.delete_cookie(_guest_name(request), path="/", secure=request.is_secure, httponly=True, samesite="Lax")


def _guest_name(asked: Request) -> str:
    return f"{SECURE if asked.is_secure else PLAIN}-guest"

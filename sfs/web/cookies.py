"""The cookies of the pages: a session, what stands in its place before the login, and the language."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

SESSION: Final = "sfs"
BEFORE: Final = "sfs-before"  # before the login: so that a login form is bound to the browser it was sent to
LANGUAGE: Final = "sfs-language"
MAX_COOKIES: Final = 8192  # characters of all cookies that are read
A_YEAR: Final = 365 * 24 * 3600


def cookie(request: Request, name: str) -> str:
    """The value of a cookie; "" where it is missing, or sent twice: another server on this host, on another port or
    path, can set one of the same name beside ours, and nobody can tell which is which."""
    full = _full(request, name)
    found = [
        value.strip().strip('"')
        for line in request.headers.getlist("cookie")
        for key, sign, value in (part.partition("=") for part in line[:MAX_COOKIES].split(";"))
        if sign and key.strip() == full
    ]
    return found[0] if len(found) == 1 else ""


def set_cookie(request: Request, response: Response, name: str, value: str, max_age: int | None = None) -> None:
    """Set a cookie for this host alone, out of reach of scripts and of other sites. Without `max_age` (seconds) it
    goes when the browser closes: the family's computer is left by its window being closed, not by logging out."""
    response.set_cookie(
        _full(request, name),
        value,
        max_age=max_age,
        path="/",
        secure=_secure(request),
        httponly=True,
        samesite="strict",
    )


def drop_cookie(request: Request, response: Response, name: str) -> None:
    """Take a cookie away."""
    set_cookie(request, response, name, "", 0)


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _full(request: Request, name: str) -> str:
    # Spec: RFC 6265bis section 4.1.3.2; browsers take such a name only from TLS, for the whole host, without Domain.
    return f"__Host-{name}" if _secure(request) else name

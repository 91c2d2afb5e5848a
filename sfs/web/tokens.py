"""Random tokens, what is kept of them, and the CSRF token that goes with one."""

import hashlib
import hmac
import re
import secrets
from typing import Final

TOKEN_BYTES: Final = 32  # 256 bits: sessions
LINK_BYTES: Final = 16  # 128 bits: setup links, typed by hand at worst

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_LINK: Final = re.compile(r"[A-Za-z0-9_-]{22}")


def new_token() -> str:
    """A token of 256 random bits, 43 characters of base64url."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_link() -> str:
    """A token of 128 random bits, 22 characters of base64url."""
    return secrets.token_urlsafe(LINK_BYTES)


def is_token(text: str) -> bool:
    """Whether `text` has the form of `new_token`, so that nothing else reaches the database."""
    return _TOKEN.fullmatch(text) is not None


def is_link(text: str) -> bool:
    """Whether `text` has the form of `new_link`."""
    return _LINK.fullmatch(text) is not None


def hashed(token: str) -> str:
    """What is stored of a token: who reads the database cannot log in with it. No salt: a token is random already."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(token: str) -> str:
    """The CSRF token of a session: made from its token, so it ends with the session and fits no other one."""
    return hmac.digest(token.encode(), b"sfs csrf", "sha256").hex()


def same(one: str, other: str) -> bool:
    """Whether both are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))

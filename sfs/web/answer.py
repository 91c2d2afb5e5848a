"""One answer to a browser as plain values, and the cleaning of what comes from outside."""

import re
from dataclasses import dataclass
from typing import Final

HELP_URL: Final = "http://sfs.home.arpa/"  # home.arpa is kept for names inside a home: RFC 8375
MAX_LINK: Final = 2500  # characters; escaped at worst five times as long, which still leaves a page under 30 kB

# Controls, marks that turn the direction of writing, invisible characters, lone surrogates: none may reorder a page.
_HIDDEN: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff]"
)
_LINK: Final = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://[!#-;=?-\[\]-~]+")  # visible ASCII without " < > \\


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What goes back: HTTP status, header fields in order, the body as sent (not compressed)."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def clean(text: str, limit: int) -> str:
    """At most `limit` characters of `text` and `…` where some were left out; hidden characters become U+FFFD."""
    kept = _HIDDEN.sub("\ufffd", text[:limit])
    return kept + "…" if len(text) > limit else kept


def link_url(url: str | None) -> str | None:
    """`url` if it may stand in a link or a header field: http or https, visible ASCII, not too long. Else None."""
    if url is None or len(url) > MAX_LINK or not _LINK.fullmatch(url):
        return None
    return url


def plain_headers(content_type: str) -> tuple[tuple[str, str], ...]:
    """Header fields of every answer of ours: kept nowhere, read as what it says it is, tells no other site."""
    return (
        ("Content-Type", content_type),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    )


def blocked_status(mandatory: bool, blocked_by: str) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Status and further fields of a block. Spec: RFC 7725 for a list that a law or an ISP's duty demands."""
    if not mandatory:
        return 403, ()
    return 451, (("Link", f'<{link_url(blocked_by) or HELP_URL}>; rel="blocked-by"'),)

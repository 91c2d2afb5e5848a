"""What a response says of itself, as facts: from its header and the first bytes of its body, decompressed."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from sfs.core.facts import Page
from sfs.pics.selflabels import META_NAMES, read_self_labels
from sfs.text.charset import decode, html_charset, types_in
from sfs.text.glance import glance
from sfs.text.metadata import head_from_html
from sfs.text.plain_head import PlainHead
from sfs.text.url import Url

MAX_HEAD = 256 * 1024  # bytes, decompressed: how much of a page is looked at (issue: 256 KiB or the end of the head)
# XML too: a browser shows XHTML under these types. A feed or drawing has no head, which its first tag tells.
HTML_TYPES = frozenset(
    {"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml", "application/xml", "text/xml"}
)
# What a browser shows as text where it is opened by itself: no page, but read as one is where bodies are scanned.
TEXT_TYPES = frozenset({"text/plain", "text/markdown", "text/csv", "application/json", "text/json"})
CONTENT_TYPE: Final = "content-type"
MAX_TYPE = 4096  # characters of Content-Type
_UNKNOWN = frozenset({"", "unknown/unknown", "application/unknown"})  # says nothing: browsers look at the bytes
_MAY_BE_HTML = _UNKNOWN | HTML_TYPES
_TAGS = (
    *(b"<!doctype html", b"<html", b"<head", b"<script", b"<iframe", b"<h1", b"<div", b"<font", b"<table", b"<style"),
    *(
        b"<title",
        b"<body",
        b"<meta",
        b"<!--",
        *(b"<" + tag + end for tag in (b"a", b"b", b"br", b"p") for end in (b" ", b">")),
    ),
)

Headers = Sequence[tuple[str, str]]  # (lower-case name, value), as they came


def is_html(content_type: str | None, first_bytes: bytes = b"") -> bool:
    """Whether a browser would show this as a page: by its type; without one that says anything, by how it begins."""
    essence = _essence(content_type)
    return looks_like_html(first_bytes) if essence in _UNKNOWN else essence in HTML_TYPES


def may_be_html(content_type: str | None) -> bool:
    """Whether it takes the first bytes to tell that this is no page, or it is one."""
    return _essence(content_type) in _MAY_BE_HTML


def may_be_text(content_type: str | None) -> bool:
    """Whether a browser shows this as plain text or JSON."""
    return _essence(content_type) in TEXT_TYPES


def is_json(content_type: str | None) -> bool:
    """Whether this is JSON by its type."""
    return _essence(content_type).endswith("/json")


def looks_like_html(first_bytes: bytes) -> bool:
    """Whether bytes without a type begin as a page does (WHATWG MIME Sniffing, 7.1)."""
    start = first_bytes[:1024].lstrip(b"\xef\xbb\xbf\t\n\x0c\r ").lower()
    return start.startswith(_TAGS)


def _essence(content_type: str | None) -> str:
    """Of several types the last that is one, as browsers read the field (Fetch, "extract a MIME type"); "" for none."""
    return _read_essence(content_type[:MAX_TYPE]) if content_type else ""


@lru_cache(maxsize=256)
def _read_essence(content_type: str) -> str:
    return next((essence for essence, _ in reversed(list(types_in(content_type)))), "")


def content_type_of(headers: Headers) -> str | None:
    """The value of Content-Type; several fields are joined, as all who read it take them."""
    return ", ".join(value for name, value in headers if name == CONTENT_TYPE) or None


def page_from(
    url: Url, headers: Headers, body: bytes | None, now: datetime, *, cut: bool = False, plain: PlainHead | None = None
) -> Page:
    """The facts of a response. `body`: the held bytes of an HTML page, decompressed; None where it is no page. `plain`:
    the head of these bytes, where that was read already."""
    if body is None:
        return Page(self_labels=read_self_labels((), headers, url, now))
    body = body[:MAX_HEAD]
    charset, how = html_charset(body, content_type_of(headers))
    head = None
    if plain is not None and charset == "utf-8" and how != "bom":
        head = glance(plain, body, META_NAMES)
    if head is None:
        head = head_from_html(decode(body, charset).removeprefix("\ufeff"))
    return Page(head.texts(), read_self_labels(head.metas, headers, url, now), cut)

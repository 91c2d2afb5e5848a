"""What a response says of itself, as facts: from its header and the first bytes of its body, decompressed."""

from collections.abc import Sequence
from datetime import datetime

from sfs.core.facts import Page
from sfs.pics.selflabels import read_self_labels
from sfs.text.charset import decode_html
from sfs.text.metadata import head_from_html
from sfs.text.url import Url

MAX_HEAD = 256 * 1024  # bytes, decompressed: how much of a page is looked at (issue: 256 KiB or the end of the head)
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})

Headers = Sequence[tuple[str, str]]  # (lower-case name, value), as they came


def is_html(content_type: str | None, first_bytes: bytes = b"") -> bool:
    """Whether a browser would show this as a page: by its type; without one, by how it begins."""
    essence = (content_type or "").partition(";")[0].strip().lower()
    if essence and "/" in essence:
        return essence in HTML_TYPES
    return looks_like_html(first_bytes)


def looks_like_html(first_bytes: bytes) -> bool:
    """Whether bytes without a type begin as a page does (WHATWG MIME Sniffing, the part a filter needs)."""
    start = first_bytes[:1024].lstrip(b"\xef\xbb\xbf\t\n\x0c\r ").lower()
    tags = (b"<!doctype html", b"<html", b"<head", b"<script", b"<title", b"<meta", b"<body", b"<!--", b"<div", b"<p>")
    return start.startswith(tags)


def page_from(url: Url, headers: Headers, body: bytes | None, now: datetime, *, cut: bool = False) -> Page:
    """The facts of a response. `body`: the held bytes of an HTML page, decompressed; None where it is no page."""
    if body is None:
        return Page(self_labels=read_self_labels((), headers, url.text, now))
    content_type = next((value for name, value in headers if name == "content-type"), None)
    head = head_from_html(decode_html(body[:MAX_HEAD], content_type).text)
    return Page(head.texts(), read_self_labels(head.metas, headers, url.text, now), cut)

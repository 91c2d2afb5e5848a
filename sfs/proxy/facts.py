"""A mitmproxy flow as facts: what was asked, by whom. And the requests that nobody could judge, refused with 400."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mitmproxy import http

from sfs.core.facts import Facts, Https, Kind
from sfs.core.label import LabelAnswer
from sfs.core.sight import kind_of
from sfs.errors import UrlError
from sfs.proxy.decode import BoundedDecoder
from sfs.text.doh import MEDIA_TYPE
from sfs.text.fields import MAX_FORM
from sfs.text.url import DEFAULT_PORTS, Url, parse_url

MAX_TARGET = 65_536  # bytes of a request target; longer ones are answered 414
MAX_WAITED = 65_536  # bytes of a form that is waited for on any host
MAX_TYPE = 500  # characters of its Content-Type
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
GO_ON = "sfs-go-on"  # the mark a reader's click on "go on" leaves in the URL; it never goes upstream
_MARK = GO_ON.encode()


_DOTS = re.compile(rb"/(?:\.|%2e){1,2}(?:[/\\]|\Z)", re.I)  # WHATWG URL, dot segments; linear: at most two of them
_NO_TARGET = re.compile(rb"[\x00-\x20\x7f#]")
_HOST = re.compile(r"[^\x00-\x20\x7f/?#@\\]+")  # host and port, nothing that would begin another part of a URL


class BadRequest(Exception):
    """A request that means two things at once, or none. `problem` is a key of the error pages."""

    def __init__(self, problem: str = "bad-request") -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(slots=True)  # never changed once made, as Url: see there
class Asked:
    """A request as it will be judged. `went_on`: the reader has seen the page with help lines and goes on."""

    url: Final[Url]
    kind: Final[Kind]
    went_on: Final[bool]


def asked_of(request: http.Request) -> Asked:
    """What a request asks for. BadRequest where it is ambiguous: several Host fields, a Host unlike the target,
    raw control bytes, a fragment, a URL that no browser would send or that is still encoded after eight rounds."""
    target = request.data.path
    if len(target) > MAX_TARGET:
        raise BadRequest("too-long")
    # What does not begin with a slash would go on with the host: `:path: @other.test/` of HTTP/2 names another one.
    if not target.startswith(b"/") or _NO_TARGET.search(target):
        raise BadRequest
    headers, scheme = request.headers, request.scheme
    hosts = headers.get_all("host")
    if len(hosts) > 1:
        raise BadRequest
    target, went_on = without_mark(target)
    authority = _authority(request.host, request.port, scheme)
    try:
        url = parse_url(f"{scheme}://{authority}".encode() + target)
    except (UrlError, UnicodeError):
        raise BadRequest from None
    if hosts != [authority] or not _HOST.fullmatch(authority) or request.is_http2 or request.is_http3:
        _check_host(request, url)
    kind = kind_of(headers.get("sec-fetch-dest"), headers.get("accept"))
    return Asked(url, kind, went_on)


def facts_of(flow: http.HTTPFlow, asked: Asked, now: datetime, labels: Mapping[str, LabelAnswer]) -> Facts:
    """The facts of a request that is seen whole; `labels`: those that are known already."""
    request = flow.request
    form, kind, method = None, "", request.method
    declared: str = request.headers.get("content-type", "")
    if method == "POST" and request.raw_content and _holds_fields(request):
        form, kind = _form(request, request.raw_content), declared[:MAX_TYPE]
    elif declared and MEDIA_TYPE in declared.lower():
        kind = declared[:MAX_TYPE]
    return Facts(asked.url, Https.INSPECT, asked.kind, method, form, kind, client_of(flow), None, now, labels)


def _form(request: http.Request, body: bytes) -> bytes:
    """The body as it was before a script compressed it, up to the bound."""
    codings = request.headers.get("content-encoding")
    if not codings:
        return body[:MAX_FORM]
    decoder = BoundedDecoder(codings, MAX_FORM)
    return decoder.feed(body[:MAX_FORM]) + decoder.finish()


def is_form(request: http.Request) -> bool:
    """Whether the body is an urlencoded form."""
    kind: str = request.headers.get("content-type", "")
    return kind.strip().lower().startswith("application/x-www-form-urlencoded")


def client_of(flow: http.HTTPFlow) -> str | None:
    """The client's address."""
    peer = flow.client_conn.peername
    return peer[0] if peer else None


def settle_path(request: http.Request, url: Url) -> None:
    """Send the path that was judged: where a browser would have taken dot segments or backslashes out before sending,
    so do we, or a server that leaves them in would answer for another page than the one that was looked at."""
    target = request.data.path
    if b"/." not in target and b"\\" not in target and b"%" not in target:
        return  # as of nearly every request
    path, question, query = target.partition(b"?")
    if b"\\" in path or _DOTS.search(path):
        request.data.path = url.sent.path.encode() + question + query


def _holds_fields(request: http.Request) -> bool:
    """Whether the body is a form or JSON. None is of a type that nobody searches with: a picture, a film, protobuf."""
    kind: str = request.headers.get("content-type", "").strip().lower()
    return not kind or kind.startswith(FORM_TYPES) or "json" in kind


def may_hold_words(request: http.Request) -> bool:
    """Whether a body comes, of any length, that may hold search words."""
    return request.method == "POST" and _holds_fields(request)


def has_form(request: http.Request) -> bool:
    """Whether a body comes that may hold search words and is small enough to wait for."""
    if not may_hold_words(request):
        return False
    length = request.headers.get("content-length", "")
    return length.isdigit() and int(length) <= MAX_WAITED


def without_mark(target: bytes) -> tuple[bytes, bool]:
    """The request target without our mark, and whether it was there."""
    if _MARK not in target:
        return target, False
    path, question, query = target.partition(b"?")
    kept = [part for part in query.split(b"&") if part.partition(b"=")[0] != _MARK]
    found = len(kept) < query.count(b"&") + 1
    return (path + question + b"&".join(kept)) if kept else path, found and bool(question)


def hide_mark(request: http.Request) -> None:
    """Take our mark out of the Referer: what a page loads names the page's URL, and would carry the mark upstream."""
    referer = request.headers.get("referer", "")
    if GO_ON in referer:
        bare, _ = without_mark(referer.encode("utf-8", "surrogateescape"))
        request.headers["referer"] = bare.decode("utf-8", "surrogateescape")


def with_mark(url: str) -> str:
    """A URL that says the reader goes on."""
    bare, hash_sign, fragment = url.partition("#")
    return f"{bare}{'&' if '?' in bare else '?'}{GO_ON}=1{hash_sign}{fragment}"


def _authority(host: str, port: int, scheme: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == DEFAULT_PORTS.get(scheme) else f"{shown}:{port}"


def _check_host(request: http.Request, url: Url) -> None:
    """The Host field (:authority in HTTP/2) asks for what the target or the tunnel leads to, or the request is
    refused: judging one and fetching the other is how filters are passed."""
    # As it was sent: mitmproxy's own field has international names in their own letters, in HTTP/2 alone.
    newer = request.is_http2 or request.is_http3
    authority = request.data.authority.decode("ascii", "surrogateescape") if newer else ""
    for asked_host in (authority, request.headers.get("host", "")):
        if asked_host:
            _check_name(asked_host, url)


def _check_name(asked_host: str, url: Url) -> None:
    if not _HOST.fullmatch(asked_host):
        raise BadRequest
    try:
        named = parse_url(f"{url.scheme}://{asked_host}/".encode("ascii", "strict"))
    except (UrlError, UnicodeError):
        raise BadRequest from None
    # A Host field without a port says nothing of the port: old clients write it so beside any target.
    says_port = ":" in asked_host.rpartition("]")[2]
    default = DEFAULT_PORTS.get(url.scheme)
    if named.host != url.host or (says_port and (named.port or default) != (url.port or default)):
        raise BadRequest

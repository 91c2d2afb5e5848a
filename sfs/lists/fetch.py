"""Fetching one list from the web into a file. Everything a server may do wrong ends in a ListFault: sizes, times,
redirects and what is decoded are bounded, and nothing is taken that did not come whole."""

import hashlib
import ssl
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urljoin
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from sfs import __version__
from sfs.errors import UrlError, Where
from sfs.lists.connect import Guard, names_near
from sfs.lists.faults import ListFault
from sfs.text.url import Url, parse_url

type Progress = Callable[[int, int | None], None]

MAX_FIELD: Final = 1024  # characters of an ETag or a date that are kept
_PIECE: Final = 1 << 16
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_HEADERS: Final = {
    "User-Agent": f"sfs/{__version__}",
    "Accept": "text/plain, */*;q=0.5",
    "Accept-Encoding": "gzip, deflate",
}
_MEND_LATER: Final = "nothing to do now: it is tried again later, and what was fetched before holds"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one download: `size` in bytes, packed or not; times in seconds, `read` between two pieces, `total` for
    everything with its redirects."""

    size: int = 200 * 1024 * 1024
    connect: float = 10.0
    read: float = 30.0
    total: float = 900.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came. `changed` is False where the server says that nothing is new; then there is no file. `sha256` of what
    is in the file, `sent_sha256` of what was sent: another where the server packs on its way. `size` of the file."""

    changed: bool
    etag: str | None = None
    last_modified: str | None = None
    sha256: str = ""
    sent_sha256: str = ""
    size: int = 0


def fetch(
    url: str,
    to: Path,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    limits: Limits | None = None,
    ca: Path | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Fetch `url` into the new file `to`. `etag`, `last_modified`: of the version that is already here. `ca`: PEM file
    trusted besides the usual certificates. `progress`: told the bytes so far and all of them, None where unknown.

    ListFault for everything that goes wrong on the net; OSError where `to` cannot be written."""
    limits = limits or Limits()
    asked = _Asked(url, to, limits, ca, progress)
    headers = dict(_HEADERS)
    if etag:
        headers["If-None-Match"] = etag
    if last_modified:
        headers["If-Modified-Since"] = last_modified
    place = _parsed(url, url)
    proxied = _proxy_of(place) is not None
    with Guard(limits.total, names_near(place.host), proxied) as guard:
        try:
            fetched = asked.follow(place, headers, guard)
        except (HTTPError, TimeoutError, ssl.SSLError, ListFault) as fault:
            raise asked.fault_of(fault, guard) from None
        if guard.over:  # the end of the time looks like the end of the body
            raise asked.fault_of(TimeoutError(), guard)
        return fetched


@dataclass(slots=True)
class _Asked:
    """One download while it runs."""

    url: str
    to: Path
    limits: Limits
    ca: Path | None
    progress: Progress | None
    seen: list[str] = field(default_factory=list)

    @property
    def where(self) -> Where:
        return Where(self.url[:300])

    def follow(self, place: Url, headers: dict[str, str], guard: Guard) -> Fetched:
        """The answer behind at most `redirects` others."""
        while True:
            self.seen.append(place.text)
            with _manager(place, guard, self.limits, self.ca) as manager:
                response = manager.request(
                    "GET", place.text, headers=headers, redirect=False, retries=False, preload_content=False
                )
                try:
                    if response.status not in _REDIRECTS:
                        return self._take(
                            response, conditional=bool({"If-None-Match", "If-Modified-Since"} & headers.keys())
                        )
                    place = self._next(place, response.headers.get("Location"))
                finally:
                    response.close()

    def _next(self, place: Url, location: str | None) -> Url:
        """Where a redirect leads."""
        if location is None or len(location) > 4096:
            raise ListFault("redirect", "sent on without an address", self.where, "look whether the list has moved")
        try:
            target = _parsed(urljoin(place.text, location), self.url)
        except ValueError:  # brackets that do not close
            raise ListFault("redirect", "sent on to what is no address", self.where) from None
        if place.scheme == "https" and target.scheme != "https":
            what = f"sent on from https to {target.origin}, where anybody on the way can change the list"
            raise ListFault("redirect", what, self.where, "look for another address of this list")
        if target.text in self.seen or len(self.seen) > self.limits.redirects:
            what = f"sent on {len(self.seen)} times without an end"
            raise ListFault("redirect", what, self.where, "look whether the list has moved")
        return target

    def _take(self, response: urllib3.BaseHTTPResponse, *, conditional: bool) -> Fetched:
        status = response.status
        if status == 304 and conditional:
            return Fetched(False)
        if status != 200:
            gone = "look whether the list has moved" if status in (404, 410) else _MEND_LATER
            raise ListFault("http", f"the server answers {status} {_short(response.reason)}".strip(), self.where, gone)
        length = self._length(response.headers.get("Content-Length"))
        decoder = self._decoder(response.headers.get("Content-Encoding", ""))
        plain, sent = hashlib.sha256(), hashlib.sha256()
        size = raw = 0
        with self.to.open("xb") as file:
            while piece := response.read1(_PIECE, decode_content=False):
                raw += len(piece)
                sent.update(piece)
                for part in decoder.parts(piece):
                    size += len(part)
                    self._bounded(size)
                    plain.update(part)
                    file.write(part)
                self._bounded(raw)
                if self.progress is not None:
                    self.progress(raw, length)
        if (length is not None and raw != length) or not decoder.whole:
            all_of = f" of {length}" if length is not None else ""
            raise ListFault("cut", f"the download ended early, after {raw}{all_of} bytes", self.where, _MEND_LATER)
        kept = [_kept(response.headers.get(name)) for name in ("ETag", "Last-Modified")]
        return Fetched(True, kept[0], kept[1], plain.hexdigest(), sent.hexdigest(), size)

    def _length(self, text: str | None) -> int | None:
        """The length that the server promises."""
        if text is None or not text.isdecimal() or len(text) > 15:
            return None
        self._bounded(int(text))
        return int(text)

    def _bounded(self, size: int) -> None:
        if size > self.limits.size:
            what = f"larger than {self.limits.size} bytes"
            raise ListFault("large", what, self.where, "look whether this is the address of one list alone")

    def _decoder(self, text: str) -> "_Decoder":
        names = [name.strip().lower() for name in text.split(",") if name.strip().lower() not in ("", "identity")]
        if not names:
            return _Decoder(None)
        if len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate"):
            raise ListFault("encoding", f"sent in the coding {_short(text)}, which was not asked for", self.where)
        return _Decoder(names[0], self.where)

    def fault_of(self, fault: Exception, guard: Guard) -> ListFault:
        """What a fault of the net means."""
        if guard.over:
            what = f"too slow: not done after {self.limits.total:g} seconds"
            return ListFault("timeout", what, self.where, _MEND_LATER)
        if isinstance(fault, ListFault):
            return fault
        slow = isinstance(fault, ConnectTimeoutError | ReadTimeoutError | TimeoutError)
        if slow and not isinstance(fault, NewConnectionError):  # which urllib3 counts among the former
            return ListFault("timeout", "the server does not answer in time", self.where, _MEND_LATER)
        if isinstance(fault, SSLError | ssl.SSLError):
            mend = "if your network opens HTTPS itself, name its certificate as upstream_ca"
            return ListFault("certificate", f"its certificate is not valid: {_short(fault)}", self.where, mend)
        if isinstance(fault, ProxyError):
            mend = "look at the variables http_proxy and https_proxy"
            return ListFault("proxy", f"the proxy of this machine does not let us through: {_short(fault)}", mend=mend)
        if isinstance(fault, ProtocolError):
            return ListFault("cut", "the connection broke off", self.where, _MEND_LATER)
        return ListFault("network", "the server is not reached", self.where, "check that this machine is online")


class _Decoder:
    """Takes off what a server packs on its way (Content-Encoding), never more than a piece at a time."""

    def __init__(self, name: str | None, where: Where | None = None) -> None:
        self._name, self._where = name, where
        self._inner = None if name is None else self._fresh()
        self._ended = False
        self._first = True

    @property
    def whole(self) -> bool:
        """Whether what came so far is complete."""
        return self._inner is None or self._ended

    def parts(self, piece: bytes) -> Iterator[bytes]:
        """What a piece means, in parts of at most a MiB. ListFault where it is damaged."""
        if self._inner is None:
            yield piece
            return
        while piece:
            if self._ended:
                if self._name == "deflate":
                    return  # what follows the end means nothing
                self._inner, self._ended = self._fresh(), False  # gzip: members may follow one another
            yield self._some(piece)
            piece = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
            self._ended = self._inner.eof

    def _some(self, piece: bytes) -> bytes:
        assert self._inner is not None
        try:
            data = self._inner.decompress(piece, 1 << 20)
        except zlib.error:
            if not (self._first and self._name == "deflate"):
                raise ListFault("encoding", "what the server packed cannot be unpacked", self._where) from None
            self._inner = zlib.decompressobj(-zlib.MAX_WBITS)  # many servers send deflate without its head
            self._first = False
            return self._some(piece)
        self._first = False
        return data

    def _fresh(self) -> "zlib._Decompress":
        return zlib.decompressobj(zlib.MAX_WBITS | 16 if self._name != "deflate" else zlib.MAX_WBITS)


def _parsed(text: str, asked: str) -> Url:
    try:
        url = parse_url(text)
    except UrlError as fault:
        raise ListFault("redirect", f"{text[:200]!r} is no address: {fault.what}", Where(asked[:300])) from None
    if url.scheme not in ("http", "https"):
        raise ListFault("redirect", f"{text[:200]!r} is not an address of the web", Where(asked[:300]))
    return url


def _proxy_of(place: Url) -> str | None:
    """The proxy that the environment names for this address."""
    proxy = getproxies().get(place.scheme)
    return None if not proxy or proxy_bypass(place.host) else proxy if "://" in proxy else f"http://{proxy}"


def _manager(place: Url, guard: Guard, limits: Limits, ca: Path | None) -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=limits.connect, read=limits.read)
    proxy = _proxy_of(place)
    context = _context(ca) if place.scheme == "https" else None  # reading all certificates takes 100 ms
    manager: urllib3.PoolManager
    if proxy is not None:
        if names_near(place.host) and not guard.near:
            raise ListFault("near", f"sent on to {place.host}, inside this network")
        manager = urllib3.ProxyManager(proxy, timeout=timeout, ssl_context=context)
    else:
        manager = urllib3.PoolManager(timeout=timeout, ssl_context=context)
    guard.proxied = proxy is not None
    manager.pool_classes_by_scheme = guard.pools()
    return manager


def _context(ca: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    if ca is not None:
        try:
            context.load_verify_locations(cafile=ca)
        except (OSError, ssl.SSLError):
            mend = "name a readable PEM file as upstream_ca"
            raise ListFault("certificate", f"upstream_ca {str(ca)!r} holds no certificate", mend=mend) from None
    return context


def _kept(text: str | None) -> str | None:
    """A field that is sent back with the next request."""
    return text if text is not None and len(text) <= MAX_FIELD and text.isascii() and text.isprintable() else None


def _short(text: object) -> str:
    """What a server or a library says, in one line."""
    return "".join(c if c.isprintable() else " " for c in str(text))[:160]

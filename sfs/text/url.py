"""One canonical form of a URL, made once per request; every list, label and word is matched against it.

ada-url parses as browsers do (WHATWG), so what the browser fetches is what we match. On top of that:

    host   lower case A-label, no final dot; every spelling of an IPv4 address is dotted decimal, also when
           it hides inside IPv6 (v4-mapped, v4-compatible, translated, NAT64); IPv6 is compressed, no brackets
    port   None where it is the scheme's own
    forms  the path and query twice: as sent (dot segments gone) and decoded to a fixed point, slashes
           collapsed. A block entry matches if any form does, an allow entry only if all do (design, section 3).
           What some servers alone make of a path stands in readings.py and is looked at only where an entry has one
"""

import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

import ada_url

from sfs.errors import UrlError
from sfs.text.address import readings

MAX_URL = 65_536  # characters; longer ones are refused, not cut: a cut URL is another URL
MAX_HOST = 253  # characters; no more fit into the DNS
MAX_DECODING_ROUNDS = 8  # design, section 3; what still changes after that is nobody's honest link
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https", "ftp": "ftp"}
DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21}

_SLASHES = re.compile(r"/{2,}")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")  # a last label that makes a host an IPv4 address (WHATWG URL)
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# A URL that a parser would leave as it is, as most are: no user, percent, dot segment, empty segment, fragment;
# a host that is a name, since its last part begins with a letter. Each segment is read once, whatever stands there.
_SEGMENT = r"[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9_~!$&'()*+,;=:@.-]*+"
_PLAIN = re.compile(
    r"(https?)://((?:[a-z0-9_-]++\.)*+[a-z][a-z0-9_-]*+)(?::([1-9][0-9]{0,4}))?"
    rf"(/(?:{_SEGMENT}(?:/{_SEGMENT})*+/?)?)(?:\?([A-Za-z0-9_~!$&()*+,;=:@./?-]*+))?"
)
_ATTRIBUTES = ("protocol", "hostname", "port", "pathname", "search")


# Never changed once made, which mypy holds (Final): a frozen dataclass sees to it at run time and takes four times as
# long to make, and these are made for every request.
@dataclass(slots=True, unsafe_hash=True)
class Form:
    """One reading of what follows the host. `query` is without its question mark; None where there is none."""

    path: Final[str]
    query: Final[str | None]


@dataclass(slots=True, unsafe_hash=True)
class Url:
    """A URL in canonical form. `name_only`: nothing but host and port is known (HTTPS that stays closed)."""

    scheme: Final[str]
    host: Final[str]
    port: Final[int | None]
    forms: Final[tuple[Form, ...]]  # as sent first; a second one only where decoding changes something
    name_only: Final[bool] = False
    _text: str = field(default="", compare=False, repr=False)  # `text`, once it was asked for

    @property
    def sent(self) -> Form:
        """The path and query as they were sent."""
        return self.forms[0]

    @property
    def decoded(self) -> Form:
        """The path and query decoded to a fixed point."""
        return self.forms[-1]

    @property
    def origin(self) -> str:
        """Scheme, host and port, as `https://example.jp:8443`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port is not None else "")

    @property
    def text(self) -> str:
        """The whole canonical URL as one line."""
        if not self._text:
            query = "" if self.sent.query is None else f"?{self.sent.query}"
            self._text = f"{self.origin}{self.sent.path}{query}"
        return self._text

    def by_name(self) -> "Url":
        """What can be known of this URL while its connection stays encrypted: host and port."""
        return Url(self.scheme, self.host, self.port, _NO_PATH, name_only=True)


_NO_PATH: Final = (Form("/", None),)


def parse_url(text: str | bytes) -> Url:
    """The canonical form of `text`. UrlError where no browser would open it, where its scheme carries no pages,
    where it is longer than MAX_URL, or where it is still encoded after MAX_DECODING_ROUNDS."""
    if isinstance(text, bytes) and text.isascii():
        text = text.decode("ascii")
    if isinstance(text, str) and len(text) <= MAX_URL and (plain := _PLAIN.fullmatch(text)) is not None:
        scheme, host, digits, path, query = plain.groups()
        port = int(digits) if digits else None
        if "xn--" not in host and len(host) <= MAX_HOST and (port is None or port < 65_536):
            kept = text if query != "" else ""
            if port is not None and port == DEFAULT_PORTS[scheme]:
                port, kept = None, ""
            return Url(scheme, host, port, (Form(path, query or None),), False, kept)
    return parse_any(text)


def parse_any(text: str | bytes) -> Url:
    """As parse_url, without its short way for URLs that stand already as browsers write them."""
    if len(text) > MAX_URL:
        raise UrlError(f"URL of {len(text)} characters", mend=f"the longest URL that is judged has {MAX_URL}")
    try:
        parts = ada_url.parse_url(_as_text(text), _ATTRIBUTES)
    except (ValueError, UnicodeError):
        raise UrlError("not a URL that a browser opens", mend="write it as http://host/path") from None
    scheme = SCHEMES.get(parts["protocol"].removesuffix(":"))
    if scheme is None:
        raise UrlError(f"scheme {parts['protocol']!r} carries no web page", mend="use http or https")
    host = canonical_host(parts["hostname"])
    port = int(parts["port"]) if parts["port"] else None
    if port == DEFAULT_PORTS[scheme]:
        port = None
    return Url(scheme, host, port, _forms(parts["pathname"] or "/", parts["search"]))


def name_url(host: str, port: int | None = None) -> Url:
    """The URL of an HTTPS connection of which only the name is known. UrlError as parse_url."""
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return parse_url(f"https://{shown}" + (f":{port}" if port else "") + "/").by_name()


@lru_cache(maxsize=8192)
def canonical_host(host: str) -> str:
    """`host` as ada gives it, made canonical. UrlError for an empty name or one longer than DNS carries."""
    if host.startswith("["):
        return _plain_ipv6(host[1:-1])
    bare = host.rstrip(".")
    if not bare:
        raise UrlError("URL without a host", mend="write it as http://host/path")
    # Without its final dots `0..` would be an address, which it is not: no resolver takes it, so it stays as it is.
    if len(host) - len(bare) < 2 or not _NUMBER.fullmatch(bare.rpartition(".")[2]):
        host = bare
    if len(host) > MAX_HOST:
        raise UrlError(f"host name of {len(host)} characters", mend=f"a host name has {MAX_HOST} at most")
    return host


@lru_cache(maxsize=4096)  # each index of entries asks, and a host is asked for many times
def parents(host: str) -> tuple[str, ...]:
    """`host` and its parent domains, nearest first; an address has no parents."""
    if ":" in host or (host[-1:].isdigit() and is_address(host)):
        return (host,)
    names = [host]
    while (start := names[-1].find(".") + 1) and names[-1][start:]:
        names.append(names[-1][start:])
    return tuple(names)


def is_address(host: str) -> bool:
    """Whether a canonical host is an IP address."""
    if not host[-1:].isdigit() and ":" not in host:  # as of nearly every host, in a tenth of the time
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def decode_percent(text: str) -> str:
    """`text` percent-decoded to a fixed point; bytes that are no UTF-8 stay as %XX. UrlError past the bound."""
    for _ in range(MAX_DECODING_ROUNDS):
        if "%" not in text:
            return text
        decoded = _utf8_or_percent(unquote_to_bytes(text))
        if decoded == text:
            return text
        text = decoded
    if "%" not in text or decode_once(text) == text:
        return text
    raise UrlError(
        f"URL still encoded after {MAX_DECODING_ROUNDS} rounds of decoding", mend="decode the link before you send it"
    )


def decode_once(text: str) -> str:
    """One round of percent-decoding; bytes that are no UTF-8 stay as %XX."""
    return _utf8_or_percent(unquote_to_bytes(text)) if "%" in text else text


def _as_text(text: str | bytes) -> str:
    """Raw bytes above ASCII become %XX, so that no charset has to be guessed for a path."""
    if isinstance(text, str):
        if not text.isascii():
            # A lone surrogate stands for a raw byte (as HTTP libraries hand it over), never for a character.
            text = "".join(_surrogate_to_percent(c) if "\ud800" <= c <= "\udfff" else c for c in text)
        return text
    return quote_from_bytes(text, safe=bytes(range(0x80))) if not text.isascii() else text.decode("ascii")


def _surrogate_to_percent(char: str) -> str:
    byte = ord(char) - 0xDC00
    if not 0x80 <= byte <= 0xFF:
        raise ValueError("lone surrogate")
    return f"%{byte:02X}"


def _plain_ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise UrlError(f"[{text[:60]}] is not an IPv6 address", mend="write it as [2001:db8::1]") from None
    plain = readings(address)
    return str(plain[0]) if len(plain) == 1 else str(address)  # several: a tunnel, a destination of its own


def _forms(path: str, search: str) -> tuple[Form, ...]:
    query = search[1:] if search.startswith("?") else None
    sent = Form(_tidy_percent(path), None if query is None else _tidy_percent(query))
    if "%" not in path and "//" not in path and "%" not in search:
        return (sent,)
    decoded = Form(
        clean_path(decode_percent(path)),
        None if query is None else decode_percent(query),
    )
    return (sent,) if decoded == sent else (sent, decoded)


def _tidy_percent(text: str) -> str:
    """%7e and ~ are one spelling, %e3 and %E3 too; nothing else changes."""
    return _PERCENT.sub(_tidy_one, text) if "%" in text else text


def _tidy_one(match: re.Match[str]) -> str:
    byte = int(match[1], 16)
    return chr(byte) if byte in _UNRESERVED else match[0].upper()


def clean_path(path: str) -> str:
    """Dot segments, backslashes and repeated slashes that decoding brought to light."""
    path = _SLASHES.sub("/", path.replace("\\", "/"))
    if "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")
    for part in parts[1:]:
        if part == "..":
            if kept:
                kept.pop()
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _utf8_or_percent(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", errors="surrogateescape").translate(_ESCAPES)


_ESCAPES = {0xDC00 + byte: f"%{byte:02X}" for byte in range(0x80, 0x100)}

"""URL patterns of PICSRules: a URL with * in some places.

    http://*@*.example.org:*/*     any user, every name that ends in .example.org, any port, any path
    http://example.org/            this page alone: no user, the scheme's own port, the root document
    http://18.0.0.0!8/*            addresses of a network, by their first 8 bits; a number may be * too
    */kids/*, *.gif                a path may begin and end with *
    mailto:*                       anything else is literal text, with * at its end at most

A host that begins with * is compared as text: *example.org matches notexample.org too.
Time is linear in the length of the URL. Spec: PICSRules 1.1, "URL patterns".
"""

import re
from dataclasses import dataclass
from typing import Final

import ada_url

from sfs.errors import LabelError, UrlError
from sfs.pics.coverage import form_text, forms_of
from sfs.pics.rule_settings import RuleSettings
from sfs.text.url import MAX_URL, Url, canonical_host, decode_percent, parse_url

MAX_PATTERN: Final = 4096  # characters
_PORTS: Final = {"http": 80, "https": 443, "ftp": 21, "gopher": 70, "nntp": 119, "telnet": 23, "irc": 194}
_SCHEME: Final = re.compile(r"(\*|[A-Za-z][A-Za-z0-9+.-]*)://")
_OTHER: Final = re.compile(r"[A-Za-z][A-Za-z0-9+-]*:")
_NETWORK: Final = re.compile(r"([0-9]{1,3}|\*)\.([0-9]{1,3}|\*)\.([0-9]{1,3}|\*)\.([0-9]{1,3}|\*)(?:!([0-9]{1,2}))?")
_ADDRESS: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_ATTRIBUTES: Final = ("protocol", "username", "password", "hostname", "port", "pathname", "search")
_DOTS: Final = frozenset({".", ".."})


@dataclass(frozen=True, slots=True)
class Network:
    """Four numbers, None for any, of which the first `bits` count."""

    numbers: tuple[int | None, ...]
    bits: int = 32

    def holds(self, host: str) -> bool:
        """Whether a canonical host is an address of this network."""
        if not _ADDRESS.fullmatch(host):
            return False
        for place, (own, text) in enumerate(zip(self.numbers, host.split("."), strict=True)):
            counted = min(max(self.bits - 8 * place, 0), 8)
            if own is not None and (own ^ int(text)) >> (8 - counted):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, canonical beside its `text`. `scheme`, `user`, `port`: "*" for any, None where left out. `host`: a
    name, or what names end in after `host_star`, or a network. `path` without its slash and stars, in the spellings
    that URLs have it in; () where the pattern is literal text of another kind of URL."""

    text: str
    scheme: str | None = None
    user: str | None = None
    host: str | Network = ""
    host_star: bool = False
    port: str | None = None
    path: tuple[str, ...] = ()
    path_start: bool = False
    path_end: bool = False

    @property
    def is_url(self) -> bool:
        """Whether it has the parts of a URL with a host."""
        return self.scheme is not None

    @property
    def any_path(self) -> bool:
        """Whether every path matches."""
        return self.path == ("",) and (self.path_start or self.path_end)

    @property
    def any_url(self) -> bool:
        """Whether it matches every URL of the web."""
        anything = self.scheme == self.user == self.port == "*"
        return anything and self.host_star and not self.host and self.any_path

    def matches(self, target: "Target", form: int, settings: RuleSettings) -> bool:
        """Whether the URL matches in that form, one of `target.forms` by its place."""
        if not self.is_url:
            literal = self.text.removesuffix("*")
            return target.text.startswith(literal) if self.text.endswith("*") else target.text == literal
        return (
            self.scheme in ("*", target.scheme)
            and self._has_user(target.user, settings)
            and self._has_port(target, settings)
            and self._has_host(target.host)
            and self._has_path(target.forms[form] if settings.query_in_path else target.forms[form].partition("?")[0])
        )

    def _has_user(self, user: str, settings: RuleSettings) -> bool:
        if self.user is None:
            return not user or not settings.no_user_is_none
        return self.user == "*" or self.user == user

    def _has_port(self, target: "Target", settings: RuleSettings) -> bool:
        if self.port is None:
            return not settings.no_port_is_default or target.port == _PORTS.get(target.scheme)
        return self.port == "*" or target.port == int(self.port)

    def _has_host(self, host: str) -> bool:
        if isinstance(self.host, Network):
            return self.host.holds(host)
        return host.endswith(self.host) if self.host_star else host == self.host

    def _has_path(self, path: str) -> bool:
        if self.path_start and self.path_end:
            return any(text in path for text in self.path)
        if self.path_start:
            return path.endswith(self.path)
        return path.startswith(self.path) if self.path_end else path in self.path


@dataclass(frozen=True, slots=True)
class Target:
    """A URL to be matched: `text` as it came, the parts canonical. `forms`: path and query without the first slash, as
    sent, decoded, and as only some servers read it. `url` is None where it is none of the web."""

    text: str
    url: Url | None
    scheme: str = ""
    user: str = ""
    host: str = ""
    port: int | None = None
    forms: tuple[str, ...] = ("",)


def target_of(text: str) -> Target:
    """The parts of `text`; only its text where it is no URL with a host."""
    text = text.strip()
    try:
        parts = ada_url.parse_url(text[: MAX_URL + 1], _ATTRIBUTES)
    except (ValueError, UnicodeError):
        return Target(text, None)
    user = parts["username"] + (f":{parts['password']}" if parts["password"] else "")
    try:
        url = parse_url(text)
    except UrlError:
        scheme = parts["protocol"].removesuffix(":")
        port = int(parts["port"]) if parts["port"] else _PORTS.get(scheme)
        path = (parts["pathname"] + parts["search"]).removeprefix("/")
        return Target(text, None, scheme, user, parts["hostname"].lower(), port, (path,))
    forms = tuple(form_text(form)[1:] for form in forms_of(url))
    port = _PORTS[url.scheme] if url.port is None else url.port
    return Target(text, url, url.scheme, user, url.host, port, forms)


def parse_pattern(text: str) -> Pattern:
    """The pattern in `text`. LabelError E_PATTERN, without a place, where it is none."""
    if len(text) > MAX_PATTERN:
        raise _fault(f"pattern of {len(text)} characters", f"at most {MAX_PATTERN} are read")
    if any(char <= " " for char in text):
        raise _fault(f"{text[:80]!r} has a blank", "write it as %20, or delete it")
    scheme = _SCHEME.match(text)
    if scheme is None:
        if not _OTHER.match(text) or "*" in text[:-1]:
            raise _fault(f"{text[:80]!r} is no pattern", "write http://*@host:*/*")
        return Pattern(text)
    authority, slash, path = text[scheme.end() :].partition("/")
    user, at, place = authority.rpartition("@")
    host, port = _host_and_port(place, text)
    star = host.startswith("*") and not _NETWORK.fullmatch(host)
    start, end = path.startswith("*"), path.endswith("*")
    inner = path[start : len(path) - end] if len(path) > 1 else ("" if start else path)
    return Pattern(
        text,
        scheme[1].lower(),
        user if at else None,
        _suffix(host[1:], text) if star else _host(host, text),
        star,
        port,
        _paths(inner, start, end, text),
        bool(slash) and start,
        bool(slash) and end,
    )


def _host_and_port(place: str, text: str) -> tuple[str, str | None]:
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        return place, None
    if port != "*" and not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise _fault(f"{text[:80]!r}: {port[:20]!r} is no port", "write a number, or * for any")
    return host, port


def _host(host: str, text: str) -> str | Network:
    network = _NETWORK.fullmatch(host)
    if network is not None:
        numbers = tuple(None if part == "*" else int(part) for part in network.groups()[:4])
        bits = int(network[5] or 32)
        if bits > 32 or any(number is not None and number > 255 for number in numbers):
            raise _fault(f"{text[:80]!r}: no address", "write it as 192.0.2.0!24")
        if bits == 32 and None not in numbers:
            return ".".join(str(number) for number in numbers)
        return Network(numbers, bits)
    if "*" in host:
        raise _fault(f"{text[:80]!r}: * stands inside a host", "it may stand at the beginning: *.example.org")
    return _canonical(host, text)


def _suffix(end: str, text: str) -> str:
    """What names must end in. A name in its own letters can be compared only from a dot on: DNS has it in A-labels."""
    if "*" in end:
        raise _fault(f"{text[:80]!r}: two * in a host", "one may stand at the beginning: *.example.org")
    if end.isascii():
        return end.lower().rstrip(".")
    if not end.startswith("."):
        raise _fault(f"{text[:80]!r}: the end of a name that has other letters", "let it begin with a dot: *.日本")
    return _canonical(f"x{end}", text)[1:]


def _canonical(host: str, text: str) -> str:
    try:
        url = parse_url(f"http://{host}/")
    except UrlError as fault:
        raise _fault(f"{text[:80]!r}: {fault.what}", "write a host, or * for any") from None
    if any(char in host for char in "@:/?#\\") and not host.startswith("["):
        raise _fault(f"{text[:80]!r} has no host", "write http://*@host:*/*")
    return canonical_host(url.host) if ":" not in url.host else url.host


def _paths(path: str, start: bool, end: bool, text: str) -> tuple[str, ...]:
    if "*" in path:
        raise _fault(f"{text[:80]!r}: * stands inside a path", "it may stand at the beginning and at the end")
    if "#" in path:
        raise _fault(f"{text[:80]!r} has a fragment, which URLs lose on their way", "delete # and what follows")
    try:
        decoded = decode_percent(path)
        url = parse_url(f"http://host.test/{path}")
    except UrlError as fault:
        raise _fault(f"{text[:80]!r}: {fault.what}", "write a path as in a URL") from None
    if _DOTS & set(decoded.partition("?")[0].replace("\\", "/").split("/")):
        raise _fault(f"{text[:80]!r}: no URL has . or .. in its path", "write the path without them")
    if start:
        return tuple(dict.fromkeys((path, decoded)))
    mark = "?" if path.endswith("?") and url.sent.query is None else ""
    return tuple(dict.fromkeys(form_text(form)[1:] + mark for form in url.forms))


def _fault(what: str, mend: str) -> LabelError:
    return LabelError("E_PATTERN", what, None, mend)

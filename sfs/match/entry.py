"""What one line of a list means (design, section 4).

    example.jp            domain tree: the name and all below it (example.jp/ too: one writes it so from a browser)
    =example.jp           this host only
    example.jp/kids/      every page below a path, on this host (ends in /)
    example.jp/a/b.html   this page, with any query
    example.jp/s?q=x      this page with this query
    example.jp:8080       only on this port          |https://example.jp   only by this scheme
    192.0.2.1  [2001:db8::1]                         addresses are hosts

A scheme without | in front is ignored; # starts a comment.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from sfs.errors import RuleError, UrlError, Where
from sfs.text.readings import further_readings
from sfs.text.suffix import is_public_suffix
from sfs.text.url import DEFAULT_PORTS, Form, Url, is_address, parse_url

MAX_LINE = 8192  # characters; a longer line is no entry anybody wrote
_MAX_SHOWN = 200  # characters of a line in a message


class Unit(IntEnum):
    """What an entry covers; the higher number is the more specific unit and wins inside one owner."""

    TREE = 1
    HOST = 2
    PREFIX = 3
    PAGE = 4  # exact path, any query
    EXACT = 5  # exact path and query


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list. `scheme` and `port` are None where any will do; `forms` is () for TREE and HOST, and
    `readings` (text/readings.py) for nearly every entry."""

    unit: Unit
    host: str
    scheme: str | None = None
    port: int | None = None
    forms: tuple[Form, ...] = ()
    readings: tuple[Form, ...] = ()

    @property
    def specificity(self) -> tuple[int, int, int]:
        """Sorts entries that match one URL: the unit, then the longer path or name, then what pins more."""
        length = len(self.forms[-1].path) if self.forms else self.host.count(".")
        return (self.unit, length, (self.scheme is not None) + (self.port is not None))

    @property
    def needs_path(self) -> bool:
        """Whether it can be judged only where the path is seen (not by name)."""
        return self.unit > Unit.HOST

    @property
    def text(self) -> str:
        """The entry as a line that parses back to it; of EXACT without a query, which no line says, the path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        scheme = f"|{self.scheme}://" if self.scheme else ""
        if self.unit is Unit.TREE:
            return f"{scheme}{host}{port}"
        if self.unit is Unit.HOST:
            return f"{'' if is_address(self.host) else '='}{scheme}{host}{port}"
        form = self.forms[0]
        query = f"?{form.query}" if self.unit is Unit.EXACT and form.query is not None else ""
        return f"{scheme}{host}{port}{form.path}{query}"


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|[0-9a-f:.]+")  # a canonical name or address
_COMMENT = re.compile(r"(?:^|\s)#.*")  # only after a blank: example.jp/a#b has a fragment, which parsing drops


def parse_entry(line: str, where: Where | None = None) -> Entry | None:
    """The entry on `line`; None for a blank line or a comment.

    RuleError, with the column, for anything that is not an entry, and for a public suffix as a domain tree:
    one such line would close or open thousands of sites that have nothing to do with each other."""
    if len(line) > MAX_LINE:
        raise _error(f"line of {len(line)} characters", where, 1, f"an entry has {MAX_LINE} at most")
    text = _COMMENT.sub("", line).strip()
    if not text:
        return None
    column = line.index(text[0]) + 1
    exact_host = text.startswith("=")
    body = text.removeprefix("=")
    pinned = body.startswith("|")
    body = body.removeprefix("|")
    scheme, body = _scheme(body, pinned, where, column)
    if exact_host and "/" in body.rstrip("/"):
        raise _error(
            f"{_shown(text)} has both = and a path", where, column, "leave = out: a path stands on its host alone"
        )
    blank = next((i for i, c in enumerate(body) if c.isspace()), None)
    if blank is not None:
        raise _error(
            f"{_shown(text)} is not an entry: it has a space",
            where,
            line.index(body) + blank + 1,
            "delete the space, or start the line with # to keep it as a note",
        )
    return _entry(text, body, scheme, exact_host, where, column)


def _scheme(body: str, pinned: bool, where: Where | None, column: int) -> tuple[str | None, str]:
    match = _SCHEME.match(body)
    if match is None:
        if pinned:
            raise _error("| without a scheme", where, column, "write |https://host or leave | out")
        return None, body.removeprefix("//")
    scheme = match[0][:-3].lower()
    if scheme not in DEFAULT_PORTS:
        raise _error(f"scheme {_shown(scheme)} is not filtered", where, column, "use http or https, or no scheme")
    return (scheme if pinned else None), body[match.end() :]


def _entry(text: str, body: str, scheme: str | None, exact_host: bool, where: Where | None, column: int) -> Entry:
    if body.startswith(("/", "\\", "?", "#")):
        # A URL parser would take http:///name for http://name.
        raise _error(f"{_shown(text)} has no host", where, column, "write the host first, as example.jp/kids/")
    if "*" in body.split("/", 1)[0]:
        mend = "a name alone covers all below it: write example.jp for *.example.jp"
        raise _error(f"{_shown(text)} has a wildcard", where, column, mend)
    try:
        url = parse_url(f"{scheme or 'http'}://{_bracketed(body)}")
    except UrlError as fault:
        raise _error(f"{_shown(text)} is not an entry: {fault.what}", where, column, fault.mend or "") from None
    if not _HOST.fullmatch(url.host):
        # Browsers take other characters too, but no name in the DNS that anybody lists has them: it is a slip.
        raise _error(
            f"{_shown(text)} is not an entry: no host name", where, column, "write the host first, as example.jp"
        )
    port = _written_port(body, url, scheme)
    if url.sent == Form("/", None):
        unit = Unit.HOST if exact_host or is_address(url.host) else Unit.TREE
        if unit is Unit.TREE and is_public_suffix(url.host):
            raise _error(
                f"{url.host!r} is a public suffix: the sites below it have nothing in common",
                where,
                column,
                f"name the site, as example.{url.host}, or ={url.host} for this one host",
            )
        return Entry(unit, url.host, scheme, port)
    if url.sent.query is not None:
        return Entry(Unit.EXACT, url.host, scheme, port, url.forms, further_readings(url.forms))
    unit = Unit.PREFIX if url.decoded.path.endswith("/") else Unit.PAGE
    return Entry(unit, url.host, scheme, port, url.forms, further_readings(url.forms))


def _bracketed(body: str) -> str:
    """A bare IPv6 address gets its brackets; a name or IPv4 with a port stays."""
    return f"[{body}]" if body.count(":") > 1 and not body.startswith("[") and "/" not in body else body


def _written_port(body: str, url: Url, scheme: str | None) -> int | None:
    """The port as written: :80 and :443 pin one too, although a URL drops its scheme's own."""
    if url.port is not None:
        return url.port
    authority = re.split(r"[/?#]", body, maxsplit=1)[0].rpartition("@")[2]
    if authority.count(":") > 1 and not authority.startswith("["):
        return None
    digits = authority.rpartition("]")[2].rpartition(":")[2] if ":" in authority.rpartition("]")[2] else ""
    if not digits.isdigit():
        return None
    port = int(digits)
    # Without a pinned scheme :80 means "by http", which is what a reader of the line expects.
    return port if scheme is None or DEFAULT_PORTS[scheme] != port else None


def _error(what: str, where: Where | None, column: int, mend: str) -> RuleError:
    place = None if where is None else Where(where.file, where.line, column)
    return RuleError(what, place, mend)


def _shown(text: str) -> str:
    """A text in quotes, which are closed however long it is: who may not show it can tell where it ends."""
    return repr(text[:_MAX_SHOWN])


def is_bare_name(text: str) -> bool:
    """Whether a cell is a name or an address and nothing more: then it means the site, as in a list of names."""
    if "/" in text or "?" in text:
        return False
    try:
        entry = parse_entry(text)
    except RuleError:
        return False
    return entry is not None and entry.port is None and entry.unit <= Unit.HOST and not text.startswith("=")

"""What a client asks a label bureau: one query string, or the body of a form with the same fields.

    ?opt=generic&format=full&u="http%3A%2F%2Fexample.com%2F"&s="http%3A%2F%2Fwww.iajapan.org%2Frating%2F"

Fields come in any order; `u` and `s` may stand many times. Clients differ, and all of this is read: URLs with quotes,
with %22 or bare, `generic+tree` with any plus, libwww's `opt=signed` for `opt=generic`, no `s` at all (Internet
Explorer). What cannot be read is a QueryError with the status of the answer.
Spec: PICS Labels 1.1, "Requesting Labels from a Label Bureau".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

import ada_url

from sfs.errors import SfsError, UrlError
from sfs.text.url import Url, parse_url

MAX_URLS: Final = 256
MAX_SERVICES: Final = 16
MAX_QUERY: Final = 65_536  # bytes of the query string, and of a body
MAX_FIELDS: Final = 1000  # of all names; an unknown one is passed over, not free

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED: Final = re.compile(r"[ !#-~]*")
_NOT_QUOTED: Final = re.compile(r"[^ !#-~]")  # what may not stand in a string of PICS: it is echoed as %XX


class Opt(Enum):
    """Which labels are asked for. `NORMAL`: the specific one, a generic one in its place; `TREE`: all of what begins
    with the URL."""

    NORMAL = "normal"
    GENERIC = "generic"
    TREE = "tree"
    GENERIC_TREE = "generic+tree"

    @property
    def tree(self) -> bool:
        return self in (Opt.TREE, Opt.GENERIC_TREE)

    @property
    def generic_only(self) -> bool:
        return self in (Opt.GENERIC, Opt.GENERIC_TREE)


class Format(Enum):
    """How much of a label is told. `MINIMAL`: what it needs to be understood; `FULL`: all that the bureau has."""

    MINIMAL = "minimal"
    SHORT = "short"
    FULL = "full"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class Asked:
    """One URL: `text` as it was sent, without quotes, in characters that PICS can quote. `url` None: it is one, but of
    a kind that carries no pages, so nobody has rated it."""

    text: str
    url: Url | None


@dataclass(frozen=True, slots=True)
class Query:
    """`services`: the ids as sent; () asks for all that the bureau has."""

    urls: tuple[Asked, ...]
    services: tuple[str, ...] = ()
    opt: Opt = Opt.NORMAL
    format: Format = Format.FULL


class QueryError(SfsError):
    """A query that cannot be answered with labels. `status`: 400, 413 or 414."""

    def __init__(self, status: int, what: str, mend: str) -> None:
        super().__init__(what, None, mend)
        self.status = status


def parse_query(raw: bytes, *, form: bool = False) -> Query:
    """The query in `raw`: what stands behind the `?` of a GET, or (`form`) the body of a POST, where `+` is a blank.
    QueryError where it is too long, cannot be decoded, names no URL or something that is none."""
    fields = parse_fields(raw, (b"u", b"s", b"opt", b"format"), form=form)
    urls, services = fields[b"u"], fields[b"s"]
    if len(urls) > MAX_URLS or len(services) > MAX_SERVICES:
        too_much = 413 if form else 414
        limit = f"at most {MAX_URLS} URLs and {MAX_SERVICES} services in one query"
        raise QueryError(too_much, f"{len(urls)} URLs and {len(services)} services", limit)
    if not urls:
        raise QueryError(400, "no URL is asked for", 'write u="http%3A%2F%2Fexample.com%2F"')
    return Query(
        tuple(map(read_url, urls)),
        tuple(map(_service, services)),
        _opt(fields[b"opt"]),
        _format(fields[b"format"]),
    )


def _unquoted(value: bytes) -> bytes:
    """`value` decoded, without the quotes around it: written as `"`, as %22, or not at all."""
    if b"%" in value:
        value = unquote_to_bytes(value)
    return value[1:-1] if value[:1] == b'"' == value[-1:] and len(value) > 1 else value


def parse_fields(raw: bytes, names: Sequence[bytes], *, form: bool = False) -> dict[bytes, list[bytes]]:
    """The values of the fields with these names, decoded, without the quotes around them; others are passed over.
    `form`: `+` is a blank. QueryError for what is too long or cannot be decoded."""
    too_much = 413 if form else 414
    if len(raw) > MAX_QUERY:
        raise QueryError(too_much, f"a query of {len(raw)} bytes", f"send at most {MAX_QUERY}, in several queries")
    if raw.count(b"&") >= MAX_FIELDS:
        raise QueryError(too_much, "too many fields", f"send at most {MAX_FIELDS}")
    if _BAD_ESCAPE.search(raw):
        raise QueryError(400, "a % without two hexadecimal digits", "write a percent sign as %25")
    fields: dict[bytes, list[bytes]] = {name: [] for name in names}
    for field in raw.split(b"&"):
        name, equals, value = field.partition(b"=")
        if equals and name in fields:
            fields[name].append(_unquoted(value.replace(b"+", b" ") if form else value))
    return fields


def read_url(data: bytes) -> Asked:
    """The URL that a field holds. QueryError where it is none."""
    text = echo(data)
    try:
        return Asked(text, parse_url(data if not data.isascii() else data.decode("ascii")))
    except UrlError:
        if ada_url.check_url(text):
            return Asked(text, None)
    raise QueryError(400, f"not a URL: {text[:80]}", "write it whole, as http://host/path, and each & in it as %26")


def echo(data: bytes) -> str:
    """The URL in `data` as an answer can name it: what PICS cannot quote as %XX. QueryError for control characters,
    which no URL has."""
    text = data.decode("latin-1")
    if _QUOTED.fullmatch(text):
        return text
    if _CONTROL.search(text):
        raise QueryError(400, "a URL with control characters", "leave them out, or encode them twice")
    return _NOT_QUOTED.sub(lambda found: f"%{ord(found[0]):02X}", text)


@lru_cache(maxsize=256)  # a few ids are asked for all the time
def _service(data: bytes) -> str:
    return echo(data)


def _opt(values: list[bytes]) -> Opt:
    if not values:
        return Opt.NORMAL
    text = echo(values[0]).lower().replace(" ", "+")
    # A table in libwww sends `signed` where it means `generic`.
    found = _OPTS.get(text)
    if found is None or len(values) > 1:
        what = f"opt={text[:40]}" if found is None else "opt stands twice"
        raise QueryError(400, what, "write normal, generic, tree or generic+tree, once")
    return found


def _format(values: list[bytes]) -> Format:
    """The spec takes an unknown format as full."""
    if not values:
        return Format.FULL
    return _FORMATS.get(echo(values[0]).lower(), Format.FULL)


_OPTS: Final = {opt.value: opt for opt in Opt} | {"signed": Opt.GENERIC}
_FORMATS: Final = {format_.value: format_ for format_ in Format}

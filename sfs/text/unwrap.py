"""The URLs that another URL carries: pages seen through a translator, an archive, a cache, a reader, a web proxy;
pictures through a relay; links through a redirect.

The table is rules/wrappers.yaml, which says at its head what a row may hold. Unwrapping is one step: what comes out
may be wrapped again, and the caller goes on until nothing comes out or its own bound is reached.

Each request asks. For nearly every host there is no row, and that answer is kept (patterns.HostRows). Rows that speak
of any host are looked at only where path or query shows a sign of a URL: a few searches for a fixed text."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import unquote

from sfs.text.coded import ENCODINGS
from sfs.text.inner import coded_url, url_in
from sfs.text.patterns import HostRows
from sfs.text.url import decode_once
from sfs.text.wrapper_rows import PLAIN, Row, Wrapper, read_rows

MAX_FOUND: Final = 9  # URLs out of one: eight, and one more, which says that there are too many to judge

_CACHE_ID = re.compile(r"[A-Za-z0-9_-]{12}:")
_HIDDEN = re.compile(r"[A-Za-z0-9+/_=%.-]{16,}\Z")  # nothing that a person writes into a field
_URL_IN_PATH = re.compile(r"https?[:%/]")


@dataclass(frozen=True, slots=True)
class Wrapped:
    """`inner` is a URL with its scheme, not canonical yet; `name` says what carried it, `carries` in what manner:
    a "page" is shown by the wrapper, a "picture" too, to a "link" the browser goes on by itself."""

    name: str
    inner: str
    carries: str = "page"


class Wrappers:
    """The table, ready to be asked. RuleError where a row is wrong."""

    def __init__(self, rows: Sequence[object], file: str = "rules/wrappers.yaml") -> None:
        """`rows`: what a YAML reader made of the table, a list of mappings."""
        made = read_rows(rows, file)
        self.wrappers = tuple(row.wrapper for row in made)
        named = [(host, row) for row in made if not row.any_host for host in row.wrapper.hosts]
        self._named = HostRows(named)
        self._opaque = HostRows((host, row) for host, row in named if row.wrapper.opaque)
        programs = [row for row in made if row.any_host]
        self._opaque_programs = _Programs(row for row in programs if row.wrapper.opaque)
        self._in_path = tuple(row for row in programs if row.after)
        self._in_fields = _Programs(row for row in programs if row.wrapper.params and row.wrapper.paths)
        self._in_any_field = tuple(row for row in programs if row.wrapper.params and not row.wrapper.paths)
        self.patterns = self._named.patterns

    def unwrap(self, host: str, path: str, query: str | None = None) -> tuple[Wrapped, ...]:
        """The URLs that this one carries, at most MAX_FOUND, nearly always none. Never raises. `host` canonical,
        `path` and `query` as sent."""
        text = f"{path}?{query}".lower() if query else path.lower()
        shows = "http" in text or _shows_code(text)
        rows = self._named.of(host)
        if not rows and not shows:
            return ()
        lowered = path.lower()
        fitting = [row for row in rows if row.fits(path, lowered)]
        found = _found(fitting, _Asked(host, path, query or "")) if fitting else ()
        if found or not shows:  # what a host's own rows find is nearer to the truth than the habits of programs
            return found
        fitting = [row for row in self._programs(lowered, query) if row.fits(path, lowered)]
        return _found(fitting, _Asked(host, path, query or "")) if fitting else ()

    def may_wrap(self, path: str, query: str | None) -> bool:
        """Whether a row of any host might have something to say; rows that name hosts stand in `patterns`."""
        return self.shows_page(f"{path}?{query}".lower() if query else path.lower())

    def shows_page(self, lowered: str) -> bool:
        """As may_wrap, of a text that holds path and query in small letters."""
        return "http" in lowered or _shows_code(lowered) or bool(self._opaque_programs.near(lowered))

    def unwrap_name(self, host: str) -> Wrapped | None:
        """The site whose name is inside `host`: what is known where only a name is seen."""
        for row in self._named.of(host):
            url = url_in(_translated(_Asked(host, "/", "")), "https") if row.wrapper.hyphens else None
            if url:
                return Wrapped(row.wrapper.name, url, row.wrapper.carries)
        return None

    def hides(self, host: str, path: str, query: str | None = None) -> str | None:
        """The name of the service if this URL shows another page and nobody can tell which (rows with `opaque`)."""
        named, lowered = self._opaque.of(host), path.lower()
        programs = self._opaque_programs.near(lowered)
        if not named and not programs:
            return None
        asked = _Asked(host, path, query or "")
        rows = (row for row in named + programs if row.fits(path, lowered) and _hidden(row, asked))
        name = next((row.wrapper.name for row in rows), None)
        return name if name is None or not self.unwrap(host, path, query) else None

    def is_wrapper_host(self, host: str) -> str | None:
        """The wrapper's name if a host does nothing but wrap, so that its name alone says enough (HTTPS by name)."""
        return next((row.wrapper.name for row in self._named.of(host) if row.wrapper.only), None)

    def _programs(self, lowered: str, query: str | None) -> tuple[Row, ...]:
        """The rows of any host that could find something: still none for most URLs that name another one."""
        rows: tuple[Row, ...] = ()
        if ("http" in lowered and _URL_IN_PATH.search(lowered)) or _shows_code(lowered):
            rows = self._in_path
        if query:
            fields = query.lower()
            coded = _shows_code(fields)
            if coded or "http" in fields:
                rows += self._in_fields.near(lowered)
            if coded:
                rows += self._in_any_field
        return rows


class _Programs:
    """Rows of any host that look at certain paths only."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(rows)
        self._words = tuple({word for row in self._rows for word in row.words})

    def near(self, lowered: str) -> tuple[Row, ...]:
        """The rows, where one of them may speak of this path."""
        for word in self._words:
            if word in lowered:
                return self._rows
        return ()


class _Asked:
    """What is asked of the rows; the fields of its query are read once, and only if a row looks for one."""

    def __init__(self, host: str, path: str, query: str) -> None:
        self.host = host
        self.path = path
        self.query = query

    @cached_property
    def pairs(self) -> dict[str, list[str]]:
        """The fields and their values as sent. All of them: behind a bound a URL could hide, and the length of a
        request is a bound already."""
        pairs: dict[str, list[str]] = {}
        for part in self.query.split("&"):
            name, _, value = part.partition("=")
            pairs.setdefault((unquote(name) if "%" in name else name).lower(), []).append(value)
        return pairs

    def values(self, names: tuple[str, ...]) -> list[str]:
        """What the named fields hold, decoded once; "?" is the whole query as sent. Of a field that comes more than
        once each counts: one service takes the first, another the last."""
        values: list[str] = []
        for name in names if self.query else ():
            if name == "?":
                values.append(self.query)
            elif held := self.pairs.get(name):
                values += [decode_once(value) for value in held]
        return values


def _shows_code(text: str) -> bool:
    """Whether "http" may stand there in one of the encodings, or the "://" behind it in base64."""
    return (
        "ahr0c" in text
        or "uggc" in text
        or "hvtr" in text
        or "68747470" in text
        or "75676763" in text
        or "oi8v" in text
        or "czovl" in text
    )


def _found(rows: list[Row], asked: _Asked) -> tuple[Wrapped, ...]:
    found: dict[str, Wrapped] = {}
    for row in rows:
        for inner in _inner(row, asked):
            found.setdefault(inner, Wrapped(row.wrapper.name, inner, row.wrapper.carries))
            if len(found) == MAX_FOUND:
                return tuple(found.values())
    return tuple(found.values())


def _hidden(row: Row, asked: _Asked) -> bool:
    path, names = asked.path, row.wrapper.params
    if names:
        return any(map(_HIDDEN.match, asked.values(names)))
    return not row.after or any((found := find(path)) and found.end() < len(path) for find in row.after)


def _inner(row: Row, asked: _Asked) -> Iterator[str]:
    """The URLs that one row finds, in its order. Of its parts of a path the first that leads to a URL counts."""
    wrapper, path, query = row.wrapper, asked.path, asked.query
    if wrapper.hyphens:
        yield from filter(None, [url_in(_translated(asked), wrapper.scheme)])
    for find in row.after:
        found = find(path)
        url = _behind(row, path[found.end() :], query) if found and found.end() < len(path) else None
        if url:
            yield url
            break
    if wrapper.params and (not wrapper.marker or wrapper.marker.rstrip(":") in query.lower()):
        for field in asked.values(wrapper.params):
            value = _marked(field, wrapper.marker) if wrapper.marker else field
            url = _read(row, value, value, value) if value else None
            if url:
                yield _with_own_path(url, path, query, wrapper) if wrapper.origin else url


def _behind(row: Row, rest: str, query: str) -> str | None:
    whole = rest + (f"?{query}" if query else "")
    if row.wrapper.until:
        end = whole.find(row.wrapper.until)
        if end >= 0:
            whole, rest = whole[:end], rest[:end]
    return _read(row, whole, rest, rest.partition("/")[0])


def _read(row: Row, whole: str, path: str, segment: str) -> str | None:
    """The URL in a text, in the first encoding of the row that leads to one; how much of it an encoding covers, the
    encoding says."""
    wrapper = row.wrapper
    parts = {"all": whole, "path": path, "segment": segment}
    for chain in wrapper.encoding:
        if chain == PLAIN:
            url = url_in(whole, wrapper.scheme, bare=not row.any_host)
        else:
            outermost = ENCODINGS[chain.split()[0]]
            url = coded_url(parts[outermost.part], chain, outermost.literal)
        if url:
            return url
    return None


def _marked(value: str, marker: str) -> str | None:
    """The URL behind a service's own word: "cache:URL words", "cache:ID:URL words", "a1BASE64"."""
    value = value.strip()
    if not value.lower().startswith(marker):
        return None
    value = value[len(marker) :]
    known = _CACHE_ID.match(value)
    rest = value[known.end() :] if known else value
    return re.split(r"[\s+]", rest, maxsplit=1)[0]


def _with_own_path(url: str, path: str, query: str, wrapper: Wrapper) -> str:
    """The page of a proxy that takes only scheme and host out of a field, and the path from its own URL."""
    scheme, _, rest = url.partition("://")
    host = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    kept = [part for part in query.split("&") if part.partition("=")[0].lower() not in wrapper.params]
    return f"{scheme}://{host}{path}" + (f"?{'&'.join(kept)}" if kept else "")


def _translated(asked: _Asked) -> str:
    """The page behind example-com.translate.goog.

    Spec: Google Search Central, "Enable your ad network to work with translation-related Google Search features"."""
    pairs = asked.pairs
    label = "".join(pairs.get("_x_tr_hp", [])[:1]) + asked.host.partition(".")[0]
    encodings = "".join(pairs.get("_x_tr_enc", [])[:1]).split(",")
    if "1" in encodings:
        label = label.removeprefix("1-")
    idn = "0" in encodings and label.startswith("0-")
    label = re.sub(r"\b-\b", ".", label[2:] if idn else label).replace("--", "-")
    if "." not in label:
        return ""
    scheme = "http" if pairs.get("_x_tr_sch") == ["http"] else "https"
    rest = "&".join(part for part in asked.query.split("&") if not part.lower().startswith("_x_tr_"))
    return f"{scheme}://{'xn--' if idn else ''}{label}{asked.path}" + (f"?{rest}" if rest else "")

"""The URL that another URL carries: pages seen through a translator, an archive, a cache, an AMP viewer, a reader.

The table is rules/wrappers.yaml, which says at its head what a row may hold. Unwrapping is one step: what comes out
may be wrapped again, and the caller goes on until nothing comes out or its own bound is reached."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from sfs.errors import RuleError, Where
from sfs.text.patterns import HostRows, check_hosts, row_values
from sfs.text.url import decode_once

MAX_ROWS: Final = 2000
MAX_INNER: Final = 65_536  # characters; a URL has no more
MAX_CARRIED: Final = 8  # URLs in one that are told apart
MAX_ROUNDS: Final = 3  # of percent-decoding, until a URL comes to light

_SCHEME = re.compile(r"(https?|ftp):[/\\]*(?=[^/\\\s])", re.I)
_CODED_HOST = re.compile(r"[^/\\?#%]*%")
_SCHEME_AS_FOLDER = re.compile(r"(https?)[/\\]+", re.I)
# What may stand without a scheme: a name with a top level domain, or an address.
_BARE = re.compile(
    r"(?:[^\s/\\?#@%]*@)?"
    r"(?:[^\s/\\?#@%:\[\]<>\"]+\.[^\s/\\?#@%:\[\]<>\".\d][^\s/\\?#@%:\[\]<>\".]+\.?|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\])"
    r"(?::\d*)?(?=[/\\?#]|\Z)"
)
_FILE = re.compile(
    r"[^/?#]*\.(?:ico|css|js|mjs|json|xml|txt|png|jpe?g|gif|svg|webp|html?|php|aspx?|jsp|woff2?|map|pdf)\Z", re.I
)
_CACHE_ID = re.compile(r"[A-Za-z0-9_-]{12}:")


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One row. The URL stands in a field (`params`; "?" is the whole query), behind a part of the path (`after`), or
    in the first label of the host with hyphens for dots (`hyphens`). `only`: these hosts do nothing but wrap."""

    name: str
    hosts: tuple[str, ...]
    params: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    marker: str = ""
    scheme: str = "http"
    hyphens: bool = False
    only: bool = False


@dataclass(frozen=True, slots=True)
class Wrapped:
    """`inner` is a URL with its scheme, not canonical yet; `name` says what carried it."""

    name: str
    inner: str


class Wrappers:
    """The table, ready to be asked. RuleError where a row is wrong."""

    def __init__(self, rows: Sequence[object], file: str = "rules/wrappers.yaml") -> None:
        """`rows`: what a YAML reader made of the table, a list of mappings."""
        where = Where(file)
        if not isinstance(rows, list) or len(rows) > MAX_ROWS:
            raise RuleError(f"not a list of at most {MAX_ROWS} wrappers", where)
        self.wrappers = tuple(_wrapper(row, number, where) for number, row in enumerate(rows, 1))
        made = ((wrapper, tuple(map(_template, wrapper.after))) for wrapper in self.wrappers)
        self._rows = HostRows((host, row) for row in made for host in row[0].hosts)

    def unwrap(self, host: str, path: str, query: str | None = None) -> Wrapped | None:
        """The first URL that this one carries, or None. Never raises. `host` canonical, `path` and `query` as sent."""
        return next(self._carried(host, path, query or ""), None)

    def unwrap_all(self, host: str, path: str, query: str | None = None) -> tuple[Wrapped, ...]:
        """Every URL that this one carries, each once: of ?u=one&u=two one service shows the first, another the last.
        At most MAX_CARRIED and one more, which says that there are too many."""
        found: dict[Wrapped, None] = {}
        for wrapped in self._carried(host, path, query or ""):
            found[wrapped] = None
            if len(found) > MAX_CARRIED:
                break
        return tuple(found)

    def _carried(self, host: str, path: str, query: str) -> Iterator[Wrapped]:
        for wrapper, templates in self._rows.of(host):
            if wrapper.paths and not path.lower().startswith(wrapper.paths):
                continue
            for inner in _candidates(wrapper, templates, host, path, query):
                url = _url(inner, wrapper.scheme)
                if url:
                    yield Wrapped(wrapper.name, url[:MAX_INNER])

    def is_wrapper_host(self, host: str) -> str | None:
        """The wrapper's name if a host does nothing but wrap, so that its name alone says enough (HTTPS by name)."""
        return next((wrapper.name for wrapper, _ in self._rows.of(host) if wrapper.only), None)


def _candidates(
    wrapper: Wrapper, templates: tuple[re.Pattern[str], ...], host: str, path: str, query: str
) -> Iterator[str]:
    """What might be a URL, in the order of the row."""
    if wrapper.hyphens:
        yield _translated(host, path, query)
    for template in templates:
        found = template.match(path)
        if found and found.end() < len(path):
            yield path[found.end() :] + (f"?{query}" if query else "")
    if wrapper.params and query:
        pairs = _pairs(query, wrapper.params)
        for name in wrapper.params:
            for value in [query] if name == "?" else pairs.get(name, ()):
                marked = _marked(value, wrapper.marker)
                if marked:
                    yield marked


def _pairs(query: str, wanted: Sequence[str]) -> dict[str, list[str]]:
    """The values of these names, however many others stand around them: padding hides no page."""
    pairs: dict[str, list[str]] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        name = (unquote(name) if "%" in name else name).lower()
        if name in wanted:
            pairs.setdefault(name, []).append(decode_once(value))
    return pairs


def _marked(value: str, marker: str) -> str | None:
    """The URL behind a search engine's own word: "cache:URL words" or "cache:ID:URL words"."""
    if not marker:
        return value
    value = value.strip()
    if not value.lower().startswith(marker):
        return None
    value = value[len(marker) :]
    known = _CACHE_ID.match(value)
    rest = value[known.end() :] if known else value
    return re.split(r"[\s+]", rest, maxsplit=1)[0]


def _translated(host: str, path: str, query: str) -> str:
    """The page behind example-com.translate.goog.

    Spec: Google Search Central, "Enable your ad network to work with translation-related Google Search features"."""
    pairs = _pairs(query, ("_x_tr_hp", "_x_tr_enc", "_x_tr_sch"))
    label = "".join(pairs.get("_x_tr_hp", [])[:1]) + host.partition(".")[0]
    encodings = "".join(pairs.get("_x_tr_enc", [])[:1]).split(",")
    if "1" in encodings:
        label = label.removeprefix("1-")
    idn = "0" in encodings and label.startswith("0-")
    label = re.sub(r"\b-\b", ".", label[2:] if idn else label).replace("--", "-")
    if "." not in label:
        return ""
    scheme = "http" if pairs.get("_x_tr_sch") == ["http"] else "https"
    rest = "&".join(part for part in query.split("&") if not part.lower().startswith("_x_tr_"))
    return f"{scheme}://{'xn--' if idn else ''}{label}{path}" + (f"?{rest}" if rest else "")


def _url(text: str, scheme: str) -> str | None:
    """A URL with a scheme out of what stands there, decoded no more than it takes to see one."""
    for _ in range(MAX_ROUNDS + 1):
        text = text.strip("\x00\t\n\f\r ")
        schemed = _SCHEME.match(text)
        if schemed and not _CODED_HOST.match(text, schemed.end()):
            return f"{schemed[1].lower()}://{text[schemed.end() :]}"
        folder = _SCHEME_AS_FOLDER.match(text)
        if folder and _BARE.match(text, folder.end()):
            return f"{folder[1].lower()}://{text[folder.end() :]}"
        bare = text.lstrip("/\\")
        if _BARE.match(bare) and not _FILE.match(bare):
            return f"{scheme}://{bare}"
        decoded = decode_once(text)
        if decoded == text:
            return None
        text = decoded
    return None


# Reading the table.


def _template(template: str) -> re.Pattern[str]:
    return re.compile(re.escape(template).replace(r"\*", "[^/]*"), re.I)


def _wrapper(row: object, number: int, where: Where) -> Wrapper:
    named = row.get("name", "no name") if isinstance(row, Mapping) else "no name"
    who = f"wrapper {number} ({str(named)[:40]})"
    texts = frozenset({"name", "marker", "scheme"})
    values = row_values(row, Wrapper, texts, frozenset({"hyphens", "only"}), who, where)
    wrapper = Wrapper(**{"name": "", "hosts": (), **values})
    if (
        not wrapper.name
        or not wrapper.hosts
        or not (wrapper.params or wrapper.after or wrapper.hyphens or wrapper.only)
    ):
        raise RuleError(f"{who} lacks something", where, "a row has name, hosts, and params, after, hyphens or only")
    check_hosts(wrapper.hosts, who, where)
    if wrapper.scheme not in ("http", "https"):
        raise RuleError(f"{who}: scheme {wrapper.scheme[:20]!r}", where, "write http or https")
    for path in (*wrapper.after, *wrapper.paths):
        if path[0] != "/" or path != path.lower():
            raise RuleError(f"{who}: {path[:80]!r} is no part of a path", where, "write /web/*/ in lower case")
    for name in wrapper.params:
        if name != name.lower():
            raise RuleError(f"{who}: {name[:80]!r} has capitals", where, "write it in lower case; case does not matter")
    return wrapper

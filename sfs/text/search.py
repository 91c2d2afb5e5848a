"""What somebody typed into a search engine, read from the URL (or form) that asks it.

The table is rules/search-engines.yaml, which says at its head what a row may hold. Rows are found by their hosts
(patterns.py), so a thousand cost no more than ten. The nearest row that finds words answers. A row is for a path or
for parameters; bytes are decoded by the charset that the URL names, else by the first of the row's charsets in which
all of them are characters."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from urllib.parse import unquote_to_bytes

from sfs.errors import RuleError, Where
from sfs.text.charset import canonical, decode_bytes, decode_strict
from sfs.text.patterns import HostRows, check_hosts, row_values

MAX_ROWS: Final = 5000
# Padding hides nothing: what is past a bound is searched all the same, as one text.
MAX_PAIRS: Final = 500  # parameters of one query that are told apart
MAX_WORDS: Final = 32  # values that are told apart
MAX_WORD: Final = 65_536  # characters; a URL has no more
MAX_FORM: Final = 256 * 1024  # bytes
MAX_ROUNDS: Final = 3  # a page's own script may decode what the server did not

CHARSETS: Final = ("utf-8", "euc-jp", "shift_jis")  # in this order no Japanese text is taken for another charset's

_UNICODE_ESCAPES = re.compile(rb"(?:%u[0-9A-Fa-f]{4})+")
# UTF-8 of Japanese takes three bytes a character; a text all of two-byte ones and no Latin letter may be EUC-JP.
# (ASCII without letters is spelled out: compiling [^A-Za-z\u0080-\U0010ffff] takes 70 ms of every start.)
_SHORT_UTF8 = re.compile(r"[\x00-@\[-`{-\x7f]*(?:[\u0080-\u07ff][\x00-@\[-`{-\x7f]*){2,}")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class Engine:
    """One row. `paths`: "/x" a prefix, "x" the start of any path segment; none: every path. `path`: templates with one
    {} for the word, * for any segment; the first that fits counts. `space`: what a path has for a space, besides +."""

    name: str
    hosts: tuple[str, ...]
    params: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    charsets: tuple[str, ...] = CHARSETS
    charset_param: tuple[str, ...] = ("ie", "ei")
    space: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """An engine with its paths compiled. `templates` find the word as group 1, from the start of the path."""

    engine: Engine
    paths: re.Pattern[str] | None
    templates: tuple[re.Pattern[str], ...]


@dataclass(slots=True)
class _Query:
    """A query taken apart once, at the first row that wants it."""

    raw: bytes
    form: bytes
    rest: bytes = b""  # of `pairs`: what stands behind those that are told apart
    _pairs: dict[str, list[bytes]] | None = field(default=None)

    def pairs(self) -> dict[str, list[bytes]]:
        """Values as bytes under their names in lower case."""
        if self._pairs is None:
            self._pairs = {}
            parts = [part for part in self.raw.split(b"&") + self.form.split(b"&") if part]
            # Some servers take ";" for "&"; most take it for itself. Both readings count.
            inner = [part for whole in parts[:MAX_PAIRS] for part in whole.split(b";")[1:]]
            self.rest = b"&".join(parts[MAX_PAIRS:] + inner[MAX_PAIRS:])
            for part in parts[:MAX_PAIRS] + inner[:MAX_PAIRS]:
                name, _, value = part.partition(b"=")
                self._pairs.setdefault(_unquoted(name).decode("latin-1").lower(), []).append(_unquoted(value))
        return self._pairs


class Engines:
    """The table, ready to be asked. Frozen once made; RuleError where a row is wrong."""

    def __init__(self, rows: Sequence[object], file: str = "rules/search-engines.yaml") -> None:
        """`rows`: what a YAML reader made of the table, a list of mappings."""
        if not isinstance(rows, list) or len(rows) > MAX_ROWS:
            raise RuleError(f"not a list of at most {MAX_ROWS} search engines", Where(file))
        self.engines = tuple(_engine(row, number, Where(file)) for number, row in enumerate(rows, 1))
        made = (_Row(one, _paths(one.paths), tuple(map(_template, one.path))) for one in self.engines)
        self._rows = HostRows((host, row) for row in made for host in row.engine.hosts)

    def words(self, host: str, path: str, raw_query: bytes | str | None, form: bytes | None = None) -> tuple[str, ...]:
        """The search words of a URL, each once; () where it is no search. Never raises.

        `host` canonical, `path` and `raw_query` as sent, `form` the urlencoded body of a POST.
        A value that still has percent signs after decoding comes a second time, decoded again."""
        query = _Query(_bytes(raw_query or "")[:MAX_FORM], (form or b"")[:MAX_FORM])
        for row in self._rows.of(host):
            words = _words(row, path, query)
            if words:
                return words
        return ()

    def engine(self, host: str, path: str = "/") -> Engine | None:
        """The nearest row for a host and path, whether words are asked or not; rows for any host do not count."""
        for row in self._rows.of(host):
            if "*" not in row.engine.hosts and (row.paths is None or row.paths.search(path)):
                return row.engine
        return None


def _words(row: "_Row", path: str, query: _Query) -> tuple[str, ...]:
    engine = row.engine
    raws: list[bytes] = []
    if row.paths is None or row.paths.search(path):
        places = (found for template in row.templates if (found := template.match(path)))
        raws += [_unquoted(_bytes(found[1])) for found in islice(places, 1)]
        if engine.params and (query.raw or query.form):
            pairs = query.pairs()
            raws += [value for name in engine.params if name in pairs for value in pairs[name]]
            raws += [_unquoted(query.rest)] if query.rest else []
    if len(raws) > MAX_WORDS:
        raws = [*raws[: MAX_WORDS - 1], b" ".join(raws[MAX_WORDS - 1 :])]
    found_words: dict[str, None] = {}
    for raw in raws:
        for text in _readings(raw, engine, query):
            found_words[text] = None
    return tuple(found_words)


def _readings(raw: bytes, engine: Engine, query: _Query) -> Iterator[str]:
    for text in _decoded(raw, engine, query):
        for _ in range(MAX_ROUNDS):
            text = text[:MAX_WORD]
            shown = " ".join(text.split())
            if shown:
                yield shown
            if engine.space and engine.space in shown:
                yield " ".join(shown.replace(engine.space, " ").split())
            if not _ESCAPED.search(text):
                break
            text = _decoded(_unquoted(_bytes(text)), engine, query)[0]


def _decoded(raw: bytes, engine: Engine, query: _Query) -> list[str]:
    """One reading; two where nothing tells whether short words are UTF-8 or Japanese: 動物 in EUC-JP is both."""
    if raw.isascii() and b"\x1b" not in raw:
        return [raw.decode("ascii")]
    for charset in _named(engine, query):
        text = decode_strict(raw, charset)
        if text is not None:
            return [text]
    for charset in engine.charsets:
        text = decode_strict(raw, charset)
        if text is not None:
            other = (
                decode_strict(raw, "euc-jp") if "euc-jp" in engine.charsets and _SHORT_UTF8.fullmatch(text) else None
            )
            return [text] if other is None or other == text else [other, text]
    return [decode_bytes(raw, "windows-1252")]


def _named(engine: Engine, query: _Query) -> Iterator[str]:
    for name in engine.charset_param:
        for value in query.pairs().get(name, ()):
            charset = canonical(value[:64].decode("latin-1"))
            if charset:
                yield charset


def _unquoted(raw: bytes) -> bytes:
    if b"%u" in raw:  # escape() of old scripts
        raw = _UNICODE_ESCAPES.sub(_utf8_of_units, raw)
    return unquote_to_bytes(raw.replace(b"+", b" "))


def _utf8_of_units(found: re.Match[bytes]) -> bytes:
    units = bytes.fromhex(found[0].replace(b"%u", b"").decode("ascii"))
    return units.decode("utf-16-be", "replace").encode().replace(b"%", b"%25").replace(b"+", b"%2B")


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


# Reading the table.


def _paths(paths: tuple[str, ...]) -> re.Pattern[str] | None:
    """ "/x" stands at the start; "x" at the start of any segment."""
    if not paths:
        return None
    starts = [re.escape(path) for path in paths if path[0] == "/"]
    segments = ["/" + re.escape(path) for path in paths if path[0] != "/"]
    return re.compile("|".join([rf"\A{start}" for start in starts] + segments), re.I)


def _template(template: str) -> re.Pattern[str]:
    """A segment ends at a slash or the end; what follows the template's last segment does not matter."""
    parts = [re.escape(part) for part in template.split("{}")]
    pattern = "([^/]+)".join(part.replace(r"\*", "[^/]*") for part in parts)
    return re.compile(rf"{pattern}(?:/|\Z)", re.I)


def _engine(row: object, number: int, where: Where) -> Engine:
    named = row.get("name", "no name") if isinstance(row, Mapping) else "no name"
    who = f"search engine {number} ({str(named)[:40]})"
    values = row_values(row, Engine, frozenset({"name", "space"}), frozenset(), who, where)
    engine = Engine(**{"name": "", "hosts": (), **values})
    _check(engine, who, where)
    return engine


def _check(engine: Engine, who: str, where: Where) -> None:
    if not engine.name or not engine.hosts or not (engine.params or engine.path):
        raise RuleError(f"{who} lacks something", where, "a row has name, hosts, and params or path")
    check_hosts(engine.hosts, who, where)
    for template in engine.path:
        if template[0] != "/" or template.count("{}") != 1:
            raise RuleError(f"{who}: {template[:80]!r} is no path template", where, "write /search/{}")
    for name in (*engine.params, *engine.charset_param, *engine.paths):
        if name != name.lower():
            raise RuleError(f"{who}: {name[:80]!r} has capitals", where, "write it in lower case; case does not matter")
    for charset in engine.charsets:
        if canonical(charset) is None:
            raise RuleError(f"{who}: {charset[:40]!r} is no charset of the web", where, "write shift_jis or euc-jp")

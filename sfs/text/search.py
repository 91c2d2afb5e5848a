"""What somebody typed into a search engine, read from the URL (or from what is sent with it) that asks it.

The table is rules/search-engines.yaml, which says at its head what a row may hold (search_rows.py reads it). Rows are
found by their hosts (patterns.py), so a thousand cost no more than ten. All rows that name the host answer together:
were the first to find words alone, a field that one row knows would hide another one's. Rows for a first label answer
where none of those did. A row is for a path or for parameters (fields.py); bytes are decoded by the charset that the
URL names, else by the first of the row's charsets in which all of them are characters."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from sfs.text.charset import canonical, decode_bytes, decode_strict
from sfs.text.fields import MAX_FORM, REST, Fields, unquoted
from sfs.text.patterns import HostRows
from sfs.text.search_rows import Engine, Row, read_rows

# Padding hides nothing: what is past a bound is searched all the same, as one text.
MAX_WORDS: Final = 32  # values that are told apart
MAX_WORD: Final = 65_536  # characters; a URL has no more
MAX_ROUNDS: Final = 3  # a page's own script may decode what the server did not

# UTF-8 of Japanese takes three bytes a character; a text all of two-byte ones and no Latin letter may be EUC-JP.
# (ASCII without letters is spelled out: compiling [^A-Za-z\u0080-\U0010ffff] takes 70 ms of every start.)
_SHORT_UTF8 = re.compile(r"[\x00-@\[-`{-\x7f]*(?:[\u0080-\u07ff][\x00-@\[-`{-\x7f]*){2,}")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")


class Engines:
    """The table, ready to be asked. Frozen once made; RuleError where a row is wrong."""

    def __init__(self, rows: Sequence[object], file: str = "rules/search-engines.yaml") -> None:
        """`rows`: what a YAML reader made of the table, a list of mappings."""
        made = read_rows(rows, file)
        self.engines = tuple(row.engine for row in made)
        self._rows = HostRows((host, row) for row in made for host in row.engine.hosts)
        self.patterns = self._rows.patterns

    def words(
        self, host: str, path: str, raw_query: bytes | str | None, form: bytes | None = None, form_kind: str = ""
    ) -> tuple[str, ...]:
        """The search words of a URL, each once; () where it is no search. Never raises.

        `host` canonical, `path` and `raw_query` as sent, `form` the body of a POST and `form_kind` its Content-Type.
        A value that still has percent signs after decoding comes a second time, decoded again."""
        rows = self._rows.of(host)
        if not rows:
            return ()
        fields = Fields(_bytes(raw_query or "")[:MAX_FORM], form or b"", form_kind)
        words: dict[str, None] = {}
        for row in rows:
            if words and row.anywhere:
                break
            words.update(dict.fromkeys(_words(row, path, fields)))
        found = tuple(words)
        return found if len(found) <= MAX_WORDS else (*found[: MAX_WORDS - 1], " ".join(found[MAX_WORDS - 1 :]))

    def takes_fields(self, host: str, path: str) -> bool:
        """Whether what is sent to this host and path in fields may be search words."""
        return any(row.engine.params and row.takes_params(path) for row in self._rows.of(host))

    def engine(self, host: str, path: str = "/") -> Engine | None:
        """The nearest row for a host and path, whether words are asked or not; rows for any host do not count."""
        for row in self._rows.of(host):
            if "*" not in row.engine.hosts and (row.takes_params(path) or row.in_path(path)):
                return row.engine
        return None


def _words(row: Row, path: str, fields: Fields) -> tuple[str, ...]:
    engine = row.engine
    in_path = row.in_path(path)
    raws = [unquoted(_bytes(in_path))] if in_path else []
    if engine.params and (fields.query or fields.form) and row.takes_params(path):
        pairs = fields.pairs()
        raws += [value for name in (*engine.params, REST) for value in pairs.get(name, ())]
    if len(raws) > MAX_WORDS:
        raws = [*raws[: MAX_WORDS - 1], b" ".join(raws[MAX_WORDS - 1 :])]
    found_words: dict[str, None] = {}
    for raw in raws:
        for text in _readings(raw, engine, fields):
            found_words[text] = None
    return tuple(found_words)


def _readings(raw: bytes, engine: Engine, fields: Fields) -> Iterator[str]:
    """At most two readings a round, so at most 2, 4, 8 of the same words."""
    texts = _decoded(raw, engine, fields)
    for _ in range(MAX_ROUNDS):
        texts = [text[:MAX_WORD] for text in texts]
        for text in texts:
            shown = " ".join(text.split())
            if shown:
                yield shown
            if engine.space and engine.space in shown:
                yield " ".join(shown.replace(engine.space, " ").split())
        texts = [
            again
            for text in texts
            if _ESCAPED.search(text)
            for again in _decoded(unquoted(_bytes(text)), engine, fields)
        ]


def _decoded(raw: bytes, engine: Engine, fields: Fields) -> list[str]:
    """One reading; two where nothing tells whether short words are UTF-8 or Japanese: 動物 in EUC-JP is both."""
    if raw.isascii() and b"\x1b" not in raw:
        return [raw.decode("ascii")]
    for charset in _named(engine, fields):
        text = decode_strict(raw, charset)
        if text is not None:
            # Many servers read UTF-8 whatever charset is named; a name must not hide it.
            plain = decode_strict(raw, "utf-8")
            return [text] if plain is None or plain == text else [text, plain]
    for charset in engine.charsets:
        text = decode_strict(raw, charset)
        if text is not None:
            other = (
                decode_strict(raw, "euc-jp") if "euc-jp" in engine.charsets and _SHORT_UTF8.fullmatch(text) else None
            )
            return [text] if other is None or other == text else [other, text]
    return [decode_bytes(raw, "windows-1252")]


def _named(engine: Engine, fields: Fields) -> Iterator[str]:
    for name in engine.charset_param:
        for value in fields.pairs().get(name, ()):
            charset = canonical(value[:64].decode("latin-1"))
            if charset:
                yield charset


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")

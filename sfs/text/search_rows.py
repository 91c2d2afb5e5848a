"""The table rules/search-engines.yaml, read: one Engine a row. What a row may hold stands at the head of that file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sfs.errors import RuleError, Where
from sfs.text.charset import canonical
from sfs.text.patterns import check_hosts, row_values

MAX_ROWS: Final = 5000
CHARSETS: Final = ("utf-8", "euc-jp", "shift_jis")  # in this order no Japanese text is taken for another charset's


@dataclass(frozen=True, slots=True)
class Engine:
    """One row. `params` count under `paths`; none: every path. `path`: templates with one {} for the word, * for any
    segment; the first that fits counts. `skip`: segments that are no words there. `space`: what a path has for a space,
    besides +."""

    name: str
    hosts: tuple[str, ...]
    params: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    charsets: tuple[str, ...] = CHARSETS
    charset_param: tuple[str, ...] = ("ie", "ei")
    space: str = ""


@dataclass(frozen=True)
class Row:
    """An engine and what its paths say, compiled when somebody first asks: most of the table is never asked."""

    engine: Engine

    @cached_property
    def anywhere(self) -> bool:
        """Whether the row is for hosts by their first label, or for any."""
        return any(host == "*" or host.endswith(".*") for host in self.engine.hosts)

    @cached_property
    def _paths(self) -> re.Pattern[str] | None:
        return _paths(self.engine.paths)

    @cached_property
    def _templates(self) -> tuple[re.Pattern[str], ...]:
        """They find the word as group 1, from the start of the path."""
        return tuple(map(_template, self.engine.path))

    def takes_params(self, path: str) -> bool:
        """Whether the parameters of the row are search words on this path."""
        return self._paths is None or self._paths.search(path) is not None

    def in_path(self, path: str) -> str | None:
        """The word that the path itself holds, as sent."""
        for template in self._templates:
            found = template.match(path)
            if found and found[1].lower() not in self.engine.skip:
                return found[1]
        return None


def read_rows(rows: object, file: str) -> tuple[Row, ...]:
    """`rows`: what a YAML reader made of the table, a list of mappings. RuleError names the row that is wrong."""
    if not isinstance(rows, list) or len(rows) > MAX_ROWS:
        raise RuleError(f"not a list of at most {MAX_ROWS} search engines", Where(file))
    engines = [_engine(row, number, Where(file)) for number, row in enumerate(rows, 1)]
    return tuple(map(Row, engines))


def _paths(paths: tuple[str, ...]) -> re.Pattern[str] | None:
    """ "/" is the first page, "/x" stands at the start, "x" at the start of any segment; a slash behind ends it."""
    return re.compile("|".join(map(_place, paths)), re.I) if paths else None


def _place(path: str) -> str:
    if path == "/":
        return r"\A/?(?:;|\Z)"
    start = r"\A" if path[0] == "/" else "/"
    end = r"(?=[/;]|\Z)" if path[-1] == "/" else ""  # ";" begins parameters of a segment
    return start + re.escape(path.removesuffix("/")) + end


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
    for name in (*engine.params, *engine.charset_param, *engine.paths, *engine.skip):
        if name != name.lower():
            raise RuleError(f"{who}: {name[:80]!r} has capitals", where, "write it in lower case; case does not matter")
    for charset in engine.charsets:
        if canonical(charset) is None:
            raise RuleError(f"{who}: {charset[:40]!r} is no charset of the web", where, "write shift_jis or euc-jp")

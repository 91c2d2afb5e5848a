"""Rows of rules/wrappers.yaml as values. The head of that file says what a row may hold.

Patterns of paths become regular expressions here: they are made of fixed pieces, a keeper writes none. `*` stands for
characters of one segment, `?` for one, `#` for a time stamp, a leading `/**/` for any folders, a `**` at the end for
whatever stands before the segment with which a URL begins."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sfs.errors import RuleError, Where
from sfs.text.coded import ENCODINGS
from sfs.text.patterns import check_hosts, row_values

MAX_ROWS: Final = 2000
PLAIN: Final = "plain"
CARRIES: Final = ("page", "picture", "link")

_TEXTS = frozenset({"name", "marker", "until", "scheme", "carries"})
_FLAGS = frozenset({"hyphens", "only", "origin", "opaque"})
# With what a URL begins: as it is, percent-encoded, as a folder; then in base64 (whole, or without its "http"), by
# rot13, in hexadecimal, in that by rot13, by xor2.
_URL_BEGINS = r"(?=https?(?::|%(?:25)*3a|/)|ahr0c|oi8v|czovl|uggcf?(?::|%(?:25)*3a|/)|68747470|75676763|hvtr)"
_PIECES = {"*": "[^/]*", "?": "[^/]", "#": r"\d{4,14}"}


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One row. The URL stands in a field (`params`; "?" is the whole query), behind a part of the path (`after`), or
    in the first label of the host with hyphens for dots (`hyphens`). `only`: these hosts do nothing but wrap."""

    name: str
    hosts: tuple[str, ...]
    params: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    encoding: tuple[str, ...] = (PLAIN,)
    marker: str = ""
    until: str = ""
    scheme: str = "http"
    carries: str = "page"
    hyphens: bool = False
    origin: bool = False
    only: bool = False
    opaque: bool = False


Finder = Callable[[str], re.Match[str] | None]


@dataclass(frozen=True, slots=True)
class Row:
    """A row ready to be asked: its paths and templates compiled. `any_host`: it speaks of every host, so that only a
    URL with its scheme counts, and in a path only directly behind the part that is named. `words`: of a row of any
    host with paths, what must stand in a path in lower case, as a quick look."""

    wrapper: Wrapper
    any_host: bool
    begins: tuple[str, ...]
    paths: tuple[Finder, ...]
    after: tuple[Finder, ...]
    words: tuple[str, ...]

    def fits(self, path: str, lowered: str) -> bool:
        """Whether the row speaks of this path; `lowered` is the same in lower case."""
        if not self.begins and not self.paths:
            return True
        return lowered.startswith(self.begins) or any(find(path) for find in self.paths)


def read_rows(rows: Sequence[object], file: str) -> tuple[Row, ...]:
    """The rows of a table. RuleError for the first that is wrong."""
    where = Where(file)
    if not isinstance(rows, list) or len(rows) > MAX_ROWS:
        raise RuleError(f"not a list of at most {MAX_ROWS} wrappers", where)
    return tuple(_row(_wrapper(row, number, where)) for number, row in enumerate(rows, 1))


def _row(wrapper: Wrapper) -> Row:
    any_host = "*" in wrapper.hosts
    plain = tuple(path for path in wrapper.paths if not set(path) & set(_PIECES))
    begins = plain
    if not (wrapper.paths or wrapper.params or wrapper.hyphens):
        begins = tuple(re.split(r"[*?#]", path)[0] for path in wrapper.after)  # the quickest no for nearly all
    return Row(
        wrapper,
        any_host,
        begins,
        tuple(_finder(path) for path in wrapper.paths if path not in plain),
        tuple(_finder(path, _URL_BEGINS if any_host else "") for path in wrapper.after),
        tuple(re.split(r"[*?#]", path.removeprefix("/**"))[0] for path in wrapper.paths) if any_host else (),
    )


def _finder(template: str, then: str = "") -> Finder:
    """What finds a template in a path. Any folders in front is a search: nothing is tried twice, however long."""
    anywhere = template.startswith("/**") and template != "/**"
    template = template.removeprefix("/**") if anywhere else template
    if template == "/**":
        anywhere, template, then = True, "/", _URL_BEGINS
    elif template.endswith("**"):
        template, then = template[:-2], rf"(?:[^/]*/)*?{_URL_BEGINS}"
    middle = "".join(_PIECES.get(char) or re.escape(char) for char in template)
    pattern = re.compile(middle + then, re.I)
    return pattern.search if anywhere else pattern.match


def _wrapper(row: object, number: int, where: Where) -> Wrapper:
    named = row.get("name", "no name") if isinstance(row, Mapping) else "no name"
    who = f"wrapper {number} ({str(named)[:40]})"
    values = row_values(row, Wrapper, _TEXTS, _FLAGS, who, where)
    wrapper = Wrapper(**{"name": "", "hosts": (), **values})
    if not wrapper.name or not wrapper.hosts or not _says_where(wrapper):
        raise RuleError(f"{who} lacks something", where, "a row has name, hosts, and params, after, hyphens or only")
    check_hosts(wrapper.hosts, who, where)
    if wrapper.scheme not in ("http", "https"):
        raise RuleError(f"{who}: scheme {wrapper.scheme[:20]!r}", where, "write http or https")
    if wrapper.carries not in CARRIES:
        raise RuleError(f"{who}: carries {wrapper.carries[:20]!r}", where, f"write {', '.join(CARRIES)}")
    for path in (*wrapper.after, *wrapper.paths):
        if path[0] != "/" or path != path.lower():
            raise RuleError(f"{who}: {path[:80]!r} is no part of a path", where, "write /web/*/ in lower case")
    for name in wrapper.params:
        if name != name.lower():
            raise RuleError(f"{who}: {name[:80]!r} has capitals", where, "write it in lower case; case does not matter")
    for chain in wrapper.encoding:
        if chain != PLAIN and not (chain.split() and set(chain.split()) <= set(ENCODINGS)):
            known = ", ".join((PLAIN, *ENCODINGS))
            raise RuleError(f"{who}: no encoding {chain[:40]!r}", where, f"use {known}, or several: hex rot13")
    plain_fields = wrapper.params and PLAIN in wrapper.encoding and not wrapper.paths
    if "*" in wrapper.hosts and plain_fields:
        mend = "add paths: on any page at all a field names pages that are not shown"
        raise RuleError(f"{who} takes plain fields of any host", where, mend)
    return wrapper


def _says_where(wrapper: Wrapper) -> bool:
    return bool(wrapper.params or wrapper.after or wrapper.hyphens or wrapper.only or wrapper.opaque)

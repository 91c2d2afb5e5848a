"""Host patterns of the tables in rules/: what a row says of hosts, and finding the rows of a host without a scan.

    www.example.com   this host             *.example.com   this host and every one below
    example.{}        under any country     search.*        any host whose first label this is      *   any host

A table puts each row under its patterns in one dictionary; `host_keys` says under which of them to look."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final

from sfs.errors import RuleError, Where
from sfs.text.named import NamedHosts, parts_of

MAX_VALUES: Final = 500  # in one list of a row

_PATTERN = re.compile(r"(?:\*|[a-z0-9_-]+\.\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?:\.\{\})?)")
_COUNTRY = re.compile(r"\.(?:(?:co|com|net|org|ne|or)\.[a-z]{2}|[a-z]{2,24})\Z")


@lru_cache(maxsize=1024)
def host_keys(host: str) -> tuple[str, ...]:
    """The patterns that fit a canonical host, nearest first: at most two for each label, and four more. Kept for a
    while: each of the tables asks for the same host."""
    return tuple(_keys(host))


def _keys(host: str) -> Iterator[str]:
    yield host
    yield from _trees(host)
    country = _COUNTRY.search(host)
    if country:
        stem = host[: country.start()]
        yield f"{stem}.{{}}"
        yield from (f"{tree}.{{}}" for tree in _trees(stem))
    yield f"{host.partition('.')[0]}.*"
    yield "*"


class HostRows[R]:
    """The rows of a table under their patterns. `of(host)`: the rows that speak of a canonical host, nearest first.
    For nearly every host there are none, and each request asks for its host several times: answers are kept."""

    def __init__(self, rows: Iterable[tuple[str, R]]) -> None:
        self._rows: dict[str, list[R]] = {}
        for pattern, row in rows:
            self._rows.setdefault(pattern, []).append(row)
        self.patterns: tuple[str, ...] = tuple(self._rows)
        self._named = NamedHosts(self.patterns)
        self.of: Callable[[str], tuple[R, ...]] = lru_cache(maxsize=4096)(self._find)

    def _find(self, host: str) -> tuple[R, ...]:
        if not self._named.may_name(parts_of(host)):
            return ()
        return tuple(row for key in host_keys(host) for row in self._rows.get(key, ()))


def is_host_pattern(text: str) -> bool:
    """Whether a row may say this of its hosts."""
    return len(text) <= 253 and _PATTERN.fullmatch(text) is not None


def row_values(row: object, kind: type, texts: frozenset[str], flags: frozenset[str], who: str, where: Where) -> Any:
    """The values of one row as `kind`'s constructor takes them: tuples of texts, single `texts`, true or false `flags`.

    RuleError for what is no mapping, for a key that `kind` has no field for, and for a value of another type."""
    if not isinstance(row, Mapping):
        raise RuleError(f"{who} is no mapping", where, "write it as - name: ...")
    known = {one.name for one in fields(kind)}
    values: dict[str, object] = {}
    for key, value in row.items():
        if key not in known:
            raise RuleError(
                f"{who} has an unknown key {str(key)[:40]!r}", where, f"use one of {', '.join(sorted(known))}"
            )
        if key in flags and not isinstance(value, bool):
            raise RuleError(f"{who}, {key} is neither true nor false", where, "write true, or leave it out")
        if key in texts and not isinstance(value, str):
            raise RuleError(f"{who}, {key} is no text", where, "put values such as no or 1 in quotes")
        values[key] = value if key in flags | texts else _strings(value, f"{who}, {key}", where)
    return values


def _strings(value: object, who: str, where: Where) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or len(values) > MAX_VALUES or not all(isinstance(one, str) and one for one in values):
        raise RuleError(f"{who} is no text and no list of texts", where, "put values such as no or 1 in quotes")
    return tuple(values)


def check_hosts(hosts: tuple[str, ...], who: str, where: Where) -> None:
    """RuleError for the first of them that is no pattern."""
    for host in hosts:
        if not is_host_pattern(host):
            raise RuleError(f"{who}: {host[:80]!r} is no host pattern", where, "write www.example.com or *.example.{}")


def _trees(host: str) -> Iterator[str]:
    start = 0
    while True:
        yield f"*.{host[start:]}"
        start = host.find(".", start) + 1
        if not start:
            return

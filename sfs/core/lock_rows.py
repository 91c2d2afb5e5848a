"""The table rules/safesearch.yaml, read: one LockRow an engine. What a row may hold stands at the head of that file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sfs.core.levels import Strictness
from sfs.errors import RuleError, Where
from sfs.text.patterns import check_hosts

MAX_ROWS: Final = 500
MAX_VALUES: Final = 500  # in one list of a row
MAX_TEXT: Final = 2000  # characters of one value; the longest are all the countries of an engine
SETTINGS: Final = ("safesearch", "youtube")  # the settings of a policy that a row can follow

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_VALUE: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_HOST: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SUFFIX: Final = re.compile(r"[a-z]{2,24}(?:\.[a-z]{2})?")
_PLACES: Final = ("params", "cookies", "headers")
_TEXT_KEYS: Final = ("name", "setting")
_LIST_KEYS: Final = ("hosts", "also", "suffixes", "paths", "off_words")
_KEYS: Final = frozenset({*_TEXT_KEYS, *_LIST_KEYS, *_PLACES, "forced", "always", "unlocked", "checked"})


@dataclass(frozen=True, slots=True)
class Knob:
    """One parameter, cookie or header field of an engine and its value for each strictness. `paths`: where alone it
    means that; () where the row's own paths say where it is added."""

    name: str
    strict: str
    moderate: str
    paths: tuple[str, ...] = ()

    def value(self, strictness: Strictness) -> str:
        """The value that forces it."""
        return self.strict if strictness is Strictness.STRICT else self.moderate

    def right(self, strictness: Strictness) -> frozenset[str]:
        """The values that are strict enough."""
        return frozenset({self.strict, self.value(strictness)})


@dataclass(frozen=True, slots=True)
class LockRow:
    """One engine. `hosts` have a forced host, `also` are rewritten alike but lead to `hosts` by themselves."""

    name: str
    hosts: tuple[str, ...]
    also: tuple[str, ...] = ()
    setting: str = "safesearch"
    paths: tuple[str, ...] = ()
    params: tuple[Knob, ...] = ()
    cookies: tuple[Knob, ...] = ()
    headers: tuple[Knob, ...] = ()
    off_words: tuple[str, ...] = ()
    forced: Knob | None = None
    always: bool = False
    unlocked: int | None = None
    checked: bool = False

    @property
    def rewrites(self) -> bool:
        """Whether a request that is seen can be made to ask for it."""
        return bool(self.params or self.cookies or self.headers)


def lock_rows(rows: object, file: str) -> tuple[LockRow, ...]:
    """The rows that a YAML reader made of the table. RuleError names the first that is wrong."""
    if not isinstance(rows, list) or len(rows) > MAX_ROWS:
        raise RuleError(f"not a list of at most {MAX_ROWS} engines", Where(file))
    return tuple(_row(row, f"engine {number}", Where(file)) for number, row in enumerate(rows, 1))


def _row(row: object, who: str, where: Where) -> LockRow:
    if not isinstance(row, Mapping):
        raise RuleError(f"{who} is no mapping", where, "write it as - name: ...")
    who = f"{who} ({str(row.get('name', 'no name'))[:40]})"
    if unknown := sorted(str(key)[:40] for key in row if key not in _KEYS):
        raise RuleError(f"{who} has an unknown key {unknown[0]!r}", where, f"use one of {', '.join(sorted(_KEYS))}")
    lists = {key: _texts(row[key], f"{who}, {key}", where) for key in _LIST_KEYS if key in row}
    suffixes = tuple(suffix for text in lists.pop("suffixes", ()) for suffix in text.split())
    for key in ("hosts", "also"):
        if key in lists:
            lists[key] = tuple(_with_suffixes(lists[key], suffixes, who, where))
    knobs: dict[str, Any] = {key: tuple(_knobs(row[key], f"{who}, {key}", where)) for key in _PLACES if key in row}
    texts: dict[str, Any] = {key: _text(row[key], f"{who}, {key}", where) for key in _TEXT_KEYS if key in row}
    if "forced" in row:
        knobs["forced"] = _forced(row["forced"], f"{who}, forced", where)
    made = LockRow(
        **{"name": "", "hosts": (), **texts, **lists, **knobs},
        always=_flag(row.get("always", False), who, where),
        unlocked=_rating(row.get("unlocked"), who, where),
        checked=_day(row.get("checked"), who, where),
    )
    _check(made, who, where)
    return made


def _check(row: LockRow, who: str, where: Where) -> None:
    if not row.name or not row.hosts:
        raise RuleError(f"{who} lacks something", where, "a row has name and hosts")
    check_hosts((*row.hosts, *row.also), who, where)
    if row.setting not in SETTINGS:
        raise RuleError(f"{who}: {row.setting!r} is no setting", where, f"write {' or '.join(SETTINGS)}")
    if row.also and not row.rewrites:
        raise RuleError(f"{who}: nothing is rewritten for `also`", where, "add params, or move them to hosts")
    sure = row.checked and row.forced is not None and (row.rewrites or row.always)
    if not sure and row.unlocked is None:
        mend = "write unlocked: 1 where the engine filters by itself, 3 where it does not, 0 where it needs no lock"
        raise RuleError(f"{who} cannot always be locked and has no rating for that", where, mend)
    for path in (*row.paths, *(path for knob in row.params for path in knob.paths)):
        if path[0] != "/" or path != path.lower():
            raise RuleError(f"{who}: {path[:80]!r} is no path", where, "write /search, in lower case")
    for word in row.off_words:
        if word != word.lower() or not word.isascii():
            raise RuleError(f"{who}: {word[:80]!r} is no word in lower case", where, 'write "!safeoff"')


def _with_suffixes(hosts: tuple[str, ...], suffixes: tuple[str, ...], who: str, where: Where) -> Iterator[str]:
    """`example.{}` once for each suffix of the row: those alone, not any country."""
    if wrong := [suffix for suffix in suffixes if not _SUFFIX.fullmatch(suffix)]:
        raise RuleError(f"{who}: {wrong[0]!r} is no suffix", where, "write com or co.jp")
    for host in hosts:
        if not host.endswith(".{}"):
            yield host
        elif not suffixes:
            raise RuleError(f"{who}: {host!r} without suffixes", where, "list them: suffixes: com co.jp")
        else:
            yield from (host[:-2] + suffix for suffix in suffixes)


def _knobs(value: object, who: str, where: Where) -> Iterator[Knob]:
    for item in value if isinstance(value, list) else [value]:
        values = _mapping(item, ("name", "strict", "moderate", "paths"), who, where)
        name, strict = (_text(values.get(key), f"{who}, {key}", where) for key in ("name", "strict"))
        moderate = _text(values.get("moderate", strict), f"{who}, moderate", where)
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(strict) or not _VALUE.fullmatch(moderate):
            raise RuleError(f"{who}: a name or value with odd characters", where, "letters, digits, - _ and . alone")
        paths = _texts(values["paths"], f"{who}, paths", where) if "paths" in values else ()
        yield Knob(name, strict, moderate, paths)


def _forced(value: object, who: str, where: Where) -> Knob:
    values = _mapping({"strict": value} if isinstance(value, str) else value, ("strict", "moderate"), who, where)
    strict = _text(values.get("strict"), f"{who}, strict", where)
    moderate = _text(values.get("moderate", strict), f"{who}, moderate", where)
    for host in (strict, moderate):
        if not _HOST.fullmatch(host):
            raise RuleError(f"{who}: {host!r} is no host name", where, "write strict.example.com")
    return Knob("", strict, moderate)


def _mapping(value: object, keys: tuple[str, ...], who: str, where: Where) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(key in keys for key in value):
        raise RuleError(f"{who} is no mapping of {', '.join(keys)}", where, "write {name: kp, strict: '1'}")
    return value


def _text(value: object, who: str, where: Where) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise RuleError(f"{who} is no text", where, "put values such as no or 1 in quotes")
    return value


def _texts(value: object, who: str, where: Where) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not 0 < len(values) <= MAX_VALUES:
        raise RuleError(f"{who} is empty or too long", where, f"at most {MAX_VALUES} values")
    return tuple(_text(one, who, where) for one in values)


def _flag(value: object, who: str, where: Where) -> bool:
    if not isinstance(value, bool):
        raise RuleError(f"{who}, always is neither true nor false", where, "write true, or leave it out")
    return value


def _rating(value: object, who: str, where: Where) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 4:
        raise RuleError(f"{who}, unlocked is no rating", where, "write 0, 1, 2, 3 or 4")
    return value


def _day(value: object, who: str, where: Where) -> bool:
    """Whether somebody compared the row with its source."""
    if value is not None and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise RuleError(f"{who}, checked is no day", where, "write 2026-11-22, or null")
    return value is not None

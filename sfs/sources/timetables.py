"""Timetables as they are written: rows of days, times, and the level or profile that holds then."""

import re
from dataclasses import dataclass
from typing import Final

from sfs.core.schedule import DAY, EVERY_DAY, Window
from sfs.errors import SfsError, Where
from sfs.sources.profiles import ProfileName, profile_of
from sfs.sources.values import Reader, each, fields_of, items_of, level_of, text_of
from sfs.sources.yaml_nodes import MapNode, Node

_ROW_KEYS: Final = ("days", "from", "to", "level", "profile")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORDS: Final = {"daily": EVERY_DAY, "weekdays": frozenset(range(5)), "weekend": frozenset((5, 6))}
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_DAYS_MEND: Final = "write mon, tue, wed, thu, fri, sat, sun, a span as mon-fri, or weekdays, weekend, daily"


@dataclass(frozen=True, slots=True)
class TimedRow:
    """One row of a schedule: in this window a level or a profile holds instead."""

    window: Window
    level: int | None
    profile: ProfileName | None
    where: Where


def schedule_of(node: Node, reader: Reader) -> tuple[TimedRow, ...]:
    """The rows of a schedule, each {days, from, to, level or profile}."""
    return each(node, reader, "a list of times", lambda item: _row(item, reader))


def _row(node: Node, reader: Reader) -> TimedRow:
    if not isinstance(node, MapNode):
        mend = 'write {days: mon-fri, from: "21:00", to: "06:00", level: 0}'
        raise SfsError("a time is a mapping", node.where, mend)
    fields = fields_of(node, reader, _ROW_KEYS, "a time")
    missing = [key for key in ("from", "to") if key not in fields]
    if missing:
        raise SfsError(f"a time without {' and '.join(missing)}", node.where, 'write from: "21:00" and to: "06:00"')
    if ("level" in fields) == ("profile" in fields):
        raise SfsError("a time needs a level or a profile", node.where, "write one of them")
    days = _days(fields["days"]) if "days" in fields else EVERY_DAY
    start, end = _minute(fields["from"]), _minute(fields["to"])
    if start in (end, DAY):
        raise SfsError("a time that does not end", node.where, 'for the whole day write from: "00:00" and to: "24:00"')
    level = level_of(fields["level"]) if "level" in fields else None
    profile = profile_of(fields["profile"], reader) if "profile" in fields else None
    return TimedRow(Window(days, start, end), level, profile, node.where)


def _minute(node: Node) -> int:
    text = text_of(node, "a time of day")
    match = _TIME.fullmatch(text)
    minute = None if match is None else int(match[1]) * 60 + int(match[2])
    if minute is None or minute > DAY:
        raise SfsError(f"{text[:80]!r} is not a time of day", node.where, 'write "00:00" to "24:00"')
    return minute


def _days(node: Node) -> frozenset[int]:
    found: set[int] = set()
    for item in items_of(node, "days"):
        for word in text_of(item, "a day").lower().split(","):
            found |= _days_of_word(word.strip(), item)
    if not found:
        raise SfsError("no day", node.where, _DAYS_MEND)
    return frozenset(found)


def _days_of_word(word: str, node: Node) -> frozenset[int]:
    if word in _WORDS:
        return _WORDS[word]
    first, dash, last = word.partition("-")
    if first not in _DAYS or (dash and last not in _DAYS):
        raise SfsError(f"{word[:80]!r} is no day", node.where, _DAYS_MEND)
    if not dash:
        return frozenset((_DAYS.index(first),))
    start, end = _DAYS.index(first), _DAYS.index(last)
    return frozenset((start + step) % 7 for step in range((end - start) % 7 + 1))  # fri-mon goes over the weekend

"""Timetables: windows of the week by the clock on the wall, which of them holds, and when that changes next.

    days     the day a window begins on; from 21:00 to 06:00 of Friday ends on Saturday morning
    overlap  the first window that holds is the one that counts

The clock on the wall jumps twice a year, so `next_change` looks at the ends of windows and at the jumps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

DAY = 1440  # minutes
EVERY_DAY = frozenset(range(7))
_AHEAD = 8  # days: a timetable repeats after seven, and a jump moves what is left by an hour
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """`days`: 0 Monday to 6 Sunday. `start` and `end` in minutes of the day, 0 to 1440; an end at or before the
    start is on the next day."""

    days: frozenset[int]
    start: int
    end: int

    def holds(self, weekday: int, minute: int) -> bool:
        """Whether the window holds on this weekday at this minute of the day."""
        if self.start < self.end:
            return weekday in self.days and self.start <= minute < self.end
        return (weekday in self.days and minute >= self.start) or ((weekday - 1) % 7 in self.days and minute < self.end)


type Windows = tuple[Window, ...]


def active(windows: Windows, time: datetime) -> Window | None:
    """The first window that holds at `time` by its own clock; None where none does."""
    weekday, minute = time.weekday(), time.hour * 60 + time.minute
    return next((window for window in windows if window.holds(weekday, minute)), None)


def next_change(windows: Windows, time: datetime) -> datetime | None:
    """When `active` gives another answer for the first time after `time`; None where it never does.

    `time`: with its zone (ValueError without one). The answer has the same zone and is a full minute of it."""
    if time.tzinfo is None:
        raise ValueError("a time without a zone says nothing of when it changes")
    if not windows:
        return None
    zone = time.tzinfo
    now = time.replace(second=0, microsecond=0)
    holds, start = active(windows, now), now.astimezone(UTC)
    later = {instant for instant in _instants(windows, now.replace(tzinfo=None), zone) if instant > start}
    for instant in sorted(later):
        local = instant.astimezone(zone)
        if active(windows, local) is not holds:
            return local
    return None


def _instants(windows: Windows, wall: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Every moment at which the answer may change: starts and ends of windows, and the jumps of the clock."""
    minutes = {minute for window in windows for minute in (window.start, window.end)}
    midnight = wall.replace(hour=0, minute=0)
    for day in range(-1, _AHEAD + 1):
        for minute in minutes:
            moment = midnight + timedelta(days=day, minutes=minute)
            for fold in (0, 1):  # an hour that the clock shows twice
                yield moment.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    first = (midnight - timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)
    for day in range(_AHEAD + 2):
        yield from _jump(first + timedelta(days=day), first + timedelta(days=day + 1), zone)


def _jump(before: datetime, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    """The first full minute after the clock of `zone` jumped, where it did between two moments."""
    old = before.astimezone(zone).utcoffset()
    if old == after.astimezone(zone).utcoffset():
        return
    while after - before > _MINUTE:
        middle = before + (after - before) // _MINUTE // 2 * _MINUTE
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    yield after

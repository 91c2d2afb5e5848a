"""How often mandatory lists blocked: by list and hour, rounded, and nothing else. No client, no name, no URL comes
here, and what leaves is coarse enough that nobody can be told apart in it:

    hours    a number is told when its hour is over (UTC), never while it grows: who looks each second would see when a
             request came
    rounding down to tens; what is under ten is 0, and a list with 0 looks like one that blocked nothing. Up would show
             that there was somebody
    lists    by their name in the configuration alone. The serial beside it in a verdict is a hash of the list, by which
             who guesses its entries could test a guess

It is no more than that: who sends ten requests himself sees them. Plain numbers, no clock: values in, values out.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

ROUND_TO: Final = 10
HOUR: Final = timedelta(hours=1)
_FORMAT: Final = "%Y-%m-%dT%H"

type Row = tuple[str, str, int]  # hour, list, rounded count


class Hourly:
    """The numbers of one proxy; those of several workers come together in the one that the hub has. Not for two
    threads at once."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._last: tuple[str, Counter[str]] = ("", Counter())

    def count(self, name: str, hour: str, times: int = 1) -> None:
        """A list blocked requests within an hour."""
        self._counts[hour, name] += times

    def take(self, now: datetime, *, all_hours: bool = False) -> tuple[Row, ...]:
        """The rows of the hours that are over, by hour and list, each once; `all_hours`: of this one too, at the end.
        Numbers that are rounded to 0 are in no row."""
        this, last = hour_of(now), hour_of(now - HOUR)
        done = sorted(key for key in self._counts if all_hours or key[0] < this)
        rows = [(hour, name, rounded(self._counts.pop((hour, name)))) for hour, name in done]
        told = Counter(self._last[1] if self._last[0] == last else {})
        for hour, name, count in rows:
            if hour == last:
                told[name] += count
        self._last = last, told
        return tuple(row for row in rows if row[2])

    def last(self, names: Iterable[str], now: datetime) -> dict[str, int]:
        """The last whole hour of the lists with these names; ask `take` first."""
        hour, told = self._last
        return {name: told[name] if hour == hour_of(now - HOUR) else 0 for name in names}


def hour_of(time: datetime) -> str:
    """The hour of a time in UTC, as 2026-04-01T12."""
    return time.astimezone(UTC).strftime(_FORMAT)


def rounded(count: int) -> int:
    """A count down to tens: 0 and 9 look alike."""
    return count - count % ROUND_TO

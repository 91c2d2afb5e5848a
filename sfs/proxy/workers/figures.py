"""The figures of all workers together. What a worker counted that has ended is kept: a count never falls."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sfs.proxy.figures import Row
from sfs.proxy.metrics import FAMILIES

MAX_ROWS: Final = 1000  # of one worker; far more than there are


class WorkerFigures:
    """As the hub has them: the last that each worker told."""

    def __init__(self) -> None:
        self._last: dict[int, list[Row]] = {}
        self._ended: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._ends = 0

    def took(self, number: int, said: list[Any]) -> None:
        """What a worker tells; ValueError or TypeError where these are no rows."""
        self._last[number] = [row_of(row) for row in said[:MAX_ROWS]]

    def ended(self, number: int) -> None:
        """A worker is gone."""
        self._ends += 1
        for row in self._last.pop(number, ()):
            if FAMILIES[row.family].counts:
                self._ended[row.family, row.labels] += row.value  # type: ignore[assignment]  # counts are whole

    def rows(self, workers: int) -> Iterator[Row]:
        """All of them; `workers`: how many there are."""
        yield Row("workers", (), workers)
        yield Row("worker_ends", (), self._ends)
        for (family, labels), value in self._ended.items():
            yield Row(family, labels, value)
        for rows in self._last.values():
            yield from rows


def said_of_rows(rows: Iterable[Row]) -> list[list[Any]]:
    """Rows as JSON has them."""
    return [[row.family, list(row.labels), row.value] for row in rows]


def row_of(said: list[Any]) -> Row:
    """The row that was said; ValueError, KeyError or TypeError where it is none."""
    family, labels, value = said
    if not isinstance(value, int | float) or len(labels) != len(FAMILIES[family].labels):
        raise ValueError
    return Row(family, tuple(map(str, labels)), value)

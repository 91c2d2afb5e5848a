"""What every measure of the table has in common: its name and bar, runs in turn, the median with its spread.

A part is a file of this folder with `MEASURES` and `found(room, scale)`; table.py knows them all."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """On which side of its bar a figure is to be."""

    LEAST = "at least"
    MOST = "at most"
    UNDER = "under"


@dataclass(frozen=True)
class Measure:
    """A row of the table. `bar`: None where nothing is to be reached. `unit`: of all its figures."""

    key: str
    name: str
    bar: float | None
    side: Side = Side.LEAST
    unit: str = ""
    digits: int = 2


@dataclass
class Found:
    """The figures of one measure, one a round, and what stands beside them for people to read."""

    values: list[float]
    beside: str = ""

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Half of what the middle half of the rounds spans."""
        if len(self.values) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return (high - low) / 2


@dataclass(frozen=True)
class Scale:
    """How much is measured. `minutes`: of the soak; `size`: bytes of the download."""

    pairs: int = 7
    seconds: float = 3.0
    names: int = 1_000_000
    urls: int = 200_000
    minutes: float = 10.0
    size: int = 1 << 30
    idle: int = 2000
    active: int = 200


def holds(measure: Measure, found: Found) -> bool | None:
    """Whether the bar is reached with the spread taken off; None where there is none."""
    if measure.bar is None:
        return None
    if measure.side is Side.LEAST:
        return found.median - found.spread >= measure.bar
    worst = found.median + found.spread
    return worst <= measure.bar if measure.side is Side.MOST else worst < measure.bar


def in_turn[T](ways: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each way gave, there and back again, so that what slows the machine for a while meets all."""
    gave: dict[str, list[T]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            gave[name].append(ways[name]())
    return gave


def markdown(measures: Sequence[Measure], found: Mapping[str, Found]) -> str:
    """The table, as it stands in the README."""
    lines = ["| measure | bar | median and spread | lowest to highest | reached | beside |", "| --- " * 6 + "|"]
    for measure in measures:
        bar = "" if measure.bar is None else f"{measure.side} {measure.bar:g}{measure.unit}"
        of = found.get(measure.key)
        if of is None:
            lines.append(f"| {measure.name} | {bar} | not measured | | | |")
            continue
        digits, unit = measure.digits, measure.unit
        middle = f"{of.median:.{digits}f}{unit}" + (f" ± {of.spread:.{digits}f}" if len(of.values) > 1 else "")
        span = f"{min(of.values):.{digits}f} to {max(of.values):.{digits}f}" if len(of.values) > 1 else ""
        reached = {True: "yes", False: "no", None: ""}[holds(measure, of)]
        lines.append(f"| {measure.name} | {bar} | {middle} | {span} | {reached} | {of.beside} |")
    return "\n".join(lines) + "\n"

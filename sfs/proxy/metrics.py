"""The figures of all processes as one page in the text format of Prometheus. Spec: "Exposition formats", version 0.0.4.

Where the policy for everybody judges by mandatory lists alone (profile isp) nothing of the traffic is told, however it
is summed up: an Internet provider counts blocks rounded, by list and hour, and nothing else (design, section 8).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sfs import __version__
from sfs.errors import SfsError
from sfs.proxy.figures import Row
from sfs.sources.filter import Filter
from sfs.sources.live import Live

TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
MISSING: Final = "the page of figures needs a package that is not there"
INSTALL: Final = "pip install 'sfs-filter[metrics]'"


@dataclass(frozen=True, slots=True)
class Family:
    """Figures of one kind. `counts`: it only grows. `traffic`: it says something of what readers do."""

    help: str
    labels: tuple[str, ...] = ()
    counts: bool = False
    traffic: bool = False


FAMILIES: Final[Mapping[str, Family]] = {
    "info": Family("Always 1; the version of the program", ("version",)),
    "requests": Family("Requests and tunnels that were judged", ("kind",), counts=True, traffic=True),
    "verdicts": Family("What was said, by the check that said it", ("check", "outcome"), counts=True, traffic=True),
    "mandatory_blocked_last_hour": Family(
        "Requests that a mandatory list blocked in the last whole hour (UTC), down to tens", ("list",)
    ),
    "connections": Family("Connections of clients that are open", traffic=True),
    "tunnels": Family("HTTPS tunnels that are open, by how they are judged", ("judged",), traffic=True),
    "label_lookups": Family("Pages looked up for a label, where", ("source",), counts=True, traffic=True),
    "store_faults": Family("Readings of the store of labels that failed", counts=True, traffic=True),
    "bureau_questions": Family("Questions to a label bureau, by its place in the list", ("bureau",), True, True),
    "bureau_faults": Family("Questions to a label bureau that got no good answer", ("bureau",), True, True),
    "bureau_away": Family("Processes that wait for this bureau no more", ("bureau",), traffic=True),
    "faults": Family("Checks that failed, so that the policy decided", counts=True),
    "reloads": Family("Changes of the filter, by whether they are in force", ("result",), counts=True),
    "lists": Family("Lists in use, by whether they are there", ("state",)),
    "list_entries": Family("Entries of a list in force", ("list",)),
    "list_age_seconds": Family("Time since a list was the newest", ("list",)),
    "list_failed": Family("Whether the last try to fetch a list failed", ("list",)),
    "workers": Family("Processes that serve"),
    "worker_ends": Family("Processes that ended and were replaced", counts=True),
    "memory_bytes": Family("Memory; what several processes share counts once", ("process",)),
}


def page(rows: Iterable[Row], live: Live) -> bytes:
    """The page of these figures and of the filter in force. SfsError where a package is missing."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    except ModuleNotFoundError:
        raise SfsError(MISSING, mend=INSTALL) from None

    quiet = live.filter.policies.default.checks is not None
    told = _summed((*rows, *of_filter(live)))

    class Collector:
        def collect(self) -> Iterator[Metric]:
            for name, family in FAMILIES.items():
                found = told.get(name)
                if found is None or (quiet and family.traffic):
                    continue
                make = CounterMetricFamily if family.counts else GaugeMetricFamily
                metric = make(f"sfs_{name}", family.help, labels=family.labels)
                for labels, value in sorted(found.items()):
                    metric.add_metric(labels, value)
                yield metric

    registry = CollectorRegistry()
    registry.register(Collector())
    return generate_latest(registry)


def _summed(rows: Iterable[Row]) -> dict[str, dict[tuple[str, ...], float]]:
    told: dict[str, dict[tuple[str, ...], float]] = {}
    for row in rows:
        values = told.setdefault(row.family, {})
        values[row.labels] = values.get(row.labels, 0) + row.value
    return told


def of_filter(live: Live, now: datetime | None = None) -> Iterator[Row]:
    """What is known of the filter in force and its lists. Reads no file."""
    filter_, now = live.filter, now or datetime.now(UTC)
    yield Row("info", (__version__,), 1)
    yield Row("reloads", ("done",), live.reloads)
    yield Row("reloads", ("failed",), live.failures)
    yield Row("lists", ("there",), len(filter_.report.lists))
    yield Row("lists", ("missing",), len(filter_.report.missing))
    for name, file in filter_.report.lists:
        yield Row("list_entries", (name,), len(file.index))
    yield from _ages(filter_, now)


def _ages(filter_: Filter, now: datetime) -> Iterator[Row]:
    """Of a list that is fetched since its server said that it is the newest, of a file since it was changed."""
    states = {state.name: state for state in filter_.report.states if state.url is not None}
    for name, file in filter_.report.lists:
        state = states.get(name)
        age = None if state is None else state.age(now)
        if age is None:
            age = now - file.mtime
        yield Row("list_age_seconds", (name,), max(age.total_seconds(), 0.0))
    for state in filter_.report.states:
        yield Row("list_failed", (state.name,), state.failure is not None)


def memory(processes: Mapping[str, Iterable[int]]) -> Iterator[Row]:
    """By name the memory of processes, in bytes: each its part of what it shares. Reads files of the system; nothing
    where it has none."""
    for name, pids in processes.items():
        sizes = [size for pid in pids if (size := _size(pid))]
        if sizes:
            yield Row("memory_bytes", (name,), sum(sizes))


def _size(pid: int) -> int:
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0

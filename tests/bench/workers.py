"""Two workers of `sfs run` against one process without them, both free to use all cores: processor time a request, how
much memory two share, and how long it takes until a killed worker is replaced.

What counts is the processor time of all processes together. Requests a second grow with cores that have nothing else
to do: where the load runs on one of two, there are none."""

import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from tests.bench import loads
from tests.bench.frame import Found, Measure, Scale, Side, in_turn
from tests.bench.programs import LOAD_CORE, PROXY_CORE, Running
from tests.bench.room import Room

MEASURES = [
    Measure("workers", "two workers to one, processor time a request", 1.05, Side.MOST),
    Measure("workers-replaced", "a killed worker is replaced", 2, Side.UNDER, " s"),
]


@dataclass
class Team(Running):
    """A proxy with all that it forked."""

    def pids(self) -> list[int]:
        return [self.pid, *(child.pid for child in psutil.Process(self.pid).children())]

    def workers(self) -> list[int]:
        """The workers, or the one process."""
        return [pid for pid in self.pids()[1:] if _listens(pid)] or [self.pid]

    def memory_of(self, key: str) -> list[float]:
        """MB of each worker under this key of smaps_rollup."""
        rows = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in self.workers()]
        return [sum(int(row.split()[1]) for row in of if row.startswith(key)) / 1024 for of in rows]


def _listens(pid: int) -> bool:
    try:
        return any(one.status == "LISTEN" for one in psutil.Process(pid).net_connections("tcp"))
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _team(room: Room, count: int) -> Iterator[Team]:
    arguments = ("--no-admin", "--workers", str(count))
    with room.sfs(f"workers-{count}", arguments=arguments, cores=(PROXY_CORE, LOAD_CORE)) as one:
        team = Team(one.name, one.port, one.pid, one.ca, one.ready)
        while len(team.workers()) < count:
            time.sleep(0.05)
        yield team


def found(room: Room, scale: Scale) -> dict[str, Found]:
    """Both measures."""
    with ExitStack() as stack:
        one, two = (stack.enter_context(_team(room, count)) for count in (1, 2))
        load = partial(loads.http, room.origin, "1k")
        for team in (one, two):
            load(team, min(scale.seconds, 2.0))
        runs = in_turn({team.name: partial(load, team, scale.seconds) for team in (one, two)}, scale.pairs)
        pairs = list(zip(runs[two.name], runs[one.name], strict=True))
        times = [statistics.median(run.cpu for run in runs[team.name]) for team in (two, one)]
        resident, shared = two.memory_of("Rss:"), two.memory_of("Shared_")
        memory = f"a worker has {max(resident):.0f} MB, {min(shared):.0f} of them shared"
        return {
            "workers": Found([a.cpu / b.cpu for a, b in pairs], f"{times[0]:,.0f} to {times[1]:,.0f} us; {memory}"),
            "workers-replaced": Found([_replaced(two) for _ in range(min(5, scale.pairs))]),
        }


def _replaced(team: Team) -> float:
    """Seconds from the end of a worker to the next one that listens."""
    before = set(team.workers())
    begin = time.perf_counter()
    os.kill(min(before), signal.SIGKILL)
    while len(set(team.workers()) - {min(before)}) < len(before):
        time.sleep(0.005)
    return time.perf_counter() - begin

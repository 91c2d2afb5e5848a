"""Two workers of `sfs run --level 2` against one process without --workers, in one run: processor time a request, how
much memory two share, and how long it takes until a killed worker is replaced. README.md beside this says how to read
the figures.

python tests/bench/workers.py [--seconds S] [--pairs N] [--json]"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.proxy import CASES, Bench, Case, Run, Running, _child, _free_port, _wait_for

BAR = 1.05
KILLS = 5


@dataclass
class Team(Running):
    """A proxy with all that it forked."""

    def pids(self) -> list[int]:
        """Those that run now."""
        return [self.pid, *(child.pid for child in psutil.Process(self.pid).children())]

    def workers(self) -> list[int]:
        """The workers, or the one process."""
        return [pid for pid in self.pids()[1:] if _listens(pid)] or [self.pid]

    def cpu(self) -> float:
        return sum(Running(self.name, self.port, pid, 0.0, self.ca).cpu() for pid in self.pids())

    def memory_of(self, *keys: str) -> list[float]:
        """MB of each worker under these keys of smaps_rollup."""
        rows = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in self.workers()]
        return [sum(int(row.split()[1]) for row in of if row.startswith(keys)) / 1024 for of in rows]


def _listens(pid: int) -> bool:
    try:
        return any(one.status == "LISTEN" for one in psutil.Process(pid).net_connections("tcp"))
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running(bench: Bench, count: int) -> Iterator[Team]:
    """`sfs run` on all cores."""
    state, port = bench.folder / f"state-{count}", _free_port()
    state.mkdir(exist_ok=True)
    config = state / "config.yaml"
    config.write_text(f"https: inspect\nreach: [127.0.0.0/8, '::1']\nupstream_ca: {bench.ca}\n")
    command = [sys.executable, "-m", "sfs", "run", "--level", "2", "--config", str(config), "--state", str(state)]
    command += ["--listen", f"127.0.0.1:{port}", "--no-admin", "--workers", str(count)]
    with _child(command) as child:
        _wait_for(port, child)
        team = Team(f"{count}", port, child.pid, 0.0, state / "ca" / "mitmproxy-ca-cert.pem")
        while len(team.workers()) < count:
            time.sleep(0.05)
        yield team


def replaced(team: Team) -> float:
    """Seconds from the end of a worker to the next one that listens."""
    before = set(team.workers())
    begin = time.perf_counter()
    os.kill(min(before), signal.SIGKILL)
    while len(set(team.workers()) - {min(before)}) < len(before):
        time.sleep(0.005)
    return time.perf_counter() - begin


def measure(bench: Bench, cases: list[Case], pairs: int, seconds: float) -> dict:
    """All figures, as JSON has them."""
    found: dict = {"cases": {}}
    with running(bench, 1) as one, running(bench, 2) as two:
        for case in cases:
            runs: dict[str, list[Run]] = {"1": [], "2": []}
            for team in (one, two):
                bench.measure(case, team, 1.0)
            for number in range(pairs):
                for team in (one, two) if number % 2 == 0 else (two, one):
                    runs[team.name].append(bench.measure(case, team, seconds))
            found["cases"][case.name] = {
                "ratio": sorted(b.cpu / a.cpu for a, b in zip(runs["1"], runs["2"], strict=True)),
                "us": {name: statistics.median(run.cpu for run in of) for name, of in runs.items()},
                "rate": {name: statistics.median(run.rate for run in of) for name, of in runs.items()},
            }
        found["resident"] = two.memory_of("Rss:")
        found["shared"] = two.memory_of("Shared_")
        found["one"] = one.memory_of("Rss:")[0]
        found["replaced"] = sorted(replaced(two) for _ in range(KILLS))
    return found


def report(found: dict) -> str:
    """The figures as a table."""
    lines = [f"{'processor time a request':<42} {'one':>8} {'two':>8}  ratio (lowest to highest)   requests/s one, two"]
    for name, of in found["cases"].items():
        ratio = of["ratio"]
        spread = f"{statistics.median(ratio):.3f} ({ratio[0]:.3f} to {ratio[-1]:.3f})"
        us, rate = of["us"], of["rate"]
        lines.append(f"{name:<42} {us['1']:5.0f} us {us['2']:5.0f} us  {spread:<26} {rate['1']:.0f}, {rate['2']:.0f}")
    lines.append(f"bar: at most {BAR}")
    for resident, shared in zip(found["resident"], found["shared"], strict=True):
        lines.append(f"memory of a worker, MB: {resident:.0f}, of which shared {shared:.0f}")
    lines.append(f"memory of one process without workers, MB: {found['one']:.0f}")
    times = found["replaced"]
    lines.append(f"a killed worker is replaced, seconds: {statistics.median(times):.2f} (at most {times[-1]:.2f})")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--case", action="append", default=[], help="part of a case's name; HTTP where none is given")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    wanted = asked.case or ["HTTP,"]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.prepare()
        with bench.nginx():
            found = measure(bench, [c for c in CASES if any(w in c.name for w in wanted)], asked.pairs, asked.seconds)
    print(json.dumps(found) if asked.json else report(found))


if __name__ == "__main__":
    main()

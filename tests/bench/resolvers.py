"""BIND and Unbound with a zone that SFS wrote, against the same resolver with a zone of the same names that a script of
ten lines wrote: answers a second to dnsperf, and processor time an answer. README.md beside this says how to read it.

python tests/bench/resolvers.py [--resolver bind|unbound] [--names N] [--pairs N] [--seconds S] [--stop A] [--json]
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from sfs.export import resolving  # noqa: E402
from sfs.export.resolving import Loading  # noqa: E402
from sfs.export.transfer import bind_policy  # noqa: E402
from sfs.lists.mandatory import Purpose  # noqa: E402
from tests.bench.programs import LOAD_CORE, PROXY_CORE  # noqa: E402
from tests.export.engines import programs  # noqa: E402
from tests.export.engines.programs import Program  # noqa: E402

START = 300  # seconds for a resolver to load its zone
ASKED = 10_000  # names that are asked, listed ones and others: all answers are kept after the first round
BAR = 0.9
ZONE = "policy.rpz"
_SITES = ("ka", "to", "mi", "re", "so", "ba", "do", "ne", "lu", "vi", "xa", "po", "gra", "sten", "mark", "web")


def names(count: int) -> Iterator[str]:
    """Names as lists have them, each once."""
    for number in range(count):
        first, second = _SITES[number % 16], _SITES[number // 16 % 16]
        yield f"{first}{second}{number}.{_SITES[number % 7]}.example"


# The script of ten lines, as an engineer would write it; `answer` is what stands behind each name.
SCRIPT = """\
import sys
answer = sys.argv[1]
print("$TTL 60")
print("@ SOA localhost. nobody.invalid. 1 300 60 2419200 60")
print("@ NS localhost.")
for line in sys.stdin:
    name = line.strip()
    print(name, answer)
    print("*." + name, answer)
print("canary.sfs.example", answer)
"""


@dataclass
class Side:
    """A resolver with one of the zones, and what was measured of it."""

    running: Program
    rates: list[float]
    costs: list[float]  # microseconds of processor time an answer


def zones(folder: Path, count: int, stop: str) -> tuple[Path, Path]:
    """The zone of SFS, by its own command, and that of the script."""
    listed = folder / "names"
    listed.write_text("".join(f"{name}\n" for name in names(count)))
    ours, plain = folder / "sfs.zone", folder / "script.zone"
    how = ["--stop", stop] if stop else ["--nxdomain"]
    words = [
        sys.executable,
        "-m",
        "sfs",
        "lists",
        "export",
        "--format",
        "rpz",
        listed,
        "-o",
        ours,
        "--most",
        count,
        *how,
    ]
    done = subprocess.run([str(one) for one in words], cwd=ROOT, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    answer = f"{'AAAA' if ':' in stop else 'A'} {stop}" if stop else "CNAME ."
    with listed.open() as names_, plain.open("w") as out:
        subprocess.run([sys.executable, "-c", SCRIPT, answer], stdin=names_, stdout=out, check=True, timeout=600)
    return ours, plain


def bind(folder: Path, world: Program, zone: Path) -> Program:
    """BIND on one core with this zone."""
    lines = "\n".join(resolving.bind(Loading(Purpose.POLICY, ZONE, zone))) + "\n"
    return _on_core(programs.named(folder, world, bind_policy([ZONE]), lines), "-n", "1")


def unbound(folder: Path, world: Program, zone: Path) -> Program:
    """Unbound on one core with this zone."""
    lines = "\n".join(resolving.unbound(Loading(Purpose.POLICY, ZONE, zone))) + "\n"
    return _on_core(programs.unbound(folder, world, lines, "respip iterator"))


def _on_core(made: Program, *more: str) -> Program:
    made.command = ["taskset", "-c", str(PROXY_CORE), *made.command, *more]
    return made.with_list()


RESOLVERS: dict[str, Callable[[Path, Program, Path], Program]] = {"bind": bind, "unbound": unbound}


def questions(folder: Path, count: int) -> Path:
    """Listed names, names below them and names that are not listed, in turns."""
    file = folder / "questions"
    step = max(1, count // (ASKED // 4))
    chosen = [name for number, name in enumerate(names(count)) if number % step == 0]
    with file.open("w") as out:
        for number, name in enumerate(chosen):
            out.write(f"{name} A\nwww.{name} A\nopen{number}.example A\nwww.open{number}.test.example AAAA\n")
    return file


def measure(side: Side, asked: Path, seconds: float) -> float:
    """Answers a second; the time of the resolver's process is noted too."""
    before = _cpu(side.running.process.pid)
    words = ["taskset", "-c", str(LOAD_CORE), programs.program("dnsperf", "dnsperf"), "-s", "127.0.0.1"]
    words += ["-p", str(side.running.port), "-d", str(asked), "-l", str(seconds), "-c", "8", "-q", "200"]
    said = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
    found = {
        key: re.search(rf"{key}:\s+([0-9.]+)", said) for key in ("Queries completed", "Queries lost", "per second")
    }
    if None in found.values():
        raise SystemExit(said)
    completed, lost, rate = (float(one[1]) for one in found.values() if one is not None)
    if lost > completed / 1000:
        raise SystemExit(f"{lost:.0f} of {completed:.0f} questions were lost\n{said}")
    side.costs.append((_cpu(side.running.process.pid) - before) / completed * 1e6)
    return rate


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(name: str, folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Both sides of a resolver, measured in turns: A B, B A."""
    ours, plain = zones(folder, options.names, options.stop)
    asked = questions(folder, options.names)
    with ExitStack() as stack:
        world = stack.enter_context(programs.upstream(folder / "world"))
        sides, loaded = [], []
        for label, zone in (("sfs", ours), ("script", plain)):
            made = folder / label
            made.mkdir()
            begun = time.monotonic()
            running = stack.enter_context(RESOLVERS[name](made, world, zone))
            loaded.append(round(time.monotonic() - begun, 1))
            _check(running, options)
            sides.append(Side(running, [], []))
        for side in sides:
            measure(side, asked, options.seconds)  # what is asked of the world is kept from now on
            side.costs.clear()
        for pair in range(options.pairs):
            for side in sides if pair % 2 == 0 else sides[::-1]:
                side.rates.append(measure(side, asked, options.seconds))
    sfs, script = sides
    ratios = [a / b for a, b in zip(sfs.rates, script.rates, strict=True)]
    costs = [a / b for a, b in zip(sfs.costs, script.costs, strict=True)]
    return {
        "resolver": name,
        "names": options.names,
        "sfs": round(statistics.median(sfs.rates)),
        "script": round(statistics.median(script.rates)),
        "ratio": round(statistics.median(ratios), 3),
        "lowest": round(min(ratios), 3),
        "highest": round(max(ratios), 3),
        "cost sfs": round(statistics.median(sfs.costs), 2),
        "cost script": round(statistics.median(script.costs), 2),
        "cost ratio": round(statistics.median(costs), 3),
        "load sfs": loaded[0],
        "load script": loaded[1],
    }


def _check(running: Program, options: argparse.Namespace) -> None:
    """The zone is in force, or what is measured says nothing."""
    last = next(name for number, name in enumerate(names(options.names)) if number == options.names - 1)
    listed, below, other = running.ask(f"{last} A", f"www.{last} A", "open1.example A")
    stopped = all(one.data == (options.stop,) if options.stop else one.status == "NXDOMAIN" for one in (listed, below))
    if not stopped or not other.upstream:
        raise SystemExit(f"the list is not in force: {listed} {below} {other}")


def main() -> int:
    """Print a row for each resolver; 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolver", choices=RESOLVERS, action="append")
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--stop", default="", help="An address that is answered; without it: no such name.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    programs.WAIT = START
    rows = []
    for name in options.resolver or RESOLVERS:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(compare(name, Path(folder), options))
    if options.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print("\n".join(f"{key:>12}: {value}" for key, value in row.items()), end="\n\n")
    return int(any(float(str(row["ratio"])) < BAR for row in rows))


if __name__ == "__main__":
    sys.exit(main())

"""What compiled lists cost, against the bars: build, memory, start, bytes a name on disk and resident, a look-up.

    python tests/bench/lists.py                  # a million real names and five million, about two minutes
    python tests/bench/lists.py --names 1 --json

Names are those of SFS_TEST_DATA/hosts (a million real ones); more, or all where that folder is not named, are made
(sfs/cli/bench_sample.py). Public lists are sorted, so `sorted` is what the bars are held against; `shuffled` is the
worst order. Building and each reader run in processes of their own; the readers look up every name, so that all pages
are resident, while both hold the list."""

import argparse
import json
import lzma
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sfs.cli.bench_sample import sample_names
from sfs.lists.compile import compile_list
from sfs.lists.compiled import open_compiled
from sfs.text.url import Url, parse_url

MILLION = 1_000_000
ASKED = 20_000  # names whose look-up is timed, best of ROUNDS
ROUNDS = 7
BARS = {"build s": {1: 20, 5: 120}, "peak MB": {1: 1000, 5: 1000}, "open s": {1: 2, 5: 2}}
KEYS = (
    *("names", "order", "build s", "peak MB", "open s", "disk", "resident", "shared", "pss"),
    *("hit us", "miss us", "line us", "wrong"),
)
BYTES = {"disk": 7, "resident": 10}  # under so many bytes a name


def names_of(count: int) -> list[str]:
    """Real names as far as there are any, then made ones, in no order."""
    found: dict[str, None] = {}
    data = os.environ.get("SFS_TEST_DATA")
    if data:
        with lzma.open(Path(data) / "hosts" / "hosts-1m.txt.xz", "rt") as file:
            found = dict.fromkeys(line.strip() for line in file)
    if len(found) < count:
        found |= dict.fromkeys(sample_names(count - len(found) + count // 50))
    names = list(found)[:count]
    random.Random(1).shuffle(names)
    return names


def build(source: Path, folder: Path) -> dict[str, Any]:
    """Compile a list; seconds and the most memory of this process."""
    begin = time.perf_counter()
    compiled = compile_list(source, "plain", folder)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"size": compiled.size, "build s": round(seconds, 1), "peak MB": peak // 1024}


def read(source: Path, folder: Path) -> dict[str, Any]:
    """Open a list, look up all of it, and wait; then what of this process is resident."""
    begin = time.perf_counter()
    index = open_compiled(folder).index
    opened = time.perf_counter() - begin
    names, dice = source.read_text().split(), random.Random(2)
    asked = dice.sample(names, min(ASKED, len(names)))
    listed = [parse_url(f"http://{name}/") for name in asked]
    others = [parse_url(f"http://www.j{name.replace('.', '.z', 1)}/") for name in asked]
    costs = {"hit us": best(listed, index.match), "miss us": best(others, index.match)}
    hits = [index.match(url)[0] for url in listed[:2000]]
    begin = time.perf_counter()
    wrong = sum(names[hit.line - 1] != hit.entry.host for hit in hits)
    costs["line us"] = round((time.perf_counter() - begin) / len(hits) * 1e6, 1)
    wrong += sum(not index.match(parse_url(f"http://{name}/")) for name in names[:: max(len(names) // 300_000, 1)])
    print("ready", flush=True)
    sys.stdin.readline()
    return {"open s": round(opened, 3), **costs, "wrong": wrong, **resident(folder)}


def best(urls: Sequence[Url], match: Callable[[Url], object]) -> float:
    """Microseconds of one look-up."""
    spent = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for url in urls:
            match(url)
        spent.append(time.perf_counter() - begin)
    return round(min(spent) / len(urls) * 1e6, 2)


def resident(folder: Path) -> dict[str, int]:
    """Bytes of the mapped files in memory, from smaps: all, this process's share, and what others hold too."""
    sums = {"Rss": 0, "Pss": 0, "Shared_Clean": 0}
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = str(folder) in line
        elif inside and (found := re.match(r"(\w+): +(\d+) kB", line)) and found[1] in sums:
            sums[found[1]] += int(found[2]) * 1024
    return sums


def child(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def measured(names: list[str], order: str, work: Path) -> dict[str, Any]:
    """All figures of one list."""
    source, folder = work / "names.txt", work / "compiled"
    source.write_text("\n".join(names) + "\n", encoding="ascii")
    said, _ = child("build", source, folder).communicate()
    row: dict[str, Any] = {"names": len(names) // MILLION, "order": order, **json.loads(said)}
    row["disk"] = round(sum(path.stat().st_size for path in folder.iterdir()) / row["size"], 2)
    readers = [child("read", source, folder) for _ in range(2)]
    for one in readers:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    first, second = (json.loads(one.communicate("go on\n")[0]) if n == 0 else one for n, one in enumerate(readers))
    second.communicate("go on\n")
    for key, name in (("resident", "Rss"), ("shared", "Shared_Clean"), ("pss", "Pss")):
        row[key] = round(first[name] / row["size"], 2)
    return row | {key: value for key, value in first.items() if key not in ("Rss", "Shared_Clean", "Pss")}


def missed(row: dict[str, Any]) -> list[str]:
    """The bars that a row does not reach; bytes are held against sorted lists alone."""
    found = [
        f"{key} {row[key]} of {bars[row['names']]}" for key, bars in BARS.items() if row[key] >= bars[row["names"]]
    ]
    if row["order"] == "sorted":
        found += [f"{key} {row[key]} of {bar} bytes" for key, bar in BYTES.items() if row[key] >= bar]
    return found + ([f"{row['wrong']} wrong answers"] if row["wrong"] else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--names", type=int, choices=(1, 5), action="append", help="millions, may be said twice")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.child:
        act, source, folder = said.child
        print(json.dumps({"build": build, "read": read}[act](Path(source), Path(folder))))
        return 0
    rows = []
    if not said.json:
        print("| " + " | ".join(KEYS) + " |\n" + "| --- " * len(KEYS) + "|", flush=True)
    for millions in said.names or (1, 5):
        names = names_of(millions * MILLION)
        for order in ("shuffled", "sorted"):
            with tempfile.TemporaryDirectory(prefix="sfs-lists-") as work:
                rows.append(measured(names, order, Path(work)))
            values = (str(rows[-1][key]) for key in KEYS)
            print(json.dumps(rows[-1]) if said.json else "| " + " | ".join(values) + " |", flush=True)
            names.sort()
    faults = [f"{row['names']} M {row['order']}: {what}" for row in rows for what in missed(row)]
    for fault in faults:
        print(f"not reached: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

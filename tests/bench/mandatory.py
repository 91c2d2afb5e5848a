"""What a sealed mandatory list costs the proxy, against the bars of a provider: sealing and loading it, a look-up, and
how long a change takes from the command until a running proxy enforces it.

    python tests/bench/mandatory.py              # a hundred thousand entries, about a minute
    python tests/bench/mandatory.py --entries 1000000 --json

A third each are domains, hosts and pages, of made names (sfs/cli/bench_sample.py). Look-ups are in CPU time, the best
of ROUNDS; the change is asked for by the command line, as a provider does it."""

import argparse
import gc
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from sfs.cli.bench_sample import sample_names  # noqa: E402
from sfs.lists.list_key import read_list_key  # noqa: E402
from sfs.lists.sealed_file import open_sealed  # noqa: E402
from sfs.match.sealed import SealedIndex  # noqa: E402
from sfs.text.url import Url, parse_url  # noqa: E402
from tests.e2e.proxy import Proxy  # noqa: E402

ASKED = 10_000  # URLs whose look-up is timed
ROUNDS = 7
BARS = {"load s": 10, "change s": 10, "miss us": 10, "miss below us": 10, "host us": 40, "domain us": 40}


def sfs(*arguments: object) -> float:
    """Run a command; its seconds."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "sfs", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - begin


def listed(path: Path, names: Sequence[str], serial: int) -> None:
    """A list of these names: domains, hosts and pages, in turn."""
    with path.open("w") as file:
        print(json.dumps({"list": "bench", "purpose": "policy", "serial": serial}), file=file)
        for number, name in enumerate(names):
            page = {"unit": "url-exact", "url": f"http://{name}/a/page{number}.html?id={number}"}
            rows = ({"unit": "domain-tree", "host": name}, {"unit": "host", "host": name}, page)
            print(json.dumps(rows[number % 3]), file=file)


def microseconds(index: SealedIndex, urls: Sequence[Url]) -> float:
    """CPU time of a look-up; the collector rests meanwhile."""
    best = float("inf")
    gc.disable()
    for _ in range(ROUNDS):
        begin = time.process_time()
        for url in urls:
            index.match(url)
        best = min(best, time.process_time() - begin)
    gc.enable()
    return best / len(urls) * 1e6


def look_ups(index: SealedIndex, names: Sequence[str]) -> dict[str, float]:
    """By what is asked. A miss has four labels: below an end that nothing is listed at but names (the usual one), or
    below a name that is listed for its host alone."""
    seeded = random.Random(1)
    trees, hosts, pages = ([*enumerate(names)][kind::3][:ASKED] for kind in range(3))
    ends = [name.rpartition(".")[2] for name in names[:ASKED]]
    short = [name for _, name in (*hosts, *pages) if name.count(".") == 1]
    asked = {
        "miss us": [f"http://a.b{seeded.randrange(10**9)}.c{number}.{end}/" for number, end in enumerate(ends)],
        "miss below us": [f"http://a{number}.b.{name}/" for number, name in enumerate(short)],
        "host us": [f"http://{name}/a" for _, name in hosts],
        "domain us": [f"http://www.{name}/a" for _, name in trees],
        "page us": [f"http://{name}/a/page{number}.html?id={number}" for number, name in pages],
        "neighbour us": [f"http://{name}/a/page.html" for _, name in pages],
    }
    hits = {"host us", "domain us", "page us"}
    figures = {}
    for what, texts in asked.items():
        urls = [parse_url(text) for text in texts]
        assert all(bool(index.match(url)) == (what in hits) for url in urls), what
        figures[what] = microseconds(index, urls)
    return figures


def change(proxy: Proxy, folder: Path, names: Sequence[str]) -> float:
    """Seconds from the command that seals one more host until the proxy blocks it."""
    listed(folder / "list.jsonl", names, 2)
    with (folder / "list.jsonl").open("a") as file:
        print(json.dumps({"unit": "host", "host": "added.test"}), file=file)
    begin = time.perf_counter()
    sfs("lists", "seal", folder / "list.jsonl", "-o", folder / "list.sealed", "--key", folder / "isp.key")
    sealed = time.perf_counter() - begin
    question = b"GET http://added.test/ HTTP/1.1\r\nHost: added.test\r\n\r\n"
    while not proxy.raw(question).startswith(b"HTTP/1.1 451"):
        time.sleep(0.02)
    print(f"# sealed again in {sealed:.2f} s", file=sys.stderr)
    return time.perf_counter() - begin


def measure(count: int) -> dict[str, float]:
    names = list(dict.fromkeys(sample_names(count + count // 50)))[:count]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        key, out = folder / "isp.key", folder / "list.sealed"
        sfs("isp", "key", "-o", key)
        listed(folder / "list.jsonl", names, 1)
        figures = {"entries": float(len(names))}
        figures["seal s"] = sfs("lists", "seal", folder / "list.jsonl", "-o", out, "--key", key)
        begin = time.perf_counter()
        index = open_sealed(out, read_list_key(key)).index
        figures["load s"] = time.perf_counter() - begin
        figures["bytes an entry"] = out.stat().st_size / len(names)
        figures |= look_ups(index, names)
        config = {
            "profile": "isp",
            "lists": [{"name": "bench", "url": str(out), "mandatory": True, "key": str(key)}],
        }
        (folder / "names").write_text("")
        without = started({"profile": "isp"}, folder / "without", folder / "names")
        begin = time.perf_counter()
        with Proxy(config, folder / "state", folder / "names") as proxy:
            figures["start s"] = time.perf_counter() - begin
            assert proxy.process is not None
            figures["memory MB more"] = (psutil.Process(proxy.process.pid).memory_info().rss - without) / 1e6
            figures["change s"] = change(proxy, folder, names)
    return figures


def started(config: dict, state: Path, names: Path) -> int:
    """The resident memory of a proxy without the list."""
    with Proxy(config, state, names) as proxy:
        assert proxy.process is not None
        return int(psutil.Process(proxy.process.pid).memory_info().rss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.entries)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for what, value in figures.items():
            bar = BARS.get(what)
            print(f"{what:16} {value:12,.2f}" + ("" if bar is None else f"   bar {bar}"))
    missed = [what for what, bar in BARS.items() if figures[what] >= bar]
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()

"""How long `sfs lists import` and `export` take for each program, and how long it is from a command to an answer in a
BIND that fetches the change from a hidden primary. README.md beside this says how to read it.

python tests/bench/exports.py [--entries N] [--json]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from sfs.export.engines import ENGINES  # noqa: E402
from sfs.export.transfer import bind_policy  # noqa: E402
from tests.export.engines import programs  # noqa: E402
from tests.export.engines.programs import STOP4, UPSTREAM4, HiddenPrimary, program  # noqa: E402

BAR, CHANGE_BAR = 30, 60  # seconds
ZONE = "policy.rpz"
STOP = ("--stop", STOP4, "--stop", "2001:db8::80")
MORE = {"rpz": STOP, "unbound": STOP, "knot": STOP, "pdns": STOP, "dnsmasq": STOP, "hosts": STOP}
MORE["pac"] = ("--proxy", "192.0.2.1:8080")


def row(number: int) -> str:
    """A line of a table: names with all below, single names, addresses, pages; each once."""
    kind, host = number % 10, f"site{number % 97}.example"
    if kind < 4:
        return f",t{number}.{host},domain-tree"
    if kind < 6:
        return f",h{number}.{host},host"
    if kind < 7:
        return f",2001:db8::{number >> 16:x}:{number & 65535:x},host"
    if kind < 9:
        return f"http://shared{number % 5000}.example/path/{number}/page.html?id={number},,url-exact"
    return f"http://shared{number % 5000}.example/folder{number}/,,path-prefix"


def table(path: Path, entries: int) -> Path:
    """A list as a body hands it out."""
    path.write_text("url,host,unit\n" + "".join(f"{row(number)}\n" for number in range(entries)))
    return path


def sfs(*words: object) -> tuple[float, float]:
    """Run a command of `sfs lists`: seconds on the clock, and of the processor."""
    begun, before = time.monotonic(), os.times()
    command = [sys.executable, "-m", "sfs", "lists", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    after = os.times()
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return round(time.monotonic() - begun, 1), round(used, 1)


def change(folder: Path, entries: int) -> float:
    """Seconds from the command that withdraws a name to the answer of a BIND that fetches the zone."""
    zone, key = folder / "policy.zone", folder / "key"
    for name in ("primary", "resolver"):
        (folder / name).mkdir()
    found = folder / "list.jsonl"
    export = ("export", "--format", "rpz", found, *STOP, "-o", zone)
    sfs(*export)
    port = programs.free_port()
    listen = f"127.0.0.1@{port}"
    lines = folder / "resolver.lines"
    sfs("export", "--format", "bind", found, "--primary", listen, "--key-file", key, "-o", lines)
    with programs.upstream(folder / "world") as world:
        resolver = programs.named(folder / "resolver", world, bind_policy([ZONE]), lines.read_text()).with_list()
        conf = folder / "primary.conf"
        to = f"127.0.0.1@{resolver.port}"
        place = ("--listen", listen, "--folder", folder / "primary", "--to", to)
        sfs("primary", zone, "--key-file", key, *place, "-o", conf)
        command = [program("named", "bind9"), "-g", "-c", conf]
        serving = HiddenPrimary(command, folder / "primary", port, ZONE, key.read_text().strip())
        with serving, resolver:
            resolver.until("t0.site0.example A", STOP4)
            text = found.read_text().splitlines(keepends=True)
            found.write_text("".join(line for line in text if '"t0.site0.example"' not in line))
            begun = time.monotonic()
            sfs(*export, "--reload", folder / "primary" / "named.pid")
            resolver.until("t0.site0.example A", UPSTREAM4)
            took = time.monotonic() - begun
            resolver.until("t1.site1.example A", STOP4)
    return round(took, 1)


def main() -> int:
    """Print a row for each command; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        body, found = table(folder / "body.csv", options.entries), folder / "list.jsonl"
        took = {"import": sfs("import", body, "--purpose", "policy", "-o", found)}
        for name in ENGINES:
            words = ("--format", name, found, *MORE.get(name, ()), "-o", folder / f"out.{name}")
            took[f"export {name}"] = sfs("export", *words)
        changed = change(folder, options.entries)
    if options.json:
        print(json.dumps({"took": took, "change": changed}))
    else:
        for name, (clock, used) in took.items():
            print(f"{name:>16}: {clock:6.1f} s, processor {used:5.1f} s")
        print(f"{'change in BIND':>16}: {changed:6.1f} s from the command")
    slow = any(clock >= BAR for name, (clock, _) in took.items() if name != "import")
    return int(slow or changed >= CHANGE_BAR)


if __name__ == "__main__":
    sys.exit(main())

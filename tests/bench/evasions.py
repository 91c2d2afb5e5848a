"""What gets around SFS, squidGuard (behind Squid) and e2guardian, and what each blocks by mistake: the tables of
tests/vectors/evasions through all three, in one run. README.md beside this says how to read the figures.

python tests/bench/evasions.py [--json]"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import yaml  # noqa: E402

from sfs.match.entry import Entry, Unit, parse_entry  # noqa: E402
from tests.bench.peers import Lists, ask, e2guardian, squidguard, upstream  # noqa: E402
from tests.evasion_cases import WORD, Evasion, Neighbour, configuration, evasions, neighbours  # noqa: E402

LEVEL = 2
type Peer = Callable[[Path, Lists, int], AbstractContextManager[int]]
PEERS: dict[str, Peer] = {"squidGuard": squidguard, "e2guardian": e2guardian}


@dataclass(frozen=True)
class Score:
    """Of the evasions: how many were blocked, passed or refused. Of the look-alikes: how many were shown, blocked or
    refused."""

    evasions: Counter[str]
    neighbours: Counter[str]


def rows() -> tuple[list[Evasion], list[Neighbour]]:
    """What all three can be asked: http on the wire in one line, of an entry that the peers' lists can express."""
    told = [row for row in evasions() if _on_the_wire(row.url) and _expressible(row.entry)]
    near = [row for row in neighbours() if _on_the_wire(row.url) and _expressible(row.entry)]
    return told, near


def _on_the_wire(url: str) -> bool:
    return url.lower().startswith("http://") and not any(char <= " " or char in "\x7f\xa0" for char in url)


def _entry(line: str) -> Entry:
    entry = parse_entry(line)
    assert entry is not None
    return entry


def _expressible(line: str) -> bool:
    """Names with all below them, pages and folders; not words, single hosts, ports, schemes or exact queries."""
    if line.startswith(WORD):
        return False
    entry = _entry(line)
    if entry.scheme is not None or entry.port is not None:
        return False
    address = entry.unit is Unit.HOST and not line.startswith("=")
    return address or entry.unit in (Unit.TREE, Unit.PREFIX, Unit.PAGE)


def lists_of(lines: Iterable[str]) -> Lists:
    """The entries as both peers hold them."""
    domains, urls = [], []
    for line in dict.fromkeys(lines):
        entry = _entry(line)
        if entry.unit in (Unit.TREE, Unit.HOST):
            domains.append(entry.host)
        else:
            urls.append(f"{entry.host}{entry.forms[0].path}")
    return Lists(tuple(domains), tuple(urls))


def of_peer(peer: Peer, told: list[Evasion], near: list[Neighbour], folder: Path) -> Score:
    """A real peer, asked over its socket."""
    listed = lists_of(row.entry for row in (*told, *near))
    with upstream() as parent, peer(folder, listed, parent) as port, ThreadPoolExecutor(4) as pool:
        first = Counter(pool.map(lambda row: ask(port, row.url), told))
        second = Counter(pool.map(lambda row: ask(port, row.url), near))
    return Score(
        first, Counter({"shown": second["passed"], "blocked": second["blocked"], "refused": second["refused"]})
    )


def of_sfs(told: list[Evasion], near: list[Neighbour], folder: Path) -> Score:
    """`sfs explain` with all entries of the tables. That the live proxy says the same is a test of tests/e2e."""
    config = folder / "sfs.yaml"
    config.write_text(yaml.safe_dump({**configuration(LEVEL), "state": str(folder / "state")}, allow_unicode=True))
    command = [sys.executable, "-m", "sfs", "explain", "--json", "--config", str(config), "-"]
    lines = "\n".join(row.url for row in (*told, *near))
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)
    said = [_said(json.loads(line)) for line in done.stdout.splitlines()]
    assert len(said) == len(told) + len(near), done.stderr
    first, second = Counter(said[: len(told)]), Counter(said[len(told) :])
    return Score(
        first, Counter({"shown": second["passed"], "blocked": second["blocked"], "refused": second["refused"]})
    )


def _said(answer: dict[str, object]) -> str:
    if answer["action"] == "allow":
        return "passed"
    return "refused" if answer["check"] == "bad-request" else "blocked"


def table(scores: dict[str, Score], told: int, near: int) -> str:
    """As it stands in README.md."""
    lines = [
        f"| | {told} spellings of listed pages: pass | refused as errors | {near} look-alikes: blocked | refused |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, score in scores.items():
        first, second = score.evasions, score.neighbours
        lines.append(f"| {name} | {first['passed']} | {first['refused']} | {second['blocked']} | {second['refused']} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    told, near = rows()
    scores: dict[str, Score] = {}
    with tempfile.TemporaryDirectory(prefix="sfs-evasions-") as name:
        folder = Path(name)
        scores["SFS"] = of_sfs(told, near, folder)
        for peer, start in PEERS.items():
            scores[peer] = of_peer(start, told, near, folder)
    if arguments.json:
        print(json.dumps({peer: [dict(score.evasions), dict(score.neighbours)] for peer, score in scores.items()}))
    else:
        print(table(scores, len(told), len(near)))


if __name__ == "__main__":
    main()

"""Verdicts a second on a pipe, of `sfs squid` and of squidGuard with the same names: as URL rewriters that Squid writes
its lines to. Three in ten URLs are listed; each is asked once (uniform), or drawn with Zipf's weights.

"Lists only" is profile `isp` with a mandatory list, "level 2" the whole filter with the same list."""

import itertools
import os
import random
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tests.bench.frame import Found, Measure, Scale, in_turn
from tests.bench.origin import SEED
from tests.bench.programs import LOAD_CORE, PROXY_CORE, ROOT, need, pinned, run
from tests.bench.room import Room, made_name

BLOCKED = 0.3  # of the URLs
PAGE = "http://pages.test/blocked"
_PATHS = ("", "index.html", "a/b/c.html", "img/x.png?v=3", "news/2026/11/28/item-4711.html")
_LISTED, _WHOLE, _PEER = "sfs, lists only", "sfs, level 2", "squidGuard"
MEASURES = [
    Measure("pipe-uniform", "verdicts on a pipe, lists only, uniform, to squidGuard", 0.8),
    Measure("pipe-zipf", "verdicts on a pipe, lists only, Zipf, to squidGuard", 1.5),
]


class Helpers:
    """squidGuard and `sfs squid` with the list of the room."""

    def __init__(self, room: Room) -> None:
        self.folder = room.folder / "helpers"
        (self.folder / "db/listed").mkdir(parents=True)
        (self.folder / "log").mkdir()
        os.link(room.names, self.folder / "db/listed/domains")
        self._guard = self.folder / "squidGuard.conf"
        self._guard.write_text(
            f"dbhome {self.folder}/db\nlogdir {self.folder}/log\ndest listed {{\n domainlist listed/domains\n}}\n"
            f"acl {{\n default {{\n  pass !listed all\n  redirect {PAGE}\n }}\n}}\n"
        )
        subprocess.run([*self.squidguard(), "-C", "all"], check=True, capture_output=True, timeout=240)
        text = f"{{url: {room.names}, name: names"
        self.lists = self._config("lists", f"profile: isp\nlists: [{text}, mandatory: true}}]\n")
        self.level = self._config("level", f"level: 2\ndefault_lists: false\nlists: [{text}, category: gambling}}]\n")

    def _config(self, name: str, text: str) -> Path:
        file = self.folder / f"{name}.yaml"
        file.write_text(f"{text}state: {self.folder}/{name}\n")
        run([sys.executable, "-m", "sfs", "lists", "update", "--config", str(file)])
        return file

    def squidguard(self) -> list[str]:
        """The command."""
        return [need("squidGuard"), "-c", str(self._guard)]

    def sfs(self, config: Path) -> list[str]:
        """The command, for lines without channels."""
        words = [sys.executable, "-m", "sfs", "squid", "--config", str(config), "--mode", "rewrite", "--page", PAGE]
        return [*words, "--no-channels"]


def helpers(room: Room) -> Helpers:
    """Made once."""
    made: Helpers = room.once("helpers", Helpers)
    return made


def found(room: Room, scale: Scale) -> dict[str, Found]:
    """Both."""
    programs = helpers(room)
    commands = {
        _PEER: programs.squidguard(),
        _LISTED: programs.sfs(programs.lists),
        _WHOLE: programs.sfs(programs.level),
    }
    gave = {}
    for name, lines in _asked(room, scale.urls).items():
        ways = {key: partial(verdicts, command, lines, scale.urls) for key, command in commands.items()}
        runs = in_turn(ways, scale.pairs)
        blocked = {key: {count for _, count in of} for key, of in runs.items()}
        if blocked[_PEER] != blocked[_LISTED]:
            raise SystemExit(f"{name}: not the same verdicts: {blocked}")
        rates = {key: [rate for rate, _ in of] for key, of in runs.items()}
        whole = statistics.median(a / b for a, b in zip(rates[_WHOLE], rates[_PEER], strict=True))
        a, b, c = (statistics.median(rates[key]) for key in (_LISTED, _PEER, _WHOLE))
        beside = f"{a:,.0f} to {b:,.0f} verdicts/s; full level 2: {c:,.0f} ({whole:.2f})"
        gave[f"pipe-{name}"] = Found([a / b for a, b in zip(rates[_LISTED], rates[_PEER], strict=True)], beside)
    return gave


def _asked(room: Room, count: int) -> dict[str, Path]:
    rng = random.Random(SEED)
    listed = room.names.read_text().split()
    different = [_url(rng, listed) for _ in range(count)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, count + 1)))
    zipf = rng.choices(different, cum_weights=weights, k=count)
    return {name: _lines(room.folder / name, rng, urls) for name, urls in (("uniform", different), ("zipf", zipf))}


def _url(rng: random.Random, listed: list[str]) -> str:
    host = rng.choice(listed) if rng.random() < BLOCKED else f"{made_name(rng)}.example.{rng.choice(('com', 'org'))}"
    return f"http://{rng.choice(('', 'www.'))}{host}/{rng.choice(_PATHS)}"


def _lines(file: Path, rng: random.Random, urls: list[str]) -> Path:
    """As Squid writes them to a rewriter by default."""
    file.write_text("".join(f"{url} 192.0.2.{rng.randint(1, 50)}/- - GET myip=- myport=-\n" for url in urls))
    return file


def verdicts(command: list[str], lines: Path, count: int) -> tuple[float, int]:
    """Verdicts a second on a pipe, from the first line to the last answer, of a new helper that has answered one line
    before; and how many were blocked."""
    words = [*pinned(PROXY_CORE), *command]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"http://first.example.com/ 192.0.2.99/- - GET myip=- myport=-\n")
    child.stdin.flush()
    output = child.stdout.fileno()
    if not os.read(output, 100).endswith(b"\n"):
        raise SystemExit(f"{command}: no answer")
    begin = time.perf_counter()
    asking = subprocess.Popen([*pinned(LOAD_CORE), need("cat"), str(lines)], stdout=child.stdin)
    child.stdin.close()
    answered = blocked = 0
    while answered < count and (block := os.read(output, 1 << 16)):
        answered += block.count(b"\n")
        blocked += block.count(b"pages.test")
    taken = time.perf_counter() - begin
    asking.wait(30)
    child.stdout.close()
    child.wait(60)
    if answered != count:
        raise SystemExit(f"{command}: {answered} answers to {count} lines")
    return count / taken, blocked

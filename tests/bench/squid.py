"""`sfs squid` against squidGuard, real programs of Debian, with the same 1,000,000 names: verdicts a second
on a pipe, and requests a second through Squid. README.md beside this says how to read the figures.

python tests/bench/squid.py [--names N] [--urls N] [--pairs N] [--seconds S] [--json]"""

import argparse
import itertools
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.proxy import LOAD_CORE, PROXY_CORE, _child, _free_port, _need, _pinned, _wait_for  # noqa: E402
from tests.squid.squids import Squid, printed  # noqa: E402

SEED = 20261128
BLOCKED = 0.3  # of the URLs on the pipe stand on the list
PAGE = "http://pages.test/blocked"
WALKED, SITES = 20_000, 200  # URLs that the load asks Squid for, one after the other, and their hosts: Squid keeps
# connections by host, and would mostly open new ones to more
_SYLLABLES = ("ka", "to", "mi", "re", "so", "ba", "do", "ne", "lu", "vi", "xa", "po", "gra", "sten", "mark", "web")
_PATHS = ("", "index.html", "a/b/c.html", "img/x.png?v=3", "news/2026/11/28/item-4711.html")


class Data:
    """Names and URLs, the same for everybody."""

    def __init__(self, folder: Path, names: int, urls: int) -> None:
        rng = random.Random(SEED)
        found: set[str] = set()
        while len(found) < names:
            found.add(f"{_name(rng)}.{rng.choice(('com', 'net', 'org', 'co', 'or'))}.test")
        listed = sorted(found)
        self.list = folder / "names"
        self.list.write_text("".join(f"{name}\n" for name in listed))
        different = [_url(rng, listed) for _ in range(urls)]
        weights = list(itertools.accumulate(1 / rank for rank in range(1, urls + 1)))
        self.uniform = _lines(folder / "uniform", rng, different)
        self.zipf = _lines(folder / "zipf", rng, rng.choices(different, cum_weights=weights, k=urls))
        self.count = urls
        self.shown = folder / "shown"
        sites = [_url(rng, ()).split("/", 3)[2] for _ in range(SITES)]
        self.shown.write_text("".join(f"http://{rng.choice(sites)}/{n}/{rng.choice(_PATHS)}\n" for n in range(WALKED)))


def _name(rng: random.Random) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 5))) + str(rng.randint(0, 99_999))


def _url(rng: random.Random, listed: list[str] | tuple[()]) -> str:
    host = (
        rng.choice(listed)
        if listed and rng.random() < BLOCKED
        else f"{_name(rng)}.example.{rng.choice(('com', 'org'))}"
    )
    return f"http://{rng.choice(('', 'www.'))}{host}/{rng.choice(_PATHS)}"


def _lines(file: Path, rng: random.Random, urls: list[str]) -> Path:
    """As Squid writes them to a rewriter by default."""
    file.write_text("".join(f"{url} 192.0.2.{rng.randint(1, 50)}/- - GET myip=- myport=-\n" for url in urls))
    return file


class Programs:
    """The helpers, set up."""

    def __init__(self, folder: Path, data: Data) -> None:
        self.folder, self.data = folder, data
        self.guard = folder / "squidGuard.conf"
        (folder / "db/listed").mkdir(parents=True)
        (folder / "log").mkdir()
        os.link(data.list, folder / "db/listed/domains")
        self.guard.write_text(
            f"dbhome {folder}/db\nlogdir {folder}/log\ndest listed {{\n domainlist listed/domains\n}}\n"
            f"acl {{\n default {{\n  pass !listed all\n  redirect {PAGE}\n }}\n}}\n"
        )
        _run([_need("squidGuard"), "-c", str(self.guard), "-C", "all"])
        text = f"{{url: {data.list}, name: names"
        self.lists = self._config("lists", f"profile: isp\nlists: [{text}, mandatory: true}}]\n")
        self.level = self._config("level", f"level: 2\ndefault_lists: false\nlists: [{text}, category: gambling}}]\n")
        _run([sys.executable, "-m", "sfs", "lists", "update", "--config", str(self.level)])

    def _config(self, name: str, text: str) -> Path:
        file = self.folder / f"{name}.yaml"
        file.write_text(f"{text}state: {self.folder}/{name}\n")
        return file

    def squidguard(self) -> list[str]:
        """The command."""
        return [_need("squidGuard"), "-c", str(self.guard)]

    def sfs(self, config: Path) -> list[str]:
        """The command, for lines without channels."""
        words = [sys.executable, "-m", "sfs", "squid", "--config", str(config), "--mode", "rewrite", "--page", PAGE]
        return [*words, "--no-channels"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
    if done.returncode != 0:
        raise SystemExit(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")


def verdicts(command: list[str], lines: Path, count: int) -> tuple[float, int]:
    """Verdicts a second on a pipe, from the first line to the last answer, of a helper that has answered one line
    before; and how many were blocked. The helper has a core, whoever asks the other."""
    words = [*_pinned(PROXY_CORE), *command]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"http://first.example.com/ 192.0.2.99/- - GET myip=- myport=-\n")
    child.stdin.flush()
    output = child.stdout.fileno()
    if not os.read(output, 100).endswith(b"\n"):
        raise SystemExit(f"{command}: no answer")
    begin = time.perf_counter()
    asking = subprocess.Popen([*_pinned(LOAD_CORE), _need("cat"), str(lines)], stdout=child.stdin)
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


class Through:
    """Squid with a helper, the load on its other side, and a server behind it that answers everything."""

    def __init__(self, folder: Path, programs: Programs, seconds: float) -> None:
        self.folder, self.programs, self.seconds = folder, programs, seconds
        self.origin = _free_port()
        self.script = folder / "walk.lua"
        self.script.write_text(
            f"urls = {{}}\nfor line in io.lines('{programs.data.shown}') do urls[#urls + 1] = line end\nat = 0\n"
            'request = function()\n at = at % #urls + 1\n return "GET " .. urls[at] .. " HTTP/1.1\\r\\nHost: " '
            '.. urls[at]:match("//([^/]*)") .. "\\r\\nAccept: text/html\\r\\n\\r\\n"\nend\n'
        )

    @contextmanager
    def server(self) -> Iterator[None]:
        """nginx, on the load's core: one page of a kilobyte for whatever is asked."""
        config = self.folder / "nginx.conf"
        paths = " ".join(
            f"{kind}_temp_path {self.folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config.write_text(
            f"daemon off; worker_processes 1; pid {self.folder}/nginx.pid; error_log stderr crit;\n"
            f"events {{ worker_connections 1024; }}\nhttp {{ access_log off; keepalive_requests 1000000; {paths}\n"
            f"server {{ listen 127.0.0.1:{self.origin}; default_type text/html; return 200 '{'x' * 1000}'; }} }}\n"
        )
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        with _child([*_pinned(LOAD_CORE), _need("nginx"), "-c", str(config), "-p", str(self.folder), *user]) as child:
            _wait_for(self.origin, child)
            yield

    def squid(self, name: str, lines: str) -> Squid:
        """One Squid, on the other core."""
        folder = self.folder / name
        folder.mkdir()
        more = f"cache_peer 127.0.0.1 parent {self.origin} 0 no-query no-digest default\nnever_direct allow all\n"
        return Squid(folder, lines, more=more, log=False, before=_pinned(PROXY_CORE))

    def rate(self, squid: Squid) -> float:
        """Requests a second."""
        command = [_need("wrk"), "-t1", "-c16", f"-d{max(1, round(self.seconds))}s", "-s", str(self.script)]
        done = subprocess.run(
            [*_pinned(LOAD_CORE), *command, f"http://127.0.0.1:{squid.port}"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
            raise SystemExit(f"wrk: requests failed:\n{done.stdout}\n{done.stderr}\n{squid.log()}")
        return float(found[1])


def squids(through: Through, programs: Programs) -> dict[str, Squid]:
    """What is measured behind Squid, by name; the first is what the others are held against."""
    guard = (
        f"url_rewrite_program {' '.join(programs.squidguard())}\nurl_rewrite_children 4 startup=4 concurrency=0\n"
        "url_rewrite_bypass off\n"
    )
    found = {"squidGuard": guard, "no helper": ""}
    for config, name in ((programs.lists, "lists only"), (programs.level, "level 2")):
        given = ("config", "--config", config, "--page", PAGE)
        found[f"sfs, rewriter, {name}"] = printed(*given, "--mode", "rewrite")
        found[f"sfs, ACL, {name}"] = printed(*given)
        found[f"sfs, ACL that Squid does not keep, {name}"] = printed(*given, "--ttl", 0)
    return {name: through.squid(f"squid{number}", lines) for number, (name, lines) in enumerate(found.items())}


def in_turn(ways: dict[str, Callable[[], float]], pairs: int) -> dict[str, list[float]]:
    """Every way `pairs` times, there and back again (A B C, C B A, ...)."""
    figures: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(pairs):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            figures[name].append(ways[name]())
    return figures


def measure_pipe(programs: Programs, pairs: int) -> dict[str, dict[str, list[float]]]:
    """Uniform and Zipf."""
    data = programs.data
    figures = {}
    for name, lines in (("uniform", data.uniform), ("Zipf", data.zipf)):
        counted: dict[str, int] = {}

        def one(key: str, command: list[str], lines: Path = lines, counted: dict[str, int] = counted) -> float:
            rate, counted[key] = verdicts(command, lines, data.count)
            return rate

        ways = {"squidGuard": programs.squidguard(), "sfs, lists only": programs.sfs(programs.lists)}
        ways["sfs, level 2"] = programs.sfs(programs.level)
        figures[name] = in_turn(
            {key: lambda key=key, words=words: one(key, words) for key, words in ways.items()}, pairs
        )
        if counted["squidGuard"] != counted["sfs, lists only"]:
            raise SystemExit(f"{name}: not the same verdicts: {counted}")
    return figures


def measure_through(folder: Path, programs: Programs, pairs: int, seconds: float) -> dict[str, list[float]]:
    """Requests a second behind Squid."""
    through = Through(folder, programs, seconds)
    with ExitStack() as stack:
        stack.enter_context(through.server())
        running = {name: stack.enter_context(squid) for name, squid in squids(through, programs).items()}
        ways = {name: lambda squid=squid: through.rate(squid) for name, squid in running.items()}
        for way in ways.values():  # connections, helpers that still load
            way()
        return in_turn(ways, pairs)


def table(title: str, figures: dict[str, list[float]]) -> str:
    """Medians, and the ratio to the first of each round: median and spread."""
    first = next(iter(figures.values()))
    lines = [title]
    for name, rates in figures.items():
        ratios = sorted(rate / other for rate, other in zip(rates, first, strict=True))
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        lines.append(f"  {name:<44} {statistics.median(rates):>9,.0f}  {spread}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--urls", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement through Squid")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = Programs(folder, Data(folder, asked.names, asked.urls))
        pipe = measure_pipe(programs, asked.pairs)
        through = measure_through(folder, programs, asked.pairs, asked.seconds)
    if asked.json:
        print(json.dumps({"pipe": pipe, "squid": through}))
        return
    for key, figures in pipe.items():
        print(table(f"verdicts a second on a pipe, {key}", figures))
    print(table("requests a second through Squid, 1 KB", through))


if __name__ == "__main__":
    main()

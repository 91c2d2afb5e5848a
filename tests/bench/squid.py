"""Requests a second through Squid with `sfs squid`, against Squid with squidGuard, both with the same names. The helper
shares the core with Squid.

20,000 URLs of 200 hosts are asked for in turn, none of them listed, of a parent that answers all: with a host for each
URL Squid would open a connection for each, and nothing else would be measured. Squid is set up by what `sfs squid
config` prints: it keeps the answers of an ACL for three seconds, and with lists only asks about a host before it asks
about a URL, as rewriter too. The answers of a rewriter, which is what squidGuard is, it never keeps."""

import random
import statistics
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from tests.bench.frame import Found, Measure, Scale, in_turn
from tests.bench.loads import CONNECTIONS, Run, ratio, wrk
from tests.bench.origin import SEED
from tests.bench.pipe import PAGE, Helpers, helpers
from tests.bench.programs import PROXY_CORE, Running, pinned
from tests.bench.room import Room, made_name
from tests.squid.squids import Squid, printed

WALKED, SITES = 20_000, 200
WARM, TRIES = 3, 10  # seconds, and how often
_PEER, _NONE = "squidGuard", "none"
_WAYS = {
    "acl": ("lists only, as external ACL", "lists", ()),
    "rewrite": ("lists only, as URL rewriter", "lists", ("--mode", "rewrite")),
    "level": ("full level 2, as external ACL", "level", ()),
}
MEASURES = [
    Measure(f"squid-{key}", f"requests/s through Squid, {title}, to squidGuard", 1.0)
    for key, (title, _, _) in _WAYS.items()
]


def found(room: Room, scale: Scale) -> dict[str, Found]:
    """All of them."""
    programs, script = helpers(room), _script(room)
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(_squid(room, name, lines)) for name, lines in _configurations(programs).items()
        }
        for squid in running.values():
            _warm(squid, script)
        proxies = {name: WithHelpers(name, squid.port, squid.process.pid, Path()) for name, squid in running.items()}
        ways = {name: partial(_run, proxy, script, max(1, round(scale.seconds))) for name, proxy in proxies.items()}
        runs = in_turn(ways, scale.pairs)
    without = f", {statistics.median(run.rate for run in runs[_NONE]):,.0f} without a helper"
    return {f"squid-{key}": ratio(runs, proxies[key], proxies[_PEER], without) for key in _WAYS}


class WithHelpers(Running):
    """Squid, and the helpers that share its core."""

    def pids(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [self.pid, *map(int, children.split())]


def _run(proxy: Running, script: Path, seconds: int) -> Run:
    before = proxy.cpu()
    done = wrk(proxy.port, script, seconds)
    return Run(done.rate, (proxy.cpu() - before) / done.requests * 1e6)


def _configurations(programs: Helpers) -> dict[str, str]:
    """Lines of squid.conf for each."""
    guard = f"url_rewrite_program {' '.join(programs.squidguard())}\nurl_rewrite_children 4 startup=4 concurrency=0\n"
    lines = {_PEER: f"{guard}url_rewrite_bypass off\n", _NONE: ""}
    for key, (_, config, more) in _WAYS.items():
        lines[key] = printed("config", "--config", getattr(programs, config), "--page", PAGE, *more)
    return lines


def _squid(room: Room, name: str, lines: str) -> Squid:
    folder = room.folder / f"squid-{name}"
    folder.mkdir()
    more = f"cache_peer 127.0.0.1 parent {room.origin.http} 0 no-query no-digest default\nnever_direct allow all\n"
    return Squid(folder, lines, more=more, log=False, before=pinned(PROXY_CORE))


def _warm(squid: Squid, script: Path) -> None:
    """Until it answers without an error: helpers that still load let their clients wait."""
    for _ in range(TRIES):
        with suppress(SystemExit):
            wrk(squid.port, script, WARM)
            return
    raise SystemExit(f"squid: no {WARM} s without an error in {TRIES} tries")


def _script(room: Room) -> Path:
    rng = random.Random(SEED)
    sites = [f"{made_name(rng)}.example.com" for _ in range(SITES)]
    urls, script = room.folder / "shown", room.folder / "walk.lua"
    urls.write_text("".join(f"http://{rng.choice(sites)}/1k/news/{number}\n" for number in range(WALKED)))
    script.write_text(
        "local count = 0\nfunction setup(thread) thread:set('number', count) count = count + 1 end\n"
        f"urls = {{}}\nfor line in io.lines('{urls}') do urls[#urls + 1] = line end\n"
        f"function init() at = number * {WALKED // CONNECTIONS} end\n"
        'request = function()\n at = at % #urls + 1\n return "GET " .. urls[at] .. " HTTP/1.1\\r\\nHost: " '
        '.. urls[at]:match("//([^/]*)") .. "\\r\\nAccept: text/html\\r\\n\\r\\n"\nend\n'
    )
    return script

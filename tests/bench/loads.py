"""What is loaded on the proxies, and what they did: wrk for plain HTTP, load.py for HTTPS."""

import json
import re
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.frame import Found
from tests.bench.origin import FIELDS, Origin
from tests.bench.programs import LOAD_CORE, Running, need, pinned, run

CONNECTIONS = 16


@dataclass(frozen=True)
class Run:
    """One measurement: requests a second, and microseconds of a processor that the proxy used for each."""

    rate: float
    cpu: float = 0.0


def ratio(runs: Mapping[str, list[Run]], ours: Running, theirs: Running, more: str = "") -> Found:
    """Requests a second, ours to theirs, round by round."""
    pairs = list(zip(runs[ours.name], runs[theirs.name], strict=True))
    rates = [statistics.median(run.rate for run in runs[proxy.name]) for proxy in (ours, theirs)]
    times = [statistics.median(run.cpu for run in runs[proxy.name]) for proxy in (ours, theirs)]
    spent = statistics.median(other.cpu / one.cpu for one, other in pairs)
    beside = f"{rates[0]:,.0f} to {rates[1]:,.0f} a second{more}; processor time {times[0]:,.0f} to {times[1]:,.0f} us"
    beside += f" ({spent:.2f})"
    return Found([one.rate / other.rate for one, other in pairs], beside)


def http(origin: Origin, kind: str, proxy: Running | None, seconds: float) -> Run:
    """wrk over kept-alive connections, through a proxy or at the origin itself. Each stays with one site, as those of a
    browser do, and goes through its pages."""
    script = origin.folder / f"{kind}.lua"
    more = "".join(f"{name}: {value}\\r\\n" for name, value in FIELDS.items())
    script.write_text(
        "local count = 0\nfunction setup(thread) thread:set('number', count) count = count + 1 end\n"
        f"function init()\n local lines = {{}}\n for line in io.lines('{origin.urls_file(kind)}') do\n"
        "  lines[#lines + 1] = line end\n local site, host = lines[number + 1]:match('(http://([^/]*))')\n"
        f" asked, at = {{}}, number * 97\n for _, line in ipairs(lines) do\n"
        "  asked[#asked + 1] = 'GET ' .. site .. line:match('//[^/]*(.*)') .. ' HTTP/1.1\\r\\nHost: ' .. host .. "
        f"'\\r\\n{more}\\r\\n' end\nend\n"
        "function request()\n at = at % #asked + 1\n return asked[at]\nend\n"
    )
    port, whole = proxy.port if proxy else origin.http, max(1, round(seconds))  # wrk takes no fractions
    before = proxy.cpu() if proxy else 0.0
    done = wrk(port, script, whole)
    used = proxy.cpu() - before if proxy else 0.0
    return Run(done.rate, used / done.requests * 1e6)


@dataclass(frozen=True)
class Done:
    """What wrk counted."""

    requests: int
    rate: float


def wrk(port: int, script: Path, seconds: int) -> Done:
    """SystemExit where a request failed."""
    command = [
        need("wrk"),
        f"-t{CONNECTIONS}",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "-s",
        str(script),
        f"http://127.0.0.1:{port}",
    ]
    out = run([*pinned(LOAD_CORE), *command])
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"wrk: requests failed:\n{out}")
    total, rate = re.search(r"(\d+) requests in", out), re.search(r"Requests/sec:\s+([\d.]+)", out)
    if total is None or rate is None:
        raise SystemExit(f"wrk said nothing of requests:\n{out}")
    if not int(total[1]):
        raise SystemExit(f"wrk: nothing was answered in {seconds} s:\n{out}")
    return Done(int(total[1]), float(rate[1]))


def https(origin: Origin, kind: str, proxy: Running | None, seconds: float, *, kept: bool, opened: bool = True) -> Run:
    """load.py: a tunnel for each request, or for as many as there is time for. `opened`: the proxy's certificates are
    expected, not the origin's."""
    port, ca = proxy.port if proxy else 0, proxy.ca if proxy and opened else origin.ca
    command = [sys.executable, str(Path(__file__).with_name("load.py")), str(port), str(origin.https)]
    command += [str(origin.urls_file(kind, https=True)), str(seconds), "kept" if kept else "new", str(ca)]
    before = proxy.cpu() if proxy else 0.0
    said = json.loads(run([*pinned(LOAD_CORE), *command]))
    used = proxy.cpu() - before if proxy else 0.0
    if said["failures"] or not said["requests"]:
        raise SystemExit(f"{proxy}: {said['failures']} of {said['requests']} requests failed")
    return Run(said["requests"] / said["seconds"], used / said["requests"] * 1e6)

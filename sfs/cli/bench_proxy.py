"""What the proxy costs on this machine, beside mitmproxy without a filter: real proxies, a server and a client on
loopback, in processes of their own."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from sfs.cli.bench_load import Load, run
from sfs.cli.bench_origin import PAGE, PICTURE
from sfs.cli.bench_server import cores, server
from sfs.errors import SfsError

ROUNDS: Final = 4  # of each measure and proxy, in turn: A B, B A, ...
LINES: Final = 8  # connections
PACE: Final = 50.0  # requests a second while the time to the first byte is taken: nobody is busy then
WARM: Final = 200  # requests before anything counts
_FIELDS: Final = (
    "User-Agent: Mozilla/5.0 sfs-bench\r\nAccept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
    "Accept-Language: ja,en;q=0.9\r\nAccept-Encoding: gzip, deflate\r\n"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of pages of 40 KB: answers a second through SFS and through mitmdump, and milliseconds of a processor for each.
    `ratio`: of the answers, the median of the rounds. Then milliseconds until the first byte that SFS adds: the median
    and 99 of 100 of the pages, 99 of 100 of the pictures."""

    pages: float
    bare_pages: float
    ratio: float
    cpu_ms: float
    bare_cpu_ms: float
    added_p50_ms: float
    added_p99_ms: float
    added_other_p99_ms: float

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"pages of 40 KB through the proxy: {self.pages:,.0f} a second, {self.ratio:.2f} times what mitmproxy does "
            f"without a filter ({self.bare_pages:,.0f})",
            f"processor time of such a page: {self.cpu_ms:.2f} ms, without a filter {self.bare_cpu_ms:.2f} ms",
            f"added time to the first byte: pages {self.added_p50_ms:+.1f} ms (median) and {self.added_p99_ms:+.1f} ms "
            f"(99 % under), pictures {self.added_other_p99_ms:+.1f} ms (99 % under)",
        ]


@dataclass(frozen=True, slots=True)
class _Proxy:
    port: int
    pid: int

    def cpu(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)


@dataclass(frozen=True, slots=True)
class _Busy:
    rate: float
    cpu: float


def measure(options: Mapping[str, object], seconds: float) -> Cost:
    """The cost with the filter that these options of the command line mean; each single measure takes about
    `seconds`. SfsError where the filter shows no page of the bench."""
    with tempfile.TemporaryDirectory(prefix="sfs-bench-") as folder, ExitStack() as stack:
        ours, theirs = stack.enter_context(cores())
        origin, _ = stack.enter_context(server(["sfs.cli.bench_origin"], ours))
        said = json.dumps({key: str(value) if isinstance(value, Path) else value for key, value in options.items()})
        child = "sfs.cli.bench_child"
        sfs = _Proxy(*stack.enter_context(server([child, "sfs", f"{folder}/sfs", said], theirs)))
        bare = _Proxy(*stack.enter_context(server([child, "bare", f"{folder}/bare"], theirs)))
        try:
            rates = {proxy: run(proxy.port, _requests(origin, PAGE, WARM), LINES).rate for proxy in (sfs, bare)}
        except SfsError as fault:
            raise SfsError(
                f"no page comes through the proxy: {fault.what}",
                mend="choose a filter that shows pages of 127.0.0.1, or leave the proxy out with --seconds 0",
            ) from None
        busy = _in_turn((sfs, bare), lambda proxy: _busy(proxy, _requests(origin, PAGE, round(rates[proxy] * seconds))))
        first = {kind: _paced((sfs, bare), _requests(origin, kind, round(PACE * seconds))) for kind in (PAGE, PICTURE)}
    return Cost(
        pages=round(median(one.rate for one in busy[sfs])),
        bare_pages=round(median(one.rate for one in busy[bare])),
        ratio=round(median(one.rate / other.rate for one, other in zip(busy[sfs], busy[bare], strict=True)), 2),
        cpu_ms=round(median(one.cpu for one in busy[sfs]) * 1000, 3),
        bare_cpu_ms=round(median(one.cpu for one in busy[bare]) * 1000, 3),
        added_p50_ms=_added(first[PAGE], sfs, bare, 0.5),
        added_p99_ms=_added(first[PAGE], sfs, bare, 0.99),
        added_other_p99_ms=_added(first[PICTURE], sfs, bare, 0.99),
    )


def _requests(origin: int, kind: str, count: int) -> list[bytes]:
    place = f"127.0.0.1:{origin}"
    return [
        f"GET http://{place}{kind}{number}.html HTTP/1.1\r\nHost: {place}\r\n{_FIELDS}\r\n".encode()
        for number in range(max(LINES, count))
    ]


def _in_turn[T](proxies: Sequence[_Proxy], do: Callable[[_Proxy], T]) -> dict[_Proxy, list[T]]:
    """What each gave: a busy moment of the machine meets both."""
    gave: dict[_Proxy, list[T]] = {proxy: [] for proxy in proxies}
    for number in range(ROUNDS):
        for proxy in proxies if number % 2 == 0 else proxies[::-1]:
            gave[proxy].append(do(proxy))
    return gave


def _busy(proxy: _Proxy, requests: Sequence[bytes]) -> _Busy:
    before = proxy.cpu()
    load = run(proxy.port, requests, LINES)
    return _Busy(load.rate, (proxy.cpu() - before) / len(requests))


def _paced(proxies: Sequence[_Proxy], requests: Sequence[bytes]) -> dict[_Proxy, list[Load]]:
    return _in_turn(proxies, lambda proxy: run(proxy.port, requests, LINES, PACE))


def _added(loads: Mapping[_Proxy, Sequence[Load]], ours: _Proxy, theirs: _Proxy, share: float) -> float:
    """Milliseconds, the median of the rounds."""
    pairs = zip(loads[ours], loads[theirs], strict=True)
    return round(median(one.first_part(share) - other.first_part(share) for one, other in pairs) * 1000, 2)

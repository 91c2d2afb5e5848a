"""How much later the first byte of an answer comes than through mitmproxy without a filter, at a load that keeps nobody
busy: requests are due at even intervals, and counted from then on.

Bare mitmproxy is measured twice, and ours is held against both: mitmdump that streams all it gets, and our own tuned
proxy without our addon."""

import statistics
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from itertools import cycle, islice

from sfs.cli.bench_load import Load
from sfs.cli.bench_load import run as ask
from tests.bench.frame import Found, Measure, Scale, Side, in_turn
from tests.bench.origin import FIELDS
from tests.bench.programs import Running
from tests.bench.room import Room

RATE = 100.0  # requests a second: a fifth of what the slowest of them can do
LINES = 8  # connections
OURS = "sfs-first"
REFERENCES = {"mitmdump": "stock mitmdump", "bare": "the same proxy without the filter"}
FIGURES = {"html-p50": ("40k", 0.5, 5.0), "html-p99": ("40k", 0.99, 30.0), "other-p99": ("photo", 0.99, 2.0)}
_NAMES = {"html-p50": "HTML, median", "html-p99": "HTML, 99 of 100", "other-p99": "pictures, 99 of 100"}
MEASURES = [
    Measure(f"first-{key}-{name}", f"added time to first byte, {_NAMES[key]}, to {title}", bar, Side.UNDER, " ms")
    for name, title in REFERENCES.items()
    for key, (_, _, bar) in FIGURES.items()
]


def found(room: Room, scale: Scale) -> dict[str, Found]:
    """All of them, in milliseconds."""
    gave: dict[str, Found] = {}
    with ExitStack() as stack:
        proxies = [
            stack.enter_context(room.sfs(OURS)),
            stack.enter_context(room.stock("mitmdump", ("--set", "stream_large_bodies=1"))),
            stack.enter_context(room.sfs("bare", bare=True)),
        ]
        for kind in ("40k", "photo"):
            for proxy in proxies:
                _load(room, kind, proxy, max(scale.seconds, 2.0))
            ways = {proxy.name: partial(_load, room, kind, proxy, scale.seconds) for proxy in proxies}
            runs = in_turn(ways, scale.pairs)
            for key, (of, share, _) in FIGURES.items():
                if of == kind:
                    gave |= {f"first-{key}-{name}": _added(runs, share, name) for name in REFERENCES}
    return gave


def _load(room: Room, kind: str, proxy: Running, seconds: float) -> Load:
    more = "".join(f"{name}: {value}\r\n" for name, value in FIELDS.items())
    drawn = room.origin.urls(kind)
    sites, paths = [url.split("/")[2] for url in drawn[:LINES]], [url.split("/", 3)[3] for url in drawn]
    pairs = islice(zip(cycle(sites), cycle(paths), strict=False), max(20, round(RATE * seconds)))
    requests = [f"GET http://{site}/{path} HTTP/1.1\r\nHost: {site}\r\n{more}\r\n".encode() for site, path in pairs]
    return ask(proxy.port, requests, LINES, RATE)


def _added(runs: Mapping[str, list[Load]], share: float, than: str) -> Found:
    ours, theirs = ([load.first_part(share) * 1000 for load in runs[name]] for name in (OURS, than))
    beside = f"{statistics.median(ours):.1f} to {statistics.median(theirs):.1f} ms"
    return Found([one - other for one, other in zip(ours, theirs, strict=True)], beside)

"""The whole filter against stock mitmdump without one, and against the same tuned proxy without our addon."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from tests.bench import loads
from tests.bench.frame import Found, Measure, Scale, in_turn
from tests.bench.loads import Run, ratio
from tests.bench.programs import Running
from tests.bench.room import Room

SIZES = {"1k": "1 KB", "40k": "40 KB"}
BARS = {"1k": 2.0, "40k": 1.7}
_STOCK, _BARE = "stock mitmdump", "the same proxy without it"

MEASURES = [
    *(Measure(f"http-{size}", f"HTTP, {name} pages, to {_STOCK}", BARS[size]) for size, name in SIZES.items()),
    *(Measure(f"filter-{size}", f"HTTP, {name} pages, to {_BARE}", 0.9) for size, name in SIZES.items()),
    Measure("https-kept", f"HTTPS inspected, kept alive, to {_STOCK}", 1.7),
    Measure("https-new", f"HTTPS inspected, new connections, to {_STOCK}", 1.4),
    Measure("https-name", f"HTTPS by name, new connections, to {_STOCK} with `ignore_hosts`", 1.4),
]


def found(room: Room, scale: Scale) -> dict[str, Found]:
    """All of them."""
    return {**_inspected(room, scale), **_by_name(room, scale)}


def _inspected(room: Room, scale: Scale) -> dict[str, Found]:
    gave: dict[str, Found] = {}
    with ExitStack() as stack:
        ours, theirs = stack.enter_context(room.sfs("sfs")), stack.enter_context(room.stock())
        bare = stack.enter_context(room.sfs("bare", bare=True))
        for size in SIZES:
            load = partial(loads.http, room.origin, size)
            runs = _runs((ours, theirs, bare), load, scale)
            direct = load(None, scale.seconds).rate
            gave[f"http-{size}"] = ratio(runs, ours, theirs, f", the origin alone {direct:,.0f}")
            gave[f"filter-{size}"] = ratio(runs, ours, bare)
        for way in ("kept", "new"):
            load = partial(loads.https, room.origin, "1k", kept=way == "kept")
            gave[f"https-{way}"] = ratio(_runs((ours, theirs), load, scale), ours, theirs)
    return gave


def _by_name(room: Room, scale: Scale) -> dict[str, Found]:
    with room.sfs("by-name", "https: sni\n") as ours, room.stock("passing", ("--ignore-hosts", ".*")) as theirs:
        load = partial(loads.https, room.origin, "1k", kept=False, opened=False)
        return {"https-name": ratio(_runs((ours, theirs), load, scale), ours, theirs)}


def _runs(
    proxies: Sequence[Running], load: Callable[[Running | None, float], Run], scale: Scale
) -> Mapping[str, list[Run]]:
    for proxy in proxies:
        load(proxy, min(scale.seconds, 2.0))  # certificates, connections, first pages
    return in_turn({proxy.name: partial(load, proxy, scale.seconds) for proxy in proxies}, scale.pairs)

"""40 KB of Japanese HTML through e2guardian, as Debian has it with its phrase lists, and through ours: with the text of
whole pages searched (`scan_body`), which is what e2guardian does, and by the heads of pages, which is what ours does
unless it is told to."""

from contextlib import ExitStack
from functools import partial

from tests.bench import loads
from tests.bench.frame import Found, Measure, Scale, in_turn
from tests.bench.origin import JAPANESE
from tests.bench.programs import Running
from tests.bench.room import Room, fetch

_PEER = "e2guardian with its phrase lists"
MEASURES = [
    Measure("text-body", f"40 KB Japanese pages, whole text searched in both, to {_PEER}", 5),
    Measure("text-head", f"40 KB Japanese pages, heads alone searched in ours, to {_PEER}", 12),
]


def found(room: Room, scale: Scale) -> dict[str, Found]:
    """Both."""
    with ExitStack() as stack:
        body = stack.enter_context(room.sfs("body", "https: inspect\nscan_body: true\n"))
        head = stack.enter_context(room.sfs("head"))
        peer = stack.enter_context(room.e2guardian())
        for proxy in (body, head, peer):
            _check(room, proxy)
            loads.http(room.origin, "japanese", proxy, min(scale.seconds, 2.0))
        load = partial(loads.http, room.origin, "japanese")
        ways = {proxy.name: partial(load, proxy, scale.seconds) for proxy in (body, head, peer)}
        runs = in_turn(ways, scale.pairs)
    return {f"text-{ours.name}": loads.ratio(runs, ours, peer) for ours in (body, head)}


def _check(room: Room, proxy: Running) -> None:
    """Every page comes through whole: a filter that refuses them would be measured on something else."""
    site = room.origin.sites[0]
    for number in range(JAPANESE):
        page = (room.origin.folder / f"japanese{number}.html").read_bytes()
        _, body = fetch(proxy.port, f"http://{site}:{room.origin.http}/japanese/news/{number}/item.html")
        if body != page:
            raise SystemExit(f"{proxy.name} does not show page {number}: {body[:300]!r}")

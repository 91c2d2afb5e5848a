"""A large download through ours and through mitmdump with `stream_large_bodies=1`: how fast, and what stays of it in
memory."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from tests.bench.frame import Found, Measure, Scale, Side, in_turn
from tests.bench.programs import LOAD_CORE, Running, need, pinned, run
from tests.bench.room import Room

MEASURES = [
    Measure("download", "1 GB download, to stock mitmdump with `stream_large_bodies=1`", 1.0),
    Measure("download-memory", "most resident memory that 1 GB adds", 5, Side.MOST, unit=" MB", digits=1),
]


def found(room: Room, scale: Scale) -> dict[str, Found]:
    """Bytes a second, and memory."""
    with ExitStack() as stack:
        ours = stack.enter_context(room.sfs("sfs-download"))
        theirs = stack.enter_context(room.stock("streaming", ("--set", "stream_large_bodies=1")))
        ways: dict[str, Callable[[], float]] = {
            proxy.name: partial(_rate, room, proxy, scale.size) for proxy in (ours, theirs)
        }
        for way in ways.values():
            way()
        added: list[float] = []

        def with_memory() -> float:
            ours.forget_peak()
            before = ours.memory()
            rate = _rate(room, ours, scale.size)
            added.append(ours.peak() - before)
            return rate

        gave = in_turn({**ways, ours.name: with_memory}, scale.pairs)
    medians = [statistics.median(gave[proxy.name]) / 1e6 for proxy in (ours, theirs)]
    pairs = zip(gave[ours.name], gave[theirs.name], strict=True)
    beside = f"{scale.size / 1e9:.2f} GB: {medians[0]:,.0f} to {medians[1]:,.0f} MB/s"
    return {
        "download": Found([one / other for one, other in pairs], beside),
        "download-memory": Found(added),
    }


def _rate(room: Room, proxy: Running, size: int) -> float:
    """Bytes a second; SystemExit where not all of them come."""
    url = f"http://{room.origin.sites[0]}:{room.origin.http}/download/news/1/item.bin"
    command = [need("curl"), "-sS", "-o", "/dev/null", "-w", "%{size_download} %{time_total}", "--noproxy", ""]
    said = run([*pinned(LOAD_CORE), *command, "-x", f"http://127.0.0.1:{proxy.port}", url]).split()
    if int(said[0]) != size:
        raise SystemExit(f"{proxy.name}: {said[0]} bytes of {size}")
    return size / float(said[1])

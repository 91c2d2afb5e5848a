"""The page of figures of `sfs run`: what is told there, of one process or of all workers, and where it listens."""

import asyncio
import importlib.util
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping

import click

from sfs.proxy.figures import Row
from sfs.proxy.metrics import INSTALL, MISSING, memory, page
from sfs.proxy.metrics_server import MetricsServer
from sfs.sources.journal import Journal
from sfs.sources.live import Live
from sfs.sources.values import Listen

log = logging.getLogger("sfs.metrics")

TRIES = 20  # half a second each: the program before this one is about to leave

type Processes = Callable[[], Mapping[str, Iterable[int]]]


async def tell_figures(
    place: Listen | None,
    live: Live,
    rows: Callable[[], Awaitable[Iterable[Row]]],
    processes: Processes,
    journal: Journal,
    *,
    follows: bool = False,
) -> MetricsServer | None:
    """Tell them at `place`, from this loop; None where nobody asked for it, or it cannot be: the filter goes on.
    `follows`: another program may listen there for a moment still."""
    if place is None:
        return None
    if importlib.util.find_spec("prometheus_client") is None:
        click.echo(f"warning: no figures: {MISSING}\n  mend: {INSTALL}", err=True)
        return None

    async def told() -> bytes:
        # After this the journal has what workers counted until now.
        found = list(await rows())
        return await asyncio.to_thread(lambda: page((*found, *memory(processes()), *_blocked(journal, live)), live))

    server = MetricsServer(place, told)
    try:
        await server.start(TRIES if follows else 1)
    except OSError as fault:
        log.warning("no figures: cannot listen on %s: %s", place, fault.strerror)
        return None
    click.echo(f"     figures for Prometheus at http://{place}/metrics")
    return server


def _blocked(journal: Journal, live: Live) -> list[Row]:
    """Of mandatory lists alone, and as they may be told: rounded, when their hour is over."""
    names = [lst.id for lst in live.filter.ruleset.mandatory]
    return [Row("mandatory_blocked_last_hour", (name,), count) for name, count in journal.last_hour(names).items()]


def this_process() -> dict[str, tuple[int, ...]]:
    """Where one process serves."""
    return {"worker": (os.getpid(),)}


def all_processes() -> dict[str, tuple[int, ...]]:
    """Seen from the hub: itself, who started it, and who else was started so."""
    import psutil

    try:
        others = [child.pid for child in psutil.Process(os.getppid()).children()]
    except psutil.Error:
        others = []
    hub = os.getpid()
    return {"hub": (hub,), "supervisor": (os.getppid(),), "worker": tuple(pid for pid in others if pid != hub)}

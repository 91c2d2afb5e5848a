"""`sfs run` with one process: what serves, what stands beside it, and how it hands over."""

import asyncio
from typing import TYPE_CHECKING

from sfs.cli.hangup import on_hangup
from sfs.cli.metrics import tell_figures, this_process
from sfs.cli.upgrade import on_upgrade
from sfs.errors import SfsError
from sfs.proxy import stock
from sfs.proxy.ending import Stop
from sfs.proxy.figures import Row
from sfs.proxy.garbage import set_aside
from sfs.proxy.handover import Successor
from sfs.proxy.kept import Kept, open_kept
from sfs.proxy.large_pages import use_large_pages
from sfs.proxy.metrics_server import MetricsServer
from sfs.proxy.run import Team, serve
from sfs.proxy.shared import Shared
from sfs.sources.values import Listen

if TYPE_CHECKING:
    from sfs.cli.run import Run


class Alone:
    """`run`: what is served. Made on the loop that serves it."""

    def __init__(self, run: "Run", kept: Kept) -> None:
        self._run, self._kept = run, kept
        self._stop, self._shared = Stop(), Shared(run.key)
        self._figures: MetricsServer | None = None
        self._left: asyncio.Future[None] | None = None

    async def serve(self) -> None:
        """Until a signal comes, or another program serves."""
        run = self._run
        on_hangup(run.watcher.ask)
        try:
            await serve(
                run.live,
                self._ready,
                listen=run.listen,
                admin_ports=run.closed_ports,
                settings=run.page.url_for,
                kept=self._kept,
                team=Team(run.taken.proxy if run.taken else {}, self._stop, self._shared, signals=True),
            )
        finally:
            await asyncio.to_thread(run.stop_beside)

    async def _ready(self, listening: tuple[Listen, ...]) -> None:
        run, kept = self._run, self._kept
        run.listening = listening
        run.say_ready()
        await asyncio.to_thread(run.start_beside, kept.journal, kept.trust, kept.reports)
        run.say_serves()
        await asyncio.to_thread(use_large_pages)
        asked = (run.metrics, run.live, self._rows, this_process, kept.journal)
        self._figures = await tell_figures(*asked, follows=run.taken is not None)
        on_upgrade(self._successor, self._leave)

    async def _rows(self) -> list[Row]:
        return [Row("workers", (), 1), *self._shared.figures.rows()]

    def _successor(self) -> Successor:
        if stock.stock_mode:
            raise SfsError(
                "mitmproxy has changed, so its sockets are not at hand", mend="end this program and start it"
            )
        return self._run.successor(stock.listening(), self._run.page.sockets())

    def _leave(self) -> None:
        self._stop.leave()
        if self._figures is not None:
            self._figures.stop()
        self._left = asyncio.ensure_future(asyncio.to_thread(self._run.stop_page))


async def serve_alone(run: "Run") -> None:
    """Serve with this process, until a signal comes."""
    set_aside()
    kept = await asyncio.to_thread(open_kept, run.live.filter.config)
    await Alone(run, kept).serve()

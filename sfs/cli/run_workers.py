"""`sfs run --workers N`: what each process of proxy/workers does here, and how they are put together."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

import click

from sfs.cli.hangup import terminal_left
from sfs.errors import SfsError
from sfs.sources.machine import bound, cannot_listen
from sfs.sources.values import Listen
from sfs.sources.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sfs.cli.run import Run
    from sfs.proxy.handover import Successor
    from sfs.proxy.workers.control import Word
    from sfs.proxy.workers.member import Member

log = logging.getLogger("sfs.workers")

MOST: Final = 64  # workers
MEETING: Final = 2.0  # seconds that a worker waits for the hub before it serves without it
LAST: Final = 8.0  # seconds that the hub waits for workers to end, where nobody is left to say that they did


def fault_of_workers() -> str | None:
    """Why there can be no second worker here, None where there can."""
    if not hasattr(os, "fork") or not hasattr(socket, "send_fds"):
        return "this system knows no fork, so one process serves"
    from sfs.proxy import stock

    if gone := stock.missing():
        return f"mitmproxy has changed ({gone[0]}), so one process serves"
    return None


class Workers:
    """`run`: as one process would do it; `count`: how many serve, at least two."""

    def __init__(self, run: "Run", count: int) -> None:
        self._run = run
        self._count = count
        self._sockets: dict[tuple[str, int], tuple[socket.socket, ...]] = {}

    def serve(self) -> int:
        """Until a signal comes; the exit code. SfsError where an address cannot be listened on."""
        import sfs.proxy.run
        import sfs.proxy.workers.hub
        import sfs.proxy.workers.member  # all that children need is imported before they are forked
        from sfs.proxy.setup import joined_ca, prepare_ca
        from sfs.proxy.workers.supervisor import Supervisor

        config = self._run.live.filter.config
        folder = prepare_ca(config)
        if config.upstream_ca is not None:
            joined_ca(config.upstream_ca, folder)
        sfs.proxy.run.limits()
        self._bind()
        self._rest()
        listening = [sock for sockets in self._sockets.values() for sock in sockets]
        told = (self._warm, self._all_ready, terminal_left(), self._successor)
        return Supervisor(self._hub, self._worker, self._count, listening, *told).run()

    def _all_ready(self) -> None:
        self._run.say_ready()
        self._run.say_serves()

    def _successor(self, page: "Sequence[socket.socket]") -> "Successor":
        copies = {place: tuple(sock.dup() for sock in sockets) for place, sockets in self._sockets.items()}
        return self._run.successor(copies, {sock.getsockname()[:2]: (sock.dup(),) for sock in page})

    def _bind(self) -> None:
        from sfs.proxy.stock.listener import BACKLOG

        if self._run.taken is not None:
            self._sockets = self._run.taken.proxy
            return
        places = []
        for place in self._run.listen:
            try:
                sock = bound(place.host, place.port, BACKLOG)
            except OSError as fault:
                raise cannot_listen(place, number=fault.errno) from None
            places.append(Listen(place.host, sock.getsockname()[1]))
            self._sockets[place.host, places[-1].port] = (sock,)
        self._run.listen = self._run.listening = tuple(places)

    def _warm(self) -> bool:
        """The supervisor's own filter, for workers to come. Bureaus are left out: those have threads."""
        live = self._run.live
        try:
            live.filter = self._run.said.filter(live.filter.offline())
            self._rest()
        except SfsError:
            return False  # the worker reads it itself
        except Exception as fault:  # a fault of ours, or of the system: with this process all of them would end
            log.error("the filter for workers to come stays as it was: %s", type(fault).__name__)
            return False
        return True

    def _rest(self) -> None:
        if (store := self._run.live.filter.store) is not None:
            store.rest()

    def _hub(self, control: socket.socket, generation: int) -> int:
        return _run(self._be_hub(control, generation))

    def _worker(self, control: socket.socket, generation: int) -> int:
        return _run(self._be_worker(control, generation))

    async def _be_worker(self, control: socket.socket, generation: int) -> None:
        from sfs.proxy.ending import Stop
        from sfs.proxy.large_pages import use_large_pages
        from sfs.proxy.run import Team, serve
        from sfs.proxy.workers.control import Word, listen, say
        from sfs.proxy.workers.member import Member

        run, stop = self._run, Stop()
        logging.getLogger("sfs.sources.live").setLevel(logging.WARNING)  # what changed is said by the hub, once
        member = Member(run.key, run.live, generation, run.page_moved)

        def heard(word: "Word | None", given: socket.socket | None) -> None:
            if word is Word.MEET and given is not None:
                member.join(given)
            elif word is Word.LEAVE:
                stop.leave()
            elif word is Word.STOP or word is None:
                stop.signal()

        async def ready(_: object) -> None:
            say(control, Word.READY)
            await asyncio.to_thread(use_large_pages)

        listen(control, heard)
        await _met(member)
        await serve(
            run.live,
            ready,
            listen=run.listen,
            admin_ports=run.closed_ports,
            settings=run.page.url_for,
            kept=member.kept(run.live.filter.config),
            team=Team(self._sockets, stop, member),
        )
        member.leave()

    async def _be_hub(self, control: socket.socket, generation: int) -> None:
        from sfs.cli.metrics import all_processes, tell_figures
        from sfs.proxy.metrics_server import MetricsServer
        from sfs.proxy.setup import CA_CERTIFICATE
        from sfs.proxy.workers.control import Word, listen, say
        from sfs.proxy.workers.hub import Hub
        from sfs.sources.https import ca_id

        run, stop = self._run, asyncio.Event()
        run.watcher = Watcher(run.live)  # a thread that was made before the fork cannot be started after it
        hub = Hub(run.live.filter.config, generation)
        hub.trust.use_ca(ca_id(run.ca_folder / CA_CERTIFICATE))
        run.live.on_change(hub.changed)
        run.live.on_change(lambda _: say(control, Word.RELOADED))
        beside: list[asyncio.Task[None]] = []
        figures: MetricsServer | None = None

        async def start() -> None:
            nonlocal figures
            follows = run.taken is not None
            figures = await tell_figures(
                run.metrics, run.live, hub.figures, all_processes, hub.journal, follows=follows
            )
            try:
                await asyncio.to_thread(run.start_beside, hub.journal, hub.trust, hub.reports)
            except Exception as fault:
                log.exception("not all that stands beside the proxy has begun: %s", type(fault).__name__)
            hub.page_is_at(run.page.listening)
            for sock in (one for some in run.page.sockets().values() for one in some):
                with sock:
                    say(control, Word.PAGE, sock)

        def heard(word: "Word | None", given: socket.socket | None) -> None:
            if word is Word.MEET and given is not None:
                hub.join(given)
            elif word is Word.GO:
                beside.append(asyncio.get_running_loop().create_task(start()))
            elif word is Word.RELOAD:
                run.watcher.ask()
            elif word is Word.LEAVE:
                if figures is not None:
                    figures.stop()
                beside.append(asyncio.get_running_loop().create_task(asyncio.to_thread(run.stop_page)))
            elif word is Word.STOP or word is None:
                stop.set()

        for sockets in self._sockets.values():
            for sock in sockets:
                sock.close()  # it would take none of those that wait there
        listen(control, heard)
        say(control, Word.READY)
        try:
            await stop.wait()
            await asyncio.gather(*beside, return_exceptions=True)
            await asyncio.to_thread(run.stop_beside)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hub.left.wait(), LAST)
        finally:
            hub.leave()
            await asyncio.to_thread(hub.close)


async def _met(member: "Member") -> None:
    """Wait for what the hub knows; a worker without it serves by what was loaded."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(member.met.wait(), MEETING)


def _run(work: Coroutine[Any, Any, None]) -> int:
    """A child's whole life; what goes wrong is said as `sfs` says it."""
    try:
        asyncio.run(work)
    except SfsError as fault:
        click.echo(f"sfs: {fault}", err=True)
        return 2
    except BaseException as fault:
        click.echo(f"sfs: a worker ended: {type(fault).__name__}", err=True)
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0

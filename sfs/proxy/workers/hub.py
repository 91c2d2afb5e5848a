"""The process that keeps once what all workers have together: the decision log, trust, reports, and beside it the page
of the administrator. What one worker tells it passes on to the others; a new worker hears what it missed."""

import asyncio
import contextlib
import itertools
import logging
import socket
import threading
import time
from collections import deque
from typing import Any, Final

from sfs.errors import SfsError
from sfs.proxy.figures import Row
from sfs.proxy.workers.figures import WorkerFigures
from sfs.proxy.workers.journal import WholeJournal
from sfs.proxy.workers.records import report_of
from sfs.proxy.workers.trust import ToldTrust
from sfs.proxy.workers.wire import Peer
from sfs.sources.config import Config
from sfs.sources.filter import Filter
from sfs.sources.reports import Report, Reports
from sfs.sources.trust import TRUST_FILE
from sfs.sources.values import Listen

log = logging.getLogger("sfs.workers")

RELOADING: Final = 10.0  # seconds that a change waits for all workers to have it
PONG: Final = 0.8  # seconds that workers have to say that they are up to date
REMEMBERED: Final = 600.0  # seconds that what a new worker is to know is kept: as long as the workers keep it
MAX_REMEMBERED: Final = 4096
_PASSED_ON: Final = frozenset(("refused", "run", "try", "trust", "device"))
_REMEMBERED: Final = frozenset(("refused", "run"))


class Hub:
    """Made on the loop of its process. `generation`: how often the filter has been reloaded. Reads files."""

    def __init__(self, config: Config, generation: int) -> None:
        self.journal = WholeJournal(self._hear_all_from_thread, self._say, config)
        self._loop = asyncio.get_running_loop()
        self.trust = ToldTrust(config.state / TRUST_FILE, self._tell_all)
        self.reports = Reports(config.state / "reports.jsonl")
        self.left = asyncio.Event()  # no worker is connected
        self.left.set()
        self._generation = generation
        self._page: tuple[Listen, ...] = ()
        self._workers: dict[int, Peer] = {}
        self._numbers = itertools.count()
        self._past: deque[tuple[float, str, list[Any]]] = deque(maxlen=MAX_REMEMBERED)
        self._pings: dict[int, tuple[set[int], asyncio.Event]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._figures = WorkerFigures()
        self._reloading = threading.Condition()
        self._behind: set[int] = set()

    def join(self, sock: socket.socket) -> None:
        """A worker has come: tell it all that it is to know."""
        number = next(self._numbers)
        peer = Peer(sock, lambda kind, values: self._took(number, kind, values), lambda: self._gone(number))
        for row in self.trust.rows():
            peer.send("device", row)
        for at, kind, values in self._past:
            if time.monotonic() - at < REMEMBERED:
                peer.send(kind, *values)
        peer.send("page", *([place.host, place.port] for place in self._page))
        peer.send("hello", self._generation)
        self._workers[number] = peer
        self.left.clear()

    def page_is_at(self, places: tuple[Listen, ...]) -> None:
        """The page of the administrator listens there."""
        self._page = places
        self._tell_all("page", *([place.host, place.port] for place in places))

    def changed(self, _: Filter) -> None:
        """A new filter is in force here: have every worker take it, and wait until they have. In a thread."""
        with self._reloading:
            self._generation += 1
            workers = dict(self._workers)
            self._behind = set(workers)
            for peer in workers.values():
                peer.send("reload", self._generation)
            if not self._reloading.wait_for(lambda: not self._behind & self._workers.keys(), RELOADING):
                log.warning("a worker has not read the new filter in %d s", RELOADING)

    def leave(self) -> None:
        """Say and hear nothing any more. On the loop."""
        for peer in self._workers.values():
            peer.close()
        self._workers.clear()

    def close(self) -> None:
        """Write what waits. Files: not on the loop."""
        self.journal.close()
        self.trust.close()

    def _tell_all(self, kind: str, *values: Any) -> None:
        self._say(None, kind, *values)

    def _say(self, number: int | None, kind: str, *values: Any) -> None:
        for other, peer in tuple(self._workers.items()):
            if number in (None, other):
                peer.send(kind, *values)

    async def figures(self) -> list[Row]:
        """Those of all workers, as they are now."""
        await self._hear_all(None, "figures")
        return list(self._figures.rows(len(self._workers)))

    def _gone(self, number: int) -> None:
        del self._workers[number]
        self._figures.ended(number)
        if not self._workers:
            self.left.set()
        for missing, heard in self._pings.values():
            missing.discard(number)
            if not missing:
                heard.set()
        with self._reloading:
            self._reloading.notify_all()

    def _took(self, number: int, kind: str, values: list[Any]) -> None:
        try:
            if kind in _PASSED_ON:
                self._pass_on(number, kind, values)
            elif take := getattr(self, f"_on_{kind}", None):
                take(number, *values)
        except (TypeError, ValueError, KeyError) as fault:
            log.error("what a worker told is passed over: %s: %s", kind[:20], type(fault).__name__)

    def _pass_on(self, number: int, kind: str, values: list[Any]) -> None:
        if kind == "trust":
            self.trust.take(*values)
        if kind == "device":
            self.trust.learn(*values)
        if kind in _REMEMBERED:
            self._past.append((time.monotonic(), kind, values))
        for other, peer in tuple(self._workers.items()):
            if other != number:
                peer.send(kind, *values)

    def _on_record(self, number: int, count: int, said: list[Any]) -> None:
        self.journal.take(number, count, said)

    def _on_counts(self, _: int, rows: list[Any]) -> None:
        self.journal.add_counts([(str(hour), str(name), int(count)) for hour, name, count in rows])

    def _on_report(self, number: int, asked: int, said: list[Any]) -> None:
        self._begin(self._keep(number, asked, report_of(said)))

    def _on_settle(self, number: int, asked: int) -> None:
        self._begin(self._settle(number, asked))

    def _on_pong(self, number: int, asked: int) -> None:
        missing, heard = self._pings.get(asked, (set(), asyncio.Event()))
        missing.discard(number)
        if not missing:
            heard.set()

    def _on_figures(self, number: int, asked: int, rows: list[Any]) -> None:
        self._figures.took(number, rows)
        self._on_pong(number, asked)

    def _on_reloaded(self, number: int, generation: int) -> None:
        with self._reloading:
            if generation == self._generation:
                self._behind.discard(number)
                self._reloading.notify_all()

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, number: int, asked: int, report: Report) -> None:
        answer = await asyncio.to_thread(self._add, report)
        self._say(number, "answer", asked, answer)

    def _add(self, report: Report) -> str:
        try:
            self.reports.add(report)
        except SfsError:
            with contextlib.suppress(SfsError):
                if self.reports.full():
                    return "full"
            return "not kept"
        return "kept"

    async def _settle(self, number: int, asked: int) -> None:
        await self._hear_all(number)
        self._say(number, "answer", asked, True)

    def _hear_all_from_thread(self) -> None:
        """Wait until all that workers told until now is known here; not for long."""
        with contextlib.suppress(TimeoutError, RuntimeError):
            asyncio.run_coroutine_threadsafe(self._hear_all(None), self._loop).result(PONG + 1)

    async def _hear_all(self, but: int | None, question: str = "ping") -> None:
        """Whoever answers a question has sent all that it told before, and taken all that it was told before."""
        others = {other for other in self._workers if other != but}
        ping, heard = next(self._numbers), asyncio.Event()
        if others:
            self._pings[ping] = (others, heard)
            try:
                for other in tuple(others):
                    self._workers[other].send(question, ping)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), PONG)
            finally:
                del self._pings[ping]

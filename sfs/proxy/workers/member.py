"""A worker's side: what it learns it tells the hub, what others learned it takes. Where there is no hub for a moment
(it ended, and the next one starts) the worker goes on by what it knows and writes its records itself."""

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import Callable
from typing import Any, Final

from sfs.errors import SfsError
from sfs.proxy.kept import Kept
from sfs.proxy.shared import Shared
from sfs.proxy.workers.figures import said_of_rows
from sfs.proxy.workers.journal import ToldJournal
from sfs.proxy.workers.records import said_of_report
from sfs.proxy.workers.trust import ToldTrust
from sfs.proxy.workers.wire import Peer
from sfs.sources.config import Config
from sfs.sources.live import Live
from sfs.sources.reports import Report, Reports
from sfs.sources.values import Listen

log = logging.getLogger("sfs.workers")

SETTLE: Final = 1.0  # seconds that `settled` waits at most
ANSWER: Final = 10.0  # seconds that the hub may take to write a report


class Member(Shared):
    """Made on the loop of a worker. `generation`: how often the filter that it was forked with had been reloaded.
    `page_moved`: called with where the page of the administrator listens."""

    def __init__(
        self, key: bytes, live: Live, generation: int, page_moved: Callable[[tuple[Listen, ...]], None]
    ) -> None:
        super().__init__(key)
        self.met = asyncio.Event()  # the hub has told what it knows
        self._live, self._generation, self._page_moved = live, generation, page_moved
        self._trust = ToldTrust(None, self.tell)
        self._journal: ToldJournal | None = None
        self._hub: Peer | None = None
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._reloads: asyncio.Task[None] | None = None
        self._wanted = generation

    def kept(self, config: Config) -> Kept:
        """The log, the trust and the reports of this worker, all of them the hub's."""
        self._journal = ToldJournal(self.told, lambda: self._hub is not None, config)
        return Kept(self._journal, self._trust, ToldReports(self, config))

    def join(self, sock: socket.socket) -> None:
        """This leads to the hub from now on."""
        if self._hub is not None:  # it has ended, and its end was not read yet
            self._hub.close()
            self._gone()
        self._hub = Peer(sock, self._took, self._gone)
        for row in self._trust.rows():  # it begins by its file, which may lack the last second
            self.tell("device", row)
        if self._journal is not None:
            self._journal.hub_came()

    def leave(self) -> None:
        """Say and hear nothing any more, but what was counted."""
        if self._hub is not None:
            self._on_figures(-1)
            self._hub.close()
            self._hub = None

    def tell(self, kind: str, *values: Any) -> None:
        self.told(kind, *values)

    def told(self, kind: str, *values: Any) -> bool:
        """As `tell`; False where nobody hears it."""
        hub = self._hub
        return hub is not None and hub.send(kind, *values)

    async def settled(self) -> None:
        await self.ask("settle", SETTLE)

    async def ask(self, kind: str, seconds: float, *values: Any) -> Any:
        """What the hub answers; None where it does not in time."""
        number = next(self._numbers)
        answer = self._asked[number] = self._loop.create_future()
        try:
            if not self.told(kind, number, *values):
                return None
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            return None
        finally:
            del self._asked[number]

    def ask_from_thread(self, kind: str, seconds: float, *values: Any) -> Any:
        """The same, for a thread."""
        return asyncio.run_coroutine_threadsafe(self.ask(kind, seconds, *values), self._loop).result(seconds + 1)

    def _gone(self) -> None:
        self._hub = None
        if self._journal is not None:
            self._journal.hub_ended()

    def _took(self, kind: str, values: list[Any]) -> None:
        try:
            if take := self._takes.get(kind):
                take(*values)
            elif own := getattr(self, f"_on_{kind}", None):
                own(*values)
        except (TypeError, ValueError, KeyError) as fault:
            log.error("what another process told is passed over: %s: %s", kind[:20], type(fault).__name__)

    def _on_trust(self, step: str, *values: str) -> None:
        self._trust.take(step, *values)

    def _on_device(self, row: dict[str, Any]) -> None:
        self._trust.learn(row)

    def _on_page(self, *places: list[Any]) -> None:
        self._page_moved(tuple(Listen(host, port) for host, port in places))

    def _on_hello(self, generation: int) -> None:
        self._on_reload(generation)
        if self._reloads is None:
            self.met.set()

    def _on_written(self, number: int) -> None:
        if self._journal is not None:
            self._journal.written(number)

    def _on_hours_written(self, hour: str) -> None:
        if self._journal is not None:
            self._journal.hours_written(hour)

    def _on_ping(self, number: int) -> None:
        self.tell("pong", number)

    def _on_figures(self, number: int) -> None:
        self.tell("figures", number, said_of_rows(self.figures.rows()))

    def _on_answer(self, number: int, value: Any) -> None:
        answer = self._asked.get(number)
        if answer is not None and not answer.done():
            answer.set_result(value)

    def _on_reload(self, generation: int) -> None:
        """The hub has another filter in force: read it from where the hub did. One at a time; the last one counts."""
        self._wanted = generation
        if self._reloads is None and generation != self._generation:
            self._reloads = self._loop.create_task(self._reload())
        elif generation == self._generation:
            self.tell("reloaded", generation)

    async def _reload(self) -> None:
        while self._generation != self._wanted:
            self._generation = self._wanted
            try:
                await asyncio.to_thread(self._live.reload)
            except SfsError as fault:  # changed once more meanwhile: the hub finds it as well and says so
                log.warning("a worker keeps the filter that it has: %s", fault)
            except Exception as fault:  # a fault of ours; the next change is read all the same
                log.error("a worker keeps the filter that it has: %s", type(fault).__name__)
            self.tell("reloaded", self._generation)
        self._reloads = None
        self.met.set()


class ToldReports(Reports):
    """Hands each report to the hub, and waits until it is on the disk there."""

    def __init__(self, member: Member, config: Config) -> None:
        self._member = member
        super().__init__(config.state / "reports.jsonl")
        self._full = False

    def add(self, report: Report) -> None:
        answer = None
        with contextlib.suppress(TimeoutError, RuntimeError):
            answer = self._member.ask_from_thread("report", ANSWER, said_of_report(report))
        self._full = answer == "full"
        if answer != "kept":
            raise SfsError("the report was not written", mend="send it again in a moment")

    def full(self) -> bool:
        """What the hub said of the last one."""
        return self._full

"""One label bureau, asked over the network: what it said is kept, and whoever asks gets an answer at once.

    known     what is known now; from any thread, never waits
    fetch     asks for what is not known; ends when it is, or when the bureau's time is up

Look-ups that come together go out together, up to 256 in one question; of one URL no two are under way. A bureau that
does not answer is left alone (bureau_breaker.py), and answers that nobody waited for are kept all the same. A bureau
that may know whole URLs is asked for all labels of a host with its second page, or once it has told a label: what it
says of single pages must not depend on which page was opened first."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cachetools import TTLCache

from sfs.errors import LabelError
from sfs.sources.bureau_answer import NOT_TOLD, RatedPrefix, Told, read_told
from sfs.sources.bureau_batch import Waiting
from sfs.sources.bureau_breaker import Breaker
from sfs.sources.bureau_cache import MAX_HOSTS, MAX_TREE, Cache, seconds_of
from sfs.sources.bureau_http import BureauFault, BureauHttp, Refused, Reply, TooLong
from sfs.sources.bureau_query import Opt, Question, query_of, whole_host, whole_tree
from sfs.sources.subscriptions import BureauSource
from sfs.text.url import Url, parse_url

log = logging.getLogger(__name__)

MAX_PARALLEL: Final = 4  # questions under way
KEEP_NONE: Final = 600.0  # seconds for which "not labeled" is kept, where labels are kept longer
KEEP_AWAY: Final = 30.0  # seconds for which "I will not say" is kept
LEAST_READ, MOST_READ, READ_TIMES = 2.0, 10.0, 4.0  # an answer is read for 4 times its time, within these seconds

type _Flight = "asyncio.Future[Told | None]"


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of some questions. `ran_out`: labels that may only close any more. `away`: something is not known.
    `missing`: what is to be asked; `waits`: whether that is worth waiting for."""

    labels: tuple[RatedPrefix, ...] = ()
    ran_out: tuple[RatedPrefix, ...] = ()
    away: bool = False
    missing: tuple[Question, ...] = ()
    waits: bool = False


class Bureau:
    """`counts`: what was asked and what became of it, by a word each. All but `known` belongs to one loop."""

    def __init__(
        self,
        source: BureauSource,
        http: BureauHttp,
        *,
        cache: Cache | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.source = source
        self.name = http.url.origin.partition("://")[2]
        self.timeout = source.timeout.total_seconds()
        self.counts: Counter[str] = Counter()
        self._http = http
        self._wall = wall
        self._keep = source.keep.total_seconds()
        self._cache = cache if cache is not None else Cache(clock=clock)
        self._lock = threading.Lock()  # of the cache: it is looked at from the proxy's thread
        self._breaker = Breaker(clock)
        self._waiting = Waiting()
        self._flights: dict[Question, _Flight] = {}
        self._exchanges: set[asyncio.Task[None]] = set()
        self._beside: set[asyncio.Task[None]] = set()
        self._hosts: TTLCache[str, bool] = TTLCache(MAX_HOSTS, self._keep, clock)  # whether its tree was asked for
        self._max_age: float | None = None  # what the bureau said last
        self._due = self._closed = False

    @property
    def is_away(self) -> bool:
        """Whether nobody waits for it, since it did not answer."""
        return not self._breaker.waits

    def known(self, questions: Sequence[Question]) -> Look:
        """What is known now."""
        now, asks = self._wall(), self._breaker.may_ask()
        labels: list[RatedPrefix] = []
        ran_out: list[RatedPrefix] = []
        missing: list[Question] = []
        away = waits = False
        with self._lock:
            for question in questions:
                known = self._cache.get(question, parse_url(question.url), now)
                if known is None or not known.valid:
                    away = waits = True
                    ran_out += () if known is None else known.told.labels
                else:
                    away = away or known.told.away
                    labels += known.told.labels
                if asks and (known is None or not known.fresh):
                    missing.append(question)
        waits = waits and self._breaker.waits and not self._waiting.full
        return Look(tuple(labels), tuple(ran_out), away, tuple(missing), waits)

    async def fetch(self, questions: Iterable[Question]) -> None:
        """Ask; return when all is answered, at the latest after the bureau's time."""
        flights = [self._page(question) for question in self._unless_fresh(questions)]
        if flights:
            await asyncio.wait(flights, timeout=self.timeout)

    def _page(self, question: Question) -> "asyncio.Future[Told | None] | asyncio.Task[None]":
        host = parse_url(question.url).origin
        if question.opt is Opt.NORMAL and question not in self._flights and self._hosts.get(host) is False:
            self._hosts[host] = True
            return self._start(self._by_host(question))
        return self._flight(question)

    def _unless_fresh(self, questions: Iterable[Question]) -> list[Question]:
        """Those that were not answered while they were on their way here."""
        now = self._wall()
        with self._lock:
            found = [(question, self._cache.get(question, parse_url(question.url), now)) for question in questions]
        return [question for question, known in found if known is None or not known.fresh]

    async def close(self) -> None:
        """End what is under way; nothing begins any more."""
        self._closed = True
        tasks = (*self._exchanges, *self._beside)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._release()
        self._http.close()

    def _flight(self, question: Question) -> _Flight:
        """The answer to a question: that of the one under way, or of a new one. None where there is none."""
        flight = self._flights.get(question)
        if flight is not None:
            return flight
        flight = asyncio.get_running_loop().create_future()
        if self._waiting.full:
            self.counts["too many"] += 1
            flight.set_result(None)
            return flight
        self._flights[question] = flight
        self._waiting.add(question)
        if not self._due:  # at the end of this round of the loop: what comes in it goes out together
            self._due = True
            asyncio.get_running_loop().call_soon(self._dispatch)
        return flight

    def _dispatch(self) -> None:
        self._due = False
        while len(self._waiting) and len(self._exchanges) < MAX_PARALLEL:
            if self._closed or not self._breaker.may_ask():
                self._release()
                return
            self._breaker.asks()
            task = asyncio.get_running_loop().create_task(self._exchange(self._waiting.batch()))
            self._exchanges.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._exchanges.discard(task)
        if not task.cancelled():
            self._dispatch()

    def _release(self) -> None:
        """Nobody is to wait for what will not be asked."""
        for question in self._waiting.drop():
            self._land(question, None)

    def _land(self, question: Question, told: Told | None) -> None:
        flight = self._flights.pop(question, None)
        if flight is not None and not flight.done():
            flight.set_result(told)

    async def _exchange(self, batch: list[Question]) -> None:
        """One question to the bureau, and what becomes of its answer. Never raises."""
        self.counts["questions"] += 1
        self.counts["look-ups"] += len(batch)
        timer = asyncio.get_running_loop().call_later(self.timeout, self._failed, "slow")
        told: list[Told] | None = None
        try:
            told = await self._asked(batch)
            self._answered(timer)
            self._waiting.answered(batch)
        except Exception as fault:
            if _too_long(fault) and len(batch) > 1:
                self._answered(timer)
                self._waiting.halve(batch)
                batch = []
            elif isinstance(fault, Refused) and batch[0].opt is Opt.TREE:  # not every bureau tells trees
                self._answered(timer)
                self.counts["no tree"] += 1
            else:
                self._failed(_word(fault), timer)
        finally:
            timer.cancel()
            for place, question in enumerate(batch):
                self._land(question, None if told is None else told[place])

    def _answered(self, timer: asyncio.TimerHandle) -> None:
        if asyncio.get_running_loop().time() < timer.when():
            self._breaker.answered()
        else:
            self._breaker.late()

    def _failed(self, word: str, timer: asyncio.TimerHandle | None = None) -> None:
        """`timer`: the one that says so itself where its time is up."""
        self.counts[word] += 1
        if self.counts[word] == 1:  # never what was asked
            log.warning("the label bureau %s does not answer as it should: %s", self.name, word)
        if timer is None or asyncio.get_running_loop().time() < timer.when():
            self._breaker.failed()
        if not self._breaker.waits:
            self._release()

    async def _asked(self, batch: list[Question]) -> list[Told]:
        """What the bureau tells of these, kept. BureauFault or LabelError where it tells nothing."""
        opt, urls = batch[0].opt, [question.url for question in batch]
        seconds = min(max(READ_TIMES * self.timeout, LEAST_READ), MOST_READ)
        reply = await self._http.ask(query_of(opt, urls, self.source.service), seconds)
        now, text = self._wall(), reply.body.decode("utf-8", "replace")
        told = read_told(text, urls, self.source.service, now, self.counts, tree=opt is Opt.TREE)
        if all(one is NOT_TOLD for one in told):
            raise BureauFault("no answer to the question")
        for question, one in zip(batch, told, strict=True):
            if opt is not Opt.TREE:
                seconds = self._seconds(one, reply, now)
                with self._lock:
                    self._cache.put(question, parse_url(question.url), one, seconds)
                self._max_age = reply.max_age
                self._learn(question, one)
        return told

    def _seconds(self, told: Told, reply: Reply, now: datetime) -> float:
        return seconds_of(told, self._keep, KEEP_AWAY if told.away else KEEP_NONE, reply.max_age, now)

    def _learn(self, question: Question, told: Told) -> None:
        """Have all labels of a host asked for, where one answer could hide others; else with its next page. A page
        without a label says too that no label covers the host."""
        url = parse_url(question.url)
        if question.opt is not Opt.NORMAL or not self._cache.keeps or self._hosts.get(url.origin):
            return
        self._hosts[url.origin] = bool(told.labels)
        if told.labels:
            root = parse_url(f"{url.origin}/")
            above = tuple(label for label in told.labels if label.generic and label.prefix.covers(root, 0, True))
            # A service that told a longer prefix, or a page, may have a label of the host too.
            self._start(self._learn_host(url, Told(above) if len(above) == len(told.labels) else None))

    async def _by_host(self, question: Question) -> None:
        """A second page of a host: all labels of the host; where the bureau does not tell them, those of the page."""
        await self._learn_host(parse_url(question.url), Told())
        if self._unless_fresh([question]):
            await self._flight(question)

    async def _learn_host(self, url: Url, above: Told | None) -> None:
        """All labels of a host: its tree, and what covers its root from `above`, which is asked for where it is not
        known."""
        tree = self._flight(whole_tree(url))
        if above is None:
            above = await self._flight(whole_host(url)[0])
        below = await tree
        if below is None or above is None or below.away or above.away or len(below.labels) > MAX_TREE:
            return  # it does not say, or there are too many: each page is asked for
        told = Told(tuple(dict.fromkeys((*above.labels, *below.labels))))
        with self._lock:
            self._cache.put_tree(url, told, seconds_of(told, self._keep, KEEP_NONE, self._max_age, self._wall()))

    def _start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._beside.add(task)  # a task that nobody holds may end before its time
        task.add_done_callback(self._beside.discard)
        return task


def _too_long(fault: Exception) -> bool:
    return isinstance(fault, TooLong) or (isinstance(fault, LabelError) and fault.code == "E_LIMIT")


def _word(fault: Exception) -> str:
    """What went wrong, as it is counted."""
    if isinstance(fault, LabelError):
        return fault.code
    return str(fault) if isinstance(fault, BureauFault) else type(fault).__name__

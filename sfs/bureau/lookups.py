"""The thread that reads the store, so that a slow or hanging database holds up nothing else.

    event loop   ask -> waiting, a future               deliver: results of a whole hop into their futures
                     |                                       ^
    thread           '--> takes all that waits now, one hop -'

A hop costs as much as several look-ups, and so do the statements of one, so the thread takes all that wait at that
moment, and questions of one kind are looked up together: under load a hop carries dozens. The store is read in this
thread alone. Whoever waits longer than `patience` gets StoreAway, and while the thread hangs everybody gets it at once:
nothing piles up, and no further thread is lost to the same database.
"""

import asyncio
import contextlib
import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final

from sfs.errors import SfsError

PATIENCE: Final = 2.0  # seconds; clients wait for less than one
MAX_WAITING: Final = 2000  # jobs; more would wait longer than anybody does
HOP: Final = 64  # jobs whose results are handed over at once
TICK: Final = 0.25  # seconds between two looks at who waits too long
STOPPING: Final = 5.0  # seconds that a job gets to end

log = logging.getLogger(__name__)

type Job = Callable[[], Any]
type Waiting = tuple[Any, asyncio.Future[Any]]


class StoreAway(Exception):
    """The store does not answer in time."""


class LookUps[Q, A]:
    """Runs jobs in one thread of its own. Made, started and asked on one event loop. `answers` answers a list of
    questions, in their order; it must not raise."""

    def __init__(self, answers: Callable[[list[Q]], list[A]], patience: float = PATIENCE) -> None:
        self._answers = answers
        self._patience = patience
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._open: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._hangs = False
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="look-ups", daemon=True)

    def start(self) -> None:
        """Begin; to be called on the loop that will ask."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._ticker = self._loop.call_later(TICK, self._tick)

    def ask(self, question: Q) -> "asyncio.Future[A]":
        """The answer to `question`, or StoreAway."""
        return self._wait(_Question(question))

    def run(self, job: Job) -> "asyncio.Future[Any]":
        """What `job` returns or raises, or StoreAway."""
        return self._wait(job)

    def _wait(self, what: Any) -> "asyncio.Future[Any]":
        future = self._loop.create_future()
        if self._hangs or self._stopping or len(self._open) >= MAX_WAITING:
            future.set_exception(StoreAway())
            return future
        self._open.append((self._loop.time() + self._patience, future))
        self._queue.put((what, future))
        return future

    def stop(self) -> bool:
        """End the thread; whether it has ended, which one that hangs does not."""
        self._stopping = True
        self._ticker.cancel()
        self._queue.put(None)
        self._thread.join(STOPPING)
        return not self._thread.is_alive()

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(TICK, self._tick)
        now = self._loop.time()
        while self._open and (self._open[0][1].done() or self._open[0][0] <= now):
            _, future = self._open.popleft()
            if not future.done():
                self._hangs = True
                future.set_exception(StoreAway())

    def _work(self) -> None:
        more = True
        while more:
            hop = [self._queue.get()]
            with contextlib.suppress(Empty):
                while len(hop) < HOP:
                    hop.append(self._queue.get_nowait())
            more = None not in hop
            done = self._outcomes([one for one in hop if one is not None and not one[1].done()])
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._deliver, done)

    def _outcomes(self, hop: list[Waiting]) -> list[tuple["asyncio.Future[Any]", Any, Exception | None]]:
        questions = [(what.asked, future) for what, future in hop if isinstance(what, _Question)]
        answers = self._answers([asked for asked, _ in questions]) if questions else []
        done = [(future, answer, None) for (_, future), answer in zip(questions, answers, strict=True)]
        return done + [(future, *_outcome(what)) for what, future in hop if not isinstance(what, _Question)]

    def _deliver(self, done: list[tuple["asyncio.Future[Any]", Any, Exception | None]]) -> None:
        self._hangs = False
        for future, result, fault in done:
            if future.done():
                continue
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)
        while self._open and self._open[0][1].done():
            self._open.popleft()


@dataclass(frozen=True, slots=True)
class _Question:
    asked: Any


def _outcome(job: Job) -> tuple[Any, Exception | None]:
    try:
        return job(), None
    except Exception as fault:
        return None, fault


class Faults:
    """Says once for each kind and place that something went wrong, never with a value of a question: of the store what
    it says itself, of all else the type and the place in the code."""

    MAX_KINDS: Final = 100

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self.count = 0

    def note(self, where: str, fault: BaseException) -> None:
        """Count `fault`, and write it where it is new."""
        self.count += 1
        if type(fault) is SfsError:
            said = str(fault)
        else:
            frames = traceback.extract_tb(fault.__traceback__)
            said = f"{type(fault).__name__} at {frames[-1].filename}:{frames[-1].lineno}" if frames else "no place"
        if said not in self._seen and len(self._seen) < self.MAX_KINDS:
            self._seen.add(said)
            log.error("%s: %s", where, said)

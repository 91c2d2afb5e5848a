"""The process that was started: it forks a hub and the workers, keeps the listening sockets open, replaces who ends.

It runs in one thread and has no loop, so that it may fork at any time: a new child has all that was loaded here, in
pages that are shared until somebody writes to them. It serves nobody and reads nothing that comes from outside.

    SIGTERM, SIGINT   once: workers take no more connections and finish what is under way, then the hub ends;
                      twice: at once; three times: they are killed
    SIGHUP            the hub loads the filter anew, the workers follow; as SIGTERM where a terminal was closed
    SIGUSR2           the program on the disk is started on the same sockets (handover.py); once it serves, workers take
                      no more connections, finish what is under way without haste, then the hub ends
"""

import contextlib
import gc
import logging
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from sfs.errors import SfsError
from sfs.proxy.ending import LEAVING
from sfs.proxy.garbage import set_aside
from sfs.proxy.handover import Successor
from sfs.proxy.workers.control import Word, hear, say

log = logging.getLogger("sfs.upgrade")

GIVEN: Final = 12.0  # seconds from the first signal until who is still there is killed
SOON: Final = 5  # ends of one child within...
WITHIN: Final = 10.0  # ...so many seconds after which...
PAUSE: Final = 1.0  # ...a second passes before the next one is started
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGCHLD)

type Work = Callable[[socket.socket, int], int]


@dataclass(slots=True, eq=False)
class _Child:
    """A place that one process at a time has. `work(control, generation)`: what it does, its exit code comes back."""

    name: str
    work: Work
    pid: int = 0
    control: socket.socket | None = None
    ready: bool = False
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=SOON))


class Supervisor:
    """`hub`, `worker`: the work of each. `listening`: closed at the end. `warm`: load the filter anew here, for
    children to come; whether that worked. `all_ready`: every worker listens, for the first time.
    `left`: whether a SIGHUP says that the terminal was closed. `successor`: start the program that takes over, with
    what the page of the administrator listens on."""

    def __init__(
        self,
        hub: Work,
        worker: Work,
        count: int,
        listening: Sequence[socket.socket],
        warm: Callable[[], bool],
        all_ready: Callable[[], None],
        left: Callable[[], bool],
        successor: Callable[[Sequence[socket.socket]], Successor],
    ) -> None:
        self._hub = _Child("hub", hub)
        self._workers = [_Child(f"worker {number}", worker) for number in range(1, count + 1)]
        self._listening = tuple(listening)
        self._warm, self._all_ready, self._left, self._make_successor = warm, all_ready, left, successor
        self._page: list[socket.socket] = []  # the hub's page listens there
        self._successor: Successor | None = None
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._due: dict[_Child, float] = {}
        self._generation = self._reloads = 0  # of the filter that children are forked with; of the hub's
        self._said_ready = False
        self._signals = 0  # that ask for the end
        self._ending = False
        self._end = 0.0
        self._code = 0

    def run(self) -> int:
        """Until a signal comes; the exit code."""
        for end in (self._woken, self._wake):
            end.setblocking(False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        gc.disable()  # a collection writes to every page, which is shared no more then
        set_aside()
        for child in self._all():
            self._start(child)
        while not self._ending or any(child.pid for child in self._all()):
            for key, _ in self._selector.select(self._seconds()):
                if key.data is None:
                    self._signalled()
                elif isinstance(key.data, Successor):
                    self._heard_successor(key.data)
                else:
                    self._heard(key.data)
            self._reap()
            self._start_due()
            self._kill_late()
        return self._code

    def _all(self) -> Iterator[_Child]:
        yield self._hub
        yield from self._workers

    def _seconds(self) -> float | None:
        """How long nothing is to be done by itself."""
        times = [*self._due.values(), *((self._end,) if self._ending else ())]
        if self._successor is not None:
            times.append(self._successor.until)
        return max(0.0, min(times) - time.monotonic()) if times else None

    # Children

    def _start(self, child: _Child) -> None:
        """Fork a child, and have it meet the others. OSError where the system has no process for it."""
        ours, its = socket.socketpair()
        if child is self._hub:
            self._reloads = self._generation  # it goes on counting from here
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            its.close()
            raise
        if pid == 0:
            ours.close()
            self._become(child, its)
        its.close()
        ours.setblocking(False)
        child.pid, child.control, child.ready = pid, ours, False
        self._selector.register(ours, selectors.EVENT_READ, child)
        for worker in self._workers if child is self._hub else (child,):
            self._introduce(worker)

    def _become(self, child: _Child, control: socket.socket) -> NoReturn:
        """In the child: leave all that is the supervisor's behind, and work. Signals still do nothing: a terminal and
        systemd send theirs to all processes, and it is the supervisor that says what is to be done."""
        code = 1
        try:
            gc.enable()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            successor = None if self._successor is None else self._successor.channel
            for held in (self._woken, self._wake, successor, *self._page, *(other.control for other in self._all())):
                if held is not None:
                    held.close()
            code = child.work(control, self._generation)
        finally:
            os._exit(code)

    def _introduce(self, worker: _Child) -> None:
        """Give the hub and a worker the two ends of a socket."""
        if worker.control is not None and self._hub.control is not None and worker.pid and self._hub.pid:
            one, other = socket.socketpair()
            with one, other:
                say(worker.control, Word.MEET, one)
                say(self._hub.control, Word.MEET, other)

    def _heard(self, child: _Child) -> None:
        if child.control is None:
            return
        try:
            word, given = hear(child.control)
        except BlockingIOError:
            return
        if word is Word.PAGE and given is not None and not self._ending:
            self._page.append(given)
        elif given is not None:
            given.close()
        if word is None:
            self._selector.unregister(child.control)
            child.control.close()
            child.control = None
        elif word is Word.RELOADED:
            self._reloads += 1
            if self._warm():
                self._generation = self._reloads
            set_aside()
        elif word is Word.READY:
            child.ready = True
            if all(worker.ready for worker in self._workers) and not self._said_ready:
                self._said_ready = True
                self._all_ready()
            self._go()

    def _go(self) -> None:
        """The workers listen: what stands beside them begins. A hub that came in another's place hears it again."""
        if self._said_ready and self._hub.control is not None and self._hub.ready:
            say(self._hub.control, Word.GO)
            self._hub.ready = False  # said once

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._all():
                if child.pid == pid:
                    self._ended(child, os.waitstatus_to_exitcode(status))

    def _ended(self, child: _Child, code: int) -> None:
        child.pid = 0
        if child.control is not None:
            self._selector.unregister(child.control)
            child.control.close()
            child.control = None
        if child is self._hub:
            self._close_page()
        if not self._said_ready and not self._ending:  # a fault that the next one would have as well
            self._code = code if code > 0 else 1
            self._stop()
        if not self._ending:
            now = time.monotonic()
            often = len(child.ends) == SOON and now - child.ends[0] < WITHIN
            child.ends.append(now)
            self._due[child] = now + PAUSE if often else now
        elif not any(worker.pid for worker in self._workers) and self._hub.control is not None:
            say(self._hub.control, Word.STOP)

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in [child for child, at in self._due.items() if at <= now]:
            del self._due[child]
            try:
                self._start(child)
            except OSError as fault:  # no memory, or too many processes: the others serve, and this one comes later
                if child.pid:
                    raise
                log.error("%s cannot be started again yet: %s", child.name, fault.strerror)
                self._due[child] = now + PAUSE

    # The end

    def _signalled(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in self._woken.recv(4096):
                if number in (signal.SIGTERM, signal.SIGINT) or (number == signal.SIGHUP and self._left()):
                    self._stop()
                elif number == signal.SIGHUP and self._hub.control is not None:
                    say(self._hub.control, Word.RELOAD)
                elif number == signal.SIGUSR2:
                    self._upgrade()

    def _stop(self) -> None:
        if self._signals == 0:
            self._begin_end(GIVEN)
            if self._successor is not None:
                self._successor.end()
        self._signals += 1
        if self._signals > 2:
            self._end = 0.0
        workers = [worker for worker in self._workers if worker.pid]
        for child in workers or [self._hub]:
            if child.control is not None:
                say(child.control, Word.STOP)

    def _begin_end(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._end = min(self._end, end) if self._ending else end
        self._ending = True
        self._due.clear()
        self._close_page()
        for sock in self._listening:
            sock.close()

    def _close_page(self) -> None:
        for sock in self._page:
            sock.close()
        self._page.clear()

    def _kill_late(self) -> None:
        now = time.monotonic()
        if self._successor is not None and now >= self._successor.until:
            self._successor.end(signal.SIGKILL)
            self._successor.until = now + PAUSE
        if self._ending and now >= self._end:
            for child in self._all():
                if child.pid:
                    os.kill(child.pid, signal.SIGKILL)
            self._end = now + PAUSE

    # An upgrade

    def _upgrade(self) -> None:
        if self._successor is not None or self._ending or not self._said_ready:
            log.warning("no upgrade: this program begins, ends, or hands over already")
            return
        try:
            self._successor = self._make_successor(self._page)
        except SfsError as fault:
            log.warning("no upgrade: %s", fault)
            return
        self._selector.register(self._successor.channel, selectors.EVENT_READ, self._successor)

    def _heard_successor(self, successor: Successor) -> None:
        if (serves := successor.serves()) is None:
            return
        self._selector.unregister(successor.channel)
        self._successor = None
        log.info("%s", successor.said(serves=serves))
        if serves:
            self._begin_end(LEAVING + GIVEN)
            for child in self._all():
                if child.control is not None:
                    say(child.control, Word.LEAVE)

"""The process that was started: it forks a hub and the workers, keeps the listening sockets open, replaces who ends.

It runs in one thread and has no loop, so that it may fork at any time: a new child has all that was loaded here, in
pages that are shared until somebody writes to them. It serves nobody and reads nothing that comes from outside.

    SIGTERM, SIGINT   once: workers take no more connections and finish what is under way, then the hub ends;
                      twice: at once; three times: they are killed
    SIGHUP            the hub loads the filter anew, the workers follow; as SIGTERM where a terminal was closed
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from sfs.proxy.workers.control import Word, hear, say

GIVEN: Final = 12.0  # seconds from the first signal until who is still there is killed
SOON: Final = 5  # ends of one child within...
WITHIN: Final = 10.0  # ...so many seconds after which...
PAUSE: Final = 1.0  # ...a second passes before the next one is started
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

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
    `left`: whether a SIGHUP says that the terminal was closed."""

    def __init__(
        self,
        hub: Work,
        worker: Work,
        count: int,
        listening: Sequence[socket.socket],
        warm: Callable[[], bool],
        all_ready: Callable[[], None],
        left: Callable[[], bool],
    ) -> None:
        self._hub = _Child("hub", hub)
        self._workers = [_Child(f"worker {number}", worker) for number in range(1, count + 1)]
        self._listening = tuple(listening)
        self._warm, self._all_ready, self._left = warm, all_ready, left
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._due: dict[_Child, float] = {}
        self._generation = self._reloads = 0  # of the filter that children are forked with; of the hub's
        self._said_ready = False
        self._signals = 0
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
        _freeze()
        for child in self._all():
            self._start(child)
        while self._signals == 0 or any(child.pid for child in self._all()):
            for key, _ in self._selector.select(self._seconds()):
                if key.data is None:
                    self._signalled()
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
        times = [*self._due.values(), *((self._end,) if self._signals else ())]
        return max(0.0, min(times) - time.monotonic()) if times else None

    # Children

    def _start(self, child: _Child) -> None:
        """Fork a child, and have it meet the others."""
        ours, its = socket.socketpair()
        if child is self._hub:
            self._reloads = self._generation  # it goes on counting from here
        pid = os.fork()
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
            for held in (self._woken, self._wake, *(other.control for other in self._all())):
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
        if given is not None:
            given.close()
        if word is None:
            self._selector.unregister(child.control)
            child.control.close()
            child.control = None
        elif word is Word.RELOADED:
            self._reloads += 1
            if self._warm():
                self._generation = self._reloads
            _freeze()
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
        if not self._said_ready and self._signals == 0:  # a fault that the next one would have as well
            self._code = code if code > 0 else 1
            self._stop()
        if self._signals == 0:
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
            self._start(child)

    # The end

    def _signalled(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in self._woken.recv(4096):
                if number in (signal.SIGTERM, signal.SIGINT) or (number == signal.SIGHUP and self._left()):
                    self._stop()
                elif number == signal.SIGHUP and self._hub.control is not None:
                    say(self._hub.control, Word.RELOAD)

    def _stop(self) -> None:
        if self._signals == 0:
            self._end = time.monotonic() + GIVEN
            self._due.clear()
            for sock in self._listening:
                sock.close()
        self._signals += 1
        if self._signals > 2:
            self._end = 0.0
        workers = [worker for worker in self._workers if worker.pid]
        for child in workers or [self._hub]:
            if child.control is not None:
                say(child.control, Word.STOP)

    def _kill_late(self) -> None:
        if self._signals and time.monotonic() >= self._end:
            for child in self._all():
                if child.pid:
                    os.kill(child.pid, signal.SIGKILL)
            self._end = time.monotonic() + PAUSE


def _freeze() -> None:
    """Clear away what nobody needs, and keep the collections of children to come off the rest."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()

"""A load generator for `sfs bench`: requests that stand ready as bytes, many connections, one thread.

It costs a tenth of what the servers under it cost, so that one core of it keeps another one busy.
"""

import selectors
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

from sfs.errors import SfsError

CONNECTIONS: Final = 32
WAIT: Final = 10.0  # seconds without any answer after which the server has failed
_LENGTH: Final = b"\r\ncontent-length:"


@dataclass(slots=True)
class Load:
    """What came of a run: seconds in all, seconds of each answer from when its request was due, sorted; to its end, and
    to its first byte."""

    seconds: float
    times: list[float]
    first: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds

    def part(self, share: float) -> float:
        """The time, in seconds, that `share` (0 to 1) of the answers did not exceed."""
        return _part(self.times, share)

    def first_part(self, share: float) -> float:
        """The same of their first bytes."""
        return _part(self.first, share)


def _part(times: Sequence[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


@dataclass(slots=True)
class _Line:
    link: socket.socket
    due: float = 0.0
    left: int = 0  # bytes of the answer still to come; -1 while its head comes
    head: bytes = b""
    unsent: bytes = b""


@dataclass(slots=True)
class _Run:
    selector: selectors.BaseSelector
    requests: Iterator[bytes]
    idle: deque[_Line]
    times: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)


def run(port: int, requests: Sequence[bytes], connections: int = CONNECTIONS, rate: float | None = None) -> Load:
    """Send `requests` to a port of loopback and take every answer: as fast as they come, or `rate` a second whether
    answers come or not. SfsError for an answer other than 200, and where none comes."""
    lines = [_Line(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
    with selectors.DefaultSelector() as selector:
        for line in lines:
            line.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.link.setblocking(False)
            selector.register(line.link, selectors.EVENT_READ, line)
        try:
            return _run(_Run(selector, iter(requests), deque(lines)), len(requests), rate)
        finally:
            for line in lines:
                line.link.close()


def _run(state: _Run, count: int, rate: float | None) -> Load:
    begin = perf_counter()
    sent = 0
    while len(state.times) < count:
        now = perf_counter()
        may = count if rate is None else min(count, int((now - begin) * rate) + 1)
        while state.idle and sent < may:
            line = state.idle.popleft()
            line.due = now if rate is None else begin + sent / rate
            _send(state, line, next(state.requests))
            sent += 1
        wait = WAIT if sent == count or not state.idle or rate is None else max(0.0, begin + sent / rate - now)
        ready = state.selector.select(wait)
        if not ready and wait == WAIT:
            raise SfsError("the server did not answer")
        for key, events in ready:
            if events & selectors.EVENT_WRITE:
                _send(state, key.data, key.data.unsent)
            if events & selectors.EVENT_READ:
                _receive(state, key.data)
    return Load(perf_counter() - begin, sorted(state.times), sorted(state.first))


def _send(state: _Run, line: _Line, data: bytes) -> None:
    done = line.link.send(data)
    was, line.unsent = line.unsent, data[done:]
    line.left, line.head = -1, b""
    if bool(was) != bool(line.unsent):
        more = selectors.EVENT_WRITE if line.unsent else 0
        state.selector.modify(line.link, selectors.EVENT_READ | more, line)


def _receive(state: _Run, line: _Line) -> None:
    data = line.link.recv(262_144)
    if not data:
        raise SfsError("the server closed a connection")
    if line.left < 0:
        if not line.head:
            state.first.append(perf_counter() - line.due)
        line.head += data
        head, end, body = line.head.partition(b"\r\n\r\n")
        if not end:
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SfsError(f"the server answered {head[:40]!r}")
        at = head.lower().find(_LENGTH)
        if at < 0:
            raise SfsError("the server did not say how long its answer is")
        line.left = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) - len(body)
    else:
        line.left -= len(data)
    if line.left == 0:
        state.times.append(perf_counter() - line.due)
        state.idle.append(line)

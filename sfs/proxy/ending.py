"""The end of the proxy: signals, and a little time for what is under way.

A first SIGTERM or SIGINT closes the listeners and waits up to DRAIN seconds for connections that are busy: a request
without its whole answer, bytes that moved lately, or bytes that a slow client has not taken yet. Answers that are given
now say that their connection ends (stock/heads.py), so that a browser sends its next request elsewhere. One that only
keeps its connections open holds nothing up. A second signal ends at once, a third kills.

Where another process took over (handover.py), nobody is in a hurry: what is under way gets LEAVING seconds.
"""

import asyncio
import contextlib
import math
import signal
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from mitmproxy import connection, http

from sfs.proxy import stock

if TYPE_CHECKING:
    from sfs.proxy.parts import Proxyserver

DRAIN: Final = 5.0  # seconds that what is under way gets
LEAVING: Final = 60.0  # seconds of the same where another process serves already
LATELY: Final = 0.5  # seconds without a byte after which a connection without a request counts as idle
_POLL: Final = 0.02  # seconds
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """What the signals said. `wished`: end; `now`: end without waiting for anybody; `end`: when nobody is waited for
    any more, by the clock of the loop."""

    def __init__(self) -> None:
        self.wished = asyncio.Event()
        self.now = asyncio.Event()
        self.end = math.inf
        self._signalled = False

    def listen(self) -> None:
        """Take SIGTERM and SIGINT, from the loop that is running."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            if sys.platform != "win32":
                loop.add_signal_handler(number, self.signal)
            else:
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.signal))

    def signal(self) -> None:
        """One more signal came."""
        if self._signalled:
            self.now.set()
            self._leave_the_rest()
        self._signalled = True
        self._within(DRAIN)

    def leave(self) -> None:
        """Another process serves in our place."""
        self._within(LEAVING)

    def _within(self, seconds: float) -> None:
        self.end = min(self.end, asyncio.get_running_loop().time() + seconds)
        self.wished.set()

    def _leave_the_rest(self) -> None:
        """Give the signals back to the system: whoever asks a third time means it."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            with contextlib.suppress(ValueError, OSError):
                if sys.platform != "win32":
                    loop.remove_signal_handler(number)
                else:
                    signal.signal(number, signal.SIG_DFL)


class UnderWay:
    """An addon that knows which clients wait for an answer."""

    def __init__(self) -> None:
        self._flows: defaultdict[str, set[str]] = defaultdict(set)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """A request begins."""
        self._flows[flow.client_conn.id].add(flow.id)

    def response(self, flow: http.HTTPFlow) -> None:
        """Its answer is whole."""
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        """There will be none."""
        self._end(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        """Nobody waits any more."""
        self._flows.pop(client.id, None)

    def waits(self, client: connection.Client) -> bool:
        """Whether a request of this client has no whole answer yet."""
        return bool(self._flows.get(client.id))

    def _end(self, flow: http.HTTPFlow) -> None:
        flows = self._flows.get(flow.client_conn.id)
        if flows is not None:
            flows.discard(flow.id)
            if not flows:
                del self._flows[flow.client_conn.id]


async def drain(server: "Proxyserver", under_way: UnderWay, stop: Stop) -> None:
    """Take no more connections, and give those that are busy until `stop.end`, or until `stop.now` is set."""
    loop = asyncio.get_running_loop()
    with stock.closing_after_answers():
        await server.servers.update([])
        while not stop.now.is_set() and loop.time() < stop.end and _busy(server, under_way):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.now.wait(), _POLL)


def _busy(server: "Proxyserver", under_way: UnderWay) -> bool:
    """Whether any connection has something under way."""
    lately = asyncio.get_running_loop().time() - LATELY
    for handler in list(server.connections.values()):
        if under_way.waits(handler.client) or getattr(handler, "moved", 0.0) > lately:
            return True
        if any(_waiting(io.writer) for io in list(handler.transports.values())):
            return True
    return False


def _waiting(writer: object) -> bool:
    """Whether bytes wait in this writer for a peer to take them."""
    transport = getattr(writer, "transport", None)
    size = getattr(transport, "get_write_buffer_size", None)
    return size is not None and not transport.is_closing() and size() > 0  # type: ignore[union-attr]

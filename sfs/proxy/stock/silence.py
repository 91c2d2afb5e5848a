"""Whether a connection is silent, for those that end it then. Stock looks at the clock alone: where the loop is behind,
what a client asks may wait in the socket, and the connection that it came on is closed without an answer."""

import asyncio
import contextlib
import select
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from mitmproxy.proxy import server

# Turns of the loop until what waits in a socket has been handled: it is found, read, and given to whom it is for.
TURNS: Final = 3


def unread(transports: Iterable[server.ConnectionIO]) -> bool:
    """Whether a peer has said something, or that it goes, that nobody has looked at."""
    found = list(transports)
    if any(getattr(io.reader, "_buffer", None) for io in found):
        return True
    if not hasattr(select, "poll"):  # Windows: the loop reads ahead, nothing waits in a socket
        return False
    asked = select.poll()
    for io in found:
        sock = io.writer.get_extra_info("socket") if isinstance(io.writer, asyncio.StreamWriter) else None
        if sock is not None and sock.fileno() >= 0:
            asked.register(sock.fileno(), select.POLLIN)
    return bool(asked.poll(0))


class Watchdog(server.TimeoutWatchdog):
    """Stock's, by a clock that nobody sets. Its callback may find that there is life: then it goes on."""

    def __init__(self, timeout: int, callback: Callable[[], Awaitable[None]]) -> None:
        super().__init__(timeout, callback)
        self.register_activity()

    def register_activity(self) -> None:
        self.last_activity = time.monotonic()

    async def watch(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await self.can_timeout.wait()
                heard = self.last_activity
                left = heard + self.timeout - time.monotonic()
                if left > 0:
                    await asyncio.sleep(left)
                    continue
                await self.callback()
                if self.last_activity == heard and not self.blocker:
                    return


def install() -> None:
    """Put Watchdog where the handler of a client looks for it."""
    server.TimeoutWatchdog = Watchdog  # type: ignore[misc]

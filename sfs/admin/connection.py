"""One connection of a browser, with the bounds that uvicorn has none for: how many, how slow, how long."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS: Final = 100
MAX_OF_ADDRESS: Final = 50  # so that one device leaves room for the owner's
FIRST_REQUEST: Final = 10.0  # seconds until the head of the first request is complete
LIFE: Final = 120.0  # seconds; browsers connect anew without a word, who reads or writes a byte a minute does not


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1, closed where it is one too many, says nothing in time, or lasts too long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS or self._of_address() > MAX_OF_ADDRESS:
            transport.abort()
            return
        self._timers = [
            self.loop.call_later(FIRST_REQUEST, self._close_if_silent),
            self.loop.call_later(LIFE, transport.abort),
        ]

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in self._timers:
            timer.cancel()
        super().connection_lost(exc)

    def _of_address(self) -> int:
        address = self.client[0] if self.client else ""
        ours = (other for other in self.connections if isinstance(other, Connection) and other.client)
        return sum(1 for other in ours if other.client and other.client[0] == address)

    def _close_if_silent(self) -> None:
        # uvicorn sets `cycle` when the head of a request is complete; till then it is None, whatever its type says.
        if not self.cycle:
            self.transport.abort()

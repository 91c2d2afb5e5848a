"""uvicorn with uvloop and httptools, on one listener, until it is told to stop."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Generator
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import Config

from sfs.bureau.connection import DEFAULT, Connection, Limits
from sfs.sources.machine import listening_socket
from sfs.sources.values import Listen
from sfs.web.server import config_of

KEEP_ALIVE: Final = 30  # seconds between two requests of a connection: a filter asks again soon
DRAIN: Final = 5  # seconds that open requests get to end
SWEEP: Final = 1.0  # seconds between two looks at slow connections


class Server(uvicorn.Server):
    """Serves `app` on `listener`; `ready` is called when it takes connections. Ends on SIGTERM and SIGINT: no new
    connections, open requests get DRAIN seconds."""

    def __init__(
        self, app: ASGIApp, listener: socket.socket, ready: Callable[[], None], limits: Limits = DEFAULT
    ) -> None:
        super().__init__(_config(app))
        self._limits = limits
        self._listener = listener
        self._ready = ready
        self._stop = asyncio.Event()

    @property
    def open_connections(self) -> int:
        """How many there are now."""
        return len(self.server_state.connections)

    async def run_until_stopped(self) -> None:
        """Serve until a signal or `stop`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        await self.serve([self._listener])

    def stop(self) -> None:
        """End; called on the loop."""
        if self._stop.is_set():
            self.force_exit = True  # asked twice: at once
        self._stop.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        config, state, limits = self.config, self.server_state, self._limits
        loop = asyncio.get_running_loop()

        def connection() -> asyncio.Protocol:
            return Connection(config=config, server_state=state, app_state={}, limits=limits, _loop=loop)

        self.servers = [await loop.create_server(connection, sock=self._listener, backlog=config.backlog)]
        self.started = True
        self._sweep(loop)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """uvicorn would raise the signal again when it has stopped; here a stop that was asked for is no fault."""
        yield

    async def main_loop(self) -> None:
        await self._stop.wait()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.sweep(now)
        if not self._stop.is_set():
            loop.call_later(SWEEP, self._sweep, loop)


def bound(listen: Listen) -> socket.socket:
    """A listening socket; SfsError for a port in use or an address that this machine does not have."""
    host = "127.0.0.1" if listen.host.lower() == "localhost" else listen.host
    return listening_socket(Listen(host, listen.port), "--listen", DEFAULT.connections)


def _config(app: ASGIApp) -> Config:
    return config_of(
        app,
        loop="uvloop",
        http=Connection,
        backlog=DEFAULT.connections,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN,
    )

"""uvicorn in a thread of its own with a loop of its own: nothing of it ever runs on the proxy's loop."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import Config

from sfs.admin.address import is_loopback
from sfs.admin.connection import MAX_CONNECTIONS, Connection
from sfs.errors import SfsError
from sfs.sources.machine import listening_socket
from sfs.sources.values import Listen
from sfs.web.guard import Hosts, hosts_of
from sfs.web.server import config_of, limit_logs

MAX_HEAD: Final = 16_384  # bytes of request line and headers, all together
KEEP_ALIVE: Final = 5  # seconds between two requests of a connection
HANDSHAKE: Final = 10.0  # seconds for TLS
DRAIN: Final = 2  # seconds that open requests get to end
STARTS: Final = 20.0  # seconds to wait for the thread; a loaded machine takes one
THREADS: Final = 8  # for databases and files; hashing has its own bound

AppFactory = Callable[[Hosts], ASGIApp]


class AdminServer:
    """One listener. `listen`: an IP address (or localhost) and a port, 0 for any free one. Without `tls` only loopback
    is listened on. `names`: further names that browsers reach it by. `sock`: listens there already."""

    def __init__(
        self,
        app_factory: AppFactory,
        listen: tuple[str, int],
        tls: ssl.SSLContext | None = None,
        names: tuple[str, ...] = (),
        sock: socket.socket | None = None,
    ) -> None:
        self._factory = app_factory
        self._host = "127.0.0.1" if listen[0].lower() == "localhost" else listen[0]
        self._port = listen[1]
        self._tls = tls
        self._names = names
        self._listener = sock
        self._ready = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._fault: BaseException | None = None
        if tls is None and not is_loopback(self._host):
            raise SfsError(
                f"the admin pages on {self._host} need TLS", mend="without a certificate name 127.0.0.1 or [::1]"
            )

    def start(self) -> tuple[str, int]:
        """Listen; the address and port, once connections are taken. SfsError for a port in use, or an address that
        this machine does not have."""
        limit_logs()
        listener = self._listener or listening_socket(Listen(self._host, self._port), "--admin", MAX_CONNECTIONS)
        self._listener = listener
        try:
            port = int(listener.getsockname()[1])
            hosts = hosts_of(self._host, port, self._tls is not None, self._names)
            self._server = _Server(_config(self._factory(hosts), self._tls), listener)
            self._thread = threading.Thread(target=self._run, name="admin", daemon=True)
            self._thread.start()
        except BaseException:
            listener.close()
            raise
        if not self._ready.wait(STARTS) or self._fault is not None:
            self.stop()
            raise SfsError(f"the admin pages did not start: {type(self._fault).__name__}")
        return self._host, port

    def listening(self) -> socket.socket | None:
        """A copy of the socket that listens, for the caller to close; None where nothing does."""
        try:
            return None if self._listener is None else self._listener.dup()
        except OSError:  # it is closed
            return None

    def stop(self) -> None:
        """Take no more connections, let open requests end, end the thread. Safe to call twice, and from any thread."""
        if self._server is not None:
            self._server.stop()
        if self._thread is not None:
            self._thread.join(DRAIN + 5)

    def _run(self) -> None:
        assert self._server is not None
        try:
            with asyncio.Runner() as runner:
                pool = ThreadPoolExecutor(THREADS, thread_name_prefix="admin")
                runner.get_loop().set_default_executor(pool)
                runner.run(self._server.run_until_stopped(self._ready.set))
        except BaseException as fault:
            self._fault = fault
        finally:
            self._ready.set()


class _Server(uvicorn.Server):
    """uvicorn's server that waits for a word instead of looking ten times a second, and bounds the TLS handshake."""

    def __init__(self, config: Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._started_word: Callable[[], None] = lambda: None

    async def run_until_stopped(self, started: Callable[[], None]) -> None:
        self._loop, self._started_word = asyncio.get_running_loop(), started
        await self.serve([self._listener])

    def stop(self) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(self._stop.set)
            except RuntimeError:  # closed meanwhile: it has stopped
                return

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        config, state = self.config, self.server_state

        def connection() -> asyncio.Protocol:
            return Connection(config=config, server_state=state, app_state={})

        listening = await asyncio.get_running_loop().create_server(
            connection,
            sock=self._listener,
            ssl=config.ssl,
            ssl_handshake_timeout=HANDSHAKE if config.ssl else None,
            backlog=config.backlog,
        )
        self.servers = [listening]
        self.started = True
        self._started_word()

    async def main_loop(self) -> None:
        await self._stop.wait()


def _config(app: ASGIApp, tls: ssl.SSLContext | None) -> Config:
    config = config_of(
        app,
        loop="asyncio",
        http=Connection,
        backlog=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN,
        h11_max_incomplete_event_size=MAX_HEAD,
    )
    config.ssl = tls
    return config

"""One client connection with the upstream connections that serve it: how much may wait, how long it may be silent."""

import asyncio
from typing import Final
from weakref import WeakValueDictionary

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import events, mode_servers

from sfs.proxy.stock import silence
from sfs.proxy.stock.front import client_behind, is_front
from sfs.proxy.stock.lean import LeanHandler
from sfs.proxy.stock.reading import READ_BYTES
from sfs.proxy.stock.stream import HeldStream

MAX_BACKLOG: Final = 1 << 20  # body bytes that may wait for a hook before reading stops
SILENT_SECONDS: Final = 60.0  # a client with nothing open upstream...
SILENT_BYTES: Final = 1 << 10  # ...that sends less than this in that time is dropped
_POLL: Final = 0.02  # seconds


_by_client: "WeakValueDictionary[str, BoundedHandler]" = WeakValueDictionary()


class BoundedHandler(LeanHandler):
    """The handler of one client."""

    moved = 0.0  # when bytes last came, or the client did, by the loop's clock
    _heard = 0  # bytes from the client
    _heard_before = 0
    _check: asyncio.Handle | None = None

    async def handle_client(self) -> None:
        self.moved = asyncio.get_running_loop().time()
        # Stock takes the other end of the socket for the client: behind a load balancer all would be one.
        if self.client.peername and is_front(self.client.peername[0]) and not await self._take_client():
            return
        _by_client[self.client.id] = self
        if self._hooks is not None:
            HeldStream.hooks[self.client.id] = self.run_hook
        if self.client.transport_protocol == "tcp":
            self._check_later()
        try:
            await super().handle_client()
        finally:
            if self._check:
                self._check.cancel()
            HeldStream.hooks.pop(self.client.id, None)
            self.end()

    async def _take_client(self) -> bool:
        """Put the client that the balancer names in the place of its own address; False where it names none."""
        io = self.transports[self.client]
        told, client = await client_behind(io.reader) if isinstance(io.reader, asyncio.StreamReader) else (False, None)
        if told:
            self.client.peername = client or self.client.peername
        elif (writer := self.transports.pop(self.client).writer) is not None:
            writer.close()
        return told

    def drop(self) -> None:
        """End this connection now, whatever goes on in it."""
        io = self.transports.get(self.client)
        if io and io.handler:
            io.handler.cancel("dropped")

    def _check_later(self) -> None:
        self._heard_before = self._heard
        self._check = asyncio.get_running_loop().call_later(SILENT_SECONDS, self._drop_silent)

    def _drop_silent(self) -> None:
        self._drop_unless_heard(self._heard, silence.TURNS if silence.unread(self.transports.values()) else 0)

    def _drop_unless_heard(self, heard: int, turns: int) -> None:
        # Stock's tcp_timeout takes any byte for life: a handshake or a head sent byte by byte never ends.
        alone = all(connection is self.client for connection in self.transports)
        quiet = self._heard - self._heard_before < SILENT_BYTES and not self.timeout_watchdog.blocker
        io = self.transports.get(self.client)
        if not (alone and quiet and io and io.handler) or self._heard != heard:
            self._check_later()
        elif turns:
            self._check = asyncio.get_running_loop().call_soon(self._drop_unless_heard, heard, turns - 1)
        else:
            io.handler.cancel("silent client")

    async def on_timeout(self) -> None:
        watchdog = self.timeout_watchdog
        heard = watchdog.last_activity
        for _ in range(silence.TURNS if silence.unread(self.transports.values()) else 0):
            await asyncio.sleep(0)
        if watchdog.last_activity == heard and not watchdog.blocker:
            await super().on_timeout()

    async def handle_connection(self, connection: Connection) -> None:
        if self._prepare(connection):
            # Tasks begin at once here, and stock notes this one only when it first waits: what a balancer sent together
            # with its line would be answered, and the connection could not be closed yet.
            await asyncio.sleep(0)
        try:
            await super().handle_connection(connection)
        except asyncio.CancelledError as fault:
            raise fault.with_traceback(None)  # noqa: B904  # its frames keep it, and it those with all they have
        finally:
            self._close(connection)

    def _prepare(self, connection: Connection) -> bool:
        """Bound what is read at once. Whether this is the client's, whose task nobody knows yet."""
        io = self.transports.get(connection)
        if isinstance(transport := getattr(io and io.writer, "transport", None), asyncio.Transport):
            transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # asyncio's own; what else has it ignores it
        return connection is self.client and io is not None and io.handler is None

    def _close(self, connection: Connection) -> None:
        # Closed by command while its task queues for server_event (a peer that sends fast: nearly always), stock's ends
        # there with the socket open: a blocked server would go on, a refused client would wait.
        if io := self.transports.pop(connection, None):
            connection.state = ConnectionState.CLOSED
            if io.writer:
                io.writer.close()

    async def server_event(self, event: events.Event) -> None:
        if self._hooks is None:
            self._note(event)
        await super().server_event(event)

    def take(self, event: events.Event) -> None:
        self._note(event)
        super().take(event)

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.DataReceived):
            self.moved = asyncio.get_running_loop().time()
            if event.connection is self.client:
                self._heard += len(event.data)
        elif isinstance(event, events.OpenConnectionCompleted) and event.reply:
            # Stock keeps what could not be opened until the client leaves: a silent one would never be alone.
            self.transports.pop(event.command.connection, None)

    def is_behind(self) -> bool:
        return super().is_behind() or bool(HeldStream.waiting)

    async def drain_writers(self) -> None:
        # Called by each connection's reader after each read. Stock goes on reading while a hook is awaited, and keeps
        # what comes. Only the connection that fills the queue may wait here: another may be what the hook needs.
        await super().drain_writers()
        while HeldStream.waiting and self._backlog() > MAX_BACKLOG:  # noqa: ASYNC110  # rare, and hooks end in many ways
            await asyncio.sleep(_POLL)

    def _backlog(self) -> int:
        """Return the body bytes that the calling task's connection has waiting behind hooks."""
        task, total = asyncio.current_task(), 0
        mine = next((connection for connection, io in self.transports.items() if io.handler is task), None)
        for stream in list(HeldStream.waiting):
            if stream._paused is None:
                HeldStream.waiting.discard(stream)
            elif mine and stream.context.client is self.client:
                total += stream.backlog(mine)
        return total


def drop(client_id: str) -> None:
    """End a client connection; nothing where it is gone."""
    if (handler := _by_client.get(client_id)) is not None:
        handler.drop()


def install() -> None:
    """Put BoundedHandler where the listener looks for it."""
    mode_servers.ProxyConnectionHandler = BoundedHandler  # type: ignore[misc]

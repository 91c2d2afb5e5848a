"""Events and hooks of one client connection with less work between them than stock does, in the same order.

    hooks      looked up in a table made once, by name, in place of a walk over all addons with getattr; those that
               nobody has cost nothing. One that need not wait is run in place, without a task that waits for its turn
    events     a queue in place of a lock: what comes up while an event is handled is handled next
    writing    what is sent while an event is handled goes out in one piece for each connection
    tunnels    the short way for bytes (short.py)
    timers     of the loop, which can be cancelled, in place of a task that sleeps
    logging    a line that nobody keeps is not put together
    reading    nothing of what was read is kept while more is waited for (reading.py)
    draining   only where a writer has something left

Only `sfs run` has a table (`set_hooks`): under mitmdump the chain of addons may change at any time, and stock's way
holds. tests/bench/proxy.py measures what it is worth.
"""

import asyncio
import inspect
import logging
from asyncio import selector_events
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy import addonmanager, exceptions, hooks, http
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events, mode_servers, server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as core
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.server import ConnectionIO

from sfs.proxy.stock import ended, reading, short

if TYPE_CHECKING:
    from mitmproxy.master import Master

type Hooks = dict[str, tuple[Callable[[Any], Any], ...]]

_tables: "WeakKeyDictionary[Master, Hooks]" = WeakKeyDictionary()
_fields: Final[dict[str, str]] = {}  # of each hook, the name of its one field
_waiting: Final[set["asyncio.Task[None]"]] = set()  # the loop keeps weak references alone
# What stock's server_event does, by the names that it uses: where it does more, it is left to it.
_KNOWN: Final = frozenset(
    (
        *("_server_event_lock", "timeout_watchdog", "register_activity", "layer", "handle_event", "isinstance"),
        *("commands", "OpenConnection", "connection", "transports", "asyncio_utils", "create_task"),
        *("open_connection", "address", "client", "peername", "ConnectionIO", "RequestWakeup", "wakeup", "delay"),
        *("wakeup_timer", "add", "ConnectionCommand", "SendData", "writer", "is_closing", "write", "data"),
        *("CloseTcpConnection", "close_connection", "half_close", "CloseConnection", "StartHook", "hook_task", "name"),
        *("Log", "log", "message", "level", "RuntimeError", "Exception", "logging", "ERROR"),
    )
)
_IS_KNOWN: Final = frozenset(server.ConnectionHandler.server_event.__code__.co_names) == _KNOWN


def set_hooks(master: "Master") -> None:
    """Make the table of `master`, whose addons are all there and stay; connections from now on use it."""
    addons = list(addonmanager.traverse(master.addons.chain))
    found = {name: tuple(f for a in addons if callable(f := getattr(a, name, None))) for name in hooks.all_hooks}
    _tables[master] = {name: functions for name, functions in found.items() if functions}


class LeanHandler(mode_servers.ProxyConnectionHandler):
    """Stock's handler, where a table of hooks is set and stock's own is the one this was read against."""

    def __init__(self, master: "Master", *args: Any) -> None:
        super().__init__(master, *args)  # type: ignore[no-untyped-call]  # mitmproxy's
        self._hooks = _tables.get(master) if _IS_KNOWN else None
        self._events: deque[events.Event] = deque()
        self._handling = False
        self._unsent: dict[Connection, list[bytes]] = {}
        self._tunnel: Context | None = None  # where a handshake began
        self._short: short.Way | None = None  # how bytes go through it
        self._http: core.HttpLayer | None = None  # what the layers above it pass all events to
        self._late = 0  # hooks that are waited for
        self._over = False
        if self._hooks is not None:
            self.wakeup_timer = WeakSet()  # type: ignore[assignment]  # timers, where stock has tasks; it cancels both

    async def server_event(self, event: events.Event) -> None:
        if self._hooks is None:
            await super().server_event(event)
        else:
            self.take(event)

    async def handle_connection(self, connection: Connection) -> None:
        if self._hooks is None or not reading.KNOWN or connection.transport_protocol != "tcp":
            await super().handle_connection(connection)
        else:
            await reading.read(self, connection)

    async def handle_hook(self, hook: commands.StartHook) -> None:
        if self._hooks is None:
            await super().handle_hook(hook)
        elif functions := self._hooks.get(hook.name):
            with self.timeout_watchdog.disarm():
                await _call(functions, _argument(hook))

    def log(self, message: str, level: int = logging.INFO, exc_info: Any = None) -> None:
        if server.logger.isEnabledFor(level):
            super().log(message, level, exc_info)

    async def drain_writers(self) -> None:
        if self._is_full():
            await super().drain_writers()  # type: ignore[no-untyped-call]  # mitmproxy's

    def is_behind(self) -> bool:
        """Whether `drain_writers` may have to wait."""
        return self._is_full()

    def _is_full(self) -> bool:
        for io in self.transports.values():  # noqa: SIM110  # a generator costs more than the look
            if io.writer is not None and _is_full(io.writer):
                return True
        return False

    def end(self) -> None:
        """The client is gone, and so is all that was connected for it. What is left is a hook that waits, at most."""
        self._over = True
        if self._hooks is not None and not self._late:
            ended.forget(self.layer)
            self.layer = ended.Over()  # type: ignore[assignment]
            self.timeout_watchdog.callback = ended.nothing
            self._tunnel = self._short = self._http = None

    def take(self, event: events.Event) -> None:
        """Handle an event; one that comes up meanwhile is handled after it, by whoever is at it."""
        self._events.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self._events:
                self._handle(self._events.popleft())
        finally:
            self._handling = False
            for connection in list(self._unsent):
                self._send(connection)

    def _handle(self, event: events.Event) -> None:
        self.timeout_watchdog.register_activity()
        try:
            if self._tunnel is not None and isinstance(event, events.DataReceived):
                if self._short is None:
                    self._short = short.find(self._tunnel, self._do, self.log)
                if self._short is not None:
                    self._short(event)
                    return
            if self._http is None:
                self._http = short.http_layer(self.layer)
            for command in (self._http or self.layer).handle_event(event):
                self._do(command)
        except Exception:
            self.log("mitmproxy has crashed!", logging.ERROR, exc_info=True)

    def _do(self, command: commands.Command) -> None:
        """As stock's server_event does each command, hooks aside."""
        if isinstance(command, commands.SendData):
            self._unsent.setdefault(command.connection, []).append(command.data)
        elif isinstance(command, commands.StartHook):
            # Those of a stream began in stream.py; what is not done yet came here all the same.
            if not getattr(command, "began", False) and self.run_hook(command) and command.blocking:
                self.take(events.HookCompleted(command))
        elif isinstance(command, commands.OpenConnection):
            if self._over:
                return  # a hook outlasted the client: nobody would end this connection any more
            assert command.connection not in self.transports
            self.transports[command.connection] = io = ConnectionIO()
            io.handler = asyncio.create_task(self.open_connection(command))
        elif isinstance(command, commands.RequestWakeup):
            timer = asyncio.get_running_loop().call_later(command.delay, self.take, events.Wakeup(command))
            command.timer = timer  # type: ignore[attr-defined]  # ours: who asked may cancel it
            self.wakeup_timer.add(timer)  # type: ignore[arg-type]
        elif isinstance(command, commands.CloseConnection):
            self._send(command.connection)
            if command.connection in self.transports:
                half = isinstance(command, commands.CloseTcpConnection) and command.half_close
                self.close_connection(command.connection, half)
        elif isinstance(command, commands.Log):
            self.log(command.message, command.level)
        elif not isinstance(command, commands.ConnectionCommand):
            raise RuntimeError(f"Unexpected command: {command}")

    def _send(self, connection: Connection) -> None:
        pieces, io = self._unsent.pop(connection, None), self.transports.get(connection)
        if pieces and io is not None and io.writer is not None and not io.writer.is_closing():
            io.writer.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def run_hook(self, hook: commands.StartHook) -> bool:
        """Run a hook in place as far as it does not wait; whether it is done."""
        assert self._hooks is not None
        if isinstance(hook, tls.TlsClienthelloHook):
            self._tunnel = hook.data.context
        functions = self._hooks.get(hook.name, ())
        argument = _argument(hook) if functions else None
        for number, function in enumerate(functions):
            try:
                waits = function(argument)
            except exceptions.AddonHalt:
                break
            except Exception as fault:
                _told(fault)
                continue
            if waits is not None and inspect.isawaitable(waits):
                rest = _call(functions[number + 1 :], argument, waits)
                task = asyncio.Task(rest, loop=asyncio.get_running_loop(), eager_start=True)
                if not task.done():
                    self._finish_later(hook, task)
                    return False
                break
        return True

    def _finish_later(self, hook: commands.StartHook, task: "asyncio.Task[None]") -> None:
        disarmed = self.timeout_watchdog.disarm()
        disarmed.__enter__()
        self._late += 1
        _waiting.add(task)
        task.add_done_callback(partial(self._finished, hook, disarmed))

    def _finished(
        self, hook: commands.StartHook, disarmed: AbstractContextManager[None], task: "asyncio.Task[None]"
    ) -> None:
        _waiting.discard(task)
        disarmed.__exit__(None, None, None)
        self._late -= 1
        if not task.cancelled() and hook.blocking:
            self.take(events.HookCompleted(hook))
        if self._over:
            self.end()


async def _call(functions: Iterable[Callable[[Any], Any]], argument: Any, first: Awaitable[Any] | None = None) -> None:
    """Await `first`, then call each function; as stock does, one that raises is told and the next is called."""
    try:
        if first is not None:
            await first
    except exceptions.AddonHalt:
        return
    except Exception as fault:
        _told(fault)
    for function in functions:
        try:
            waits = function(argument)
            if waits is not None and inspect.isawaitable(waits):
                await waits
        except exceptions.AddonHalt:
            return
        except Exception as fault:
            _told(fault)


def _told(fault: Exception) -> None:
    with addonmanager.safecall():
        raise fault


def _is_full(writer: Any) -> bool:
    """Whether draining may wait: something is left to be sent, or the connection is lost."""
    transport: Any = getattr(writer, "transport", None)
    if type(transport) is selector_events._SelectorSocketTransport:  # type: ignore[attr-defined]  # says it in one step
        return bool(transport._buffer) or transport._closing
    return transport is None or transport.is_closing() or transport.get_write_buffer_size() > 0


def _argument(hook: commands.StartHook) -> Any:
    """What a hook is called with: its one field."""
    name = _fields.get(hook.name)
    if name is None:
        (field,) = fields(hook)  # type: ignore[arg-type]  # every hook is a dataclass
        name = _fields[hook.name] = field.name
    return getattr(hook, name)


def _no_check(_: http.MessageData) -> None:
    """In place of a check of each field's type, for each message: what makes them here gives them right."""


def install() -> None:
    """Leave out what stock checks of its own objects."""
    if hasattr(http.MessageData, "__post_init__"):
        http.MessageData.__post_init__ = _no_check  # type: ignore[method-assign]

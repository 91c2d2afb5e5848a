"""What every request goes through in mitmproxy's HTTP layer, with less work on the way: commands of the layers below
are told apart by their class, a hook is made without a look whether it is one, and a context is copied without a server
that nobody asks for."""

from typing import Any, Final

from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.layers import http as core
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestHeaders

from sfs.proxy.stock.closed import forget
from sfs.proxy.stock.names import uses_only

# What stock's functions do, by the names that they use: where they do more, they are left as they are.
_EVENT_TO_CHILD: Final = (
    *("handle_event", "isinstance", "commands", "Command", "blocking", "RequestWakeup", "command_sources"),
    *("ReceiveHttp", "event", "RequestHeaders", "make_stream", "stream_id", "streams", "KeyError", "event_to_child"),
    *("SendHttp", "connections", "connection", "DropStream", "pop", "GetHttpConnection", "get_connection"),
    *("RegisterHttpConnection", "register_connection", "OpenConnection", "AssertionError"),
)
_FORK: Final = ("Context", "client", "options", "server", "layers", "copy")
_NEW_HOOK: Final = ("StartHook", "TypeError", "super", "__new__")

stock_event_to_child: Final = core.HttpLayer.event_to_child

installed = False  # whether our event_to_child is in place


def event_to_child(self: core.HttpLayer, child: Any, event: events.Event) -> layer.CommandGenerator[None]:
    """As HttpLayer.event_to_child; the two commands that nearly all are come first."""
    for command in child.handle_event(event):
        kind = type(command)
        if kind is core.SendHttp:
            yield from event_to_child(self, self.connections[command.connection], command.event)
        elif kind is ReceiveHttp:
            inner = command.event
            if isinstance(inner, RequestHeaders):
                yield from self.make_stream(inner.stream_id)
            # None: data or errors of a stream that is done with
            if (stream := self.streams.get(inner.stream_id)) is not None:
                yield from event_to_child(self, stream, inner)
        elif kind is core.DropStream:
            self.streams.pop(command.stream_id, None)
        else:
            if command.blocking or kind is commands.RequestWakeup:
                self.command_sources[command] = child  # its answer goes there
            if kind is core.GetHttpConnection:
                yield from self.get_connection(command)
            elif kind is core.RegisterHttpConnection:
                yield from self.register_connection(command)
            else:
                if isinstance(command, commands.OpenConnection):
                    forget(self)
                    self.connections[command.connection] = child
                yield command


def stop_timer(stream: core.HttpStream, timer: commands.RequestWakeup | None) -> None:
    """Have a timer of a stream not go off. Until it did, it would keep the stream in memory, with its page; where it is
    a task (stock's handler) it stays."""
    handle = getattr(timer, "timer", None)
    if timer is None or handle is None:
        return
    handle.cancel()
    for parent in stream.context.layers:
        if isinstance(parent, core.HttpLayer):
            parent.command_sources.pop(timer, None)


def let_go(stream: core.HttpStream) -> None:
    """Have a stream that is over hold nothing that holds it: else it stays in memory, with its page, until the garbage
    collector comes by."""
    stream.client_state = stream.server_state = over
    stream.context.layers.clear()


def over(_: events.Event) -> layer.CommandGenerator[None]:
    """The state of a stream that was let go."""
    yield from ()


def fork(self: context.Context) -> context.Context:
    """As Context.fork, which makes a server connection (with a UUID) first and drops it."""
    made = context.Context.__new__(context.Context)
    made.client, made.options, made.server, made.layers = self.client, self.options, self.server, self.layers.copy()
    return made


def _make_hook(cls: type[Any], *args: object, **kwargs: object) -> Any:
    return object.__new__(cls)


def install() -> None:
    """Put these in the place of stock's, where those are the ones this was read against."""
    global installed
    if uses_only(core.HttpLayer.event_to_child, _EVENT_TO_CHILD):
        installed = True
        core.HttpLayer.event_to_child = event_to_child  # type: ignore[method-assign]
    if uses_only(context.Context.fork, _FORK):
        context.Context.fork = fork  # type: ignore[method-assign]
    if uses_only(commands.StartHook.__new__, _NEW_HOOK):
        commands.StartHook.__new__ = _make_hook  # type: ignore[method-assign]

"""The short way of bytes through a tunnel that is open, and of all events to the HTTP layer of a client.

    long      HttpProxy - HttpLayer - HttpStream (CONNECT) - ServerTLSLayer - ClientTLSLayer - HttpLayer or TCPLayer
    inspected what a client sends is decrypted and given to the inner HttpLayer, what that says to it is encrypted
    by name   what one side sends is sent to the other

The layers between pass all of it on and look at none of it; that costs more than the TLS does. They stay, and from the
HTTP layer of the client on they get every event but bytes: whatever opens, ends, or is answered goes the long way, and
so does all where a tunnel looks otherwise than the two above."""

import logging
from collections.abc import Callable
from typing import Any, Final

from mitmproxy.connection import Client, ConnectionState
from mitmproxy.proxy import commands, context, events, layer, tunnel
from mitmproxy.proxy.layers import http as core
from mitmproxy.proxy.layers import modes, tcp
from mitmproxy.proxy.layers import tls as tls_layers

from sfs.proxy.stock import tls
from sfs.proxy.stock.closed import forget
from sfs.proxy.stock.names import uses_only

_OUTER: Final = (modes.HttpProxy, core.HttpLayer, core.HttpStream, tls_layers.ServerTLSLayer, tls_layers.ClientTLSLayer)
# What the layers between do with what passes, by the names that they use: where they do more, nothing is shorter.
_COMMAND: Final = (
    *("isinstance", "commands", "ConnectionCommand", "connection", "conn", "SendData", "send_data", "data"),
    *("CloseConnection", "tunnel_connection", "state", "ConnectionState", "CAN_WRITE", "send_close", "OpenConnection"),
    *("command_to_reply_to", "TunnelState", "ESTABLISHING", "tunnel_state", "event_to_child", "events"),
    *("OpenConnectionCompleted", "CLOSED", "start_handshake", "AssertionError"),
)
_THROUGH: Final = (
    *("flow", "response", "child_layer", "isinstance", "RequestData", "events", "DataReceived", "context", "client"),
    *("data", "ResponseData", "server", "RequestEndOfMessage", "ConnectionClosed", "ResponseEndOfMessage"),
    *("handle_event", "commands", "SendData", "connection", "SendHttp", "stream_id", "status_code", "CloseConnection"),
    *("ResponseProtocolError", "ErrorCode", "PASSTHROUGH_CLOSE", "RequestProtocolError", "CloseTcpConnection"),
)
_RELAY: Final = (
    *("isinstance", "TcpMessageInjected", "events", "DataReceived", "message", "from_client", "context", "client"),
    *("server", "content", "ConnectionEvent", "connection", "flow", "tcp", "TCPMessage", "data", "messages", "append"),
    *("TcpMessageHook", "commands", "SendData", "ConnectionClosed", "state", "ConnectionState", "CAN_READ", "done"),
    *("_handle_event", "CLOSED", "CloseConnection", "TcpEndHook", "live", "CloseTcpConnection", "AssertionError"),
)
_ABOVE_PASS_ALL_ON: Final = uses_only(layer.NextLayer.handle_event, ("_handle", "super", "handle_event")) and uses_only(
    modes.HttpProxy._handle_event, ("layer", "NextLayer", "context", "handle_event", "_handle_event")
)
_KNOWN: Final = (
    uses_only(tunnel.TunnelLayer._handle_command, _COMMAND)
    and uses_only(core.HttpStream.passthrough, _THROUGH)
    and uses_only(tcp.TCPLayer.relay_messages, _RELAY)
)

type Do = Callable[[commands.Command], None]
type Way = Callable[[events.DataReceived], None]


def http_layer(top: Any) -> core.HttpLayer | None:
    """The HTTP layer of a client, where the two above it pass all on to it; None where they do not yet."""
    if not _ABOVE_PASS_ALL_ON or type(top) is not modes.HttpProxy or top._paused is not None or top.debug is not None:
        return None
    between = getattr(top._handle_event, "__self__", None)
    if type(between) is not layer.NextLayer or between._handle is None or type(between.layer) is not core.HttpLayer:
        return None
    return between.layer


def find(inner: context.Context, do: Do, log: Callable[[str, int], None]) -> Way | None:
    """How bytes go from now on, where `inner` is the context of a tunnel that is open; None for the long way."""
    layers = inner.layers
    if not _KNOWN or not tls.installed or len(layers) != len(_OUTER) + 1:
        return None
    if not all(isinstance(found, kind) for found, kind in zip(layers, _OUTER, strict=False)):
        return None
    if any(found.debug is not None or found._paused is not None for found in layers):
        return None
    _, outer, stream, _, client_tls, last = layers
    if not isinstance(stream, core.HttpStream) or stream._handle_event != stream.passthrough:
        return None
    if isinstance(last, tcp.TCPLayer):
        return _relayed(inner, last, do)
    if isinstance(last, core.HttpLayer) and isinstance(outer, core.HttpLayer) and not inner.server.connected:
        # Under `lazy` the inner layer opens what it needs, with a TLS layer for each.
        return _Inspected(inner.client, outer, stream, client_tls, last, do, log).receive
    return None


def _relayed(inner: context.Context, last: tcp.TCPLayer, do: Do) -> Way | None:
    client, server = inner.client, inner.server
    if last.flow is not None or last._handle_event != last.relay_messages:
        return None

    def receive(event: events.DataReceived) -> None:
        do(commands.SendData(server if event.connection is client else client, event.data))

    return receive


class _Inspected:
    """A tunnel whose requests are judged."""

    def __init__(
        self,
        client: Client,
        outer: core.HttpLayer,
        stream: core.HttpStream,
        client_tls: Any,
        last: core.HttpLayer,
        do: Do,
        log: Callable[[str, int], None],
    ) -> None:
        self._client, self._outer, self._stream, self._last = client, outer, stream, last
        self._tls = client_tls.tls
        self._do, self._log = do, log

    def receive(self, event: events.DataReceived) -> None:
        """Take bytes from either side. As ClientTLSLayer.receive_data does those of the client."""
        if event.connection is not self._client:
            self._give(event)
            return
        plaintext, closed, fault = tls.read(self._tls, event.data)
        if fault is not None:
            self._log(f"TLS Error: {fault}", logging.WARNING)
        if sent := tls.written(self._tls):
            self._do(commands.SendData(self._client, sent))
        if plaintext:
            self._give(events.DataReceived(self._client, plaintext))
        if closed:
            self._client.state &= ~ConnectionState.CAN_READ
            self._give(events.ConnectionClosed(self._client))

    def _give(self, event: events.Event) -> None:
        for command in self._last.handle_event(event):
            if isinstance(command, commands.ConnectionCommand) and command.connection is self._client:
                self._to_client(command)
            else:
                self._pass(command)

    def _to_client(self, command: commands.ConnectionCommand) -> None:
        if isinstance(command, commands.SendData):
            if sent := tls.write(self._tls, command.data):
                self._do(commands.SendData(self._client, sent))
        elif isinstance(command, commands.CloseConnection):
            self._do(commands.CloseConnection(self._client))  # a tunnel is closed whole, never by half

    def _pass(self, command: commands.Command) -> None:
        """As HttpLayer.event_to_child of the outer one, which has to know whom an answer is for."""
        if command.blocking or isinstance(command, commands.RequestWakeup):
            self._outer.command_sources[command] = self._stream
        if isinstance(command, commands.OpenConnection):
            forget(self._outer)
            self._outer.connections[command.connection] = self._stream
        elif isinstance(command, commands.CloseTcpConnection):
            command = commands.CloseConnection(command.connection)
        self._do(command)

"""Server connections that are over, forgotten. Stock keeps each until the client leaves: one that stays for days grows
with every server that closed, and looks through all of them for each request. And one that could not be opened answers
for all later ones to its host: an HTTP/2 client had the error for as long as it kept its connection."""

from typing import Final

from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import http as core

from sfs.proxy.stock.names import uses_only

# What stock's get_connection does, by the names that it uses: where it does more, it is left as it is.
_GET: Final = (
    *("connections", "connection_spec_matches", "waiting_for_establishment", "append", "error", "command_sources"),
    *("pop", "event_to_child", "GetHttpConnectionCompleted", "connected", "context", "client", "alpn", "server"),
    *("fork", "tunnel", "LayerStack", "Server", "address", "transport_protocol", "via", "tls", "mode", "HTTPMode"),
    *("upstream", "_upstream_proxy", "HttpUpstreamProxy", "make", "transparent", "sni", "ServerTLSLayer", "quic"),
    *("ServerQuicLayer", "AssertionError", "HttpClient", "events", "Start"),
)

_stock_get: Final = core.HttpLayer.get_connection

installed = False  # whether ours is in place


def forget(held: core.HttpLayer) -> None:
    """Drop what is over and no request refers to. Before a connection is looked for or opened: at most one that is over
    stays then for each that is open."""
    found = [one for one in held.connections if _is_over(one)] if installed else []
    if not found:
        return
    used = {stream.context.server for stream in held.streams.values()}
    for connection in found:
        if connection not in used and connection not in held.waiting_for_establishment:
            del held.connections[connection]


def _is_over(connection: Connection) -> bool:
    """Whether nothing is heard of it any more: its task has ended, or it was never opened."""
    if not isinstance(connection, Server) or connection.state is not ConnectionState.CLOSED:
        return False
    if connection.timestamp_tcp_setup is None:
        return connection.error is not None
    return connection.timestamp_end is not None


def _get_connection(
    self: core.HttpLayer, event: core.GetHttpConnection, *, reuse: bool = True
) -> layer.CommandGenerator[None]:
    forget(self)
    return _stock_get(self, event, reuse=reuse)


def install() -> None:
    """Put ours in the place of stock's, where that is the one this was read against."""
    global installed
    if uses_only(core.HttpLayer.get_connection, _GET):
        installed = True
        core.HttpLayer.get_connection = _get_connection  # type: ignore[method-assign]

"""Reads what a connection says, until its end, as stock does. What was read is let go before more is waited for: stock
keeps the last piece of each connection that waits, 64 KiB at most, for as long as it waits."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import events, server

from sfs.proxy.stock.names import uses_only

if TYPE_CHECKING:
    from sfs.proxy.stock.lean import LeanHandler

READ_BYTES: Final = 65535  # as many as stock takes at once. asyncio asks for 256 KiB, which it then has to give back
# What stock's handle_connection does, by the names that it uses: where it does more, it is left to it.
KNOWN: Final = uses_only(
    server.ConnectionHandler.handle_connection,
    (
        *("transports", "reader", "read", "OSError", "asyncio", "CancelledError", "server_event", "events"),
        *("DataReceived", "drain_writers", "transport_protocol", "state", "ConnectionState", "CAN_READ", "CLOSED"),
        *("ConnectionClosed", "CAN_WRITE", "Event", "wait", "writer", "close", "pop"),
    ),
)


async def read(handler: "LeanHandler", connection: Connection) -> None:
    """As stock's handle_connection does for TCP; whoever calls this closes the connection and forgets it."""
    cancelled = False
    try:
        await _until_end(handler, connection)
    except asyncio.CancelledError:
        cancelled = True  # not kept: it refers to this frame, which would refer to it
    connection.state = ConnectionState.CLOSED if cancelled else connection.state & ~ConnectionState.CAN_READ
    await handler.server_event(events.ConnectionClosed(connection))
    if cancelled:
        raise asyncio.CancelledError
    if connection.state is ConnectionState.CAN_WRITE:
        await asyncio.Event().wait()  # the peer may still be told something: until that is over


async def _until_end(handler: "LeanHandler", connection: Connection) -> None:
    reader = handler.transports[connection].reader
    assert reader is not None
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_BYTES):
            event = events.DataReceived(connection, data)
            del data
            handler.take(event)
            del event
            if handler.is_behind():
                await handler.drain_writers()

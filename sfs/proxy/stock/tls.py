"""Bytes through TLS without the exceptions that stock waits for: each read and each write of its ends in one, "no more
is there", which costs more than the bytes. Here the memory between OpenSSL and us is asked how much it holds."""

import contextlib
import logging
from typing import Any, Final

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import tls
from OpenSSL import SSL

from sfs.proxy.stock import spare
from sfs.proxy.stock.names import uses_only

_RECORD: Final = 16 << 10  # bytes of one record, RFC 8446 5.1; SSL_read gives one at a time
_lib: Final[Any] = SSL._lib  # type: ignore[attr-defined]
_NULL: Final[Any] = SSL._ffi.NULL  # type: ignore[attr-defined]
# What stock's functions do, by the names that they use: where they do more, they are left as they are.
_RECEIVE: Final = (
    *("tls", "bio_write", "bytearray", "extend", "recv", "SSL", "WantReadError", "ZeroReturnError", "Error"),
    *("commands", "Log", "WARNING", "tls_interact", "event_to_child", "events", "DataReceived", "conn", "bytes"),
    *("state", "connection", "ConnectionState", "CAN_READ", "debug", "DEBUG", "ConnectionClosed"),
)
_SEND: Final = ("tls", "sendall", "SSL", "ZeroReturnError", "SysCallError", "tls_interact")
_INTERACT: Final = ("tls", "bio_read", "SSL", "WantReadError", "commands", "SendData", "conn")

_stock_start: Final = tls.TLSLayer.start_tls

installed = False  # whether ours are in place
type Gen[T] = layer.CommandGenerator[T]


def read(connection: Any, data: bytes) -> tuple[bytes, bool, SSL.Error | None]:
    """What the peer said with these bytes; whether it said that this is all; what was wrong with them. Does not
    raise what stock's receive_data does not."""
    if data:
        connection.bio_write(data)
        spare.passed(connection, len(data))
    parts, closed, fault = [], False, None
    while True:
        try:
            parts.append(connection.recv(_RECORD))
        except SSL.WantReadError:
            break
        except SSL.ZeroReturnError:
            closed = True
            break
        except SSL.Error as error:
            fault = error
            break
        if not _lib.BIO_get_mem_data(connection._into_ssl, _NULL) and not connection.pending():
            break  # OpenSSL takes out of the memory what it needs for one record, and no more
    return parts[0] if len(parts) == 1 else b"".join(parts), closed, fault


def written(connection: Any) -> bytes:
    """What is to be sent to the peer by now; b"" for nothing."""
    size: int = _lib.BIO_get_mem_data(connection._from_ssl, _NULL)
    sent: bytes = connection.bio_read(size) if size else b""
    return sent


def write(connection: Any, data: bytes) -> bytes:
    """What is to be sent to the peer to say this."""
    with contextlib.suppress(SSL.ZeroReturnError, SSL.SysCallError):  # as stock: a peer that closed hears no more
        connection.sendall(data)
    spare.passed(connection, len(data))
    return written(connection)


def _start_tls(self: tls.TLSLayer) -> Gen[None]:
    yield from _stock_start(self)
    if self.tls:
        spare.begin(self.tls)


def _tls_interact(self: tls.TLSLayer) -> Gen[None]:
    if sent := written(self.tls):
        yield commands.SendData(self.conn, sent)


def _receive_data(self: tls.TLSLayer, data: bytes) -> Gen[None]:
    plaintext, closed, fault = read(self.tls, data)
    if fault is not None:
        yield commands.Log(f"TLS Error: {fault}", logging.WARNING)
    yield from _tls_interact(self)
    if plaintext:
        yield from self.event_to_child(events.DataReceived(self.conn, plaintext))
    if closed:
        self.conn.state &= ~ConnectionState.CAN_READ
        yield from self.event_to_child(events.ConnectionClosed(self.conn))


def _send_data(self: tls.TLSLayer, data: bytes) -> Gen[None]:
    if sent := write(self.tls, data):
        yield commands.SendData(self.conn, sent)


def install() -> None:
    """Put these in the place of stock's, where those are the ones this was read against."""
    global installed
    kind = tls.TLSLayer
    known = ((kind.receive_data, _RECEIVE), (kind.send_data, _SEND), (kind.tls_interact, _INTERACT))
    if hasattr(_lib, "BIO_get_mem_data") and all(uses_only(function, names) for function, names in known):
        installed = True
        kind.tls_interact, kind.receive_data = _tls_interact, _receive_data  # type: ignore[method-assign]
        kind.start_tls = _start_tls  # type: ignore[method-assign]
        kind.send_data = _send_data  # type: ignore[method-assign]

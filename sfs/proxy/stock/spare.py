"""Memory that OpenSSL keeps for a connection that waits, given back: its two buffers of 17 KB where they are empty, and
what lies between it and us, which never gets smaller by itself: after a page of 40 KB twice 80 KB, as long as a browser
keeps the connection."""

import asyncio
import weakref
from typing import Any, Final

from OpenSSL import SSL

GREW: Final = 1 << 10  # bytes at once that are worth the work
SECONDS: Final = 1.0  # a page comes in many pieces; once in that time is enough
_lib: Final[Any] = SSL._lib  # type: ignore[attr-defined]
_ffi: Final[Any] = SSL._ffi  # type: ignore[attr-defined]
_NULL: Final[Any] = _ffi.NULL
_NEEDED: Final = ("BIO_get_mem_data", "BIO_new", "BIO_s_mem", "SSL_set_bio", "SSL_set_mode")

known: Final = all(hasattr(_lib, name) for name in _NEEDED)
_later: "weakref.WeakSet[SSL.Connection]" = weakref.WeakSet()  # those that are looked at soon


def begin(connection: Any) -> None:
    """Have a new connection keep no buffers while they are empty. Before its handshake."""
    if known:
        _lib.SSL_set_mode(connection._ssl, _lib.SSL_MODE_RELEASE_BUFFERS)


def passed(connection: Any, size: int) -> None:
    """So many bytes went through this connection, after its handshake."""
    if size >= GREW and known and connection not in _later:
        _later.add(connection)
        asyncio.get_running_loop().call_later(SECONDS, _shrink, weakref.ref(connection))


def _shrink(found: "weakref.ref[Any]") -> None:
    connection = found()
    if connection is None:
        return
    _later.discard(connection)
    into, out = connection._into_ssl, connection._from_ssl
    if _lib.BIO_get_mem_data(into, _NULL) or _lib.BIO_get_mem_data(out, _NULL):
        return  # something is under way: the next bytes come here again
    into, out = _lib.BIO_new(_lib.BIO_s_mem()), _lib.BIO_new(_lib.BIO_s_mem())
    if _NULL not in (into, out):
        _lib.SSL_set_bio(connection._ssl, into, out)  # frees the two before
        connection._into_ssl, connection._from_ssl = into, out

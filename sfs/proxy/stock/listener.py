"""Listening on sockets that were opened before: those that the workers of one port share, or that another program
served until now.

Stock opens its own for each address. Of a place that was inherited, a listener here takes the sockets there are, and
closes them when it ends; other processes that have them go on listening. Which sockets listen is kept in mind, so that
they can be handed on."""

import asyncio
import functools
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mitmproxy.proxy import mode_servers

BACKLOG: Final = 1024  # connections that may wait while all workers are busy, or one is replaced
_AT_ONCE: Final = 1  # connections that a worker takes before it lets another one have a turn

_inherited: dict[tuple[str, int], Sequence[socket.socket]] = {}
_opened: list[tuple[str, Any]] = []  # each host with the server that listens there
_stock_listen = mode_servers.AsyncioServerInstance.listen


@functools.wraps(_stock_listen)
async def _listen(self: Any, host: str, port: int) -> list[Any]:
    sockets = _inherited.get((host, port))
    servers: list[Any] = await _stock_listen(self, host, port) if sockets is None else []
    for sock in sockets or ():
        # asyncio takes as many connections at once as may wait. What may wait is set for the socket, for all who have
        # it, so it is said once more.
        servers.append(await asyncio.start_server(self.handle_stream, sock=sock, backlog=_AT_ONCE))
        sock.listen(BACKLOG)
    known = [server for _, server in _opened]  # for port 0 stock calls this once more, with a port that it found
    _opened.extend((host, server) for server in servers if server not in known)
    return servers


def listening() -> dict[tuple[str, int], tuple[socket.socket, ...]]:
    """What listens, by host and port: copies, for the caller to close."""
    found: dict[tuple[str, int], tuple[socket.socket, ...]] = {}
    for host, server in _opened:
        for sock in server.sockets:
            place = (host, sock.getsockname()[1])
            found[place] = (*found.get(place, ()), sock.dup())
    return found


def inherit(places: Mapping[tuple[str, int], Sequence[socket.socket]]) -> None:
    """Listeners on these (host, port) take these sockets from now on."""
    _inherited.update(places)
    mode_servers.AsyncioServerInstance.listen = _listen  # type: ignore[method-assign]

"""Connections that come by way of a load balancer: for whom they are made. mitmproxy's listener knows no such line."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final

from sfs.errors import SfsError
from sfs.text.address import Network, parse_address
from sfs.text.proxied import HEAD, MAX_LINE, SIGNATURE, client_of_head, client_of_line, rest_of_head

SECONDS: Final = 5.0  # a balancer sends the line with the first packet
_front: tuple[Network, ...] = ()


def set_front(networks: Iterable[Network]) -> None:
    """Whose connections begin with that line, from the next connection on. Everybody else's never do: who is not
    named could say anything."""
    global _front
    _front = tuple(networks)


def is_front(peer: str) -> bool:
    """Whether this address is a named balancer's."""
    address = parse_address(peer) if _front else None
    if address is None:
        return False
    plain = address.ipv4_mapped or address if address.version == 6 else address
    return any(plain in network for network in _front)


async def client_behind(reader: asyncio.StreamReader) -> tuple[bool, tuple[str, int] | None]:
    """Whether the connection begins with a line of the PROXY protocol, and whom that names; None for the balancer
    itself. Reads that line and not a byte more. Never raises."""
    with contextlib.suppress(SfsError, OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(SECONDS):
            return True, await _read(reader)
    return False, None


async def _read(reader: asyncio.StreamReader) -> tuple[str, int] | None:
    begin = await reader.readexactly(len(SIGNATURE))
    if begin == SIGNATURE:
        head = begin + await reader.readexactly(HEAD - len(begin))
        return client_of_head(head, await reader.readexactly(rest_of_head(head)))
    while not begin.endswith(b"\n") and len(begin) <= MAX_LINE:
        begin += await reader.readexactly(1)
    return client_of_line(begin)

"""Answers of Squid, a proxy or a stop page to one HTTP request, within a time."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import h11

MAX_READ: Final = 65536  # bytes; the head is all that is looked at


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of an answer. `status`: 0 where none came, and `trouble` says why."""

    status: int
    links: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def blocked_by(self) -> bool:
        """Whether a Link field names who blocks: RFC 7725, section 4."""
        return any('rel="blocked-by"' in link or "rel=blocked-by" in link for link in self.links)


async def fetch(address: str, port: int, method: str, target: str, host: str, seconds: float) -> Reply:
    """The answer to a request; never an error."""
    try:
        async with asyncio.timeout(seconds):
            return await _fetched(address, port, method, target, host)
    except TimeoutError:
        return Reply(0, trouble="no answer in time")
    except ConnectionRefusedError:
        return Reply(0, trouble="nobody listens")
    except (OSError, h11.ProtocolError) as fault:
        return Reply(0, trouble=f"no answer: {type(fault).__name__}")


async def _fetched(address: str, port: int, method: str, target: str, host: str) -> Reply:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        connection = h11.Connection(h11.CLIENT)
        fields = [("Host", host), ("Accept", "text/html"), ("Connection", "close")]
        request = h11.Request(method=method, target=target, headers=fields)
        writer.write(connection.send(request) or b"")
        read = 0
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                links = tuple(value.decode("latin-1") for name, value in event.headers if name == b"link")
                return Reply(event.status_code, links)
            if event is h11.NEED_DATA:
                data = await reader.read(8192)
                read += len(data)
                if read > MAX_READ:
                    return Reply(0, trouble="an answer too long")
                connection.receive_data(data)
            elif not isinstance(event, h11.InformationalResponse):
                return Reply(0, trouble="ended without an answer")
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

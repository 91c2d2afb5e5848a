"""The server that `sfs bench` has behind its proxies: pages and pictures of 40 KB, made up."""

import asyncio
from typing import Final

PAGE: Final = "/page/"
PICTURE: Final = "/picture/"
SIZE: Final = 40_000  # bytes
_HEAD: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page of some length</title>'
    '<meta name="description" content="What a page says of itself."><link rel="icon" href="/icon.png"></head><body>'
)
_PART: Final = '<p>Some words of a text, with <a href="/page/1.html">a link</a> as pages have them.</p>\n'
_END: Final = "</body></html>\n"
_LONGEST: Final = 65_536  # bytes of a request


def _answer(kind: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


_PAGE: Final = _answer("text/html", (_HEAD + _PART * (SIZE // len(_PART)) + _END).encode())
_PICTURE: Final = _answer("image/png", bytes(range(256)) * (SIZE // 256))


class Origin(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        *whole, self._held = (self._held + data).split(b"\r\n\r\n")
        for head in whole:
            self._transport.write(_PICTURE if f"GET {PICTURE}".encode() in head[:40] else _PAGE)
        if len(self._held) > _LONGEST:
            self._transport.abort()


async def serve() -> None:
    """On any free port of loopback, which is printed."""
    server = await asyncio.get_running_loop().create_server(Origin, "127.0.0.1", 0)
    print(f"ready on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())

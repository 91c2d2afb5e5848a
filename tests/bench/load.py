"""Load on a proxy: CONNECT, TLS and requests over 16 connections, from one process that asks nothing else.

python tests/bench/load.py PROXY_PORT ORIGIN_PORT URLS SECONDS kept|new CA

URLS: a file of `https://` addresses, asked for in turn, over and over. `kept`: each connection stays with the site that
it drew first and is used until the time is up. `new`: a new tunnel and handshake for each request. PROXY_PORT 0 asks
the origin itself. Prints {"requests", "failures", "seconds"} as JSON."""

import asyncio
import itertools
import json
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.origin import FIELDS

CONNECTIONS = 16
TIMEOUT = 20.0  # seconds for one request with all that it takes
_MORE = "".join(f"{name}: {value}\r\n" for name, value in FIELDS.items())


@dataclass
class Load:
    """What is asked, how, and what came of it. `urls`: host and path of each."""

    proxy: int
    port: int
    urls: Iterator[tuple[str, str]]
    tls: ssl.SSLContext
    end: float
    kept: bool
    requests: int = 0
    failures: int = 0

    async def worker(self) -> None:
        """One connection after the other until the time is up."""
        while time.perf_counter() < self.end:
            host, path = next(self.urls)
            try:
                async with asyncio.timeout(TIMEOUT):
                    reader, writer = await self.open(host)
                try:
                    while True:  # a connection that was opened is used, however late it is
                        async with asyncio.timeout(TIMEOUT):
                            await self.ask(reader, writer, host, path)
                        self.requests += 1
                        if not self.kept or time.perf_counter() >= self.end:
                            break
                        path = next(self.urls)[1]
                finally:
                    writer.close()
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as fault:
                self.failures += 1
                if self.failures == 1:
                    print(f"{type(fault).__name__}: {fault}", file=sys.stderr)

    async def open(self, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a site, by way of the proxy where there is one."""
        if not self.proxy:
            return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls, server_hostname=host)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy)
        target = f"{host}:{self.port}"
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise ValueError(f"no tunnel: {head[:80]!r}")
        await writer.start_tls(self.tls, server_hostname=host)
        return reader, writer

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, path: str) -> None:
        """One request, and all of its answer; ValueError where it is not shown."""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{self.port}\r\n{_MORE}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"not shown: {head[:80]!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))


def _split(url: str) -> tuple[str, str]:
    place, _, path = url.removeprefix("https://").partition("/")
    return place.partition(":")[0], f"/{path}"


async def run(proxy: int, port: int, urls: list[str], seconds: float, kept: bool, ca: str) -> dict[str, float]:
    """Load for some seconds; what came of it."""
    tls = ssl.create_default_context(cafile=ca)
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13 asks for extensions that our origin's CA does without
    tls.set_alpn_protocols(["http/1.1"])
    begin = time.perf_counter()
    load = Load(proxy, port, itertools.cycle([_split(url) for url in urls]), tls, begin + seconds, kept)
    await asyncio.gather(*(load.worker() for _ in range(CONNECTIONS)))
    return {"requests": load.requests, "failures": load.failures, "seconds": time.perf_counter() - begin}


def main() -> None:
    """The command line."""
    proxy, port, urls, seconds, way, ca = sys.argv[1:]
    lines = Path(urls).read_text().split()
    figures = asyncio.run(run(int(proxy), int(port), lines, float(seconds), way == "kept", ca))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Load on a proxy: CONNECT, TLS and requests over 16 connections, from one process that asks nothing else.

python tests/bench/load.py PROXY_PORT HOST PORT PATH SECONDS kept|new [CA]

`kept`: each connection is used until the time is up. `new`: a new tunnel and handshake for each request. PROXY_PORT 0
asks the origin itself. Prints {"requests", "failures", "seconds"} as JSON."""

import asyncio
import json
import ssl
import sys
import time
from dataclasses import dataclass

CONNECTIONS = 16
TIMEOUT = 20.0  # seconds for one request with all that it takes


@dataclass
class Load:
    """What is asked, how, and what came of it."""

    proxy: int
    host: str
    port: int
    path: str
    tls: ssl.SSLContext
    end: float
    kept: bool
    requests: int = 0
    failures: int = 0

    async def worker(self) -> None:
        """One connection after the other until the time is up."""
        while time.perf_counter() < self.end:
            try:
                async with asyncio.timeout(TIMEOUT):
                    reader, writer = await self._open()
                try:
                    while True:  # a connection that was opened is used, however late it is
                        async with asyncio.timeout(TIMEOUT):
                            await self._ask(reader, writer)
                        self.requests += 1
                        if not self.kept or time.perf_counter() >= self.end:
                            break
                finally:
                    writer.close()
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as fault:
                self.failures += 1
                if self.failures == 1:
                    print(f"{type(fault).__name__}: {fault}", file=sys.stderr)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not self.proxy:
            return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls, server_hostname=self.host)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy)
        target = f"{self.host}:{self.port}"
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise ValueError(f"no tunnel: {head[:80]!r}")
        await writer.start_tls(self.tls, server_hostname=self.host)
        return reader, writer

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = f"{self.host}:{self.port}"
        writer.write(f"GET {self.path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"not shown: {head[:80]!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))


async def run(proxy: int, host: str, port: int, path: str, seconds: float, kept: bool, ca: str) -> dict[str, float]:
    """Load for some seconds; what came of it."""
    tls = ssl.create_default_context(cafile=ca)
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13 asks for extensions that our origin's CA does without
    tls.set_alpn_protocols(["http/1.1"])
    begin = time.perf_counter()
    load = Load(proxy, host, port, path, tls, begin + seconds, kept)
    await asyncio.gather(*(load.worker() for _ in range(CONNECTIONS)))
    return {"requests": load.requests, "failures": load.failures, "seconds": time.perf_counter() - begin}


def main() -> None:
    """The command line."""
    proxy, host, port, path, seconds, way, ca = sys.argv[1:]
    figures = asyncio.run(run(int(proxy), host, int(port), path, float(seconds), way == "kept", ca))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Connections that stay, for minutes: 2,000 that wait and 200 that ask every other second, as browsers of a school do.
Is anything refused, does memory grow, is anything left when all of them have gone?

    python tests/bench/soak.py --minutes 10

Half of each kind ask by plain HTTP, half by HTTPS that is inspected. The proxy ends what was silent for minutes, as it
should: such a connection is opened again, and counted."""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import resource
import signal
import ssl
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.frame import Found, Measure, Scale, Side, markdown
from tests.bench.load import Load
from tests.bench.programs import Running
from tests.bench.room import Room

TIMEOUT = 30.0  # seconds for an answer
EVERY = 2.0  # seconds between the requests of an active connection
OPENING = 0.18  # of the time in which all are opened: a lesson begins, and minute 2 of 10 sees all of them
SETTLE = 30.0  # seconds for the proxy to put away what has gone
ANSWER = 180.0  # seconds for the proxy to say what it holds, while it closes thousands of connections
STEADY = 5  # seconds without a change after which it has started
MEASURES = [
    Measure("soak-errors", "2,000 idle and 200 active connections, 10 minutes: errors", 0, Side.MOST, digits=0),
    Measure("soak-memory", "the same: resident memory at minute 10 above minute 2", 5, Side.MOST, " MB", 1),
    Measure("soak-left", "the same: tasks, flows and sockets left above baseline", 0, Side.MOST, digits=0),
]


@dataclass
class Crowd:
    """The connections and what came of them. `faults`: what failed, by kind."""

    room: Room
    proxy: Running
    end: float
    requests: int = 0
    closed: int = 0  # while they waited
    faults: dict[str, int] = field(default_factory=dict)
    memory: dict[float, float] = field(default_factory=dict)  # MB, by minute

    def __post_init__(self) -> None:
        origin = self.room.origin
        tls = ssl.create_default_context(cafile=self.proxy.ca)
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._plain = itertools.cycle(url.split("/", 3)[2:] for url in origin.urls("40k"))
        secure = (url.split("/", 3)[2:] for url in origin.urls("40k", https=True))
        pairs = itertools.cycle([(place.partition(":")[0], f"/{path}") for place, path in secure])
        self._secure = Load(self.proxy.port, origin.https, pairs, tls, self.end, kept=True)

    async def run(self, idle: int, active: int) -> None:
        """Until the end."""
        begin = time.monotonic()
        pause = (self.end - begin) * OPENING / (idle + active)
        tasks = []
        for number in range(idle + active):
            tasks.append(asyncio.create_task(self._stay(number % 2 == 0, number >= idle)))
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(self._watch(begin)))
        await asyncio.gather(*tasks)

    async def _stay(self, secure: bool, active: bool) -> None:
        while time.monotonic() < self.end:
            try:
                await (self._secure_one(active) if secure else self._plain_one(active))
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as fault:
                kind = f"{type(fault).__name__} {str(fault)[:60]}"
                self.faults[kind] = self.faults.get(kind, 0) + 1
                await asyncio.sleep(1)

    async def _plain_one(self, active: bool) -> None:
        site, _ = next(self._plain)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy.port)

        async def ask() -> None:
            path = next(self._plain)[1]
            writer.write(f"GET http://{site}/{path} HTTP/1.1\r\nHost: {site}\r\nAccept: text/html\r\n\r\n".encode())
            await _answer(reader)

        await self._use(reader, writer, ask, active)

    async def _secure_one(self, active: bool) -> None:
        site, _ = next(self._secure.urls)
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await self._secure.open(site)

        async def ask() -> None:
            await self._secure.ask(reader, writer, site, next(self._secure.urls)[1])

        await self._use(reader, writer, ask, active)

    async def _use(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask, active: bool) -> None:
        """Ask once, then wait or ask again, until the end or until the proxy closes."""
        try:
            while True:
                async with asyncio.timeout(TIMEOUT):
                    await ask()
                self.requests += 1
                wait = min(EVERY if active else 3600.0, self.end - time.monotonic())
                if wait <= 0:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        if await reader.read(1):
                            raise ValueError("a byte that nobody asked for")
                        self.closed += 1
                        return
                if not active:
                    # Not once more: it was silent for so long that the proxy may close it in this very moment, and
                    # what a browser then asks again by itself would count as a fault here.
                    return
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _watch(self, begin: float) -> None:
        """Note memory at two tenths of the time and every tenth after it: minute 2 of 10, 3, ..."""
        whole = self.end - begin
        for tenth in range(2, 11):
            await asyncio.sleep(max(0.0, begin + whole * tenth / 10 - 0.5 - time.monotonic()))
            self.memory[tenth] = round(self.proxy.memory(), 1)


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ValueError(f"not shown: {head[:40]!r}")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))


def held(room: Room, proxy: Running) -> dict[str, int]:
    """What the proxy holds: tasks, flows, connections of clients, sockets."""
    file = room.held(proxy.name)
    file.unlink(missing_ok=True)
    os.kill(proxy.pid, signal.SIGRTMIN)
    end = time.monotonic() + ANSWER
    while not file.exists():
        if time.monotonic() > end:
            raise SystemExit(
                f"{proxy.name} does not say what it holds:\n{Path(f'/proc/{proxy.pid}/status').read_text()}"
            )
        time.sleep(0.05)
    said: dict[str, int] = json.loads(file.read_text())
    return said | {"sockets": proxy.sockets()}


def settled(room: Room, proxy: Running) -> dict[str, int]:
    """What it holds when that does not change any more: pages and threads beside the proxy start after it."""
    said, same = held(room, proxy), 0
    for _ in range(round(SETTLE)):
        time.sleep(1)
        before, said = said, held(room, proxy)
        same = same + 1 if said == before else 0
        if same == STEADY:
            break
    return said


def left_over(room: Room, proxy: Running, before: dict[str, int]) -> dict[str, int]:
    """What it holds more than before; it has a little time to put things away."""
    end = time.monotonic() + SETTLE
    while True:
        now = held(room, proxy)
        more = {key: count - before[key] for key, count in now.items()}
        if all(count <= 0 for count in more.values()) or time.monotonic() > end:
            return more
        time.sleep(1)


def found(room: Room, scale: Scale) -> dict[str, Found]:
    """One round."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with room.sfs("sfs-soak") as proxy:
        asyncio.run(Crowd(room, proxy, time.monotonic() + 2).run(2, 2))  # what is made once, is made
        before = settled(room, proxy)
        crowd = Crowd(room, proxy, time.monotonic() + scale.minutes * 60)
        asyncio.run(crowd.run(scale.idle, scale.active))
        more = left_over(room, proxy, before)
    tenths = crowd.memory
    beside = f"{scale.idle:,} and {scale.active}, {scale.minutes:g} minutes: {crowd.requests:,} requests, "
    beside += f"{crowd.closed:,} closed while idle and opened again"
    minutes = ", ".join(f"{tenths[tenth]:.0f}" for tenth in sorted(tenths))
    faults = [f"{kind}: {count}" for kind, count in crowd.faults.items()]
    return {
        "soak-errors": Found([float(sum(crowd.faults.values()))], "; ".join((beside, *faults))),
        "soak-memory": Found([tenths[10] - tenths[2]], f"MB by the minute: {minutes}"),
        "soak-left": Found(
            [float(max(more["tasks"], more["flows"], more["sockets"], more["connections"], 0))],
            ", ".join(f"{key} {before[key]} before, {before[key] + count} after" for key, count in more.items()),
        ),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    scale = Scale(minutes=parser.parse_args().minutes)
    with tempfile.TemporaryDirectory(prefix="sfs-soak-") as folder, Room(Path(folder), scale) as room:
        print(markdown(MEASURES, found(room, scale)))


if __name__ == "__main__":
    main()

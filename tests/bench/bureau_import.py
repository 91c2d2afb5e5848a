"""An import beside a bureau that answers: how long a million labels take, and whether who asks meanwhile waits.

    python tests/bench/bureau_import.py                      # SQLite, 1,000,000 labels, 300 queries a second
    python tests/bench/bureau_import.py --database postgresql+psycopg://... --labels 100000
    python tests/bench/bureau_import.py --json

The names are those of SFS_TEST_DATA/hosts where that is set, else made up. Queries come at even intervals whether those
before were answered or not, and each is measured from the moment when it was due: a bureau that stands still for a
second is seen by three hundred of them. "failed" counts every answer that is no label list with one label or a plain
"not labeled".
"""

import argparse
import asyncio
import json
import lzma
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import quote

SERVICE = "http://www.iajapan.org/rating/"
CONNECTIONS = 8


def names(count: int) -> Iterator[str]:
    """So many different names."""
    data = os.environ.get("SFS_TEST_DATA")
    packed = Path(data) / "hosts" / "hosts-1m.txt.xz" if data else None
    if packed is not None and packed.is_file():
        with lzma.open(packed, "rt", encoding="ascii") as file:
            yield from (line.strip() for line in islice(file, count))
    else:
        yield from (f"n{number * 7919 % 1_000_003}.h{number % 97}.example" for number in range(count))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sfs(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sfs", "bureau", *arguments]


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
                answer.read()
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the bureau does not answer")


class Asking:
    """Queries at even intervals over a few connections."""

    def __init__(self, port: int, asked: list[str], rate: float) -> None:
        self.port, self.asked, self.rate = port, asked, rate
        self.waited: list[float] = []
        self.failed = 0
        self.stopped = False
        self._due: asyncio.Queue[tuple[float, str]] = asyncio.Queue()

    async def run(self) -> None:
        workers = [asyncio.create_task(self._work()) for _ in range(CONNECTIONS)]
        begun, sent, chance = time.monotonic(), 0, random.Random(1)
        while not self.stopped:
            await asyncio.sleep(max(0.0, begun + sent / self.rate - time.monotonic()))
            await self._due.put((begun + sent / self.rate, chance.choice(self.asked)))
            sent += 1
        await self._due.join()
        for worker in workers:
            worker.cancel()

    async def _work(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while True:
            due, name = await self._due.get()
            try:
                query = f"u={quote(f'"http://{name}/a"', safe='')}&s={quote(f'"{SERVICE}"', safe='')}"
                writer.write(f"GET /ratings?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                length = int(
                    next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))[15:]
                )
                body = await asyncio.wait_for(reader.readexactly(length), 30)
                good = head.startswith(b"HTTP/1.1 200") and (b"(lv 3)" in body or b"not-labeled" in body)
                self.failed += not good
            except (OSError, EOFError, ValueError, StopIteration, TimeoutError):
                self.failed += 1
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.waited.append(time.monotonic() - due)
            self._due.task_done()


async def ask_while(port: int, asked: list[str], rate: float, arguments: list[str]) -> tuple[Asking, float, float, str]:
    """Ask until a command ends: what was answered, the seconds it took, those of a processor, its first line."""
    asking = Asking(port, asked, rate)
    task = asyncio.create_task(asking.run())
    begun = time.monotonic()
    running = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
    said, _ = await running.communicate()
    seconds = time.monotonic() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that ended: the bureau still runs
    asking.stopped = True
    await task
    return asking, seconds, used.ru_utime + used.ru_stime, said.decode().splitlines()[0] if said else "nothing"


def measure(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Start the bureau, ask it, import beside it."""
    listed = list(names(options.labels))
    (folder / "list.txt").write_text("".join(f"{name}\n" for name in listed), encoding="ascii")
    where = ["--state", str(folder / "state"), *(["--database", options.database] if options.database else [])]
    port = free_port()
    asked = random.Random(2).sample(listed, min(20_000, len(listed)))
    arguments = sfs("import", str(folder / "list.txt"), "--rating", "3", "--format", "plain", *where)
    with subprocess.Popen(sfs("serve", "--listen", f"127.0.0.1:{port}", *where), stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port, server)
            alone, *_ = asyncio.run(ask_while(port, asked, options.rate, ["sleep", "5"]))
            asking, seconds, used, said = asyncio.run(ask_while(port, asked, options.rate, arguments))
        finally:
            server.terminate()
    waited = sorted(asking.waited)
    before = sorted(alone.waited)
    return {
        "labels": options.labels,
        "seconds": round(seconds, 1),
        "CPU seconds": round(used, 1),
        "labels a second": round(options.labels / seconds),
        "import": said,
        "queries": len(waited),
        "queries a second": round(len(waited) / seconds),
        "failed": asking.failed,
        "median ms": round(statistics.median(waited) * 1000, 2),
        "p99 ms": round(waited[int(len(waited) * 0.99)] * 1000, 2),
        "p99 ms before": round(before[int(len(before) * 0.99)] * 1000, 2),
        "longest ms": round(waited[-1] * 1000, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=300, help="queries a second")
    parser.add_argument("--database", help="default: SQLite, in a folder that is deleted")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sfs-") as folder:
        found = measure(options, Path(folder))
    if options.json:
        print(json.dumps(found))
        return
    for key, value in found.items():
        print(f"{key:>18}  {value}")


if __name__ == "__main__":
    main()

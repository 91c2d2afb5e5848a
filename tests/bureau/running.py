"""A label bureau that runs: `sfs bureau serve` as a child, or the same server with other bounds, and ways to ask it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sfs.sources.labels import LabelStore

ROOT = Path(__file__).parents[2]
READY = re.compile(r"ready on \S*:(\d+)")
# The same server with bounds that a test can wait for.
TIGHT = """
import sys
from sfs.bureau.connection import Limits
from sfs.bureau.run import serve
from sfs.bureau.server import bound
from sfs.sources.labels import LabelStore
from sfs.sources.values import Listen
listener = bound(Listen("127.0.0.1", 0))
limits = Limits(connections=20, of_address=12, head=98_304, request=1_500_000, request_time=1.0, reading_time=1.0)
store = LabelStore.open(sys.argv[1])
serve(store, listener, lambda n: print(f"ready on 127.0.0.1:{listener.getsockname()[1]}", flush=True), limits)
"""


@dataclass(frozen=True)
class Reply:
    """What came back. Names of header fields in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    def json(self) -> object:
        assert self.type == "application/json"
        return json.loads(self.body)


class Bureau:
    """One that runs until the end of the `with`. `printed`: all lines that it wrote to either output."""

    def __init__(self, database: str | Path, *arguments: str, program: Sequence[str] = (), environment=None) -> None:
        serve = ["-m", "sfs", "bureau", "serve", "--listen", "127.0.0.1:0", "--database", str(database)]
        self._command = [sys.executable, *(program or serve), *arguments]
        self._environment = environment or {}
        self.printed: list[str] = []
        self.port = 0

    @classmethod
    def tight(cls, database: str | Path) -> "Bureau":
        return cls(database, program=["-c", TIGHT, str(database)])

    def __enter__(self) -> "Bureau":
        self.process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=os.environ | self._environment,
        )
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self._reader.start()
        if not ready.wait(60) or not self.port:
            self.process.kill()
            raise AssertionError(f"the bureau did not start: {self.printed}")
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join(10)
        return code

    def _read(self, ready: threading.Event) -> None:
        with self.process.stdout as lines:
            for line in lines:
                self.printed.append(line)
                if (found := READY.search(line)) and not self.port:
                    self.port = int(found[1])
                    ready.set()
        ready.set()

    def ask(self, target: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
        """One request on a connection of its own."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            link.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                link.putheader(name.replace("_", "-"), value)
            if body is not None:
                link.putheader("Content-Length", str(len(body)))
            link.endheaders(body)
            reply = link.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            link.close()

    def raw(self, *pieces: bytes, timeout: float = 30) -> bytes:
        """All that comes back for these bytes, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as link:
            for piece in pieces:
                link.sendall(piece)
            return received(link)


def received(link: socket.socket) -> bytes:
    """All that comes until the other side closes, or resets."""
    parts = []
    try:
        while part := link.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def store_at(path: Path) -> LabelStore:
    """A new store."""
    return LabelStore.open(path)

"""Both ends of a conversation as bytes: a server that says what a script tells it, a client that sends anything."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.e2e.origin import page

SECRET = b"Leak7marker"  # stands in every page that must not be shown
PLAIN = b"Plain7marker"  # stands in every page that may

# bytes are sent; "close" ends the connection, "half" its sending side, "reset" breaks it; a server's "wait" holds it
# open until the server ends, a client's "listen" takes what the other side has to say first.
type Step = bytes | Literal["close", "half", "reset", "wait", "listen"]


def reply(body: bytes, head: bytes = b"Content-Type: text/html; charset=utf-8\r\n", status: bytes = b"200 OK") -> bytes:
    """A whole response."""
    return b"HTTP/1.1 " + status + b"\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


SECRET_PAGE = page("Nothing", body=f"<p>{SECRET.decode()}</p>")
PLAIN_PAGE = page("Nothing", body=f"<p>{PLAIN.decode()}</p>")


@dataclass
class RawServer:
    """Takes any request head. What it says stands in `scripts` by the last part of the path; without one it shows the
    secret page where anything in the head, however it is written, speaks of listed.test or /secret/, else a plain
    one. `heads`: all that was asked."""

    certificate: tuple[str, str]
    scripts: dict[bytes, Sequence[Step]] = field(default_factory=dict)
    heads: list[bytes] = field(default_factory=list)

    def __enter__(self) -> "RawServer":
        self._end = threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*self.certificate)
        self._sockets = [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in range(2)]
        self.http, self.https = (sock.getsockname()[1] for sock in self._sockets)
        for sock, tls in zip(self._sockets, (False, True), strict=True):
            threading.Thread(target=self._accept, args=(sock, tls), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self, listening: socket.socket, tls: bool) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=self._serve, args=(connection, tls), daemon=True).start()

    def _serve(self, connection: socket.socket, tls: bool) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(30)
            if tls:
                with self._context.wrap_socket(connection, server_side=True) as wrapped:
                    self._answer(wrapped)
            else:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head and len(head) < 1 << 20:
            data = connection.recv(65536)
            if not data:
                return
            head += data
        self.heads.append(head)
        for step in self._script(head):
            if isinstance(step, bytes):
                connection.sendall(step)
            elif step == "wait":
                self._end.wait(60)
            elif step == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return

    def _script(self, head: bytes) -> Sequence[Step]:
        target = head.split(b" ", 2)[1] if head.count(b" ") > 1 else b""
        name = target.partition(b"?")[0].rpartition(b"/")[2]
        if name in self.scripts:
            return self.scripts[name]
        lower = head.partition(b"\r\n\r\n")[0].lower()
        hidden = b"listed" in lower or b"secret" in lower
        return [reply(SECRET_PAGE if hidden else PLAIN_PAGE)]


def talk(
    port: int, steps: Sequence[Step], client: str = "127.0.0.1", wait: float = 8.0, until: bytes | None = None
) -> bytes:
    """Say this to the proxy; all that comes back until it closes, until `wait` seconds are over, or until these bytes
    have come."""
    got = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), wait, (client, 0)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for step in steps:
            if isinstance(step, bytes):
                sock.sendall(step)
            elif step == "half":
                sock.shutdown(socket.SHUT_WR)
            elif step == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return got
            elif step == "close":
                return got
            elif step == "listen":
                got += sock.recv(65536)
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0 and not (until and until in got):
            sock.settimeout(left)
            data = sock.recv(65536)
            if not data:
                break
            got += data
    return got

"""A server of lists on loopback, for tests: answers as told, byte for byte, and remembers what it was asked."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

type Write = Callable[[bytes], None]
type Answer = Callable[["Asked", Write], None]


@dataclass(frozen=True)
class Asked:
    """One request: its path and its headers, names in lower case. `gone` is set when the server ends."""

    path: str
    headers: dict[str, str]
    gone: threading.Event


@dataclass
class Mirror:
    """`answers`: by path. `asked`: the requests in their order."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def put(self, path: str, body: bytes, *headers: str, etag: str | None = None, status: str = "200 OK") -> str:
        """Serve a body; its address."""
        self.answers[path] = page(body, *headers, etag=etag, status=status)
        return self.url(path)


def page(body: bytes, *headers: str, etag: str | None = None, status: str = "200 OK") -> Answer:
    """A whole answer; 304 to who has this `etag`."""

    def answer(asked: Asked, write: Write) -> None:
        if etag is not None and asked.headers.get("if-none-match") == etag:
            write(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")
            return
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        lines += [f"ETag: {etag}"] if etag is not None else []
        write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    return answer


def raw(data: bytes, *, reset: bool = False) -> Answer:
    """These bytes, then the end; or a reset."""

    def answer(asked: Asked, write: Write) -> None:
        write(data)
        if reset:
            raise ConnectionResetError

    return answer


def drip(head: bytes, body: bytes = b"x", pause: float = 0.02) -> Answer:
    """The head at once, then the body a byte at a time, again and again until the other side goes."""

    def answer(asked: Asked, write: Write) -> None:
        write(head)
        while not asked.gone.wait(pause):
            write(body)

    return answer


@contextmanager
def serving() -> Iterator[Mirror]:
    """A mirror that runs until the end of the block."""
    mirror, gone = Mirror(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    mirror.port = listener.getsockname()[1]

    def accept() -> None:
        while not gone.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_serve, args=(mirror, connection, gone), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        gone.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def _serve(mirror: Mirror, connection: socket.socket, gone: threading.Event) -> None:
    with connection:
        connection.settimeout(10)
        with suppress(OSError):
            asked = _request(connection, gone)
            if asked is None:
                return
            mirror.asked.append(asked)
            try:
                mirror.answers.get(asked.path, page(b"nothing here", status="404 Not Found"))(asked, connection.sendall)
            except ConnectionResetError:
                # a reset instead of an end: zero seconds to linger
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _request(connection: socket.socket, gone: threading.Event) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return None
        data += piece
    first, *lines = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    return Asked(first.split(" ")[1], {name.strip().lower(): value.strip() for name, _, value in fields}, gone)

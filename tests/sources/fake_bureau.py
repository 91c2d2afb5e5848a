"""A small label bureau on loopback that answers as pics.md 2.4 says, or as badly as a test wants it."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, unquote

SO2 = "http://www.iajapan.org/rating/"


@dataclass
class Question:
    """One question as it arrived. `urls` and `services` without their quotes."""

    method: str
    opt: str
    urls: list[str]
    services: list[str]
    head: str


@dataclass
class FakeBureau:
    """`labels`: URL or prefix -> "r (lv 3)" with the options before it; a prefix has "gen true". `reply`: what to send
    in place of an answer, as bytes of a whole response, or what makes it of a question and the socket. `wait`: an event
    that each answer waits for. `fields`: more lines of the head."""

    labels: dict[str, str] = field(default_factory=dict)
    reply: Callable[["Question", socket.socket], bytes | None] | None = None
    wait: threading.Event | None = None
    fields: str = ""
    asked: list[Question] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._socks: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, args=(self._listener,), daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """As if it were killed."""
        if self.wait is not None:
            self.wait.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(10)
        self._listener.close()
        for sock in self._socks:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}/ratings"

    def urls(self) -> list[str]:
        """Every URL it was ever asked about as a page or, where the host alone is told, as a host."""
        asked = [question for question in list(self.asked) if question.opt != "tree"]
        pages = [question for question in asked if question.opt == "normal"]
        return [url for question in pages or asked for url in question.urls]

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._socks.append(sock)
            self._threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
            self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        data = b""
        with sock, suppress(OSError):
            while True:
                while b"\r\n\r\n" not in data:
                    data += (piece := sock.recv(65536))
                    if not piece:
                        return
                head, _, data = data.partition(b"\r\n\r\n")
                length = next((int(x[15:]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")), 0)
                while len(data) < length:
                    data += sock.recv(65536)
                form, data = data[:length], data[length:]
                if not self._answer(sock, head.decode(), form.decode()):
                    return

    def _answer(self, sock: socket.socket, head: str, form: str) -> bool:
        question = question_of(head, form)
        self.asked.append(question)
        if self.wait is not None:
            self.wait.wait(30)
        if self.reply is not None:
            sent = self.reply(question, sock)
            if sent is None:
                return False
            sock.sendall(sent)
            return True
        sock.sendall(response(self.list_for(question), self.fields))
        return True

    def list_for(self, question: Question) -> str:
        """The label list that answers a question."""
        parts = [f'"{service}" l {" ".join(self._of(url, question.opt) for url in question.urls)}'
                 for service in question.services or [SO2]]  # fmt: skip
        return f"(PICS-1.1 {' '.join(parts)})"

    def _of(self, url: str, opt: str) -> str:
        generic = {prefix: text for prefix, text in self.labels.items() if "gen" in text}
        if opt == "tree":
            below = [f'for "{at}" {text}' for at, text in self.labels.items() if at.startswith(url)]
            return f"({' '.join(below)})" if below else f'error (not-labeled "{url}")'
        if opt == "normal" and url in self.labels and url not in generic:
            return self.labels[url]
        best = max((prefix for prefix in generic if url.startswith(prefix)), key=len, default=None)
        return f'error (not-labeled "{url}")' if best is None else f'for "{best}" {generic[best]}'


def question_of(head: str, form: str) -> Question:
    """A GET or POST as pics.md 2.3 writes it."""
    method, target, _ = head.split("\r\n")[0].split(" ")
    if method == "POST":
        pairs = parse_qsl(form)
    else:
        pairs = [
            (name, unquote(value)) for name, _, value in (x.partition("=") for x in target.partition("?")[2].split("&"))
        ]
    values = [(name, value.strip('"')) for name, value in pairs]
    return Question(
        method,
        dict(values).get("opt", "normal"),
        [value for name, value in values if name == "u"],
        [value for name, value in values if name == "s"],
        head,
    )


def response(text: str, fields: str = "", status: str = "200 OK") -> bytes:
    """A whole response with a body."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/pics-labels\r\nContent-Length: {len(text.encode())}\r\n"
    return f"{head}{fields}\r\n{text}".encode()


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for what happens beside the test; fails where it does not."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)

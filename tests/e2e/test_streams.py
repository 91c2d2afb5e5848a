"""Bodies of every kind on connections that are used again, in pieces cut anywhere: nothing lost, doubled or reordered.

Requests of random kinds are sent on one connection before any answer is read, cut at random places; the origin answers
each with what it got (a digest of the body) and a body of its own kind. What comes back is held against what must."""

import hashlib
import itertools
import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.e2e.proxy import Proxy

SIZES = (0, 1, 2, 100, 1_400, 4_096, 16_384, 65_535, 65_536, 65_537, 200_000)
HEAD = b"<!doctype html><html><head><title>t</title></head><body>"
KINDS = ("text/html", "text/plain", "image/png", "application/json", "")
LONG = 30.0
AHEAD = 100_000  # bytes; the proxy ends a connection on which 256 KiB are sent ahead of an answer


class Echo:
    """An origin that answers each request by its digest, in the framing and in the pieces that the request asks for."""

    def __init__(self, most: int | None = None) -> None:
        """`most`: after so many answers a connection is closed, without a word, when the next request has come."""
        self._most = most
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Echo":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                for number in itertools.count():
                    if not (head := _head(stream)) or number == self._most:
                        return
                    got = _digest(_body(stream, head))
                    seed = int(head.split(b" ")[1].rpartition(b"/")[2])
                    asked = Asked.of(seed)
                    _cut(connection, asked.response(got), random.Random(seed))
                    if asked.framing == "close":
                        return
        except OSError:
            pass


@dataclass
class Asked:
    """One request and what its answer must be, all by a number."""

    seed: int
    body: bytes
    chunked: bool
    framing: str
    kind: str
    page: bytes

    @classmethod
    def of(cls, seed: int) -> "Asked":
        pick = random.Random(seed)
        body = pick.randbytes(pick.choice(SIZES)) if pick.random() < 0.5 else b""
        framing = pick.choice(("length", "length", "chunked", "chunked", "close"))
        kind = pick.choice(KINDS)
        page = (HEAD if pick.random() < 0.5 else b"") + pick.randbytes(pick.choice(SIZES)).replace(b"<", b"x")
        return cls(seed, body, pick.random() < 0.5, framing, kind, page)

    def request(self, authority: str) -> bytes:
        pick = random.Random(self.seed)
        fields = [f"Host: {authority}", "Accept: text/html"]
        if self.body:
            fields.append(f"Content-Type: {pick.choice(('application/json', 'image/png', 'text/plain'))}")
            fields.append("Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {len(self.body)}")
        method = "POST" if self.body else "GET"
        head = f"{method} http://{authority}/{self.seed} HTTP/1.1\r\n" + "\r\n".join(fields) + "\r\n\r\n"
        return head.encode() + (_chunked(self.body, pick) if self.body and self.chunked else self.body)

    def response(self, got: bytes) -> bytes:
        content = self.page + got
        kind = f"Content-Type: {self.kind}\r\n" if self.kind else ""
        framing = {"length": f"Content-Length: {len(content)}\r\n", "chunked": "Transfer-Encoding: chunked\r\n"}
        head = f"HTTP/1.1 200 OK\r\n{kind}{framing.get(self.framing, 'Connection: close' + chr(13) + chr(10))}\r\n"
        return head.encode() + (_chunked(content, random.Random(self.seed)) if self.framing == "chunked" else content)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _chunked(body: bytes, pick: random.Random) -> bytes:
    """In chunks of many sizes, small ones at the start alone."""
    out, at = b"", 0
    while at < len(body):
        size = pick.choice((1, 7, 500, 4_096)) if at < 2_000 else 70_000
        piece = body[at : at + size]
        out += b"%x\r\n%s\r\n" % (len(piece), piece)
        at += size
    return out + b"0\r\n\r\n"


def _cut(connection: socket.socket, data: bytes, pick: random.Random) -> None:
    """Send it in pieces; the first bytes, where heads are, in small ones."""
    at = 0
    while at < len(data):
        size = pick.choice((1, 3, 50, 400, 5_000, 60_000)) if at < 2_000 else 60_000
        connection.sendall(data[at : at + size])
        at += size


def _head(stream) -> bytes:
    head = b""
    while line := stream.readline():
        head += line
        if line == b"\r\n":
            return head
    return b""


def _body(stream, head: bytes) -> bytes:
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    if fields.get(b"transfer-encoding") == b"chunked":
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
        return body
    if b"content-length" in fields:
        return stream.read(int(fields[b"content-length"]))
    return b"" if head.startswith((b"GET", b"POST")) else stream.read()


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with Echo() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(start) -> Iterator[Proxy]:
    with start({"level": 2, "https": "inspect"}) as running:
        yield running


def _connection(proxy: Proxy, echo: Echo, seed: int) -> list[str]:
    """What went wrong on one connection with several requests."""
    pick = random.Random(seed)
    asked = [Asked.of(pick.randrange(1 << 40))]
    while asked[-1].framing != "close" and sum(len(one.body) for one in asked[1:]) < AHEAD and pick.random() < 0.8:
        asked.append(Asked.of(pick.randrange(1 << 40)))
    if len(asked[-1].body) > AHEAD and len(asked) > 1:
        asked.pop()
    sent = b"".join(one.request(f"site.test:{echo.port}") for one in asked)
    wrong = []
    with socket.create_connection(("127.0.0.1", proxy.port), LONG) as connection, connection.makefile("rb") as stream:
        connection.settimeout(LONG)
        writer = threading.Thread(target=_cut, args=(connection, sent, pick), daemon=True)
        writer.start()
        for number, one in enumerate(asked):
            try:
                head = _head(stream)
                ends = b"length" not in head.lower() and b"chunked" not in head.lower()
                content = stream.read() if ends else _body(stream, head)
            except (OSError, ValueError) as fault:
                wrong.append(f"{seed} {number} {one.seed} {one.framing} {one.kind}: {fault!r}")
                break
            if not head.startswith(b"HTTP/1.1 200") or content != one.page + _digest(one.body):
                wrong.append(f"{seed} {number} {one.seed} {one.framing} {one.kind}: {head[:60]!r} {len(content)}")
                break
            if ends or b"connection: close" in head.lower():
                break  # what was sent behind it is lost by HTTP's own rules
    return wrong


@pytest.mark.parametrize("count", [40, pytest.param(3_000, marks=pytest.mark.long)])
def test_what_is_sent_arrives_whole_and_in_order(proxy, echo, count):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda seed: _connection(proxy, echo, seed), range(count)))
    assert not any(found), [line for lines in found for line in lines][:5]


def test_a_server_that_closes_a_kept_connection_when_it_is_used_is_asked_once_more(proxy):
    pages = [one for one in map(Asked.of, range(200)) if not one.body and one.framing != "close"][:20]
    with (
        Echo(most=3) as closes,
        socket.create_connection(("127.0.0.1", proxy.port), LONG) as connection,
        connection.makefile("rb") as stream,
    ):
        for one in pages:
            connection.sendall(one.request(f"site.test:{closes.port}"))
            head = _head(stream)
            assert head.startswith(b"HTTP/1.1 200")
            assert _body(stream, head) == one.page + _digest(b"")

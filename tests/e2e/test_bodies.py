"""Bodies in both directions: memory stays flat whatever comes, and nothing waits that need not."""

import asyncio
import base64
import os
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import brotli
import pytest
import zstandard

from tests.e2e.origin import Reply, page
from tests.e2e.proxy import Proxy, read_all

MB = 1 << 20
STREAM_BOUND = 20 * MB  # above idle, while a body of any length streams
BOMB_BOUND = 150 * MB  # above idle, with fifty bombs at once
HEAD = b"<!doctype html><html><head><title>long</title></head><body>"
CHUNK = b"x" * 65_536

SHORT = 128 * MB
LONG = [pytest.param(SHORT, id="128MB"), pytest.param(1024 * MB, id="1GB", marks=pytest.mark.long)]


def endless(size: int, first: bytes = b"") -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """A body of `size` bytes, made while it is sent."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for _ in range(size // len(CHUNK)):
            writer.write(CHUNK)
            await writer.drain()

    return write


class Peak:
    """The peak of a process's resident memory from here on, in bytes: the kernel's own mark, set back first."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.idle = proxy.memory("VmRSS")
        Path(f"/proc/{proxy.process.pid}/clear_refs").write_text("5")

    @property
    def above(self) -> int:
        """How far it rose above what it was."""
        return self._proxy.memory("VmHWM") - self.idle


@pytest.fixture(scope="module")
def proxy(start) -> Iterator[Proxy]:
    """Level 2, HTTPS inspected, listed.test blocked."""
    with start({"level": 2, "https": "inspect", "block": ["listed.test"]}) as running:
        yield running


@pytest.fixture(scope="module")
def warm(proxy, origin) -> Proxy:
    """The same after it has served each kind of page once, so that what it loads once does not count."""
    origin.replies["/warm"] = Reply(page("warm"))
    for scheme, port in (("http", origin.http), ("https", origin.https)):
        for host in ("site.test", "listed.test"):
            proxy.curl(f"{scheme}://{host}:{port}/warm")
    origin.replies["/warm-up"] = Reply(type="text/html", stream=endless(8 * MB, HEAD))
    for scheme, port in (("http", origin.http), ("https", origin.https)):
        assert download(proxy, f"{scheme}://site.test:{port}/warm-up") == 8 * MB + len(HEAD)
    return proxy


def download(proxy: Proxy, url: str, *more: str) -> int:
    """The bytes of the body that curl got; it keeps none of them."""
    command = ["curl", "-s", "-S", "-o", os.devnull, "-w", "%{size_download}", "-x", f"http://{proxy.address}"]
    command += ["--cacert", str(proxy.ca), "--http1.1", "-H", "Accept: text/html", *more, url]
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


# Downloads


@pytest.mark.parametrize("size", LONG)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("type_", ["application/octet-stream", "text/html"])
def test_memory_is_flat_while_a_long_body_streams(warm, origin, scheme, type_, size, capsys):
    first = HEAD if type_ == "text/html" else b""
    origin.replies["/long"] = Reply(type=type_, stream=endless(size, first))
    port = origin.http if scheme == "http" else origin.https
    peak = Peak(warm)
    begin = time.perf_counter()
    assert download(warm, f"{scheme}://site.test:{port}/long") == size + len(first)
    with capsys.disabled():
        speed = size / MB / (time.perf_counter() - begin)
        print(f"\n  {scheme} {type_} {size // MB} MB: {peak.above / MB:.1f} MB above idle, {speed:.0f} MB/s")
    assert peak.above <= STREAM_BOUND


def test_a_page_without_end_of_head_is_not_kept(warm, origin):
    size = 64 * MB
    origin.replies["/headless"] = Reply(type="text/html", stream=endless(size, b"<html><head>"))
    peak = Peak(warm)
    assert download(warm, f"http://site.test:{origin.http}/headless") == size + len(b"<html><head>")
    assert peak.above <= STREAM_BOUND


def test_a_reader_that_does_not_read_does_not_fill_the_memory(warm, origin):
    sent = 0

    async def write(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _ in range(SHORT // len(CHUNK)):
            writer.write(CHUNK)
            await asyncio.wait_for(writer.drain(), 3)
            sent += len(CHUNK)

    origin.replies["/unread"] = Reply(type="application/octet-stream", stream=write)
    peak = Peak(warm)
    with socket.create_connection(("127.0.0.1", warm.port)) as client:
        client.sendall(f"GET http://site.test:{origin.http}/unread HTTP/1.1\r\nHost: site.test\r\n\r\n".encode())
        before = -1
        while sent != before:  # until what lies between is full
            before = sent
            threading.Event().wait(0.5)
        assert 0 < sent < SHORT
        assert peak.above <= STREAM_BOUND


# Bombs


def _gzip_bomb(size: int, wbits: int) -> bytes:
    # Blocks that a full flush makes independent, so that one of them can be sent again and again.
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    start = packer.compress(b"<html><head>" + b" " * 10) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * MB) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * (size // MB)


def _brotli_bomb(size: int) -> bytes:
    packer = brotli.Compressor(quality=9)
    step = min(size, 16 * MB)
    start = packer.process(b"<html><head>") + packer.flush() + packer.process(b" " * step) + packer.flush()
    block = packer.process(b" " * step) + packer.flush()  # refers to nothing but blanks: it may come again and again
    return start + block * (size // step - 1) + packer.finish()


def _zstd_bomb(size: int) -> bytes:
    step = min(size, 64 * MB)
    frame = zstandard.compress(b" " * step, 19)
    return zstandard.compress(b"<html><head>") + frame * (size // step)


BOMBS: dict[str, Callable[[int], bytes]] = {
    "gzip": lambda size: _gzip_bomb(size, 31),
    "deflate": lambda size: _gzip_bomb(size, 15),
    "br": _brotli_bomb,
    "zstd": _zstd_bomb,
}
SIZES = {"10MB": 10 * MB, "100MB": 100 * MB, "1GB": 1024 * MB, "10GB": 10240 * MB}


@pytest.fixture(scope="module")
def bombs(origin) -> list[str]:
    """Paths of bombs, each coding in each size."""
    paths = []
    for coding, make in BOMBS.items():
        for name, size in SIZES.items():
            path = f"/bomb-{coding}-{name}"
            origin.replies[path] = Reply(make(size), headers=(("Content-Encoding", coding),))
            paths.append(path)
    return paths


@pytest.mark.parametrize("level", [1, 2])
def test_fifty_bombs_at_once_stay_within_bounds_and_others_are_served(start, origin, bombs, level, capsys):
    origin.replies["/calm"] = Reply(page("calm"))
    with start({"level": level, "https": "inspect"}) as proxy:
        urls = [(scheme, origin.http if scheme == "http" else origin.https) for scheme in ("http", "https")]
        for scheme, port in urls:
            assert proxy.curl(f"{scheme}://site.test:{port}/calm").status == 200
        peak = Peak(proxy)
        chosen = [(*urls[number % 2], bombs[number % len(bombs)]) for number in range(50)]
        assert len({path for _, _, path in chosen}) == len(bombs)
        children = [_curl_child(proxy, f"{scheme}://site.test:{port}{path}") for scheme, port, path in chosen]
        waits = []
        while any(child.poll() is None for child in children):
            begin = time.perf_counter()
            assert proxy.curl(f"http://site.test:{origin.http}/calm").status == 200
            waits.append(time.perf_counter() - begin)
        answers = [child.communicate()[0] for child in children]
        with capsys.disabled():
            worst = f"{max(waits) * 1000:.0f} ms" if waits else "none"
            print(f"\n  level {level}: {peak.above / MB:.0f} MB above idle; {len(waits)} others, the slowest {worst}")
        # Nobody has seen the end of the heads: blocked at 0 and 1, shown at 2.
        assert {answer.strip() for answer in answers} == ({"403"} if level == 1 else {"200"})
        assert waits
        assert peak.above <= BOMB_BOUND
        assert proxy.process.poll() is None


def _curl_child(proxy: Proxy, url: str) -> subprocess.Popen:
    command = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "-x", f"http://{proxy.address}"]
    command += ["--cacert", str(proxy.ca), "--max-time", "120", "--http1.1", "-H", "Accept: text/html"]
    command += ["-H", "Accept-Encoding: gzip, deflate, br, zstd", url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


# Uploads


class Uploads:
    """An origin that reads bodies without keeping them. `requests`: the heads that arrived, with the bytes of body."""

    def __init__(self, certificate: Path | None = None, key: Path | None = None) -> None:
        self.requests: list[tuple[bytes, int]] = []
        self.stray = b""
        self._tls = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate, key)
            self._tls.set_alpn_protocols(["http/1.1"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "Uploads":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while head := self._head(stream):
                    self.requests.append((head, self._body(stream, head)))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
        except OSError:
            pass

    @staticmethod
    def _head(stream) -> bytes:
        head = b""
        while line := stream.readline():
            head += line
            if line == b"\r\n":
                break
        return head

    @staticmethod
    def _body(stream, head: bytes) -> int:
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        total = 0
        if fields.get(b"transfer-encoding") == b"chunked":
            while size := int(stream.readline(), 16):
                total += len(stream.read(size))
                stream.readline()
            stream.readline()
            return total
        left = int(fields.get(b"content-length", 0))
        while left and (data := stream.read(min(left, 65_536))):
            total, left = total + len(data), left - len(data)
        return total


@pytest.fixture(scope="module")
def uploads(certificates) -> Iterator[dict[str, Uploads]]:
    """One for plain HTTP, one for TLS."""
    with Uploads() as plain, Uploads(certificates[1], certificates[2]) as tls:
        yield {"http": plain, "https": tls}


def upload(proxy: Proxy, url: str, size: int, *more: str) -> subprocess.CompletedProcess:
    """POST `size` bytes with curl from its standard input; -w tells the status."""
    command = ["curl", "-s", "-S", "-o", os.devnull, "-w", "%{http_code} %{size_upload}", "-H", "Expect:"]
    command += ["-x", f"http://{proxy.address}", "--cacert", str(proxy.ca), "--max-time", "300", "-X", "POST"]
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    child = subprocess.Popen(
        [*command, "-T", "-", *more, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    try:
        for _ in range(size // len(CHUNK)):
            child.stdin.write(CHUNK)
    except BrokenPipeError:
        pass  # curl has its answer
    out, error = child.communicate()
    return subprocess.CompletedProcess(command, child.returncode, out.decode(), error.decode())


UPLOADS = [
    pytest.param(("http", "--http1.1"), id="http"),
    pytest.param(("https", "--http1.1"), id="https"),
    pytest.param(("https", "--http2"), id="h2"),
]


@pytest.mark.parametrize("way", UPLOADS)
def test_a_blocked_upload_does_not_pile_up(warm, uploads, way):
    scheme, protocol = way
    server, size = uploads[scheme], 200 * MB
    before = len(server.requests)
    peak = Peak(warm)
    done = upload(warm, f"{scheme}://listed.test:{server.port}/up", size, protocol)
    assert done.stdout.startswith("403"), done.stderr
    assert peak.above <= STREAM_BOUND
    assert len(server.requests) == before


@pytest.mark.parametrize("way", UPLOADS)
def test_a_shown_upload_streams(warm, uploads, way):
    scheme, protocol = way
    server, size = uploads[scheme], 300 * MB if scheme == "http" else 100 * MB
    peak = Peak(warm)
    done = upload(warm, f"{scheme}://site.test:{server.port}/up", size, protocol)
    assert done.stdout.startswith("200"), done.stderr
    assert server.requests[-1][1] == size
    assert peak.above <= STREAM_BOUND


def test_what_is_in_an_upload_without_length_is_no_request(warm, uploads):
    # Over HTTP/2 a body needs no length; sent on over HTTP/1 without a frame it would be the next request.
    server = uploads["https"]
    before = len(server.requests)
    command = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code} %{http_version}", "--http2", "-X", "POST", "-T", "-"]
    command += ["-x", f"http://{warm.address}", "--cacert", str(warm.ca), f"https://site.test:{server.port}/in"]
    hidden = f"GET /hidden HTTP/1.1\r\nHost: site.test:{server.port}\r\n\r\n".encode()
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    done = subprocess.run(command, input=hidden, capture_output=True, timeout=60, env=environment)
    assert done.stdout == b"200 2"
    assert [(head.split(b" ")[1], size) for head, size in server.requests[before:]] == [(b"/in", len(hidden))]


# What must not wait


class Steps:
    """A body that goes on when the test says so."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = parts
        self._go = threading.Semaphore(0)
        self.given = 0

    def go_on(self) -> None:
        self._go.release()

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        for number, part in enumerate(self._parts):
            if number:
                assert await asyncio.to_thread(self._go.acquire, timeout=60)
            self.given += 1
            writer.write(part)
            await writer.drain()


def _read_until(client: socket.socket, mark: bytes) -> bytes:
    client.settimeout(60)
    data = b""
    while mark not in data:
        chunk = client.recv(65_536)
        assert chunk, f"ended before {mark!r}: {data[-200:]!r}"
        data += chunk
    return data


def _get(proxy: Proxy, host: str, port: int, path: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port))
    request = f"GET http://{host}:{port}{path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/html\r\n\r\n"
    client.sendall(request.encode())
    return client


def test_an_event_arrives_before_the_next_one_is_sent(proxy, origin):
    steps = Steps(b"data: one\n\n", b"data: two\n\n", b"data: three\n\n")
    origin.replies["/events"] = Reply(type="text/event-stream", stream=steps)
    with _get(proxy, "site.test", origin.http, "/events") as client:
        for number, mark in enumerate((b"data: one", b"data: two", b"data: three"), 1):
            assert b"event-stream" in _read_until(client, mark) or number > 1
            assert steps.given == number
            steps.go_on()


def test_a_page_begins_before_it_ends(proxy, origin):
    steps = Steps(HEAD + b"<p>first</p>", b"<p>last</p>")
    origin.replies["/begins"] = Reply(type="text/html", stream=steps)
    with _get(proxy, "site.test", origin.http, "/begins") as client:
        _read_until(client, b"first")
        assert steps.given == 1
        steps.go_on()
        _read_until(client, b"last")


def test_a_blocked_page_is_blocked_before_it_ends(proxy, origin):
    head = b'<html><head><title>x</title><meta name="rating" content="adult"></head><body>'
    steps = Steps(head + b"<p>not for you</p>", b"<p>last</p>")
    origin.replies["/blocked-begins"] = Reply(type="text/html", stream=steps)
    with _get(proxy, "site.test", origin.http, "/blocked-begins") as client:
        answer = read_all(client, 60)
        assert answer.startswith(b"HTTP/1.1 403")
        assert b"not for you" not in answer
        assert steps.given == 1
    steps.go_on()


@pytest.mark.parametrize(("level", "expected"), [(1, b"403"), (2, b"200")])
def test_a_head_that_does_not_come_is_judged_when_the_time_is_up(start, origin, tmp_path, level, expected):
    # The time is set to a second, so that nobody waits ten; that it ends the wait at all is what is looked at.
    (tmp_path / "sitecustomize.py").write_text("import sfs.proxy.stock.stream as stream\nstream.HOLD_SECONDS = 1.0\n")
    steps = Steps(b"<html><head><title>slow", b"</title></head><body>end</body></html>")
    origin.replies["/slow-head"] = Reply(type="text/html", stream=steps)
    with (
        start({"level": level}, environment={"PYTHONPATH": str(tmp_path)}) as proxy,
        _get(proxy, "site.test", origin.http, "/slow-head") as client,
    ):
        answer = _read_until(client, b"\r\n\r\n")
        assert answer.split(b" ")[1] == expected
        assert steps.given == 1
        steps.go_on()


# WebSocket


def test_websocket_messages_do_not_pile_up(warm, origin):
    with socket.create_connection(("127.0.0.1", warm.port)) as client:
        key = base64.b64encode(os.urandom(16)).decode()
        client.sendall(
            f"GET http://site.test:{origin.http}/ws HTTP/1.1\r\nHost: site.test:{origin.http}\r\n"
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        assert b" 101 " in _read_until(client, b"\r\n\r\n")
        frame = b"\x81" + bytes([0x80 | 100]) + b"\0\0\0\0" + b"m" * 100
        _echoed(client, frame, 2_000)
        peak = Peak(warm)
        _echoed(client, frame, 40_000)
        assert peak.above <= 4 * MB  # kept, they would be 40,000 messages of 1 KB each with what Python needs for them
        client.sendall(b"\x88\x80\0\0\0\0")


def _echoed(client: socket.socket, frame: bytes, count: int) -> None:
    """Send `count` frames and read as many back."""
    reply = len(frame) - 4  # without the mask
    client.settimeout(60)
    left = count
    while left:
        batch = min(left, 200)
        client.sendall(frame * batch)
        wanted = batch * reply
        while wanted:
            data = client.recv(min(wanted, 65_536))
            assert data
            wanted -= len(data)
        left -= batch

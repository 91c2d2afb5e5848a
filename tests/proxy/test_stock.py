"""sfs.proxy.stock in a real mitmproxy: a lean master in a thread, raw sockets on both sides."""

import asyncio
import gc
import socket
import ssl
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
from mitmproxy import certs, http
from mitmproxy.connection import Client
from mitmproxy.options import Options
from mitmproxy.proxy.layers import http as core
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData
from OpenSSL import SSL

from sfs.proxy import stock

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mitmproxy's addons use old names of pyparsing
    from mitmproxy.addons.next_layer import NextLayer
    from mitmproxy.addons.proxyserver import Proxyserver
    from mitmproxy.addons.tlsconfig import TlsConfig
    from mitmproxy.master import Master

stock.install()
from sfs.proxy.stock import closed, ended, handler, heads, layers, reading, short, stream  # noqa: E402

LONG = 10.0  # seconds until a test that hangs fails
PAGE = http.Response.make(403, b"blocked", {"Content-Type": "text/html", "Cache-Control": "no-store"})
HEAD = b"<html><head><title>t</title></head>"
REST = b"<body>" + b"x" * 5000


class Until:
    """A Hold that has enough when `mark` has come."""

    def __init__(self, mark: bytes = b"</head>") -> None:
        self.mark = mark
        self.seen = b""

    def feed(self, chunk: bytes) -> bool:
        self.seen += chunk
        return self.mark in self.seen


@dataclass
class Addon:
    """Calls what a test has put into `on`, and keeps what was called."""

    on: dict[str, Callable[[http.HTTPFlow], Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    flows: list[http.HTTPFlow] = field(default_factory=list)
    clients: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def _call(self, name: str, flow: http.HTTPFlow) -> Any:
        answer = self.on[name](flow) if name in self.on else None
        with self.changed:
            self.calls.append(name)
            if flow not in self.flows:
                self.flows.append(flow)
            self.changed.notify_all()
        return answer

    def wait(self, name: str) -> None:
        """Wait until a hook has been called."""
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.calls, LONG)

    def client_connected(self, client: Client) -> None:
        with self.changed:
            self.clients += 1

    def client_disconnected(self, client: Client) -> None:
        with self.changed:
            self.clients -= 1
            self.changed.notify_all()

    def settle(self) -> None:
        """Wait until every client is gone, and forget."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.clients == 0, LONG)
        for kept in (self.on, self.calls, self.flows):
            kept.clear()

    def tls_clienthello(self, data: ClientHelloData) -> Any:
        return self.on["tls_clienthello"](data) if "tls_clienthello" in self.on else None

    def server_connect(self, data: ServerConnectionHookData) -> None:
        if "server_connect" in self.on:
            self.on["server_connect"](data)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._call("requestheaders", flow)

    def request(self, flow: http.HTTPFlow) -> None:
        self._call("request", flow)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        self._call("responseheaders", flow)

    async def form_head(self, flow: http.HTTPFlow) -> None:
        self._call("form_head", flow)

    async def html_head(self, flow: http.HTTPFlow) -> None:
        answer = self._call("html_head", flow)
        if answer is not None:
            await answer

    def response(self, flow: http.HTTPFlow) -> None:
        self._call("response", flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._call("error", flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        self._call("websocket_message", flow)

    def hold(self, mark: bytes = b"</head>", page: http.Response | None = None) -> None:
        """Hold every response; answer with the page, or release."""

        def mark_it(flow: http.HTTPFlow) -> None:
            if stock.ANSWER not in flow.metadata:
                flow.metadata[stock.HOLD] = Until(mark)

        def judge(flow: http.HTTPFlow) -> None:
            if page:
                flow.metadata[stock.ANSWER] = page.copy()

        self.on |= {"responseheaders": mark_it, "html_head": judge}

    def ended(self) -> str | None:
        assert self.calls.count("html_head") == 1
        return self.flows[-1].metadata.get(stock.ENDED)


@dataclass
class Proxy:
    addon: Addon
    port: int
    loop: asyncio.AbstractEventLoop
    lean: bool

    def connect(self) -> "Peer":
        return Peer(socket.create_connection(("127.0.0.1", self.port), LONG))

    def get(self, origin: "Origin", method: str = "GET") -> "Peer":
        peer = self.connect()
        peer.send(f"{method} http://127.0.0.1:{origin.port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return peer


class Peer:
    """A socket with bytes read ahead."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(LONG)
        self.buf = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def more(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        self.buf += data
        return bool(data)

    def until(self, mark: bytes) -> bytes:
        """Return everything up to and with the mark, or to the end where it does not come."""
        while mark not in self.buf and self.more():
            pass
        at = self.buf.find(mark)
        at = len(self.buf) if at < 0 else at + len(mark)
        out, self.buf = self.buf[:at], self.buf[at:]
        return out

    def take(self, count: int) -> bytes:
        while len(self.buf) < count and self.more():
            pass
        out, self.buf = self.buf[:count], self.buf[count:]
        return out

    def rest(self) -> bytes:
        while self.more():
            pass
        out, self.buf = self.buf, b""
        return out

    def closed(self) -> bool:
        return not self.rest()

    def head(self) -> tuple[int, dict[str, str]]:
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        assert lines[0].startswith("HTTP/1.1 ")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value for name, value in fields.items()}

    def response(self) -> tuple[int, bytes]:
        """Return status and body as sent, by its framing."""
        status, fields = self.head()
        if "content-length" in fields:
            return status, self.take(int(fields["content-length"]))
        if fields.get("transfer-encoding") == "chunked":
            return status, dechunked(self.until(b"\r\n0\r\n\r\n"))
        return status, self.rest()

    def close(self) -> None:
        self.sock.close()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def dechunked(data: bytes) -> bytes:
    out = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        out, data = out + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return out


class Origin:
    """A server that runs `serve(peer)` for each connection after the request head."""

    def __init__(self, serve: Callable[[Peer], None], wrap: Callable[[socket.socket], socket.socket] | None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.serve, self.wrap = serve, wrap
        self.heads: list[bytes] = []
        self.errors: list[BaseException] = []
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self) -> None:
        while True:
            sock, _ = self.listener.accept()
            if not self.threads:
                sock.close()
                return
            self.threads.append(threading.Thread(target=self.run, args=(sock,)))
            self.threads[-1].start()

    def run(self, sock: socket.socket) -> None:
        with closing(Peer(self.wrap(sock) if self.wrap else sock)) as peer:
            try:
                if not self.wrap:
                    self.heads.append(peer.until(b"\r\n\r\n"))
                self.serve(peer)
            except (ConnectionError, ssl.SSLError):
                pass  # the proxy closed: what the test is about is seen elsewhere
            except BaseException as error:
                self.errors.append(error)

    def stop(self) -> None:
        threads, self.threads = self.threads, []
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in threads:
            thread.join(LONG)
        self.listener.close()
        assert not self.errors


@contextmanager
def origin(
    serve: Callable[[Peer], None], wrap: Callable[[socket.socket], socket.socket] | None = None
) -> Iterator[Origin]:
    server = Origin(serve, wrap)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module", params=["lean", "chain", "changed"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """`lean` as `sfs run` starts it; `chain` as under mitmdump, where each hook walks all addons; `changed` as `lean`
    where stock's layers and its reading do more than ours were read against, so that those are left to it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "changed":
            patch.setattr(layers, "installed", False)
            patch.setattr(core.HttpLayer, "event_to_child", layers.stock_event_to_child)
            patch.setattr(reading, "KNOWN", False)
            patch.setattr(short, "_ABOVE_PASS_ALL_ON", False)
        yield from run_proxy(request.param != "chain", tmp_path_factory)


def run_proxy(lean: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    addon = Addon()
    ready = threading.Event()
    box: dict[str, Any] = {}

    class Ready:
        def running(self) -> None:
            box["port"] = box["master"].addons.get("proxyserver").listen_addrs()[0][1]
            ready.set()

    async def main() -> None:
        options = Options(listen_host="127.0.0.1", listen_port=0, ssl_insecure=True)
        options.confdir = str(tmp_path_factory.mktemp("conf"))
        master = Master(options, with_termlog=False)
        master.addons.add(Proxyserver(), NextLayer(), TlsConfig(), addon, Ready())
        if lean:
            stock.set_hooks(master)
        options.update(connection_strategy="lazy")
        box["master"], box["loop"] = master, asyncio.get_running_loop()
        await master.run()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(LONG)
    yield Proxy(addon, box["port"], box["loop"], lean)
    server = box["master"].addons.get("proxyserver")
    asyncio.run_coroutine_threadsafe(server.servers.update([]), box["loop"]).result(LONG)  # else its socket stays open
    box["loop"].call_soon_threadsafe(box["master"].shutdown)
    thread.join(LONG)


@pytest.fixture
def proxy(running: Proxy, caplog: pytest.LogCaptureFixture) -> Iterator[Proxy]:
    yield running
    running.addon.settle()
    errors = [record for record in caplog.get_records("call") if record.levelname == "ERROR"]
    assert [record.getMessage() for record in errors if record.name.startswith("mitmproxy")] == []  # no layer crashed


def framed(framing: str, body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return head, body as sent, end."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    if framing == "length":
        return head + b"Content-Length: %d\r\n\r\n" % len(body), body, b""
    if framing == "chunked":
        return head + b"Transfer-Encoding: chunked\r\n\r\n", chunk(body), b"0\r\n\r\n"
    return head + b"\r\n", body, b""


FRAMINGS = pytest.mark.parametrize("framing", ["length", "chunked", "close"])


# Holding


@FRAMINGS
def test_a_shown_page_streams_from_its_head_on(proxy: Proxy, framing: str) -> None:
    proxy.addon.hold()
    seen = threading.Event()

    def serve(peer: Peer) -> None:
        head, _, end = framed(framing, HEAD + REST)
        cut = chunk if framing == "chunked" else bytes
        peer.send(head + cut(HEAD))
        assert seen.wait(LONG)  # the client has the head before the rest was sent
        peer.send(cut(REST) + end)

    with origin(serve) as server, closing(proxy.get(server)) as client:
        head = client.until(HEAD)
        assert head.startswith(b"HTTP/1.1 200")
        assert head.endswith(HEAD)
        seen.set()
        client.buf = head + client.buf
        assert client.response() == (200, HEAD + REST)
        proxy.addon.wait("response")
    assert proxy.addon.ended() == "head"
    assert proxy.addon.calls == ["requestheaders", "request", "responseheaders", "html_head", "response"]


@FRAMINGS
@pytest.mark.parametrize("when", ["responseheaders", "html_head"])
def test_a_blocked_page_is_replaced_and_upstream_is_cancelled(proxy: Proxy, framing: str, when: str) -> None:
    proxy.addon.hold(page=PAGE)
    if when == "responseheaders":
        proxy.addon.on["responseheaders"] = lambda flow: flow.metadata.update({stock.ANSWER: PAGE.copy()})
    gone = threading.Event()

    def serve(peer: Peer) -> None:
        head, body, _ = framed(framing, HEAD + REST * 3)
        peer.send(head + body[: len(HEAD) + 500])
        assert peer.closed()  # waits for the proxy to close; the page has no end
        gone.set()

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == (403, b"blocked")
        assert gone.wait(LONG)
        # The client's connection lives on.
        client.send(f"GET http://127.0.0.1:{server.port}/2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert client.response() == (403, b"blocked")
    assert proxy.addon.calls.count("html_head") == (2 if when == "html_head" else 0)
    assert proxy.addon.calls.count("error") == 0


def test_a_blocked_server_that_sends_without_end_is_closed_at_once(proxy: Proxy) -> None:
    proxy.addon.hold(page=PAGE)
    gone = threading.Event()

    def serve(peer: Peer) -> None:
        peer.send(framed("close", b"")[0] + HEAD)
        try:
            while True:
                peer.send(bytes(65536))
        except ConnectionError:
            gone.set()

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == (403, b"blocked")
        assert gone.wait(LONG)  # the client is still here


@FRAMINGS
@pytest.mark.parametrize("page", [None, PAGE])
def test_a_body_that_ends_first_is_judged_too(proxy: Proxy, framing: str, page: http.Response | None) -> None:
    proxy.addon.hold(b"never", page)
    bodies = []
    proxy.addon.on["response"] = lambda flow: bodies.append(flow.response.raw_content)
    with (
        origin(lambda peer: peer.send(b"".join(framed(framing, HEAD)))) as server,
        closing(proxy.get(server)) as client,
    ):
        assert client.response() == ((403, b"blocked") if page else (200, HEAD))
    assert proxy.addon.ended() == "end"
    assert bodies == [b"blocked" if page else HEAD]


def test_a_blocked_page_that_has_ended_keeps_the_upstream_connection(proxy: Proxy) -> None:
    proxy.addon.hold(b"never", PAGE)

    def serve(peer: Peer) -> None:
        peer.send(b"".join(framed("length", HEAD)))
        assert b"GET /2" in peer.until(b"\r\n\r\n")
        peer.send(b"".join(framed("length", HEAD)))

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == (403, b"blocked")
        client.send(f"GET http://127.0.0.1:{server.port}/2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert client.response() == (403, b"blocked")


@pytest.mark.parametrize("body", [b"", b"<html><head>"])
@pytest.mark.parametrize("page", [None, PAGE])
def test_a_page_that_stalls_is_judged_when_time_is_up(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, body: bytes, page: http.Response | None
) -> None:
    monkeypatch.setattr(stream, "HOLD_SECONDS", 0.05)
    proxy.addon.hold(page=page)
    judged = threading.Event()
    judge = proxy.addon.on["html_head"]
    proxy.addon.on["html_head"] = lambda flow: (judge(flow), judged.set())[0]

    def serve(peer: Peer) -> None:
        peer.send(framed("length", HEAD)[0] + body)
        assert judged.wait(LONG)
        peer.send(HEAD[len(body) :])

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == ((403, b"blocked") if page else (200, HEAD))
    assert proxy.addon.ended() == "time"


def test_a_page_of_which_half_a_chunk_line_came_is_judged_when_time_is_up(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HOLD_SECONDS", 0.05)
    proxy.addon.hold(page=PAGE)
    head, body, _ = framed("chunked", HEAD)

    def serve(peer: Peer) -> None:
        peer.send(head + body[:1])
        assert peer.closed()

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == (403, b"blocked")
    assert proxy.addon.ended() == "time"


@pytest.mark.parametrize("framing", ["length", "close"])
def test_no_timer_is_spent_on_a_page_that_comes_with_its_head(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, framing: str
) -> None:
    started: list[object] = []
    start = stream.HeldStream._start_timer
    monkeypatch.setattr(stream.HeldStream, "_start_timer", lambda self: (started.append(self), start(self))[1])
    head, body, end = framed(framing, HEAD + REST)
    proxy.addon.hold()
    with origin(lambda peer: peer.send(head + body + end)) as server, closing(proxy.get(server)) as client:
        assert client.response() == (200, HEAD + REST)
    assert proxy.addon.ended() == "head"
    assert not started


@pytest.mark.parametrize("page", [None, PAGE])
def test_a_page_without_end_or_head_is_judged_at_the_cap(proxy: Proxy, page: http.Response | None) -> None:
    proxy.addon.hold(b"never", page)
    size = 2 * stream.HOLD_BYTES

    def serve(peer: Peer) -> None:
        peer.send(framed("length", b"x" * size)[0] + b"x" * size)

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == ((403, b"blocked") if page else (200, b"x" * size))
    assert proxy.addon.ended() == "cap"
    held = proxy.addon.flows[-1].metadata[stock.HOLD].seen
    assert stream.HOLD_BYTES <= len(held) <= stream.HOLD_BYTES + 65536


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("page", [None, PAGE])
def test_a_server_that_dies_while_held_is_judged(proxy: Proxy, framing: str, page: http.Response | None) -> None:
    proxy.addon.hold(b"never", page)

    def serve(peer: Peer) -> None:
        head, body, _ = framed(framing, HEAD + REST)
        peer.send(head + body[:1000])

    with origin(serve) as server, closing(proxy.get(server)) as client:
        if page:
            assert client.response() == (403, b"blocked")
        else:
            assert client.head()[0] == 200
            assert HEAD in client.rest()  # the part, then the end of the connection
        proxy.addon.wait("response" if page else "error")
    assert proxy.addon.ended() == "end"
    assert proxy.addon.calls[-1] == ("response" if page else "error")


def test_a_server_that_dies_after_release_breaks_the_clients_page_off(proxy: Proxy) -> None:
    proxy.addon.hold()

    def serve(peer: Peer) -> None:
        peer.send(framed("length", HEAD + REST)[0] + HEAD)

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.head()[0] == 200
        assert client.rest() == HEAD
        proxy.addon.wait("error")
    assert proxy.addon.calls[-2:] == ["html_head", "error"]


def test_a_client_that_leaves_ends_the_upstream_connection(proxy: Proxy) -> None:
    held, gone = threading.Event(), threading.Event()

    class Tell(Until):
        def feed(self, chunk: bytes) -> bool:
            held.set()
            return False

    proxy.addon.on["responseheaders"] = lambda flow: flow.metadata.update({stock.HOLD: Tell()})

    def serve(peer: Peer) -> None:
        peer.send(framed("length", HEAD)[0] + b"<html>")
        assert peer.closed()
        gone.set()

    with origin(serve) as server:
        client = proxy.get(server)
        assert held.wait(LONG)
        client.close()
        assert gone.wait(LONG)
    assert "html_head" not in proxy.addon.calls


def test_a_client_that_leaves_while_html_head_waits_ends_the_upstream_connection(proxy: Proxy) -> None:
    waiting, gone = threading.Event(), threading.Event()
    left: list[asyncio.Event] = []

    async def judge(flow: http.HTTPFlow) -> None:
        left.append(asyncio.Event())
        waiting.set()
        await left[0].wait()

    def serve(peer: Peer) -> None:
        peer.send(framed("length", HEAD + REST)[0] + HEAD)
        assert peer.closed()
        gone.set()

    proxy.addon.hold()
    proxy.addon.on["html_head"] = judge
    with origin(serve) as server:
        client = proxy.get(server)
        assert waiting.wait(LONG)
        client.close()
        assert gone.wait(LONG)  # with the hook still waiting
        proxy.loop.call_soon_threadsafe(left[0].set)


def test_a_flow_killed_in_html_head_ends_both_connections(proxy: Proxy) -> None:
    proxy.addon.hold()
    proxy.addon.on["html_head"] = lambda flow: flow.kill()
    gone = threading.Event()

    def serve(peer: Peer) -> None:
        peer.send(framed("length", HEAD + REST)[0] + HEAD)
        assert peer.closed()
        gone.set()

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.rest() == b""
        assert gone.wait(LONG)


def test_a_hold_that_raises_is_judged_as_an_error(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    stream._told.clear()  # it is said once

    class Bad(Until):
        def feed(self, chunk: bytes) -> bool:
            raise RuntimeError("a page's words")

    proxy.addon.hold(page=PAGE)
    proxy.addon.on["responseheaders"] = lambda flow: flow.metadata.update({stock.HOLD: Bad()})
    with (
        origin(lambda peer: peer.send(b"".join(framed("length", HEAD)))) as server,
        closing(proxy.get(server)) as client,
    ):
        assert client.response() == (403, b"blocked")
    assert proxy.addon.ended() == "error"
    assert "Hold.feed raised RuntimeError" in caplog.text
    assert "words" not in caplog.text


def test_html_head_may_wait_and_what_comes_meanwhile_is_bounded(proxy: Proxy) -> None:
    """The server sends 8 MB while the hook waits: reading stops."""
    size = 8 << 20
    most = [0]

    def queued(flow: http.HTTPFlow) -> int:
        return sum(s.backlog(flow.server_conn) for s in list(stream.HeldStream.waiting) if s.flow is flow)

    async def judge(flow: http.HTTPFlow) -> None:
        while queued(flow) <= handler.MAX_BACKLOG:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0)
        for _ in range(300):  # many reads would fit in here
            await asyncio.sleep(0)
            most[0] = max(most[0], queued(flow))

    proxy.addon.hold()
    proxy.addon.on["html_head"] = judge
    with (
        origin(lambda peer: peer.send(framed("length", bytes(size))[0] + HEAD + bytes(size - len(HEAD)))) as server,
        closing(proxy.get(server)) as client,
    ):
        status, body = client.response()
    assert (status, len(body)) == (200, size)
    assert handler.MAX_BACKLOG < most[0] <= handler.MAX_BACKLOG + 65536


# Held on: html_head asks for more of the body


class Bounded(Until):
    """A Hold with a bound of its own."""

    most = 100_000


def hold_on(addon: Addon, more: Until, page: http.Response | None = None) -> list[str]:
    """Hold every response to its head, then by `more`; answer with the page, or release. Why each hold ended."""
    addon.hold()
    ended: list[str] = []

    def judge(flow: http.HTTPFlow) -> None:
        ended.append(flow.metadata[stock.ENDED])
        if len(ended) == 1:
            flow.metadata[stock.HOLD] = more
        elif page:
            flow.metadata[stock.ANSWER] = page.copy()

    addon.on["html_head"] = judge
    return ended


END = REST + b"</html>"


@FRAMINGS
@pytest.mark.parametrize("page", [None, PAGE])
@pytest.mark.parametrize("mark", [b"</html>", b"never"])
def test_a_page_is_held_on_until_it_is_enough_or_ends(
    proxy: Proxy, framing: str, page: http.Response | None, mark: bytes
) -> None:
    more = Until(mark)
    ended = hold_on(proxy.addon, more, page)

    def serve(peer: Peer) -> None:
        head, _, end = framed(framing, HEAD + END)
        cut = chunk if framing == "chunked" else bytes
        peer.send(head + cut(HEAD))
        proxy.addon.wait("html_head")
        peer.send(cut(END[:3000]))
        peer.send(cut(END[3000:]) + end)

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == ((403, b"blocked") if page else (200, HEAD + END))
        proxy.addon.wait("response")
    assert ended == ["head", "head" if mark == b"</html>" else "end"]
    assert more.seen == HEAD + END


@FRAMINGS
def test_a_page_that_is_there_already_is_judged_again_at_once(proxy: Proxy, framing: str) -> None:
    more = Until(b"</html>")
    ended = hold_on(proxy.addon, more, PAGE)
    with (
        origin(lambda peer: peer.send(b"".join(framed(framing, HEAD + END)))) as server,
        closing(proxy.get(server)) as client,
    ):
        assert client.response() == (403, b"blocked")
    assert (ended, more.seen) == (["head", "head"], HEAD + END)


@pytest.mark.parametrize("page", [None, PAGE])
def test_a_page_that_ended_in_its_head_is_judged_twice_at_its_end(proxy: Proxy, page: http.Response | None) -> None:
    more = Until(b"never")
    ended = hold_on(proxy.addon, more, page)
    proxy.addon.on["responseheaders"] = lambda flow: flow.metadata.update({stock.HOLD: Until(b"never")})

    def serve(peer: Peer) -> None:
        peer.send(b"".join(framed("length", HEAD)))
        if page:  # the upstream connection was not cancelled
            assert b"GET /2" in peer.until(b"\r\n\r\n")
            peer.send(b"".join(framed("length", HEAD)))

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == ((403, b"blocked") if page else (200, HEAD))
        if page:
            client.send(f"GET http://127.0.0.1:{server.port}/2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert client.response() == (403, b"blocked")
    assert ended[:2] == ["end", "end"]
    assert more.seen == HEAD


@pytest.mark.parametrize("page", [None, PAGE])
def test_a_page_that_stalls_while_it_is_held_on_is_judged_when_time_is_up(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, page: http.Response | None
) -> None:
    monkeypatch.setattr(stream, "HOLD_SECONDS", 0.05)
    ended = hold_on(proxy.addon, Until(b"never"), page)
    judged = threading.Event()
    judge = proxy.addon.on["html_head"]
    proxy.addon.on["html_head"] = lambda flow: (judge(flow), judged.set() if len(ended) == 2 else None)[1]

    def serve(peer: Peer) -> None:
        peer.send(framed("length", HEAD + REST)[0] + HEAD)
        assert judged.wait(LONG)
        peer.send(REST)

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == ((403, b"blocked") if page else (200, HEAD + REST))
    assert ended == ["head", "time"]


@pytest.mark.parametrize("page", [None, PAGE])
def test_a_page_without_end_is_held_on_to_the_bound_of_its_hold(proxy: Proxy, page: http.Response | None) -> None:
    more = Bounded(b"never")
    ended = hold_on(proxy.addon, more, page)
    size = 2 * stream.HOLD_BYTES

    def serve(peer: Peer) -> None:
        peer.send(framed("length", HEAD + b"x" * size)[0] + HEAD + b"x" * size)

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == ((403, b"blocked") if page else (200, HEAD + b"x" * size))
    assert ended == ["head", "cap"]
    assert more.most <= len(more.seen) <= more.most + 65536


@pytest.mark.parametrize("page", [None, PAGE])
def test_a_server_that_dies_while_its_page_is_held_on_is_judged(proxy: Proxy, page: http.Response | None) -> None:
    ended = hold_on(proxy.addon, Until(b"never"), page)

    def serve(peer: Peer) -> None:
        head, body, _ = framed("chunked", HEAD + REST)
        peer.send(head + body[:1000])

    with origin(serve) as server, closing(proxy.get(server)) as client:
        if page:
            assert client.response() == (403, b"blocked")
        else:
            assert client.head()[0] == 200
            assert HEAD in client.rest()
        proxy.addon.wait("response" if page else "error")
    assert ended == ["head", "end"]


def test_a_second_hold_that_raises_is_judged_as_an_error(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Until):
        def feed(self, chunk: bytes) -> bool:
            raise OverflowError("a page's words")

    ended = hold_on(proxy.addon, Broken(), PAGE)
    with (
        origin(lambda peer: peer.send(b"".join(framed("length", HEAD)))) as server,
        closing(proxy.get(server)) as client,
    ):
        assert client.response() == (403, b"blocked")
    assert ended == ["head", "error"]
    assert "words" not in caplog.text


def test_an_answer_to_head_has_no_body(proxy: Proxy) -> None:
    proxy.addon.on["request"] = lambda flow: setattr(flow, "response", PAGE.copy())
    with origin(lambda peer: None) as server, closing(proxy.get(server, "HEAD")) as client:
        assert client.head() == (403, {"content-type": "text/html", "cache-control": "no-store", "content-length": "7"})
        client.send(f"GET http://127.0.0.1:{server.port}/2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert client.response() == (403, b"blocked")
    assert not server.heads


def test_an_own_answer_is_neither_held_nor_replaced(proxy: Proxy) -> None:
    proxy.addon.on["request"] = lambda flow: setattr(flow, "response", http.Response.make(200, HEAD))
    proxy.addon.on["responseheaders"] = lambda flow: flow.metadata.update({stock.HOLD: Until(), stock.ANSWER: PAGE})
    with origin(lambda peer: None) as server, closing(proxy.get(server)) as client:
        assert client.response() == (200, HEAD)
    assert "html_head" not in proxy.addon.calls


def test_the_body_of_an_answered_request_is_not_kept(proxy: Proxy) -> None:
    kept: list[bytes | None] = []
    proxy.addon.on["requestheaders"] = lambda flow: setattr(flow, "response", PAGE.copy())
    proxy.addon.on["request"] = lambda flow: kept.append(flow.request.raw_content)
    with closing(proxy.connect()) as client:
        head = b"POST http://127.0.0.1:1/ HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 300000\r\n\r\n"
        for _ in range(2):  # the connection goes on
            client.send(head + b"x" * 300_000)
            assert client.response() == (403, b"blocked")
    assert kept == [b"", b""]


def _sent_in_chunks(proxy: Proxy, server: Origin, *pieces: bytes, wait: str = "") -> Peer:
    """A POST without a length; `wait`: the hook that is waited for before the last piece."""
    peer = proxy.connect()
    peer.send(f"POST http://127.0.0.1:{server.port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode())
    peer.send(b"Transfer-Encoding: chunked\r\n\r\n")
    for number, piece in enumerate(pieces, 1):
        if wait and number == len(pieces):
            proxy.addon.wait(wait)
        peer.send(chunk(piece))
    peer.send(chunk(b""))
    return peer


def _held_form(proxy: Proxy, most: int, page: http.Response | None = None) -> list[bytes | None]:
    """Have the first bytes of each body looked at; what was seen."""
    seen: list[bytes | None] = []

    def judge(flow: http.HTTPFlow) -> None:
        seen.append(flow.request.raw_content)
        flow.response = page.copy() if page else None

    proxy.addon.on["requestheaders"] = lambda flow: flow.metadata.update({stock.FORM: most})
    proxy.addon.on["form_head"] = judge
    return seen


@pytest.mark.parametrize("size", [0, 1, 9, 10, 70_000])
def test_a_body_whose_first_bytes_were_seen_goes_on_whole(proxy: Proxy, size: int) -> None:
    seen = _held_form(proxy, 10)
    bodies: list[bytes] = []

    def serve(server: Peer) -> None:
        body = server.until(b"0\r\n\r\n")
        bodies.append(dechunked(body))
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    sent = bytes(range(65, 75)) * (size // 10) + b"x" * (size % 10)
    pieces = [piece for piece in (sent[:3], sent[3:500], sent[500:]) if piece]
    with origin(serve) as server:
        peer = _sent_in_chunks(proxy, server, *pieces, wait="form_head" if size > 10_000 else "")
        assert peer.response() == (200, b"ok")
        peer.close()
    assert bodies == [sent]
    assert len(seen) == (size >= 10)
    assert all(first is not None and sent.startswith(first) and len(first) >= 10 for first in seen)
    assert proxy.addon.calls.count("request") == 1


def test_a_body_whose_first_bytes_are_refused_never_leaves(proxy: Proxy) -> None:
    _held_form(proxy, 10, PAGE)
    with origin(lambda server: None) as server:
        peer = _sent_in_chunks(proxy, server, b"x" * 20, b"y" * 200_000, b"z", wait="form_head")
        assert peer.response() == (403, b"blocked")
        peer.send(b"GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")  # the connection goes on
        assert peer.head()[0] == 502
        peer.close()
        assert server.heads == []


def test_a_client_that_leaves_while_its_body_is_looked_at_hangs_nothing(proxy: Proxy) -> None:
    _held_form(proxy, 10)
    peer = proxy.connect()
    with origin(lambda server: server.rest()) as server:
        peer.send(f"POST http://127.0.0.1:{server.port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode())
        peer.send(b"Content-Length: 1000\r\n\r\n" + b"x" * 500)
        proxy.addon.wait("form_head")
        peer.close()
        proxy.addon.wait("error")


def test_a_blocked_answer_while_the_request_still_uploads(proxy: Proxy) -> None:
    proxy.addon.on["requestheaders"] = lambda flow: setattr(flow.request, "stream", True)
    proxy.addon.on["responseheaders"] = lambda flow: flow.metadata.update({stock.ANSWER: PAGE.copy()})
    with origin(lambda peer: peer.send(b"".join(framed("length", HEAD)))) as server, closing(proxy.connect()) as client:
        target = f"http://127.0.0.1:{server.port}/"
        client.send(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc".encode())
        assert client.response() == (403, b"blocked")
        client.send(b"def" + f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        assert client.response() == (403, b"blocked")


# Trailers, 103, WebSocket


@pytest.mark.parametrize("trailers", [b"X-Sum: 1\r\n", b"X-Sum: 1\r\n 2\r\n", b"A: 1\n\t2\r\nB:\n"])
def test_trailers_are_dropped(proxy: Proxy, trailers: bytes) -> None:
    head, body, _ = framed("chunked", HEAD)
    with (
        origin(lambda peer: peer.send(head + body + b"0\r\n" + trailers + b"\r\n")) as server,
        closing(proxy.get(server)) as client,
    ):
        assert client.response() == (200, HEAD)


def test_a_chunk_head_without_end_is_given_up(proxy: Proxy) -> None:
    head = framed("chunked", b"")[0]
    with origin(lambda peer: peer.send(head + b"1;" + b"x" * 200_000)) as server, closing(proxy.get(server)) as client:
        assert client.head()[0] == 502
    assert proxy.addon.calls[-1] == "error"


def test_early_hints_are_not_the_answer(proxy: Proxy) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"

    def serve(peer: Peer) -> None:
        peer.send(hints + hints[:20])
        peer.send(hints[20:] + b"".join(framed("length", HEAD)))

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == (200, HEAD)


def test_websocket_bytes_pass_and_are_not_kept(proxy: Proxy) -> None:
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"

    def serve(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + b"\r\nhello")
        assert peer.take(5) == b"world"
        peer.send(b"\x81\x01a" * 1000)

    with origin(serve) as server, closing(proxy.connect()) as client:
        client.send(
            b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Version: 13\r\n" % server.port
            + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + upgrade
            + b"\r\n"
        )
        assert client.head()[0] == 101
        assert client.take(5) == b"hello"
        client.send(b"world")
        assert client.rest() == b"\x81\x01a" * 1000
    flow = proxy.addon.flows[-1]
    assert flow.websocket is not None
    assert flow.websocket.messages == []
    assert proxy.addon.calls[-1] == "response"


# Heads


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET http://example.test/" + b"a" * 70_000, 414),
        (b"GET http://example.test/" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: example.test\r\n\r\n", 414),
        (b"GET http://example.test/ HTTP/1.1\r\nHost: example.test\r\nX: " + b"a" * 70_000, 431),
        (b"GET http://example.test/ HTTP/1.1\r\nHost: example.test\r\n" + b"X: a\r\n" * 20_000 + b"\r\n", 431),
        (b"GET http://example.test/ HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", 400),
        (b"GET http://example.test/ HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n", 400),
        (b"GET http://example.test/ HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n", 400),
        (b"GET http://example.test/a\x01b HTTP/1.1\r\nHost: a.test\r\n\r\n", 400),
        (b"GET /a\x7fb HTTP/1.1\r\nHost: a.test\r\n\r\n", 400),
        (b"\x16rubbish\r\n\r\n", 400),
    ],
)
def test_a_bad_head_is_refused(proxy: Proxy, head: bytes, status: int) -> None:
    with closing(proxy.connect()) as client:
        threading.Thread(target=lambda: suppress_send(client, head), daemon=True).start()
        assert client.head()[0] == status
    assert "request" not in proxy.addon.calls


def suppress_send(peer: Peer, data: bytes) -> None:
    with suppress(OSError):
        peer.send(data)


@pytest.mark.parametrize("version", ["1.2", "1.9"])
def test_a_later_http1_goes_on_as_the_version_that_the_proxy_speaks(proxy: Proxy, version: str) -> None:
    answer = b"".join(framed("length", HEAD)).replace(b"HTTP/1.1", f"HTTP/{version}".encode())
    with origin(lambda peer: peer.send(answer)) as server, closing(proxy.connect()) as client:
        client.send(f"GET http://127.0.0.1:{server.port}/ HTTP/{version}\r\nHost: a\r\n\r\n".encode())
        assert client.response() == (200, HEAD)
    assert server.heads == [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]


@pytest.mark.parametrize("version", ["0.9", "2.0", "3.0", "9.9"])
@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/", "/", "*"])
def test_another_version_than_http1_is_refused(proxy: Proxy, version: str, target: str) -> None:
    """Stock took 2.0 for HTTP/2: a request to the proxy itself went astray."""
    with origin(lambda peer: None) as server, closing(proxy.connect()) as client:
        line = f"GET {target.format(port=server.port)} HTTP/{version}"
        client.send(f"{line}\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        assert client.head()[0] == 505
    assert server.heads == [] and proxy.addon.calls == []


def test_a_64_kib_url_is_heard(proxy: Proxy) -> None:
    proxy.addon.on["request"] = lambda flow: setattr(flow, "response", PAGE.copy())
    path = b"/" + b"a" * ((64 << 10) - 30)
    with closing(proxy.connect()) as client:
        client.send(b"GET http://example.test" + path + b" HTTP/1.1\r\nHost: example.test\r\n\r\n")
        assert client.response() == (403, b"blocked")
    assert proxy.addon.flows[0].request.data.path == path


@pytest.mark.parametrize("head", [b"G", b"GET http://example.test/ HTTP/1.1\r\nHost: exam", b"\r\n\r\nGET"])
def test_a_request_head_that_stops_is_ended(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.05)
    with closing(proxy.connect()) as client:
        client.send(head)
        if len(head) > 3:  # mitmproxy needs four bytes to know HTTP; before that the handler's own clock runs
            assert client.rest().startswith(b"HTTP/1.1 408")


def test_a_second_head_that_stops_is_ended_and_a_whole_one_is_not(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.05)
    proxy.addon.on["request"] = lambda flow: setattr(flow, "response", PAGE.copy())
    with closing(proxy.connect()) as client:
        for _ in range(3):
            client.send(b"GET http://example.test/ HTTP/1.1\r\nHost: example.test\r\n\r\nGET http:")
            assert client.response() == (403, b"blocked")
            client.send(b"//example.test/ HTTP/1.1\r\n\r\n")
            assert client.response() == (403, b"blocked")
        client.send(b"GET http:")
        assert client.head()[0] == 408


@pytest.mark.parametrize("first", [b"", b"GE", b"\x16\x03\x01"])
def test_a_silent_client_is_dropped(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    monkeypatch.setattr(handler, "SILENT_SECONDS", 0.05)
    with closing(proxy.connect()) as client:
        client.send(first)
        assert client.closed()


def test_a_silent_tunnel_handshake_is_dropped(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "SILENT_SECONDS", 0.05)
    with closing(proxy.connect()) as client:
        client.send(b"CONNECT example.test:443 HTTP/1.1\r\nHost: example.test\r\n\r\n")
        assert client.head()[0] == 200
        client.send(b"\x16\x03\x01\x02")
        assert client.closed()


def test_a_client_that_waits_for_a_server_is_not_dropped(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "SILENT_SECONDS", 0.3)  # longer than a request takes on a busy machine
    checked = threading.Semaphore(0)
    check = handler.BoundedHandler._drop_silent

    def told(self: handler.BoundedHandler) -> None:
        check(self)
        checked.release()

    monkeypatch.setattr(handler.BoundedHandler, "_drop_silent", told)

    def serve(peer: Peer) -> None:
        for _ in range(3):
            assert checked.acquire(timeout=LONG)
        peer.send(b"".join(framed("length", HEAD)))

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == (200, HEAD)


@pytest.mark.parametrize("clock", ["timeout", "silence"])
def test_a_client_whose_request_waits_in_its_socket_is_answered_though_its_time_is_up(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    proxy.addon.on["request"] = lambda flow: setattr(flow, "response", PAGE.copy())
    ask = b"GET http://example.test/ HTTP/1.1\r\nHost: example.test\r\n\r\n"

    async def behind(client: Peer) -> None:
        """What the loop finds after something that took long: first that time is up, then what was asked meanwhile."""
        mine = handler_of(client.sock)
        client.send(ask)
        if clock == "silence":
            mine._drop_silent()
        else:
            mine.timeout_watchdog.timeout = 0.5
            mine.timeout_watchdog.last_activity -= 1
            mine.watching = asyncio.ensure_future(mine.timeout_watchdog.watch())

    with closing(proxy.connect()) as client:
        client.send(ask)
        assert client.response() == (403, b"blocked")
        monkeypatch.setattr(handler, "SILENT_SECONDS", 0.05)
        asyncio.run_coroutine_threadsafe(behind(client), proxy.loop).result(LONG)
        assert client.response() == (403, b"blocked")
        assert client.closed()  # now nothing waits


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 30_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ],
)
def test_a_bad_response_head_is_a_bad_gateway(proxy: Proxy, head: bytes) -> None:
    with origin(lambda peer: peer.send(head)) as server, closing(proxy.get(server)) as client:
        assert client.head()[0] == 502


def test_a_response_head_that_stops_is_a_bad_gateway(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.05)

    def serve(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nX: ")
        assert peer.closed()

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.head()[0] == 502
    assert proxy.addon.calls[-1] == "error"


# A kept connection that the server closes in the moment when it is used


@contextmanager
def closing_server(answers: int, wrap: Callable[[socket.socket], socket.socket] | None = None) -> Iterator[Origin]:
    """A server that answers so many requests on each connection, and closes when the next one has come."""

    def serve(peer: Peer) -> None:
        for number in range(answers + 1):
            if number or wrap:  # Origin has read the first
                server.heads.append(peer.until(b"\r\n\r\n"))
            if number < answers and server.heads[-1]:
                head = server.heads[-1].startswith(b"HEAD")
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + (b"" if head else b"page"))

    with origin(serve, wrap) as server:
        yield server


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_request_that_a_kept_connection_took_down_with_it_is_sent_once_more(proxy: Proxy, method: str) -> None:
    with closing_server(2) as server, closing(proxy.connect()) as client:
        for _ in range(5):
            client.send(f"{method} http://127.0.0.1:{server.port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert client.head()[0] == 200
            assert method == "HEAD" or client.take(4) == b"page"
    heads = [head for head in server.heads if head]
    assert len(heads) == 7  # the third and the fifth twice
    assert len(set(heads)) == 1
    assert proxy.addon.calls.count("request") == 5
    assert "error" not in proxy.addon.calls


def test_it_is_sent_once_more_in_a_tunnel_too(
    proxy: Proxy, tls: Callable[..., socket.socket], ways: list[bool]
) -> None:
    with (
        closing_server(1, lambda sock: tls(sock, "http/1.1")) as server,
        closing(Peer(tunnel(proxy, server, "http/1.1"))) as client,
    ):
        for _ in range(3):
            client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % server.port)
            assert client.response() == (200, b"page")
    assert len([head for head in server.heads if head]) == 5  # all but the first twice
    assert gone_short(proxy, ways)


@pytest.mark.parametrize(
    ("answers", "request_", "asked"),
    [
        (0, b"GET /%d HTTP/1.1\r\n\r\n", 1),  # a first request: perhaps it closes each time
        (1, b"POST /%d HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 2),  # may have been done
        (1, b"PUT /%d HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 2),
        (1, b"GET /%d HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 2),
    ],
)
def test_what_may_not_be_sent_twice_is_not(proxy: Proxy, answers: int, request_: bytes, asked: int) -> None:
    with closing_server(answers) as server, closing(proxy.connect()) as client:
        ask = request_.replace(b"/%d HTTP/1.1", b"http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a.test" % server.port)
        for _ in range(answers):
            client.send(ask)
            assert client.response() == (200, b"page")
        client.send(ask)
        assert client.response()[0] == 502
    assert len(server.heads) == asked


def test_a_request_is_not_sent_a_third_time(proxy: Proxy) -> None:
    def serve(peer: Peer) -> None:
        if len(server.heads) == 1:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            server.heads.append(peer.until(b"\r\n\r\n"))

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == (200, b"")
        client.send(f"GET http://127.0.0.1:{server.port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert client.response()[0] == 502
    assert len(server.heads) == 3
    assert proxy.addon.calls.count("error") == 1


@pytest.mark.parametrize("at_once", [100, 1])
def test_requests_that_an_http2_server_took_down_are_sent_once_more(
    proxy: Proxy, tls: Callable[..., socket.socket], at_once: int
) -> None:
    """As nginx after its thousandth. With one stream at a time two of them have not even been sent."""
    paths: list[str] = []

    def serve(peer: Peer) -> None:
        side = H2(peer.sock, client=False)
        side.conn.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: at_once})
        side.flush()
        first = not paths
        for event in side.events():
            if not isinstance(event, h2.events.RequestReceived):
                continue
            paths.append(dict(event.headers)[":path"])
            if first and len(paths) == (2 if at_once == 1 else 4):
                with proxy.addon.changed:  # all are with the connection now, sent or not
                    assert proxy.addon.changed.wait_for(lambda: proxy.addon.calls.count("request") == 4, LONG)
                side.conn.close_connection()
                side.flush()
                return
            if not first or len(paths) == 1:
                side.conn.send_headers(event.stream_id, [(":status", "200")])
                side.conn.send_data(event.stream_id, paths[-1].encode(), end_stream=True)

    with origin(serve, tls) as server, closing(tunnel(proxy, server, "h2")) as sock:
        client = H2(sock, client=True)
        assert client.answer(ask(client, server, "/0")) == ("200", b"/0")
        waiting = {ask(client, server, path): path.encode() for path in ("/1", "/2", "/3")}
        got: dict[int, bytes] = {}
        ended = set[int]()
        for event in client.events():
            if isinstance(event, h2.events.DataReceived):
                got[event.stream_id] = got.get(event.stream_id, b"") + event.data
            elif isinstance(event, h2.events.StreamEnded):
                ended.add(event.stream_id)
            if len(ended) == len(waiting):
                break
    assert got == waiting
    assert "error" not in proxy.addon.calls


def test_a_first_http2_request_is_not_sent_once_more(proxy: Proxy, tls: Callable[..., socket.socket]) -> None:
    asked: list[int] = []

    def serve(peer: Peer) -> None:
        side = H2(peer.sock, client=False)
        asked.append(side.until(h2.events.RequestReceived).stream_id)
        side.conn.close_connection()
        side.flush()

    with origin(serve, tls) as server, closing(tunnel(proxy, server, "h2")) as sock:
        client = H2(sock, client=True)
        assert client.answer(ask(client, server, "/"))[0] == "502"
    assert len(asked) == 1


def test_folded_fields_are_unfolded(proxy: Proxy) -> None:
    head = b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"
    with origin(lambda peer: peer.send(head)) as server, closing(proxy.get(server)) as client:
        assert client.head() == (200, {"x": "a b", "content-length": "0"})


@pytest.mark.parametrize("hold", [True, False])
@FRAMINGS
def test_requests_sent_ahead_are_answered_one_after_the_other(proxy: Proxy, framing: str, hold: bool) -> None:
    head, body, end = framed(framing, HEAD + REST)

    def serve(peer: Peer) -> None:
        peer.send(head + body + end)
        while framing != "close" and peer.until(b"\r\n\r\n"):
            peer.send(head + body + end)

    if hold:
        proxy.addon.hold()
    with origin(serve) as server, closing(proxy.connect()) as client:
        one = f"GET http://127.0.0.1:{server.port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        client.send(one.encode() * 4)
        answers = [client.response() for _ in range(1 if framing == "close" else 4)]
    assert set(answers) == {(200, HEAD + REST)}
    assert len(server.heads) == 1  # all of them over one connection


@pytest.mark.parametrize("running", ["lean"], indirect=True)  # stock's timers are tasks, which stay
@FRAMINGS
def test_a_page_that_was_sent_is_not_kept_until_the_collector_comes(proxy: Proxy, framing: str) -> None:
    left: weakref.WeakSet[core.HttpStream] = weakref.WeakSet()
    made = core.HttpStream.__init__

    def note(self: core.HttpStream, *args: Any) -> None:
        made(self, *args)
        left.add(self)

    head, body, end = framed(framing, HEAD + REST)
    proxy.addon.hold(b"</html>")
    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core.HttpStream, "__init__", note)
            with origin(lambda peer: peer.send(head + body + end)) as server, closing(proxy.get(server)) as client:
                assert client.response() == (200, HEAD + REST)
                assert len(left) <= 1
                proxy.addon.wait("response")
                proxy.addon.flows.clear()
            proxy.addon.settle()
        assert not left
    finally:
        gc.enable()


def test_a_client_cannot_send_ahead_without_end(proxy: Proxy) -> None:
    def serve(peer: Peer) -> None:
        assert peer.closed()

    with origin(serve) as server, closing(proxy.get(server)) as client:
        threading.Thread(target=lambda: suppress_send(client, bytes(16 << 20)), daemon=True).start()
        assert client.closed()


# Targets


def test_a_request_without_a_host_field_gets_the_targets(proxy: Proxy) -> None:
    with origin(lambda peer: peer.send(b"".join(framed("length", b"")))) as server, closing(proxy.connect()) as client:
        client.send(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\n\r\n" % server.port)
        assert client.response() == (200, b"")
    assert b"\r\nHost: 127.0.0.1:%d\r\n" % server.port in server.heads[0]
    # A late flow of the test before may stand first.
    assert f"127.0.0.1:{server.port}" in [flow.request.host_header for flow in proxy.addon.flows]


@pytest.mark.parametrize("host", [b"Host: 127.0.0.1:8080\r\n", b"Host: 127.1\r\n", b"Host: \r\n", b""])
def test_an_origin_form_request_is_for_the_proxy_itself(proxy: Proxy, host: bytes) -> None:
    def answer(flow: http.HTTPFlow) -> None:
        assert flow.metadata[stock.ORIGIN_FORM] is True
        assert (flow.request.host, flow.request.path) == (stock.OWN_HOST, "/proxy.pac")
        flow.response = PAGE.copy()

    proxy.addon.on["requestheaders"] = answer
    with closing(proxy.connect()) as client:
        client.send(b"GET /proxy.pac HTTP/1.1\r\n" + host + b"\r\n")
        assert client.response() == (403, b"blocked")


@pytest.mark.parametrize("stream_it", [False, True])
def test_an_origin_form_request_never_goes_upstream(proxy: Proxy, stream_it: bool) -> None:
    proxy.addon.on["requestheaders"] = lambda flow: setattr(flow.request, "stream", stream_it)
    with origin(lambda peer: None) as server, closing(proxy.connect()) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 1\r\n\r\na" % server.port)
        assert client.head()[0] == 400
    assert not server.heads
    assert proxy.addon.calls[-1] == "error"


# Tunnels


@pytest.fixture(params=[True, False], ids=["short", "long"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Both ways of bytes through a tunnel; for each that was looked for, whether a short one was found."""
    found: list[bool] = []
    find = short.find

    def note(*arguments: Any) -> short.Way | None:
        way = find(*arguments)
        found.append(way is not None)
        return way

    monkeypatch.setattr(short, "_KNOWN", request.param)
    monkeypatch.setattr(short, "find", note)
    return found


def gone_short(proxy: Proxy, ways: list[bool]) -> bool:
    """Whether bytes went the way that they should have gone."""
    return any(ways) == (short._KNOWN and proxy.lean)


@pytest.mark.parametrize("page", [None, PAGE])
@pytest.mark.parametrize("size", [0, 16_384, 300_000])
def test_requests_in_a_tunnel_are_answered_either_way(
    proxy: Proxy, tls: Callable[..., socket.socket], ways: list[bool], size: int, page: http.Response | None
) -> None:
    body = HEAD + b"x" * size

    def serve(peer: Peer) -> None:
        while peer.until(b"\r\n\r\n"):
            peer.send(b"".join(framed("length", body)))

    proxy.addon.hold(page=page)
    with (
        origin(serve, lambda sock: tls(sock, "http/1.1")) as server,
        closing(Peer(tunnel(proxy, server, "http/1.1"))) as client,
    ):
        for _ in range(3):
            client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % server.port)
            assert client.response() == ((403, b"blocked") if page else (200, body))
        client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % server.port)
        assert client.response() == ((403, b"blocked") if page else (200, body))
        assert client.closed()
    assert gone_short(proxy, ways)


def test_a_client_that_says_it_is_done_hangs_nothing(
    proxy: Proxy, tls: Callable[..., socket.socket], ways: list[bool]
) -> None:
    ended = threading.Event()

    def serve(peer: Peer) -> None:
        peer.until(b"\r\n\r\n")
        peer.send(b"".join(framed("length", HEAD)))
        assert peer.closed()
        ended.set()

    with origin(serve, lambda sock: tls(sock, "http/1.1")) as server:
        with closing(tunnel(proxy, server, "http/1.1")) as client:
            peer = Peer(client)
            peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % server.port)
            assert peer.response() == (200, HEAD)
            with suppress(OSError):
                client.unwrap()  # close_notify, in TLS alone
        assert ended.wait(LONG)
    assert gone_short(proxy, ways)


def test_what_is_not_opened_arrives_as_it_was_sent(
    proxy: Proxy, tls: Callable[..., socket.socket], ways: list[bool]
) -> None:
    sent = bytes(range(256)) * 4096

    def serve(peer: Peer) -> None:
        got = peer.take(len(sent))
        peer.send(got[::-1])

    proxy.addon.on["tls_clienthello"] = lambda data: setattr(data, "ignore_connection", True)
    with (
        origin(serve, lambda sock: tls(sock, "http/1.1")) as server,
        closing(Peer(tunnel(proxy, server, "http/1.1"))) as client,
    ):
        client.send(sent)
        assert client.take(len(sent)) == sent[::-1]
    assert gone_short(proxy, ways)


# HTTP/2 on both sides


class H2:
    """One side of an HTTP/2 connection."""

    def __init__(self, sock: socket.socket, client: bool) -> None:
        self.sock = sock
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client, header_encoding="utf-8"))
        self.conn.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.sock.sendall(self.conn.data_to_send())

    def events(self) -> Iterator[Any]:
        while data := self.sock.recv(65536):
            for event in self.conn.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                yield event
            self.flush()

    def until(self, kind: type) -> Any:
        return next(event for event in self.events() if isinstance(event, kind))

    def answer(self, stream_id: int) -> tuple[str, bytes]:
        status, body = "", b""
        for event in self.events():
            if getattr(event, "stream_id", None) != stream_id:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                status = dict(event.headers)[":status"]
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
            elif isinstance(event, h2.events.StreamReset):
                return status, body + b"RESET"
            elif isinstance(event, h2.events.StreamEnded):
                break
        return status, body


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., socket.socket]:
    folder = tmp_path_factory.mktemp("origin")
    certs.CertStore.from_store(folder, "origin", 2048)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "origin-ca.pem")  # its own CA: the proxy under test does not verify

    def wrap(sock: socket.socket, alpn: str = "h2") -> socket.socket:
        context.set_alpn_protocols([alpn])
        return context.wrap_socket(sock, server_side=True)

    return wrap


def tunnel(proxy: Proxy, server: Origin, alpn: str) -> socket.socket:
    peer = proxy.connect()
    peer.send(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % server.port)
    assert peer.head()[0] == 200
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    return context.wrap_socket(peer.sock)


def ask(peer: H2, server: Origin, path: str, end: bool = True, **fields: str) -> int:
    stream_id = peer.conn.get_next_available_stream_id()
    target = {":method": "GET", ":scheme": "https", ":authority": f"127.0.0.1:{server.port}", ":path": path}
    peer.conn.send_headers(stream_id, list((target | fields).items()), end_stream=end)
    peer.flush()
    return stream_id


@pytest.mark.parametrize("page", [None, PAGE])
def test_http2_pages_are_held_and_the_stream_alone_is_cancelled(
    proxy: Proxy, tls: Callable[..., socket.socket], page: http.Response | None
) -> None:
    proxy.addon.hold(page=page)
    resets = []

    def serve(peer: Peer) -> None:
        side = H2(peer.sock, client=False)
        for _ in range(2):
            stream_id = side.until(h2.events.RequestReceived).stream_id
            side.conn.send_headers(stream_id, [(":status", "200"), ("content-type", "text/html")])
            side.conn.send_data(stream_id, HEAD)
            side.flush()
            if page:
                resets.append(side.until(h2.events.StreamReset).stream_id)
            else:
                side.conn.send_data(stream_id, REST)
                side.conn.send_headers(stream_id, [("x-sum", "1")], end_stream=True)
                side.flush()

    with origin(serve, tls) as server, closing(tunnel(proxy, server, "h2")) as sock:
        client = H2(sock, client=True)
        for path in ("/1", "/2"):
            answer = client.answer(ask(client, server, path))
            assert answer == (("403", b"blocked") if page else ("200", HEAD + REST))
    assert len(resets) == (2 if page else 0)
    assert proxy.addon.calls.count("html_head") == 2


@pytest.mark.parametrize("sent", [b"", b"<html><head>", HEAD + b"<body>"])
@pytest.mark.parametrize("page", [None, PAGE])
def test_an_http2_page_that_stalls_is_judged_when_time_is_up(
    proxy: Proxy,
    tls: Callable[..., socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    sent: bytes,
    page: http.Response | None,
) -> None:
    monkeypatch.setattr(stream, "HOLD_SECONDS", 0.05)
    proxy.addon.hold(b"never", page)
    judged = threading.Event()
    judge = proxy.addon.on["html_head"]
    proxy.addon.on["html_head"] = lambda flow: (judge(flow), judged.set())[0]

    def serve(peer: Peer) -> None:
        side = H2(peer.sock, client=False)
        stream_id = side.until(h2.events.RequestReceived).stream_id
        side.conn.send_headers(stream_id, [(":status", "200"), ("content-type", "text/html")])
        if sent:
            side.conn.send_data(stream_id, sent)
        side.flush()
        assert judged.wait(LONG)
        if page:
            side.until(h2.events.StreamReset)
        else:
            side.conn.send_data(stream_id, REST, end_stream=True)
            side.flush()
        list(side.events())

    with origin(serve, tls) as server, closing(tunnel(proxy, server, "h2")) as sock:
        client = H2(sock, client=True)
        answer = client.answer(ask(client, server, "/"))
        assert answer == (("403", b"blocked") if page else ("200", sent + REST))
    assert proxy.addon.ended() == "time"


@pytest.mark.parametrize("hold", [True, False])
def test_an_http2_page_that_is_whole_but_does_not_end_is_sent_when_time_is_up(
    proxy: Proxy, tls: Callable[..., socket.socket], monkeypatch: pytest.MonkeyPatch, hold: bool
) -> None:
    """Its length says that all is here; the flag that ends its stream, which the client waits for, never comes."""
    monkeypatch.setattr(stream, "HOLD_SECONDS", 0.05)
    if hold:
        proxy.addon.hold()
    seen = threading.Event()

    def serve(peer: Peer) -> None:
        side = H2(peer.sock, client=False)
        stream_id = side.until(h2.events.RequestReceived).stream_id
        length = ("content-length", str(len(HEAD)))
        side.conn.send_headers(stream_id, [(":status", "200"), ("content-type", "text/html"), length])
        side.conn.send_data(stream_id, HEAD)
        side.flush()
        assert seen.wait(LONG)
        side.conn.end_stream(stream_id)
        side.flush()
        list(side.events())

    with origin(serve, tls) as server, closing(tunnel(proxy, server, "h2")) as sock:
        client = H2(sock, client=True)
        stream_id = ask(client, server, "/")
        assert client.until(h2.events.DataReceived).data == HEAD
        seen.set()
        assert client.answer(stream_id) == ("", b"")  # its end, and no more


def test_a_short_body_that_stalls_is_sent_as_far_as_it_is_here_when_time_is_up(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HOLD_SECONDS", 0.05)
    seen = threading.Event()
    head, body, _ = framed("length", HEAD)

    def serve(peer: Peer) -> None:
        peer.send(head + body[:9])
        assert seen.wait(LONG)
        peer.send(body[9:])

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.head()[0] == 200
        assert client.take(9) == body[:9]
        seen.set()
        assert client.take(len(body) - 9) == body[9:]


def test_no_timer_is_left_of_a_page_whose_end_came(proxy: Proxy) -> None:
    """Until it went off it would keep the page in memory."""

    async def timers() -> list[int]:
        return [len(one.command_sources) for one in http_layers(client.sock)]

    def serve(peer: Peer) -> None:
        head, body, _ = framed("length", HEAD)
        peer.send(head + body[:9])
        proxy.addon.wait("responseheaders")
        peer.send(body[9:])

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == (200, HEAD)
        if proxy.lean:  # stock's tasks stay
            assert asyncio.run_coroutine_threadsafe(timers(), proxy.loop).result(LONG) == [0]


def test_trailers_of_an_http2_client_are_dropped_for_an_http1_server(
    proxy: Proxy, tls: Callable[..., socket.socket]
) -> None:
    def serve(peer: Peer) -> None:
        assert peer.until(b"\r\n\r\n").startswith(b"POST / HTTP/1.1\r\n")
        assert peer.take(5) == b"hello"
        peer.send(b"".join(framed("length", b"thanks")))

    with origin(serve, lambda sock: tls(sock, "http/1.1")) as server, closing(tunnel(proxy, server, "h2")) as sock:
        client = H2(sock, client=True)
        fields = {":method": "POST", "content-length": "5"}
        stream_id = ask(client, server, "/", end=False, **fields)
        client.conn.send_data(stream_id, b"hello")
        client.conn.send_headers(stream_id, [("x-sum", "1")], end_stream=True)
        client.flush()
        assert client.answer(stream_id) == ("200", b"thanks")


def test_http2_with_a_host_field_unlike_authority_is_refused(proxy: Proxy, tls: Callable[..., socket.socket]) -> None:
    with origin(lambda peer: None, tls) as server, closing(tunnel(proxy, server, "h2")) as sock:
        client = H2(sock, client=True)
        client.conn.config.validate_outbound_headers = False
        with suppress(ConnectionError):
            assert client.answer(ask(client, server, "/", host="other.test")) == ("", b"")
    assert "request" not in proxy.addon.calls


# What is over


@contextmanager
def nothing_left(proxy: Proxy) -> Iterator[None]:
    """Hold that no handler and nothing of TLS that was made within is there after the connections have gone, though
    no collector came by."""
    left: weakref.WeakSet[Any] = weakref.WeakSet()

    def noting(kind: type) -> Callable[..., None]:
        made = kind.__init__

        def note(self: Any, *args: Any, **named: Any) -> None:
            made(self, *args, **named)
            left.add(self)

        return note

    async def ended() -> None:
        async with asyncio.timeout(LONG):
            while left:  # noqa: ASYNC110  # the last step of a task tells nobody
                await asyncio.sleep(0.01)

    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for kind in (handler.BoundedHandler, SSL.Connection):
                patch.setattr(kind, "__init__", noting(kind))
            yield
            proxy.addon.settle()
            asyncio.run_coroutine_threadsafe(ended(), proxy.loop).result()
    finally:
        gc.enable()


@pytest.mark.parametrize("running", ["lean"], indirect=True)  # stock's own layers stay
@pytest.mark.parametrize("way", ["inspected", "by name", "http2"])
def test_nothing_of_a_tunnel_is_kept_until_the_collector_comes(
    proxy: Proxy, tls: Callable[..., socket.socket], way: str
) -> None:
    def serve(peer: Peer) -> None:
        while peer.until(b"\r\n\r\n"):
            peer.send(b"".join(framed("length", HEAD + REST)))

    def serve_http2(peer: Peer) -> None:
        side = H2(peer.sock, client=False)
        stream_id = side.until(h2.events.RequestReceived).stream_id
        side.conn.send_headers(stream_id, [(":status", "200"), ("content-type", "text/html")])
        side.conn.send_data(stream_id, HEAD + REST, end_stream=True)
        side.flush()

    if way == "by name":
        proxy.addon.on["tls_clienthello"] = lambda data: setattr(data, "ignore_connection", True)
    else:
        proxy.addon.hold()
    with nothing_left(proxy):
        if way == "http2":
            with origin(serve_http2, tls) as server, closing(tunnel(proxy, server, "h2")) as sock:
                http2 = H2(sock, client=True)
                assert http2.answer(ask(http2, server, "/")) == ("200", HEAD + REST)
        else:
            with (
                origin(serve, lambda sock: tls(sock, "http/1.1")) as server,
                closing(Peer(tunnel(proxy, server, "http/1.1"))) as client,
            ):
                client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % server.port)
                assert client.response() == (200, HEAD + REST)


@pytest.mark.parametrize("running", ["lean"], indirect=True)  # stock keeps the last piece of each
def test_nothing_that_was_read_is_kept_while_more_is_waited_for(proxy: Proxy) -> None:
    async def kept() -> tuple[int, list[bytes]]:
        looked, found = 0, []
        for io in handler_of(client.sock).transports.values():
            step: Any = io.handler and io.handler.get_coro()
            while hasattr(step, "cr_frame"):
                looked += 1
                found += [here for here in step.cr_frame.f_locals.values() if isinstance(here, bytes)]
                step = step.cr_await
        return looked, found

    def serve(peer: Peer) -> None:
        peer.send(b"".join(framed("length", HEAD + REST)))
        peer.closed()

    with origin(serve) as server, closing(proxy.get(server)) as client:
        assert client.response() == (200, HEAD + REST)
        looked, found = asyncio.run_coroutine_threadsafe(kept(), proxy.loop).result(LONG)
        client.close()
    assert looked > 6  # two connections, each some calls deep
    assert found == []


@pytest.mark.parametrize("running", ["lean"], indirect=True)
def test_a_hook_that_outlasts_its_client_ends_in_peace(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    waiting = threading.Event()
    left: list[asyncio.Event] = []

    async def judge(flow: http.HTTPFlow) -> None:
        left.append(asyncio.Event())
        waiting.set()
        await left[0].wait()

    proxy.addon.hold()
    proxy.addon.on["html_head"] = judge
    with (
        nothing_left(proxy),
        origin(lambda peer: peer.send(framed("length", HEAD + REST)[0] + HEAD) or peer.closed()) as server,
    ):
        client = proxy.get(server)
        assert waiting.wait(LONG)
        client.close()
        with proxy.addon.changed:
            assert proxy.addon.changed.wait_for(lambda: proxy.addon.clients == 0, LONG)
        proxy.loop.call_soon_threadsafe(left[0].set)
        proxy.addon.wait("error")
    assert not caplog.records


def test_for_who_is_dropped_in_the_middle_of_a_handshake_nobody_is_connected_to(proxy: Proxy) -> None:
    """As by a new filter. Else the connection would be open until its server ends it: nothing is left that could."""
    waiting = threading.Event()
    left: list[asyncio.Event] = []
    dropped: list[str] = []
    went: list[ServerConnectionHookData] = []

    async def judge(data: ClientHelloData) -> None:
        left.append(asyncio.Event())
        dropped.append(data.context.client.id)
        waiting.set()
        await left[0].wait()
        data.ignore_connection = True

    async def go_on() -> None:
        left[0].set()
        for _ in range(50):
            await asyncio.sleep(0)

    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="site.test").do_handshake()
    proxy.addon.on |= {"tls_clienthello": judge, "server_connect": went.append}
    with origin(lambda peer: None) as server:
        client = proxy.connect()
        client.send(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % server.port)
        assert client.head()[0] == 200
        client.send(out.read())
        assert waiting.wait(LONG)
        proxy.loop.call_soon_threadsafe(stock.drop, dropped[0])
        assert client.closed()
        client.close()
        with proxy.addon.changed:
            assert proxy.addon.changed.wait_for(lambda: proxy.addon.clients == 0, LONG)
        asyncio.run_coroutine_threadsafe(go_on(), proxy.loop).result(LONG)
    assert not (proxy.lean and went)  # stock connects, and ends it at once


# Server connections that are over


def handler_of(sock: socket.socket) -> handler.BoundedHandler:
    (mine,) = [one for one in handler._by_client.values() if one.client.peername == sock.getsockname()]
    return mine


def http_layers(sock: socket.socket) -> list[core.HttpLayer]:
    """Those of a client, the outer one first. In the loop."""
    found, left, seen = list[core.HttpLayer](), list[Any]([handler_of(sock).layer]), set[int]()
    while left:
        one = left.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            found += [one] if isinstance(one, core.HttpLayer) else []
            left += [inner for value in vars(one).values() for inner in ended._within(value)]
    return found


def held_connections(proxy: Proxy, sock: socket.socket) -> list[int]:
    """How many connections each HTTP layer of a client has in mind, the outer one first."""

    async def count() -> list[int]:
        return [len(one.connections) for one in http_layers(sock)]

    return asyncio.run_coroutine_threadsafe(count(), proxy.loop).result(LONG)


def test_a_client_that_stays_through_many_servers_keeps_none_that_closed(proxy: Proxy) -> None:
    with origin(lambda peer: peer.send(b"".join(framed("length", HEAD)))) as server, closing(proxy.connect()) as client:
        for _ in range(20):
            client.send(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a.test\r\n\r\n" % server.port)
            assert client.response() == (200, HEAD)
        assert max(held_connections(proxy, client.sock)) < 4


@pytest.mark.parametrize("running", ["lean", "chain"], indirect=True)  # stock's own event_to_child keeps them
@pytest.mark.parametrize("alpn", ["h2", "http/1.1"])
def test_a_tunnel_that_stays_keeps_none_that_closed(proxy: Proxy, tls: Callable[..., socket.socket], alpn: str) -> None:
    """Both of its HTTP layers had them. A client with HTTP/2 has a connection for each request to a server without."""

    def serve(peer: Peer) -> None:
        assert peer.until(b"\r\n\r\n")
        peer.send(b"".join(framed("length", HEAD)))

    with (
        origin(serve, lambda sock: tls(sock, "http/1.1")) as server,
        closing(tunnel(proxy, server, alpn)) as sock,
    ):
        http2, http1 = H2(sock, client=True) if alpn == "h2" else None, Peer(sock)
        for _ in range(20):
            if http2:
                assert http2.answer(ask(http2, server, "/")) == ("200", HEAD)
            else:
                http1.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % server.port)
                assert http1.response() == (200, HEAD)
        counts = held_connections(proxy, sock)
    assert len(counts) == 2
    assert max(counts) < 5


def test_a_server_that_was_down_is_asked_again_over_the_same_http2_connection(
    proxy: Proxy, tls: Callable[..., socket.socket]
) -> None:
    """Stock gave the first error to every later request, for as long as the browser kept its connection."""

    def serve(peer: Peer) -> None:
        side = H2(peer.sock, client=False)
        stream_id = side.until(h2.events.RequestReceived).stream_id
        side.conn.send_headers(stream_id, [(":status", "200")])
        side.conn.send_data(stream_id, HEAD, end_stream=True)
        side.flush()
        list(side.events())  # to the end

    down = True

    async def open_now() -> int:
        return len(handler_of(sock).transports)

    def connect(data: ServerConnectionHookData) -> None:
        if down:
            data.server.error = "down"

    with origin(serve, tls) as server, closing(tunnel(proxy, server, "h2")) as sock:
        proxy.addon.on["server_connect"] = connect
        client = H2(sock, client=True)
        for _ in range(2):
            assert client.answer(ask(client, server, "/"))[0] == "502"
        if proxy.lean:  # stock notes what failed at once only after that
            assert asyncio.run_coroutine_threadsafe(open_now(), proxy.loop).result(LONG) == 1  # the client's own
        down = False
        assert client.answer(ask(client, server, "/")) == ("200", HEAD)


def test_requests_that_were_refused_are_not_kept(proxy: Proxy, tls: Callable[..., socket.socket]) -> None:
    async def kept() -> int:
        return max(len(one.streams) for one in http_layers(sock))

    with origin(lambda peer: None, tls) as server, closing(tunnel(proxy, server, "h2")) as sock:
        client = H2(sock, client=True)
        client.conn.config.validate_outbound_headers = False
        for _ in range(9):
            assert client.answer(ask(client, server, "/\x7f"))[0] == "400"
        assert asyncio.run_coroutine_threadsafe(kept(), proxy.loop).result(LONG) == 1  # CONNECT


def test_a_connection_that_a_request_still_has_is_not_forgotten(proxy: Proxy) -> None:
    """What was sent is all there, but the end of the page waits behind a hook."""
    left: list[asyncio.Event] = []
    waiting = threading.Event()

    async def judge(flow: http.HTTPFlow) -> None:
        left.append(asyncio.Event())
        waiting.set()
        await left[0].wait()

    async def look() -> int:
        mine = handler_of(client.sock)
        async with asyncio.timeout(LONG):
            while len(mine.transports) > 1:  # noqa: ASYNC110  # the last step of a task tells nobody
                await asyncio.sleep(0.01)
        (held,) = http_layers(client.sock)
        closed.forget(held)
        count = len(held.connections)
        left[0].set()
        return count

    proxy.addon.hold()
    proxy.addon.on["html_head"] = judge
    with (
        origin(lambda peer: peer.send(b"".join(framed("length", HEAD)))) as server,
        closing(proxy.get(server)) as client,
    ):
        assert waiting.wait(LONG)
        assert asyncio.run_coroutine_threadsafe(look(), proxy.loop).result(LONG) == 2
        assert client.response() == (200, HEAD)


# The names it stands on


def test_no_name_is_missing() -> None:
    assert stock.missing() == []
    assert stock.install() == []
    assert not stock.stock_mode


@pytest.mark.parametrize(
    ("where", "name", "change"),
    [
        (core.HttpLayer, "make_stream", None),
        (core, "validate_headers", None),
        (core.HttpStream.__mro__[1], "check_killed", lambda self: None),
        (core.HttpStream.__mro__[1], "start_response_stream", None),
    ],
)
def test_a_name_that_is_gone_or_changed_is_told_and_nothing_is_installed(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, change: object
) -> None:
    monkeypatch.setattr(core, "HttpStream", core.HttpStream.__mro__[1])  # as before install()
    monkeypatch.setattr(stock, "stock_mode", True)
    if change:
        monkeypatch.setattr(where, name, change)
    else:
        monkeypatch.delattr(where, name)
    assert any(name in line for line in stock.missing())
    assert any(name in line for line in stock.install())
    assert stock.stock_mode
    assert core.HttpStream is not stream.HeldStream

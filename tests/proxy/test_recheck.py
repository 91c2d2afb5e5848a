"""A new filter holds at once: on kept-alive connections, in open inspected tunnels, and for tunnels that are judged by
name, which are cut. The addon in a real mitmproxy, raw sockets on both sides."""

import asyncio
import base64
import hashlib
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mitmproxy import connection

from sfs.core.identity import PolicyTable
from sfs.proxy import stock
from sfs.proxy.addon import SfsAddon
from sfs.proxy.pages import Pages
from sfs.proxy.recheck import AT_ONCE
from sfs.proxy.resolver import Info, Resolver
from sfs.proxy.setup import reach_of
from sfs.sources.config import load_config
from sfs.sources.filter import Filter, load_filter
from sfs.sources.live import Live

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mitmproxy's addons use old names of pyparsing
    from sfs.proxy.parts import DisableH2C, Master, NextLayer, Proxyserver, TlsConfig

PAUSE = 5.0  # seconds; two tunnels are opened within it
WS_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
LONG = 20.0  # seconds until a test that hangs fails


class Origin:
    """Answers each line with `200` and echoes in tunnels; keeps its connections open."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
            self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            while data := sock.recv(65536):
                if b"Upgrade: websocket" in data:
                    key = data.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
                    accept = base64.b64encode(hashlib.sha1(key + WS_MAGIC).digest())
                    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    sock.sendall(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
                    continue
                web = data.startswith(b"GET ")
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" if web else data)

    def close(self) -> None:
        """Once nobody is connected any more."""
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LONG)
        self.listener.close()


class Running:
    """A proxy in a thread; `hold(text)` puts another configuration in force."""

    def __init__(self, folder: Path, origin: Origin) -> None:
        stock.install()
        self.folder, self.origin = folder, origin
        self.live = Live(self.filter_of(""), lambda old: self._next)
        self._next = self.live.filter
        self.port = 0
        self.socks: list[socket.socket] = []
        self.looking, self.found = threading.Event(), threading.Event()
        self.left: set[int] = set()  # the ports of clients that are gone
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self._thread.start()
        assert self._ready.wait(LONG)

    def filter_of(self, text: str) -> Filter:
        path = self.folder / "config.yaml"
        base = f"level: 2\nstate: {self.folder}\nreach: [127.0.0.0/8]\nhttps: sni\n"
        if "https:" in text:
            base = base.replace("https: sni\n", "")
        path.write_text(base + text)
        return load_filter(load_config(path))

    async def _main(self) -> None:
        from mitmproxy.options import Options

        options = Options(confdir=str(self.folder), listen_host="127.0.0.1", listen_port=0, rawtcp=False)
        self._master = Master(options, with_termlog=False)
        resolver = Resolver(reach_of(self.live.filter.config), lookup=self._look_up)
        self.addon = SfsAddon(self.live, Pages(self.live, lambda: None), None, resolver)
        server = Proxyserver()
        self._master.addons.add(server, NextLayer(), TlsConfig(), DisableH2C(), self.addon, self)
        options.update(connection_strategy="lazy", upstream_cert=False)
        resolver.install()
        self._server, self._loop = server, asyncio.get_running_loop()
        await self._master.run()

    def _look_up(self, host: str, *_: object) -> list[Info]:
        if host == "slow.test":
            self.looking.set()
            assert self.found.wait(LONG)
        return [(2, 1, 6, "", ("127.0.0.1", self.origin.port))]

    def client_disconnected(self, client: connection.Client) -> None:
        self.left.add(client.peername[1])

    def running(self) -> None:
        self.port = self._server.listen_addrs()[0][1]
        self._ready.set()

    def hold(self, text: str, *, pause: bool = False) -> datetime:
        """Put a configuration in force; with `pause` after a pause for everybody. When that is over."""
        made = self.filter_of(text)
        until = datetime.now(UTC) + timedelta(seconds=PAUSE if pause else 0)  # loading took its time
        pauses = PolicyTable(made.policies.default, (), {None: until})
        self._next = replace(made, policies=pauses)
        self.live.reload()
        return until

    def stop(self) -> None:
        # Else its socket stays open until somebody else's test collects it.
        asyncio.run_coroutine_threadsafe(self._server.servers.update([]), self._loop).result(LONG)
        self._loop.call_soon_threadsafe(self._master.shutdown)
        self._thread.join(LONG)

    def connect(self, host: str) -> socket.socket:
        """A tunnel to a host."""
        sock = socket.create_connection(("127.0.0.1", self.port), LONG)
        self.socks.append(sock)
        sock.sendall(f"CONNECT {host}:{self.origin.port} HTTP/1.1\r\n\r\n".encode())
        assert read(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        return sock

    def by_name(self, host: str, sni: str | None = None) -> socket.socket:
        """A tunnel that is judged by name, with bytes that have passed."""
        sock = self.connect(host)
        hello = client_hello(sni or host)
        sock.sendall(hello)
        assert len(read(sock, hello)) == len(hello)
        return sock

    def websocket(self, host: str) -> socket.socket:
        """An open WebSocket to a host, through which bytes have passed."""
        sock = socket.create_connection(("127.0.0.1", self.port), LONG)
        self.socks.append(sock)
        place = f"{host}:{self.origin.port}"
        sock.sendall(
            f"GET http://{place}/live HTTP/1.1\r\nHost: {place}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert read(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 101")
        assert passes(sock)
        return sock

    def get(self, sock: socket.socket, url: str, host: str = "listed.test") -> int:
        sock.sendall(f"GET {url} HTTP/1.1\r\nHost: {url.split('/')[2] if ':' in url else host}\r\n\r\n".encode())
        head = read(sock, b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = head.partition(b"\r\n\r\n")[2]
        while len(body) < length:
            body += sock.recv(65536)
        return int(head.split()[1])


def client_hello(name: str) -> bytes:
    """The first bytes of a real client."""
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()


def read(sock: socket.socket, mark: bytes) -> bytes:
    """Bytes until the mark, or the end."""
    data = b""
    while mark not in data and (chunk := sock.recv(65536)):
        data += chunk
    return data


def ended(sock: socket.socket) -> bool:
    """Whether the proxy ends this connection; a socket that stays open raises TimeoutError."""
    try:
        while sock.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def passes(sock: socket.socket) -> bool:
    sock.sendall(b"ping")
    return read(sock, b"ping") == b"ping"


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Running]:
    origin = Origin()
    proxy = Running(tmp_path_factory.mktemp("state"), origin)
    yield proxy
    proxy.stop()
    origin.close()


@pytest.fixture
def proxy(running: Running) -> Iterator[Running]:
    running.hold("")
    yield running
    while running.socks:
        running.socks.pop().close()
    assert not running.addon.faults.counts


def test_a_site_that_is_closed_now_is_cut_and_the_others_go_on(proxy: Running) -> None:
    closed, other = proxy.by_name("listed.test"), proxy.by_name("site.test")
    proxy.hold("block: [listed.test]\n")
    assert ended(closed)
    assert passes(other)
    assert [x.host for x in proxy.addon.verdicts.refused.of("127.0.0.1", datetime.now(UTC))] == ["listed.test"]


def test_the_name_in_the_handshake_counts_as_well(proxy: Running) -> None:
    sock = proxy.by_name("front.test", "listed.test")
    proxy.hold("block: [listed.test]\n")
    assert ended(sock)


def test_the_end_of_a_pause_cuts_what_it_had_opened(proxy: Running) -> None:
    until = proxy.hold("block: [listed.test]\n", pause=True)
    sock, live = proxy.by_name("listed.test"), proxy.websocket("listed.test")
    other = proxy.by_name("site.test")
    assert ended(sock)
    assert ended(live)
    assert datetime.now(UTC) >= until
    assert passes(other)


def test_a_websocket_that_would_be_refused_now_is_cut_and_the_others_go_on(proxy: Running) -> None:
    closed, other = proxy.websocket("listed.test"), proxy.websocket("site.test")
    proxy.hold("allow: [site.test]\n")
    assert passes(closed)
    proxy.hold("block: [listed.test/live]\n")
    assert ended(closed)
    assert passes(other)


def test_what_is_open_keeps_no_filter_of_before(proxy: Running) -> None:
    proxy.by_name("site.test")
    proxy.websocket("site.test")
    proxy.connect("other.test")
    proxy.hold("allow: [site.test]\n")
    tunnels = proxy.addon._tunnels
    end = time.monotonic() + LONG
    while any(tunnel.filter is not proxy.live.filter for _, tunnel in (*tunnels.closed(), *tunnels.opened())):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert len(tunnels.closed()) == 2


def test_a_tunnel_that_was_judged_by_the_filter_of_before_is_looked_at_again(proxy: Running) -> None:
    old = proxy.live.filter
    proxy.hold("block: [listed.test]\n")
    fresh, proxy.live.filter = proxy.live.filter, old  # as for a verdict that began before the reload
    sock = proxy.connect("listed.test")
    (tunnel,) = [tunnel for _, tunnel in proxy.addon._tunnels.closed() if tunnel.url.host == "listed.test"]
    proxy.live.filter = fresh
    proxy._loop.call_soon_threadsafe(proxy.addon._recheck.began, tunnel)
    assert ended(sock)


def test_so_is_one_whose_handshake_was_judged_by_it(proxy: Running) -> None:
    old = proxy.live.filter
    proxy.hold("block: [listed.test]\n")
    fresh, proxy.live.filter = proxy.live.filter, old
    sock = proxy.connect("front.test")
    proxy.live.filter = fresh
    sock.sendall(client_hello("listed.test"))
    assert ended(sock)


def test_who_leaves_while_his_tunnel_is_judged_leaves_nothing_behind(proxy: Running) -> None:
    """A browser gives up while a name is looked up: nobody would end the tunnel any more."""
    with socket.create_connection(("127.0.0.1", proxy.port), LONG) as sock:
        sock.sendall(f"CONNECT slow.test:{proxy.origin.port} HTTP/1.1\r\n\r\n".encode())
        assert proxy.looking.wait(LONG)
        port = sock.getsockname()[1]
    end = time.monotonic() + LONG
    while port not in proxy.left:
        assert time.monotonic() < end
        time.sleep(0.01)
    proxy.found.set()
    proxy.connect("slow.test")  # it waits for the same answer, behind the other
    assert [tunnel.url.host for _, tunnel in proxy.addon._tunnels.closed()].count("slow.test") == 1


def test_many_tunnels_are_looked_at_at_once(proxy: Running) -> None:
    closed = [proxy.by_name("listed.test") for _ in range(AT_ONCE + 10)]
    other = proxy.by_name("site.test")
    proxy.hold("block: [listed.test]\n")
    assert all(map(ended, closed))
    assert passes(other)


def test_a_kept_alive_connection_is_judged_by_what_holds_now(proxy: Running) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), LONG) as sock:
        url = f"http://listed.test:{proxy.origin.port}/"
        assert proxy.get(sock, url) == 200
        proxy.hold("block: [listed.test]\n")
        assert proxy.get(sock, url) == 403
        proxy.hold("")
        assert proxy.get(sock, url) == 200


def test_so_is_an_open_inspected_tunnel(proxy: Running) -> None:
    proxy.hold("https: inspect\nblock: [listed.test]\n")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(proxy.connect("listed.test"), server_hostname="listed.test") as sock:
        assert proxy.get(sock, "/") == 403
        proxy.hold("https: inspect\nblock: [other.test]\n")
        assert proxy.get(sock, "/") == 502  # it is asked for upstream, where nobody speaks TLS


# Ecosia and Yandex cannot be asked for filtered results: a tunnel to them goes to another address, inspected or not.


def inspected(proxy: Running, host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sock = context.wrap_socket(proxy.connect(host), server_hostname=host)
    proxy.socks[-1] = sock
    return sock


@pytest.mark.parametrize(("then", "now"), [("off", "strict"), ("strict", "off")])
def test_an_inspected_tunnel_that_safesearch_would_lead_elsewhere_now_is_cut(
    proxy: Running, then: str, now: str
) -> None:
    proxy.hold(f"https: inspect\nsafesearch: '{then}'\nblock: [listed.test]\n")
    engine, rewritten, other = (inspected(proxy, host) for host in ("www.ecosia.org", "www.google.com", "listed.test"))
    proxy.hold(f"https: inspect\nsafesearch: '{then}'\nblock: [listed.test, www.google.com]\n")
    assert proxy.get(other, "/") == 403
    proxy.hold(f"https: inspect\nsafesearch: '{now}'\nblock: [listed.test, www.google.com]\n")
    assert ended(engine)
    assert proxy.get(rewritten, "/", f"www.google.com:{proxy.origin.port}") == 403
    assert proxy.get(other, "/") == 403


@pytest.mark.long
def test_the_end_of_a_pause_cuts_an_inspected_tunnel_that_went_past_safesearch(proxy: Running) -> None:
    until = proxy.hold("https: inspect\nsafesearch: strict\nblock: [listed.test]\n", pause=True)
    engine, other = inspected(proxy, "www.ecosia.org"), inspected(proxy, "listed.test")
    assert ended(engine)
    assert datetime.now(UTC) >= until
    assert proxy.get(other, "/") == 403

"""`sfs policy nftables` in kernel namespaces: the web is reached through the proxy, or refused at once.

a device            the gateway, with the proxy            the web
10.77.0.2           10.77.0.1     198.51.100.1             198.51.100.2, .53
fd77::2             fd77::1       2001:db8::1              2001:db8::2
"""

import errno
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.e2e.network import Namespace, Sink, why_no_namespaces
from tests.e2e.proxy import ROOT, Proxy, read_all

WEB4, WEB6, RESOLVER = "198.51.100.2", "2001:db8::2", "198.51.100.53"
OWN_USER = 64_999  # of the proxy on a machine of its own
ANSWERED, REFUSED, SILENCE = "answered", "refused", "silence"
PATIENCE = 8.0  # seconds; a packet that was dropped is not answered in any time
# What the kernel says of a reset, and of "administratively prohibited" (RFC 1812, 5.2.7.1; RFC 4443, 3.1), the last to
# whom it does not let out itself.
NO = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM}
CLOSED = [("tcp", 80), ("tcp", 443), ("udp", 443), ("tcp", 853), ("udp", 853)]


class Echo:
    """Answers every datagram with itself, until an empty one comes."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._socket.settimeout(0.2)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Echo":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                data, peer = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            self._socket.sendto(data, peer)


def tried(kind: str, host: str, port: int) -> str:
    """What a program gets that goes there directly."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        try:
            sock.connect((host, port))
            sock.send(b"GET / HTTP/1.1\r\n\r\n")
            return ANSWERED if sock.recv(1000) else SILENCE
        except TimeoutError:
            return SILENCE
        except OSError as fault:
            assert fault.errno in NO, fault
            return REFUSED


@dataclass
class Networks:
    """The three of them."""

    device: Namespace
    gateway: Namespace
    web: Namespace


@pytest.fixture(scope="module")
def networks() -> Iterator[Networks]:
    """The networks, with a web that answers on every port that matters."""
    if shutil.which("nft") is None:
        pytest.skip("nft is not installed (Debian's package nftables)")
    if reason := why_no_namespaces():
        pytest.skip(reason)
    with ExitStack() as stack:
        device, gateway, web = Namespace(), Namespace(), Namespace()
        for one in (device, gateway, web):
            stack.callback(one.close)
        gateway.ip(
            f"link add house type veth peer name out netns {device.thread}",
            f"link add world type veth peer name out netns {web.thread}",
            *("link set house up", "link set world up"),
            *("addr add 10.77.0.1/24 dev house", "addr add fd77::1/64 dev house nodad"),
            *("addr add 198.51.100.1/24 dev world", "addr add 2001:db8::1/64 dev world nodad"),
        )
        device.ip("link set out up", "addr add 10.77.0.2/24 dev out", "addr add fd77::2/64 dev out nodad")
        device.ip("route add default via 10.77.0.1", "-6 route add default via fd77::1")
        web.ip("link set out up", f"addr add {WEB4}/24 dev out", f"addr add {RESOLVER}/24 dev out")
        web.ip(f"addr add {WEB6}/64 dev out nodad", "route add default via 198.51.100.1")
        web.ip("-6 route add default via 2001:db8::1")
        for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            gateway.run(_write, f"/proc/sys/net/{key}", "1")
        for host in (WEB4, WEB6):
            for port in (80, 443, 853, 8080):
                stack.enter_context(web.run(Sink, host, port, "WEB"))
            for port in (443, 853):
                stack.enter_context(web.run(Echo, host, port))
        for host in (WEB4, RESOLVER):
            stack.enter_context(web.run(Echo, host, 53))
        yield Networks(device, gateway, web)


def _write(file: str, text: str) -> None:
    with open(file, "w") as opened:
        opened.write(text)


def policy(*arguments: str) -> str:
    """What `sfs policy nftables` prints."""
    command = [sys.executable, "-m", "sfs", "policy", "nftables", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def load(where: Namespace, rules: str) -> None:
    """Load rules in a network."""
    command = ["nft", "-f", "-"]
    where.run(lambda: subprocess.run(command, input=rules, text=True, check=True, capture_output=True, timeout=60))


@pytest.fixture
def ruled(networks) -> Iterator[Networks]:
    """The networks; what rules a test loads are gone after it."""
    yield networks
    for one in (networks.device, networks.gateway):
        one.run(lambda: subprocess.run(["nft", "flush", "ruleset"], check=True, timeout=60))


@pytest.fixture(scope="module")
def proxy(networks, tmp_path_factory) -> Iterator[Proxy]:
    """`sfs run` on the gateway."""
    running = Proxy({"level": 2}, tmp_path_factory.mktemp("gateway"), "", "--listen", "10.77.0.1:0")
    networks.gateway.run(running.__enter__)
    yield running
    running.__exit__()


def through(proxy: Proxy, target: str, connect: bool = False) -> bytes:
    """The answer that a device gets through the proxy."""
    with socket.create_connection(("10.77.0.1", proxy.port), 15) as sock:
        if connect:
            sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            return sock.recv(4096)
        sock.sendall(f"GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return read_all(sock, 15)


def test_without_rules_the_web_is_open(networks):
    for host in (WEB4, WEB6):
        assert [networks.device.run(tried, kind, host, port) for kind, port in CLOSED] == [ANSWERED] * len(CLOSED)


def test_a_gateway_leaves_the_proxy_as_the_only_way_out(ruled, proxy):
    load(ruled.gateway, policy("--system", "gateway", "--dns", RESOLVER))
    for host in (WEB4, WEB6):
        for kind, port in CLOSED:
            assert (host, kind, port, ruled.device.run(tried, kind, host, port)) == (host, kind, port, REFUSED)
    answer = ruled.device.run(through, proxy, WEB4)
    assert answer.startswith(b"HTTP/1.1 200") and b"WEB" in answer
    assert ruled.device.run(through, proxy, f"{WEB4}:443", True).startswith(b"HTTP/1.1 200")


def test_only_the_named_resolver_may_be_asked(ruled):
    load(ruled.gateway, policy("--system", "gateway", "--dns", RESOLVER))
    asked = [ruled.device.run(tried, "udp", host, 53) for host in (RESOLVER, WEB4)]
    assert asked == [ANSWERED, REFUSED]


def test_other_ports_are_closed_where_that_is_asked_for(ruled, proxy):
    load(ruled.gateway, policy("--system", "gateway"))
    assert ruled.device.run(tried, "tcp", WEB4, 8080) == ANSWERED
    load(ruled.gateway, policy("--system", "gateway", "--strict"))  # in place of the rules of before
    assert ruled.device.run(tried, "tcp", WEB4, 8080) == REFUSED
    assert ruled.device.run(tried, "udp", WEB4, 9999) == REFUSED
    assert ruled.device.run(through, proxy, WEB4).startswith(b"HTTP/1.1 200")


def test_on_a_machine_the_user_of_the_proxy_alone_goes_out(ruled):
    load(ruled.device, policy("--user", str(OWN_USER), "--dns", RESOLVER))

    def as_user(user: int) -> bool:
        command = ["bash", "-c", f"exec 3<>/dev/tcp/{WEB4}/80 && echo open"]
        return subprocess.run(command, user=user, capture_output=True, text=True, timeout=60).stdout == "open\n"

    for kind, port in CLOSED:
        assert (kind, port, ruled.device.run(tried, kind, WEB4, port)) == (kind, port, REFUSED)
        assert (kind, port, ruled.device.run(tried, kind, WEB6, port)) == (kind, port, REFUSED)
    assert ruled.device.run(as_user, OWN_USER)
    assert not ruled.device.run(as_user, 0)


def test_marked_packets_go_out(ruled):
    def marked() -> str:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0x5F5)
            sock.settimeout(PATIENCE)
            sock.connect((WEB4, 80))
            sock.send(b"GET / HTTP/1.1\r\n\r\n")
            return ANSWERED if sock.recv(1000) else SILENCE

    load(ruled.device, policy("--mark", str(0x5F5)))
    assert (ruled.device.run(marked), ruled.device.run(tried, "tcp", WEB4, 80)) == (ANSWERED, REFUSED)


def test_a_proxy_on_another_machine_is_reached_on_any_port(ruled):
    load(ruled.device, policy("--proxy", f"{WEB4}:80"))
    assert ruled.device.run(tried, "tcp", WEB4, 80) == ANSWERED
    assert ruled.device.run(tried, "tcp", WEB6, 80) == REFUSED

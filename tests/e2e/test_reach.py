"""Never an open proxy: what a client of a real `sfs run` cannot reach, however it is spelled, named or asked for."""

import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.network import Dns, Namespace, Sink, why_no_namespaces
from tests.e2e.origin import Names, Origin, Reply, page
from tests.e2e.proxy import Proxy, read_all

VECTORS = Path(__file__).parents[1] / "vectors" / "addresses.txt"
NEVER = {"loopback", "unspecified", "link-local", "metadata", "multicast"}
OWN = {"loopback", "unspecified"}
CONNECT_PORT = 8443  # one of those that CONNECT may go to, and that needs no rights to listen on
FEW = 8  # descriptors that may be more than before: a log file, an idle upstream connection


def spellings(kinds: set[str]) -> list[str]:
    """The spellings of addresses of some kinds, as they stand in a URL."""
    rows = [line.split("\t") for line in VECTORS.read_text().splitlines() if not line.startswith("#")]
    texts = [text.encode("ascii").decode("unicode_escape") for text, _, kind in rows if kind in kinds]
    return sorted({f"[{text}]" if ":" in text and not text.startswith("[") else text for text in texts})


def get(target: str, port: int) -> bytes:
    """A plain request in absolute form, as only a proxy gets it."""
    return f"GET http://{target}:{port}/ HTTP/1.1\r\nHost: {target}:{port}\r\nConnection: close\r\n\r\n".encode()


def connect(target: str, port: int) -> bytes:
    """A request for a tunnel."""
    return f"CONNECT {target}:{port} HTTP/1.1\r\nHost: {target}:{port}\r\n\r\n".encode()


def status(answer: bytes) -> int:
    """The status of the first answer; 0 where there was none."""
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else 0


def through_tunnel(proxy: Proxy, target: str, port: int, path: str = "/") -> bytes:
    """The answer to a plain request inside a tunnel, or the refusal of the tunnel."""
    with socket.create_connection(("127.0.0.1", proxy.port), 15) as client:
        client.sendall(connect(target, port))
        if status(answer := _head(client)) != 200:
            return answer
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {target}:{port}\r\n\r\n".encode())
        return read_all(client, 15)


def _head(client: socket.socket) -> bytes:
    data = b""
    client.settimeout(15)
    while b"\r\n\r\n" not in data and (chunk := client.recv(4096)):
        data += chunk
    return data


def descriptors(proxy: Proxy) -> int:
    """How many descriptors the proxy has open."""
    return len(list(Path(f"/proc/{proxy.process.pid}/fd").iterdir()))


def settled(proxy: Proxy, most: int) -> int:
    """The descriptors once what was closed is closed: waits until `most` or ten seconds."""
    end = time.monotonic() + 10
    while (count := descriptors(proxy)) > most and time.monotonic() < end:
        time.sleep(0.05)
    return count


@pytest.fixture(scope="module")
def no_memory(tmp_path_factory) -> dict[str, str]:
    """An environment in which the proxy asks the resolver afresh each time, so that a test need not wait until an
    answer is too old."""
    folder = tmp_path_factory.mktemp("no-memory")
    code = "import sfs.proxy.resolver as resolver\nresolver.TTL = resolver.NEGATIVE_TTL = 0.0\n"
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def changing(tmp_path_factory, names) -> Names:
    """Names of these tests alone, so that they can change."""
    made = Names(tmp_path_factory.mktemp("changing") / "hosts")
    made.set(**{"inner.test": "127.0.0.1", "inner6.test": "::1", "metadata.test": "169.254.169.254"})
    made.set(**{"open.test": "127.0.0.5", "both.test": ["127.0.0.5", "127.0.0.1"], "self.test": "127.0.0.1"})
    return made


@pytest.fixture(scope="module")
def closed(tmp_path_factory, changing, no_memory) -> Iterator[Proxy]:
    """A proxy as delivered, but for one address on loopback that stands for the world."""
    config = {"level": 2, "https": "inspect", "reach": ["127.0.0.5"]}
    with Proxy(config, tmp_path_factory.mktemp("closed"), changing.file, environment=no_memory) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def inner() -> Iterator[Sink]:
    """Something on this machine that a client must not reach, on every address of it; on IPv6 where there is any."""
    with Sink("::" if socket.has_ipv6 else "0.0.0.0", text="INNER") as sink:
        yield sink


@pytest.fixture(scope="module")
def inner_tls_port() -> Iterator[Sink]:
    """The same on a port that CONNECT may go to."""
    try:
        sink = Sink("::", CONNECT_PORT, text="INNER")
    except OSError as fault:
        pytest.skip(f"port {CONNECT_PORT} is taken: {fault}")
    with sink:
        yield sink


# Addresses and names


def test_the_address_that_is_opened_is_reached(closed):
    with Sink("127.0.0.5", text="OPEN") as world:
        for target in ("127.0.0.5", "2130706437", "0x7f.5", "[::ffff:127.0.0.5]", "open.test"):
            answer = closed.raw(get(target, world.port))
            assert (target, status(answer), b"OPEN" in answer) == (target, 200, True)
        assert b"OPEN" in through_tunnel(closed, "127.0.0.5", world.port)
        assert len(world.visits) == 6


@pytest.mark.parametrize("ask", [get, connect])
def test_no_spelling_of_an_inner_address_is_reached(closed, inner, inner_tls_port, ask):
    sink = inner if ask is get else inner_tls_port
    tried = spellings(NEVER)
    assert len(tried) > 80
    opened = {target: got for target in tried if status(got := closed.raw(ask(target, sink.port))) < 400}
    assert opened == {}
    assert sink.visits == []


@pytest.mark.parametrize("ask", [get, connect])
@pytest.mark.parametrize("name", ["inner.test", "INNER.test.", "inner6.test", "metadata.test", "localhost"])
def test_no_name_leads_to_an_inner_address(closed, inner, inner_tls_port, name, ask):
    sink = inner if ask is get else inner_tls_port
    assert status(closed.raw(ask(name, sink.port))) in (403, 502)
    assert sink.visits == []


def test_the_answer_says_that_it_is_an_inner_address(closed, inner):
    answer = closed.raw(get("inner.test", inner.port))
    assert status(answer) == 403
    assert b"network" in answer


def test_of_several_addresses_only_the_allowed_are_tried(closed):
    with Sink("127.0.0.5") as world, Sink("127.0.0.1", world.port) as sink:
        for _ in range(4):
            assert status(closed.raw(get("both.test", world.port))) == 200
        assert (len(world.visits), sink.visits) == (4, [])


def test_a_name_that_changes_its_answer_between_requests_is_judged_again(closed, changing):
    with Sink("127.0.0.5", text="OPEN") as world, Sink("127.0.0.1", world.port, text="INNER") as sink:
        for address, expected in (("127.0.0.5", 200), ("127.0.0.1", 403), ("127.0.0.5", 200), ("::1", 403)):
            changing.set(**{"moving.test": address})
            answer = closed.raw(get("moving.test", world.port))
            assert (address, status(answer)) == (address, expected)
        assert sink.visits == []


def test_a_name_that_changes_its_answer_on_a_kept_alive_connection_is_judged_again(closed, changing):
    request = "GET http://kept.test:{0}/ HTTP/1.1\r\nHost: kept.test:{0}\r\n\r\n"
    with Sink("127.0.0.5", text="OPEN") as world, Sink("127.0.0.1", world.port, text="INNER") as sink:
        data = request.format(world.port).encode()
        changing.set(**{"kept.test": "127.0.0.5"})
        with socket.create_connection(("127.0.0.1", closed.port)) as client:
            client.sendall(data)
            assert b"OPEN" in read_all(client, 15)
            changing.set(**{"kept.test": "127.0.0.1"})
            client.sendall(data)
            assert status(read_all(client, 15)) == 403
        assert sink.visits == []


def test_a_tunnel_to_a_name_that_changes_its_answer_is_judged_when_it_connects(closed, changing):
    changing.set(**{"tunnel.test": "127.0.0.5"})
    with Sink("127.0.0.5", text="OPEN") as world, Sink("127.0.0.1", world.port, text="INNER") as sink:
        with socket.create_connection(("127.0.0.1", closed.port)) as client:
            client.sendall(connect("tunnel.test", world.port))
            assert status(_head(client)) == 200
            changing.set(**{"tunnel.test": "127.0.0.1"})
            client.sendall(f"GET / HTTP/1.1\r\nHost: tunnel.test:{world.port}\r\n\r\n".encode())
            assert status(read_all(client, 15)) == 403
        assert (sink.visits, world.visits) == ([], [])


# Ports


@pytest.mark.parametrize("port", [0, 1, 22, 25, 110, 143, 3128, 3306, 6379, 8080, 8081, 9200, 65535])
def test_connect_goes_to_no_other_port(closed, port):
    # 192.0.2.0/24 is no machine: a tunnel would be opened (200) before anything is connected to.
    assert status(closed.raw(connect("192.0.2.1", port))) in (400, 403)


@pytest.mark.parametrize("port", [80, 443, 8443])
def test_connect_goes_to_the_ports_of_the_web(closed, port):
    with socket.create_connection(("127.0.0.1", closed.port), 15) as client:
        client.sendall(connect("192.0.2.1", port))
        assert status(_head(client)) == 200


@pytest.mark.parametrize("port", [22, 25, 6667])
def test_no_plain_request_goes_to_a_port_that_no_browser_opens(closed, port):
    assert status(closed.raw(get("192.0.2.1", port))) == 403


# The proxy itself


@pytest.fixture(scope="module")
def admin() -> Iterator[Sink]:
    """In the place of the administrator's page."""
    with Sink("127.0.0.1", text="ADMIN") as sink:
        yield sink


@pytest.fixture(scope="module")
def wide(tmp_path_factory, changing, admin) -> Iterator[Proxy]:
    """A proxy whose owner opened all of loopback."""
    config = {"level": 2, "https": "sni", "reach": ["127.0.0.0/8", "::1"], "admin": f"127.0.0.1:{admin.port}"}
    with Proxy(config, tmp_path_factory.mktemp("wide"), changing.file) as proxy:
        yield proxy


def test_no_spelling_of_its_own_address_makes_it_call_itself(wide):
    before = descriptors(wide)
    tried = [*spellings(OWN), "self.test", "localhost"]
    for target in tried:
        answer = wide.raw(get(target, wide.port))
        assert status(answer) in (200, 400, 403, 502, 508), target
        assert b"sfs" in answer.lower() or status(answer) in (400, 502), target
        assert descriptors(wide) <= before + len(tried), target
    assert settled(wide, before + FEW) <= before + FEW


def test_its_own_address_shows_its_own_page(wide):
    for target in ("127.0.0.1", "127.1", "[::ffff:127.0.0.1]", "self.test"):
        answer = wide.raw(get(target, wide.port))
        assert (target, status(answer), b"About this filter" in answer) == (target, 200, True)


def test_no_tunnel_to_itself_is_opened(wide):
    before = descriptors(wide)
    tried = [*spellings(OWN), "self.test", "localhost"]
    opened = [target for target in tried if status(wide.raw(connect(target, wide.port))) < 400]
    assert opened == []
    assert settled(wide, before + FEW) <= before + FEW


def test_a_relay_that_leads_back_to_it_ends_at_its_own_page(wide):
    before = descriptors(wide)
    with Relay(wide.port) as relay:
        answer = wide.raw(get("127.0.0.9", relay.port))
        assert status(answer) == 200
        assert b"About this filter" in answer
    assert relay.count == 1
    assert settled(wide, before + FEW) <= before + FEW


def test_a_request_that_went_through_it_before_is_refused(closed):
    # An upstream that sends the request back in absolute form, as a proxy behind a port forwarding would.
    with Sink("127.0.0.5") as world:
        closed.raw(get("127.0.0.5", world.port))
        via = re.search(rb"(?im)^via: ([^\r]+)", world.visits[0])
        assert via
        again = get("127.0.0.5", world.port).replace(b"\r\n\r\n", b"\r\nVia: " + via[1] + b"\r\n\r\n")
        assert status(closed.raw(again)) == 508
        assert len(world.visits) == 1


class Relay:
    """Port forwarding: what comes to 127.0.0.9 goes to a port of 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.count = 0

    def __enter__(self) -> "Relay":
        command = [
            "import asyncio, sys",
            "async def pump(r, w):",
            "    while data := await r.read(65536): w.write(data); await w.drain()",
            "    w.close()",
            "async def take(r, w):",
            "    print('one', flush=True)",
            f"    r2, w2 = await asyncio.open_connection('127.0.0.1', {self._to})",
            "    await asyncio.gather(pump(r, w2), pump(r2, w))",
            "async def main():",
            "    server = await asyncio.start_server(take, '127.0.0.9', 0)",
            "    print(server.sockets[0].getsockname()[1], flush=True)",
            "    await server.serve_forever()",
            "asyncio.run(main())",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-c", "\n".join(command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self.count = self._process.stdout.read().count("one")
        self._process.wait(10)
        self._process.stdout.close()


@pytest.mark.parametrize("ask", [get, connect])
def test_the_administrators_page_is_not_reached(wide, admin, ask):
    for target in [*spellings(OWN), "self.test", "localhost"]:
        answer = wide.raw(ask(target, admin.port))
        assert (target, status(answer) >= 400) == (target, True)
    assert admin.visits == []


def test_its_own_pages_are_reached(wide):
    for request in (get("sfs.home.arpa", 80), b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):
        answer = wide.raw(request)
        assert (status(answer), b"sfs" in answer.lower()) == (200, True)


# Two names for one request


@pytest.fixture(scope="module")
def inspecting(start) -> Iterator[Proxy]:
    """Everything is opened; listed.test is blocked, and one page of site.test."""
    with start({"level": 2, "https": "inspect", "block": ["listed.test", "site.test/closed"]}) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def by_name(start) -> Iterator[Proxy]:
    """HTTPS is judged by name; listed.test is blocked."""
    with start({"level": 2, "https": "sni", "block": ["listed.test", "site.test/closed"]}) as proxy:
        yield proxy


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
def test_inspected_a_host_unlike_the_tunnel_is_a_bad_request(inspecting, origin, protocol):
    url = f"https://site.test:{origin.https}/fronted"
    assert inspecting.curl(url, protocol, "-H", f"Host: other.test:{origin.https}").status == 400
    assert inspecting.curl(url, protocol, "-H", f"Host: listed.test:{origin.https}").status == 400
    assert inspecting.curl(url, protocol, "-H", "Host: site.test:1").status == 400
    assert [asked for asked in origin.asked(path="/fronted") if asked.host != "site.test"] == []
    assert origin.asked(path="/fronted", host="site.test:1") == []
    assert inspecting.curl(url, protocol).status == 200


def test_inspected_the_tunnels_name_is_judged_whatever_the_sni_says(inspecting, origin):
    for front, real in (("site.test", "listed.test"), ("listed.test", "site.test")):
        there = f"{front}:{origin.https}:{real}:{origin.https}"
        answer = inspecting.curl(f"https://{front}:{origin.https}/sni", "--connect-to", there)
        assert (front, answer.status) == (front, 400)
    assert origin.asked(path="/sni") == []


def test_plain_a_host_unlike_the_target_never_decides(inspecting, origin):
    data = f"GET http://listed.test:{origin.http}/p HTTP/1.1\r\nHost: site.test:{origin.http}\r\n\r\n".encode()
    assert status(inspecting.raw(data)) in (400, 403)
    two = data.replace(b"\r\n\r\n", f"\r\nHost: listed.test:{origin.http}\r\n\r\n".encode())
    assert status(inspecting.raw(two.replace(b"//listed", b"//site"))) == 400
    assert origin.asked(path="/p") == []


def test_by_name_both_the_tunnels_name_and_the_sni_are_judged(by_name, origin, certificates):
    def shown(tunnel: str, sni: str) -> bool:
        there = f"{sni}:{origin.https}:{tunnel}:{origin.https}"
        url = f"https://{sni}:{origin.https}/by-name"
        answer = by_name.curl(url, "--connect-to", there, "--cacert", str(certificates[0]), ca=False)
        return answer.exit == 0 and answer.status == 200

    assert shown("site.test", "site.test")
    assert shown("site.test", "other.test")
    connections = origin.connections
    assert not shown("site.test", "listed.test")
    assert not shown("site.test", "www.listed.test")
    assert not shown("listed.test", "site.test")
    assert origin.connections == connections


def test_by_name_the_sni_is_judged_in_any_case_and_with_a_final_dot(by_name, origin):
    for name in (b"LISTED.TEST", b"listed.test."):
        assert _handshake(by_name, origin, name) is False
    assert _handshake(by_name, origin, b"OTHER.TEST") is True


def _handshake(proxy: Proxy, origin: Origin, sni: bytes) -> bool:
    """Whether a TLS handshake through a tunnel to site.test gets an answer. The SNI is put in by hand: libraries put
    it in order first."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="x" * len(sni))
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read().replace(b"x" * len(sni), sni)
    with socket.create_connection(("127.0.0.1", proxy.port), 15) as tunnel:
        tunnel.sendall(connect("site.test", origin.https))
        assert status(_head(tunnel)) == 200
        tunnel.sendall(hello)
        try:
            return tunnel.recv(5)[:1] == b"\x16"
        except ConnectionError:
            return False


def test_by_name_what_is_not_tls_in_a_tunnel_is_judged_whole(by_name, origin):
    def fetch(path: str) -> int:
        return status(through_tunnel(by_name, "site.test", origin.http, path))

    origin.replies["/in-tunnel"] = Reply(page())
    assert fetch("/in-tunnel") == 200
    assert fetch("/closed") == 403
    assert origin.asked(path="/closed") == []


# Networks of our own: real name servers, clients that are strangers


@pytest.fixture(scope="module")
def networks() -> Iterator[tuple[Namespace, Namespace]]:
    """Two networks joined by a cable: (ours: 10.77.0.1, fd77::1; the others': 10.77.0.2, fd77::2, and strangers)."""
    if reason := why_no_namespaces():
        pytest.skip(reason)
    ours, others = Namespace(mounts=True), Namespace()
    try:
        ours.ip(f"link add near type veth peer name far netns {others.thread}", "link set near up")
        others.ip("link set far up")
        ours.ip("addr add 10.77.0.1/24 dev near", "addr add fd77::1/64 dev near nodad")
        others.ip("addr add 10.77.0.2/24 dev far", "addr add fd77::2/64 dev far nodad")
        others.ip("addr add 198.51.100.7/32 dev far", "addr add 2001:db8::7/128 dev far nodad")
        others.ip("addr add 2001:db9::7/128 dev far nodad")
        ours.ip("route add default via 10.77.0.2", "-6 route add default via fd77::2")
        yield ours, others
    finally:
        ours.close()
        others.close()


@pytest.fixture(scope="module")
def dns(networks, tmp_path_factory) -> Iterator[Dns]:
    """The name server of our network."""
    ours, _ = networks
    file = tmp_path_factory.mktemp("dns") / "resolv.conf"
    file.write_text("nameserver 127.0.0.1\n")
    ours.use_resolver(file)
    server = ours.run(Dns, {})
    yield server
    server.close()


@pytest.fixture(scope="module")
def listening_wide(networks, dns, tmp_path_factory, no_memory) -> Iterator[Proxy]:
    """A proxy on all addresses of our network, IPv4 and IPv6 as far as one listener goes."""
    ours, _ = networks
    config = {"level": 2, "https": "sni", "reach": []}
    proxy = Proxy(config, tmp_path_factory.mktemp("lan"), "", "--listen", "0.0.0.0:0", environment=no_memory)
    ours.run(proxy.__enter__)
    yield proxy
    proxy.__exit__()


def _ask_from(source: str, proxy: str, port: int, data: bytes) -> bytes:
    with socket.create_connection((proxy, port), 15, source_address=(source, 0)) as client:
        try:
            client.sendall(data)
            return read_all(client, 15)
        except ConnectionError:
            return b""


def test_a_listener_on_all_addresses_serves_the_private_network_alone(networks, listening_wide):
    ours, others = networks
    request = get("sfs.home.arpa", 80)
    assert status(others.run(_ask_from, "10.77.0.2", "10.77.0.1", listening_wide.port, request)) == 200
    assert others.run(_ask_from, "198.51.100.7", "10.77.0.1", listening_wide.port, request) == b""
    assert others.run(_ask_from, "198.51.100.7", "10.77.0.1", listening_wide.port, connect("sfs.home.arpa", 443)) == b""


def test_a_group_that_names_a_range_opens_the_listener_to_it(networks, tmp_path, dns):
    ours, others = networks
    groups = [{"name": "branch", "clients": ["198.51.100.0/24", "2001:db8::/32"], "level": 1}]
    proxy = Proxy({"level": 2, "groups": groups}, tmp_path, "", "--listen", "[::]:0")
    ours.run(proxy.__enter__)
    try:
        request = get("sfs.home.arpa", 80)
        assert status(others.run(_ask_from, "2001:db8::7", "fd77::1", proxy.port, request)) == 200
        assert status(others.run(_ask_from, "fd77::2", "fd77::1", proxy.port, request)) == 200
        assert others.run(_ask_from, "2001:db9::7", "fd77::1", proxy.port, request) == b""
    finally:
        proxy.__exit__()


def test_a_client_of_the_network_reaches_no_address_of_this_machine(networks, listening_wide):
    ours, others = networks
    sink, tls = ours.run(Sink, "::", 0, "INNER"), ours.run(Sink, "::", 443, "INNER")
    targets = [*spellings(NEVER), "10.77.0.1", "[fd77::1]", "[::ffff:10.77.0.1]", "[64:ff9b::10.77.0.1]", "0xa4d0001"]
    with sink, tls:
        for target in targets:
            for data in (get(target, sink.port), get(target, 443), connect(target, 443)):
                answer = others.run(_ask_from, "10.77.0.2", "10.77.0.1", listening_wide.port, data)
                assert (target, status(answer) >= 400) == (target, True)
        assert (sink.visits, tls.visits) == ([], [])


def test_other_machines_of_the_network_are_reached_on_the_ports_of_the_web(networks, listening_wide):
    ours, others = networks
    web, tls, mail = (others.run(Sink, "10.77.0.2", port, "PRINTER") for port in (80, 443, 25))
    with web, tls, mail:
        assert b"PRINTER" in ours.run(listening_wide.raw, get("10.77.0.2", 80))
        assert b"PRINTER" in ours.run(listening_wide.raw, get("10.77.0.2", 443))
        assert status(ours.run(listening_wide.raw, get("10.77.0.2", 25))) == 403
        assert status(ours.run(listening_wide.raw, connect("10.77.0.2", 25))) == 403
        assert mail.visits == []


@pytest.mark.parametrize("inner_address", ["127.0.0.1", "10.77.0.1", "0.0.0.0", "169.254.169.254"])
def test_a_name_server_that_changes_its_answer_each_time_opens_nothing(networks, dns, listening_wide, inner_address):
    ours, others = networks
    world, inner = others.run(Sink, "10.77.0.2", 8443, "OPEN"), ours.run(Sink, "::", 8443, "INNER")
    dns.answers["rebinding.test"] = ["10.77.0.2", inner_address]
    dns.answers["slow.rebinding.test"] = ["10.77.0.2", "10.77.0.2", inner_address]
    with world, inner:
        got = []
        for name in ["rebinding.test"] * 12 + ["slow.rebinding.test"] * 12:
            got.append(ours.run(listening_wide.raw, get(name, 8443)))
            got.append(ours.run(through_tunnel, listening_wide, name, 8443))
        assert inner.visits == []
        assert not any(b"INNER" in answer for answer in got)
        assert {status(answer) for answer in got} <= {200, 403, 502}
        assert world.visits, "the name server's good answers were never used, so this showed nothing"
        assert len(dns.asked) >= len(got)

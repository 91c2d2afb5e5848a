"""`auto` in the proxy: tokens, what handshakes and requests teach, which tunnels are opened."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import connection, http
from mitmproxy.certs import CertStore

from sfs.core.facts import Https
from sfs.core.levels import Unrated
from sfs.proxy.addon import SfsAddon
from sfs.proxy.pages import Pages, local_now
from sfs.proxy.reach import Reach
from sfs.proxy.resolver import Resolver
from sfs.proxy.trust import Handshakes, Proofs, behind_front, client_key, mode_for, take_proof
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.sources.live import Live
from sfs.sources.reports import Reports
from sfs.sources.trust import Trust
from tests.hooks import ran

ME, OTHER = "192.0.2.1", "192.0.2.2"
INFO = [(2, 1, 6, "", ("198.51.100.7", 0))]
REFUSED = "The client does not trust the proxy's certificate for a.test (tlsv1 alert unknown ca)"
MAYBE = "The client may not trust the proxy's certificate for a.test (OpenSSL Error([('SSL routines', '', 'x')]))"
LEFT = (
    "The client disconnected during the handshake. If this happens consistently for a.test, "
    "this may indicate that the client does not trust the proxy's certificate."
)

TLS = {"sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"}


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def filters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")

    def make(**values: str):
        text = "".join(f"{key}: {value}\n" for key, value in values.items())
        path = folder / f"{abs(hash(text))}.yaml"
        path.write_text(f"state: {folder}\nblock: [listed.test]\nnever_decrypt: [bank.test]\n{text}")
        return load_filter(load_config(path))

    return {
        "auto": make(level="2"),
        "inspect": make(level="2", https="inspect"),
        "sni": make(level="2", https="sni"),
        "isp": make(profile="isp", https="auto"),
    }


class World:
    """An addon with a trust of its own and what a client does with it."""

    def __init__(self, filter_, certificate: Path | None = None, reports: Reports | None = None) -> None:
        self.trust = Trust(None, Clock())
        live = Live(filter_, lambda old: old)
        resolver = Resolver(Reach(owns=lambda _: False), lookup=lambda *_: INFO)
        pages = Pages(live, lambda: certificate, reports)
        self.addon = SfsAddon(live, pages, None, resolver, trust=self.trust)

    def connect(self, host: str, client: str = ME, **headers: str) -> http.HTTPFlow:
        conn = connection.Client(peername=(client, 50000), sockname=("127.0.0.1", 8080))
        flow = http.HTTPFlow(conn, connection.Server(address=None))
        fields = http.Headers([(name.encode(), value.encode()) for name, value in headers.items()])
        flow.request = http.Request(host, 443, b"CONNECT", b"", b"", b"", b"HTTP/1.1", fields, b"", None, 0, 0)
        asyncio.run(self.addon.http_connect(flow))
        return flow

    def hello(self, flow: http.HTTPFlow, sni: str | None = None) -> bool:
        """Whether the tunnel stays closed."""
        data = SimpleNamespace(
            context=SimpleNamespace(client=flow.client_conn),
            client_hello=SimpleNamespace(sni=sni or flow.request.host),
            ignore_connection=False,
        )
        asyncio.run(self.addon.tls_clienthello(data))
        return data.ignore_connection

    def opened(self, host: str, client: str = ME, **headers: str) -> bool:
        """Whether a new tunnel to this host would be looked into."""
        flow = self.connect(host, client, **headers)
        assert flow.response is None
        return not self.hello(flow)

    def handshake(self, flow: http.HTTPFlow, error: str | None = None) -> None:
        flow.client_conn.error = error
        flow.client_conn.timestamp_tls_setup = None if error else 1.0
        data = SimpleNamespace(context=SimpleNamespace(client=flow.client_conn), conn=flow.client_conn)
        (self.addon.tls_failed_client if error else self.addon.tls_established_client)(data)

    def get(self, flow: http.HTTPFlow, path: str = "/", scheme: str = "https", **headers: str) -> http.Response | None:
        inner = http.HTTPFlow(flow.client_conn, connection.Server(address=None))
        inner.request = http.Request.make("GET", f"{scheme}://{flow.request.host}{path}", headers=headers)
        asyncio.run(ran(self.addon.requestheaders, inner))
        return inner.response

    def page(self, url: str, client: str = ME, **headers: str) -> http.Response:
        conn = connection.Client(peername=(client, 50001), sockname=("127.0.0.1", 8080))
        flow = http.HTTPFlow(conn, connection.Server(address=None))
        flow.request = http.Request.make("GET", url, headers={"Accept": "text/html", **headers})
        asyncio.run(ran(self.addon.requestheaders, flow))
        assert flow.response is not None
        return flow.response

    def token(self, client: str = ME) -> str:
        """The path of a proof that this client is given."""
        return self.addon._own._proofs.url(client).removeprefix("https://check.sfs.home.arpa")

    def prove(self, client: str = ME, path: str | None = None, **headers: str) -> http.Response | None:
        flow = self.connect("check.sfs.home.arpa", client)
        assert not self.hello(flow)
        self.handshake(flow)
        return self.get(flow, path or self.token(client), **{"Sec-Fetch-Dest": "image", **headers})

    def leave(self, flow: http.HTTPFlow) -> None:
        self.addon.client_disconnected(flow.client_conn)


@pytest.fixture
def world(filters) -> World:
    return World(filters["auto"])


def test_a_client_is_by_name_until_the_picture_loaded(world):
    assert not world.opened("site.test")
    answer = world.prove()
    assert answer is not None and answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert world.opened("site.test")
    assert not world.opened("site.test", OTHER)
    assert not world.opened("bank.test")  # never decrypted


def test_what_is_closed_is_refused_by_name_without_trust_and_gets_its_page_with_it(world):
    assert world.connect("listed.test").response.status_code == 403
    assert [x.host for x in world.addon.verdicts.refused.of(ME, local_now())] == ["listed.test"]
    world.prove()
    flow = world.connect("listed.test")
    assert flow.response is None and not world.hello(flow)
    world.handshake(flow)
    answer = world.get(flow, Accept="text/html")
    assert answer.status_code == 403 and b"<html" in answer.content
    world.trust.refused(ME, "listed.test")
    assert world.connect("listed.test").response.status_code == 403  # pinned, still filtered


@pytest.mark.parametrize("mode", ["inspect", "sni", "isp"])
def test_only_auto_learns(filters, mode):
    world = World(filters[mode])
    assert world.prove().status_code == 404
    assert world.trust.devices() == ()
    world.trust.proved(ME)
    assert world.opened("site.test") is (mode == "inspect")
    flow = world.connect("site.test")
    world.hello(flow)
    world.handshake(flow, REFUSED)
    assert world.trust.pins() == ()


def test_a_refused_site_is_by_name_at_the_next_try_and_in_tunnels_that_wait(world):
    world.prove()
    first, second = world.connect("a.test"), world.connect("a.test")
    assert not world.hello(first)
    world.handshake(first, REFUSED)
    assert world.hello(second)
    assert not world.opened("a.test")
    assert world.opened("b.test")


def test_a_tunnel_that_is_closed_late_is_judged_by_name(world):
    world.prove()
    flow = world.connect("listed.test")
    assert flow.response is None
    world.trust.refused(ME, "listed.test")
    assert world.hello(flow)
    data = SimpleNamespace(
        client=flow.client_conn,
        server=SimpleNamespace(address=("listed.test", 443), transport_protocol="tcp", error=None),
    )
    world.addon.server_connect(data)
    assert data.server.error is not None


@pytest.mark.parametrize(("error", "pinned_after"), [(REFUSED, 1), (MAYBE, 1), (LEFT, 3)])
def test_what_a_failed_handshake_teaches(world, error, pinned_after):
    world.prove()
    for _ in range(pinned_after):
        assert not world.trust.pinned(ME, "a.test")
        flow = world.connect("a.test")
        world.hello(flow)
        world.handshake(flow, error)
        world.leave(flow)
    assert world.trust.pinned(ME, "a.test")


def test_rubbish_in_place_of_a_handshake_teaches_nothing(world):
    world.prove()
    for _ in range(5):
        flow = world.connect("a.test")
        world.hello(flow)
        world.handshake(flow, "Cannot parse ClientHello: 00")
    assert world.trust.pins() == ()


def test_three_tunnels_that_are_left_without_a_request_pin_a_site(world):
    world.prove()
    for asks in (False, False, True, False, False, False):
        assert not world.trust.pinned(ME, "a.test")
        flow = world.connect("a.test")
        world.hello(flow)
        world.handshake(flow)
        if asks:
            world.get(flow)
        world.leave(flow)
    assert world.trust.pinned(ME, "a.test")


def test_a_connection_that_a_browser_opened_ahead_and_kept_is_no_silence():
    trust, clock = Trust(None), Clock()
    trust.proved(ME)
    hands = Handshakes(trust, clock)
    for number in range(5):
        hands.established(str(number), ME, "a.test")
        clock.now += 3.0
        hands.ended(str(number))
    assert trust.pins() == ()


def test_our_own_hosts_are_never_pinned(world):
    world.prove()
    for host in ("check.sfs.home.arpa", "sfs.home.arpa"):
        flow = world.connect(host)
        world.hello(flow)
        world.handshake(flow, REFUSED)
    assert world.trust.pins() == ()
    assert world.trust.trusted(ME)


# The proof


def test_a_document_proves_nothing_nor_does_the_picture_behind_it(world):
    answer = world.prove(**{"Sec-Fetch-Dest": "document"})
    assert answer.status_code == 404
    assert not world.trust.trusted(ME)
    assert world.prove().status_code == 404  # the browser may remember that its reader went on


def test_a_child_cannot_end_inspection_by_opening_the_check_host(world):
    world.prove()
    for headers in ({"Sec-Fetch-Dest": "document"}, {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}):
        assert world.prove(path="/", **headers).status_code == 404
        assert world.trust.trusted(ME)


@pytest.mark.parametrize(
    ("headers", "proves"),
    [
        ({"Sec-Fetch-Dest": "image"}, True),
        ({"Sec-Fetch-Dest": ""}, True),
        ({"Sec-Fetch-Dest": "", "Accept": "image/svg+xml,image/*;q=0.8"}, True),
        ({"Sec-Fetch-Dest": "", "Accept": "text/html,*/*"}, False),
        ({"Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "navigate"}, False),
        ({"Sec-Fetch-Dest": "iframe"}, False),
        ({"Sec-Fetch-Dest": "empty"}, False),
        ({"Sec-Fetch-Dest": "script"}, False),
    ],
)
def test_only_a_picture_proves(world, headers, proves):
    assert (world.prove(**headers).status_code == 200) is proves
    assert world.trust.trusted(ME) is proves


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Dest": "script", "Accept": "text/html"},
    ],
)
def test_a_page_cannot_take_its_readers_trust_away(world, headers):
    world.prove()
    assert world.prove(path="/", **headers).status_code == 404
    assert world.trust.trusted(ME)


def test_a_token_is_for_one_client(world):
    assert world.prove(path=world.token(OTHER)).status_code == 404
    assert world.prove(path="/").status_code == 404
    assert world.prove(path="/proof/.svg").status_code == 404
    assert world.trust.devices() == ()


def test_nothing_is_proved_without_a_tunnel_and_a_handshake_in_it(world):
    path = world.token()
    for url in (f"http://check.sfs.home.arpa{path}", f"https://check.sfs.home.arpa{path}"):
        assert world.page(url, Accept="*/*", **{"Sec-Fetch-Dest": "image"}).status_code == 404
    for host in ("check.sfs.home.arpa", "site.test"):
        flow = world.connect(host)
        flow.client_conn.timestamp_tls_setup = 1.0  # TLS to the proxy itself, before the tunnel
        inner = http.HTTPFlow(flow.client_conn, connection.Server(address=None))
        inner.request = http.Request.make("GET", f"https://check.sfs.home.arpa{path}")
        asyncio.run(ran(world.addon.requestheaders, inner))
        assert inner.response is not None and inner.response.status_code in (400, 404)
    assert world.trust.devices() == ()


def test_behind_another_proxy_everybody_is_by_name(world):
    world.trust.proved(ME)
    assert world.opened("a.test")
    for name in ("Via", "X-Forwarded-For", "Forwarded"):
        assert not world.opened("a.test", **{name: "x"})
    assert behind_front(http.Headers([(b"via", b"1.1 x")]))
    body = world.page("http://sfs.home.arpa/", Via="1.1 squid").content
    assert b"/proof/" not in body


def test_the_help_page_holds_the_picture_of_this_client(filters, tmp_path):
    CertStore.from_store(tmp_path, "mitmproxy", 2048)
    world = World(filters["auto"], tmp_path / "mitmproxy-ca-cert.pem")
    body = world.page("http://sfs.home.arpa/").content
    assert body.count(b"https://check.sfs.home.arpa/proof/") == 1
    other = world.page("http://sfs.home.arpa/", OTHER).content
    cut = body.partition(b"https://check.sfs.home.arpa")[2].partition(b'"')[0].decode()
    assert cut.encode() not in other
    assert world.prove(path=cut).status_code == 200


def test_a_report_waits_for_its_form_and_is_kept(filters, tmp_path):
    reports = Reports(tmp_path / "reports.jsonl")
    world = World(filters["auto"], reports=reports)
    page = world.page("http://sfs.home.arpa/report?kind=blocked&host=listed.test")
    form = dict(re.findall(r'name="(\w+)"[^>]*value="([^"]*)"', page.text))
    body = urlencode(form | {"kind": "shown", "address": "site.test", "note": "why"}).encode()
    fields = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    flow = http.HTTPFlow(
        connection.Client(peername=(ME, 50001), sockname=("127.0.0.1", 8080)), connection.Server(address=None)
    )
    flow.request = http.Request.make("POST", "http://sfs.home.arpa/report", headers=fields)

    async def run() -> None:
        await ran(world.addon.requestheaders, flow)
        assert flow.response is None
        flow.request.raw_content = body
        await world.addon.request(flow)

    asyncio.run(run())
    assert flow.response is not None and flow.response.status_code == 303, flow.response and flow.response.text
    assert [report.address for report in reports.waiting()] == ["site.test"]
    assert not world.addon.faults.counts


def test_a_token_holds_ten_minutes_and_for_its_run():
    clock = Clock()
    proofs = Proofs(clock)
    path = proofs.url(ME).removeprefix("https://check.sfs.home.arpa")
    assert proofs.holds(ME, path)
    assert not proofs.holds(OTHER, path)
    assert not Proofs(clock).holds(ME, path)
    clock.now += 599
    assert proofs.holds(ME, path)
    clock.now += 1
    assert not proofs.holds(ME, path)


@given(st.text(max_size=80), st.integers(-10, 10))
@settings(deadline=None)
def test_no_other_path_holds(text, shift):
    clock = Clock()
    proofs = Proofs(clock)
    good = proofs.url(ME).removeprefix("https://check.sfs.home.arpa")
    until, _, mac = good.removeprefix("/proof/").removesuffix(".svg").partition("-")
    for path in (text, f"/proof/{text}.svg", f"/proof/{until}-{text}.svg", f"/proof/{text}-{mac}.svg"):
        assert path == good or not proofs.holds(ME, path)
    moved = f"/proof/{int(until, 16) + shift:x}-{mac}.svg"
    assert proofs.holds(ME, moved) is (shift == 0)


def test_a_withdrawn_document_is_known_without_the_newer_headers():
    trust, proofs = Trust(None), Proofs()
    old = http.Request.make("GET", "https://check.sfs.home.arpa/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert not take_proof(trust, proofs, ME, old)
    assert not trust.proved(ME)


def test_the_key_of_a_client():
    assert client_key("::ffff:192.0.2.1") == client_key("192.0.2.1") == "192.0.2.1"
    assert client_key("2001:db8::1") == "2001:db8::1"
    assert client_key(None) is client_key("") is None
    assert client_key(ME, "Anna") == client_key(ME, "anna ") != client_key(ME)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("prove"), st.booleans()),
        st.tuples(st.just("document"), st.booleans()),
        st.tuples(st.just("forge"), st.booleans()),
        st.tuples(
            st.sampled_from(["a.test", "b.test", "c.test", "d.test"]), st.sampled_from([REFUSED, LEFT, "", "ask"])
        ),
    ),
    max_size=25,
)


def test_whatever_clients_do_none_is_inspected_that_has_not_proved_trust(filters):
    @given(STEPS)
    @settings(max_examples=50, deadline=None)
    def holds(steps):
        world = World(filters["auto"])
        proved = {ME: False, OTHER: False}
        for what, how in steps:
            live_through(world, proved, what, how)
        assert not world.addon.faults.counts

    holds()


def live_through(world: World, proved: dict[str, bool], what: str, how: object) -> None:
    """One step, and what must hold in it."""
    if what in ("prove", "document", "forge"):
        who, other = (ME, OTHER) if how else (OTHER, ME)
        if what == "prove":
            proved[who] |= world.prove(who).status_code == 200
        elif what == "document":
            world.prove(who, **{"Sec-Fetch-Dest": "document"})
        else:
            world.prove(who, path=world.token(other))
        return
    for who in (ME, OTHER):
        flow = world.connect(what, who)
        closed = world.hello(flow)
        assert closed or proved[who]
        if not closed:
            world.handshake(flow, how if how in (REFUSED, LEFT) else None)
        if not closed and how == "ask":
            world.get(flow)
        world.leave(flow)


@pytest.mark.parametrize(("level", "blocks"), [(2, True), (3, False)])
def test_a_fault_in_the_handshake_keeps_what_connect_decided(filters, monkeypatch, level, blocks):
    world = World(filters["auto"])
    world.prove()
    flow = world.connect("a.test")
    tunnel = world.addon._tunnels.of(flow.client_conn.id)
    policy = tunnel.policy
    if level == 3:
        from dataclasses import replace

        policy = replace(policy, on_error=Unrated.SHOW)
        world.addon._tunnels._open[flow.client_conn.id] = replace(tunnel, policy=policy)

    def broken(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr("sfs.proxy.tunnels.mode_for", broken)
    assert not world.hello(flow)
    assert (world.addon._tunnels.of(flow.client_conn.id).refused == "error") is blocks
    assert world.addon.faults.counts


def test_the_mode_of_a_client_that_nobody_knows(filters):
    assert mode_for(filters["auto"], None, ME, "a.test", front=False) is Https.SNI
    assert mode_for(filters["auto"], Trust(None), None, "a.test", front=False) is Https.SNI

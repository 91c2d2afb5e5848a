"""The hooks of the addon on made-up flows: what stays blocked where something of ours fails, and what is sent on."""

import asyncio

import pytest
from mitmproxy import connection, http

from sfs.proxy import stock
from sfs.proxy.addon import SfsAddon
from sfs.proxy.pages import Pages, local_now
from sfs.proxy.reach import Reach
from sfs.proxy.resolver import Resolver
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.sources.live import Live
from tests.hooks import ran

ADULT = "RTA-5042-1996-1400-1577-RTA"
INFO = [(2, 1, 6, "", ("198.51.100.7", 0))]


@pytest.fixture(scope="module")
def filters(tmp_path_factory):
    """level -> a filter with a blocked host."""
    folder = tmp_path_factory.mktemp("state")

    def make(level: int):
        path = folder / f"{level}.yaml"
        path.write_text(f"state: {folder}\nlevel: {level}\nhttps: inspect\nblock: [listed.test]\n")
        return load_filter(load_config(path))

    return {level: make(level) for level in (2, 3)}


def addon_of(filter_) -> SfsAddon:
    resolver = Resolver(Reach(owns=lambda _: False), lookup=lambda *_: INFO)
    live = Live(filter_, lambda old: old)
    return SfsAddon(live, Pages(live, lambda: None), None, resolver)


def flow_to(url: str, **headers: str) -> http.HTTPFlow:
    client = connection.Client(peername=("127.0.0.1", 50000), sockname=("127.0.0.1", 8080))
    flow = http.HTTPFlow(client, connection.Server(address=None))
    flow.request = http.Request.make("GET", url, headers={"Accept": "text/html", **headers})
    return flow


def asked(addon: SfsAddon, flow: http.HTTPFlow) -> http.HTTPFlow:
    asyncio.run(ran(addon.requestheaders, flow))
    return flow


def answered(addon: SfsAddon, flow: http.HTTPFlow, body: bytes = b"", **headers: str) -> http.Response | None:
    """What stands in place of the response; None where it is shown."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    flow.response = http.Response.make(200, body, fields)

    async def run() -> None:
        await ran(addon.responseheaders, flow)
        head = flow.metadata.get(stock.HOLD)
        if head is not None and stock.ANSWER not in flow.metadata:
            try:
                head.feed(body)
                flow.metadata[stock.ENDED] = "end"
            except Exception:
                flow.metadata[stock.ENDED] = "error"
            await ran(addon.html_head, flow)

    asyncio.run(run())
    return flow.metadata.get(stock.ANSWER)


def broken(*_: object, **__: object) -> None:
    raise ValueError("http://listed.test/ in a message")


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("part", ["pages.blocked", "_recorded", "pages.both"])
def test_what_is_blocked_stays_blocked_where_the_page_or_the_record_fails(filters, monkeypatch, level, part):
    addon = addon_of(filters[level])
    if part == "_recorded":
        monkeypatch.setattr(addon.verdicts, "_recorded", broken)
    else:
        monkeypatch.setattr(Pages, "blocked", broken)
    if part == "pages.both":
        monkeypatch.setattr(Pages, "error", broken)
    flow = asked(addon, flow_to("http://listed.test/"))
    assert flow.response is not None and flow.response.status_code == 403
    rated = asked(addon, flow_to("http://site.test/"))
    assert rated.response is None
    page = answered(addon, rated, b"x", Content_Type="text/plain", Rating=ADULT)
    assert page is not None and page.status_code == 403
    assert addon.faults.counts and not any("listed" in text for text in addon.faults.counts)


def test_a_policy_that_cannot_be_found_is_the_default_one(filters, monkeypatch):
    monkeypatch.setattr("sfs.proxy.verdicts.Verdicts.policy", broken)
    addon = addon_of(filters[2])
    assert asked(addon, flow_to("http://site.test/")).response.status_code == 403


@pytest.mark.parametrize(("level", "shown"), [(2, False), (3, True)])
def test_a_head_that_cannot_be_read_is_the_policys_word_for_faults(filters, monkeypatch, level, shown):
    addon = addon_of(filters[level])
    monkeypatch.setattr("sfs.proxy.held.HeldHead.feed", broken)
    flow = asked(addon, flow_to("http://site.test/"))
    assert (answered(addon, flow, b"<title>x</title>", Content_Type="text/html") is None) is shown


def test_a_response_nobody_asked_for_is_replaced_not_sent_under_our_status(filters):
    page = answered(addon_of(filters[2]), flow_to("http://site.test/"), b"x", Content_Type="text/html")
    assert page is not None and page.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_without_holding_a_page_is_replaced_when_it_is_complete(filters, monkeypatch, kind):
    monkeypatch.setattr(stock, "stock_mode", True)
    addon = addon_of(filters[2])
    flow = asked(addon, flow_to("http://site.test/"))
    flow.response = http.Response.make(200, b"<title>x</title>", {"Content-Type": kind, "Rating": ADULT})

    async def run() -> None:
        await ran(addon.responseheaders, flow)
        await addon.response(flow)

    asyncio.run(run())
    assert flow.response.status_code == 403


@pytest.mark.parametrize("kind", ["html", "*/*", "unknown/unknown", "text/plain, text/html", None])
def test_a_type_that_says_nothing_leaves_it_to_the_first_bytes(filters, kind):
    addon = addon_of(filters[2])
    html = b'<html><head><meta name="rating" content="adult"></head>'
    types = {} if kind is None else {"Content_Type": kind}
    assert answered(addon, asked(addon, flow_to("http://site.test/")), html, **types) is not None
    assert answered(addon, asked(addon, flow_to("http://site.test/")), b"plain", **types) is None


@pytest.mark.parametrize(("status", "location", "held"), [(302, "/x", False), (300, "/x", True), (302, " ", True)])
def test_only_a_redirect_that_is_followed_is_not_looked_at(filters, status, location, held):
    addon = addon_of(filters[2])
    flow = asked(addon, flow_to("http://site.test/"))
    flow.response = http.Response.make(status, b"<html>", {"Content-Type": "text/html", "Location": location})
    asyncio.run(ran(addon.responseheaders, flow))
    assert (stock.HOLD in flow.metadata) is held


def test_the_path_that_was_judged_is_the_one_that_is_sent(filters):
    addon = addon_of(filters[2])
    flow = flow_to("http://site.test/")
    for sent, expected in (
        (b"/a/../b/%2e%2E/c?q=/../x", b"/c?q=/../x"),
        (b"/a\\..\\b", b"/b"),
        (b"/a..b/.c/%7Ex?y", b"/a..b/.c/%7Ex?y"),
    ):
        flow = flow_to("http://site.test/")
        flow.request.data.path = sent
        assert asked(addon, flow).response is None
        assert flow.request.data.path == expected


def test_the_server_is_asked_for_codings_that_the_browser_and_we_can_read(filters):
    addon = addon_of(filters[2])
    for said, sent in (
        ("gzip, deflate", "gzip, deflate"),
        ("gzip;q=0.5, br, zstd, dcb, dcz", "gzip;q=0.5, br, zstd"),
        ("identity", "identity"),
        ("compress", "identity"),
        ("*", "identity"),
    ):
        flow = asked(addon, flow_to("http://site.test/", **{"Accept-Encoding": said, "Proxy-Authorization": "Basic x"}))
        assert flow.request.headers["accept-encoding"] == sent
        assert "proxy-authorization" not in flow.request.headers


@pytest.mark.parametrize(("accept", "left_out"), [("text/html", True), ("image/*", False)])
def test_of_a_page_no_part_is_asked_for(filters, accept, left_out):
    fields = {"Range": "bytes=5-", "If-Range": '"1"', "If-None-Match": '"1"', "IF-MODIFIED-SINCE": "x"}
    more = {"Accept": accept, "Proxy-Connection": "close", **fields}
    flow = asked(addon_of(filters[2]), flow_to("http://site.test/", **more))
    for name in fields:
        assert (name in flow.request.headers) is not left_out
    assert "proxy-connection" not in flow.request.headers
    assert flow.request.headers["via"].startswith("1.1 sfs-")
    assert flow.request.headers.get_all("accept") == [accept]


@pytest.mark.parametrize(
    ("sent", "judged"),
    [(b"/a/../b?c/.", b"/b?c/."), (b"/a\\b", b"/a/b"), (b"/%2E%2e/c", b"/c"), (b"/a?x=/../y", b"/a?x=/../y")],
)
def test_the_path_that_was_judged_is_sent(filters, sent, judged):
    flow = flow_to("http://site.test/")
    flow.request.data.path = sent
    assert asked(addon_of(filters[2]), flow).request.data.path == judged


def test_a_help_host_is_not_named_on_why_even_where_its_port_is_refused(filters):
    addon = addon_of(filters[2])
    help_host = next(iter(filters[2].helplines[0].hosts)).removeprefix("=")
    for host, named in ((help_host, False), ("site.test", True)):
        flow = flow_to("http://x.test/")
        flow.request = http.Request(host, 25, b"CONNECT", b"", b"", b"", b"HTTP/1.1", http.Headers(), b"", None, 0, 0)
        asyncio.run(addon.http_connect(flow))
        assert flow.response.status_code == 403
        assert any(x.host == host for x in addon.verdicts.refused.of("127.0.0.1", local_now())) is named


def test_a_body_of_unknown_length_over_http2_streams(filters):
    addon = addon_of(filters[2])
    flow = flow_to("http://site.test/")
    flow.request.http_version = "HTTP/2.0"
    flow.request.method = "POST"
    flow.request.headers.pop("content-length", None)
    assert asked(addon, flow).request.stream


def test_any_fault_text_names_type_and_place_only(filters, monkeypatch):
    addon = addon_of(filters[2])
    monkeypatch.setattr(type(filters[2]), "judge", broken)
    asked(addon, flow_to("http://site.test/"))
    assert [text.startswith("ValueError at test_addon.py:") for text in addon.faults.counts] == [True]


@pytest.mark.parametrize("gone", [False, True])
def test_a_websocket_whose_client_left_meanwhile_is_not_kept_in_mind(filters, gone):
    addon = addon_of(filters[2])
    flow = asked(addon, flow_to("http://site.test/live", Sec_Fetch_Dest="websocket"))
    flow.client_conn.timestamp_end = 1.0 if gone else None
    flow.response = http.Response.make(101)
    asyncio.run(ran(addon.responseheaders, flow))
    assert len(addon._recheck._sockets) == (0 if gone else 1)

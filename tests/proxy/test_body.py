"""The text of a page in the hooks of the addon: what is held, what is judged, in which order."""

import asyncio

import pytest
from mitmproxy import http

from sfs.proxy import stock
from sfs.proxy.addon import SfsAddon
from sfs.proxy.held import HeldBody, HeldHead
from sfs.proxy.responses import AT_ONCE
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from tests.hooks import ran
from tests.proxy.test_addon import ADULT, addon_of, asked, broken, flow_to

TEXT = b"<p>blue widget, red widget, green widget"
WORDS = "keywords: {3: [blue widget, red widget, green widget, grey widget]}"


@pytest.fixture(scope="module")
def filters(tmp_path_factory):
    """level -> a filter that scans; None -> one that does not."""
    folder = tmp_path_factory.mktemp("state")

    def make(level: int, scan: str):
        path = folder / f"{level}-{scan}.yaml"
        path.write_text(f"state: {folder}\nlevel: {level}\nhttps: inspect\nscan_body: {scan}\n{WORDS}\n")
        return load_filter(load_config(path))

    return {2: make(2, "true"), 3: make(3, "true"), None: make(2, "false")}


def held(addon: SfsAddon, body: bytes, fields: dict[str, str], ended: str = "end") -> tuple[list[type], http.HTTPFlow]:
    """What was held for it, one after the other, and the flow after."""
    flow = asked(addon, flow_to("http://site.test/"))
    flow.response = http.Response.make(200, body, fields)
    kinds: list[type] = []

    async def run() -> None:
        await ran(addon.responseheaders, flow)
        while (hold := flow.metadata.get(stock.HOLD)) is not None and stock.ANSWER not in flow.metadata:
            kinds.append(type(hold))
            hold.feed(body)
            flow.metadata[stock.ENDED] = ended
            await ran(addon.html_head, flow)

    asyncio.run(run())
    return kinds, flow


def blocked(flow: http.HTTPFlow) -> bool:
    return stock.ANSWER in flow.metadata


HTML = {"Content-Type": "text/html"}


def test_a_page_is_judged_by_its_head_then_by_its_text(filters):
    kinds, flow = held(addon_of(filters[2]), TEXT, HTML)
    assert (kinds, blocked(flow)) == ([HeldHead, HeldBody], True)
    kinds, flow = held(addon_of(filters[2]), b"<p>one blue widget", HTML)
    assert (kinds, blocked(flow)) == ([HeldHead, HeldBody], False)


def test_what_its_head_closes_is_closed_before_its_text_is_there(filters):
    kinds, flow = held(addon_of(filters[2]), b"<title>blue widget</title>" + TEXT, HTML)
    assert (kinds, blocked(flow)) == ([HeldHead], True)
    kinds, flow = held(addon_of(filters[2]), TEXT, HTML | {"Rating": ADULT})
    assert (kinds, blocked(flow)) == ([HeldHead], True)


def test_without_scanning_no_text_is_held(filters):
    kinds, flow = held(addon_of(filters[None]), TEXT, HTML)
    assert (kinds, blocked(flow)) == ([HeldHead], False)
    kinds, flow = held(addon_of(filters[None]), TEXT, {"Content-Type": "text/plain"})
    assert (kinds, blocked(flow)) == ([], False)


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_plain_text_and_json_that_are_opened_are_read(filters, kind):
    kinds, flow = held(addon_of(filters[2]), TEXT, {"Content-Type": kind})
    assert (kinds, blocked(flow)) == ([HeldBody], True)
    assert flow.response.stream is False
    kinds, flow = held(addon_of(filters[2]), b"blue widget", {"Content-Type": kind})
    assert (kinds, blocked(flow)) == ([HeldBody], False)


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "text/css"])
def test_other_types_stream_as_ever(filters, kind):
    kinds, flow = held(addon_of(filters[2]), TEXT, {"Content-Type": kind})
    assert (kinds, blocked(flow)) == ([], False)


def test_a_long_text_is_searched_beside_the_loop(filters, monkeypatch):
    addon = addon_of(filters[2])
    threads = []
    monkeypatch.setattr(addon._responses._searches, "submit", lambda *work: threads.append(work) or broken())
    kinds, flow = held(addon, TEXT, HTML)
    assert not threads and blocked(flow)
    monkeypatch.undo()
    kinds, flow = held(addon, b"<p>" + b"x " * AT_ONCE + TEXT, HTML)
    assert (kinds, blocked(flow)) == ([HeldHead, HeldBody], True)
    assert addon._responses._searches._threads


@pytest.mark.parametrize(("level", "shown"), [(2, False), (3, True)])
def test_a_text_that_cannot_be_searched_is_the_policys_word_for_faults(filters, monkeypatch, level, shown):
    monkeypatch.setattr("sfs.proxy.responses.body_from", broken)
    addon = addon_of(filters[level])
    for body in (b"<p>text", b"<p>text" * AT_ONCE):
        _, flow = held(addon, body, HTML)
        assert blocked(flow) is not shown
    assert all("widget" not in text for text in addon.faults.counts)


def test_where_nothing_can_be_held_the_whole_page_is_judged(filters, monkeypatch):
    monkeypatch.setattr(stock, "stock_mode", True)
    for kind in ("text/html", "text/plain"):
        addon = addon_of(filters[2])
        flow = asked(addon, flow_to("http://site.test/"))
        flow.response = http.Response.make(200, TEXT, {"Content-Type": kind})

        async def run(addon=addon, flow=flow) -> None:
            await ran(addon.responseheaders, flow)
            await addon.response(flow)

        asyncio.run(run())
        assert flow.response.status_code == 403

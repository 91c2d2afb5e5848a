"""The page that tries the ways around the filter, by a real `sfs run`: with curl at three levels, and in Chromium."""

import html
import os
import re
import socket
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from sfs.core.probes import PROBES
from sfs.web.texts import texts_for
from tests.e2e.browser import Reader, Relay, chromium, missing
from tests.e2e.proxy import Proxy

CHECK = "http://sfs.home.arpa/check"
WITHOUT_BROWSER = {"socket"}  # curl opens no WebSocket
SECURE = {"translator", "webproxy", "nested", "dns"}  # seen only in the path, so not by name
BY_NAME = {"fronting"}  # open wherever HTTPS is judged by name


def states(text: str, language: str = "en") -> dict[str, str]:
    """What a result page says of each probe."""
    texts = texts_for(language)
    words = {texts.text(f"check.{word}"): word for word in ("closed", "open", "none", "secure")}
    parts = re.findall(r"<section class=\"[a-z]*\">\s*<h2>(.*?)</h2>\s*<p>(.*?)</p>", text, re.DOTALL)
    said = {html.unescape(title): words[html.unescape(re.sub("<[^>]+>", "", word)).strip()] for title, word in parts}
    return {probe.name: said[texts.text(f"check.{probe.name}")] for probe in PROBES}


def start_run(proxy: Proxy) -> tuple[str, list[str]]:
    """The run's mark, and what its page loads."""
    page = proxy.curl(CHECK)
    assert page.status == 200
    run = re.search(r'data-run="([^"]+)"', page.text)
    assert run is not None
    return run[1], [html.unescape(url) for url in re.findall(r'<iframe[^>]* src="([^"]+)"', page.text)]


def load(proxy: Proxy, url: str) -> int:
    return proxy.curl(url, "--path-as-is", "-H", "Sec-Fetch-Dest: iframe").status


@pytest.mark.parametrize(
    ("config", "expected", "secure"),
    [
        ({"level": 0, "https": "inspect"}, set(), set()),
        ({"level": 1, "https": "inspect"}, {"address"}, set()),
        ({"level": 1, "https": "inspect", "addresses": "block"}, set(), set()),
        ({"level": 1, "https": "sni"}, {"address", "fronting"}, SECURE),
        ({"level": 1, "https": "auto"}, {"address", "fronting"}, SECURE),
        ({"level": 1, "https": "inspect", "profile": "only-allowed"}, set(), set()),
        ({"level": 4, "https": "inspect"}, {probe.name for probe in PROBES} - WITHOUT_BROWSER - BY_NAME, set()),
    ],
    ids=["level-0", "level-1", "no-numbers", "level-1-by-name", "level-1-auto", "only-allowed", "level-4"],
)
def test_what_is_open_at_a_level_is_said(start, origin, config, expected, secure):
    with start(config) as proxy:
        run, urls = start_run(proxy)
        assert len(urls) == len(PROBES) - 2
        before = len(origin.seen)
        statuses = [load(proxy, url) for url in urls]
        assert set(statuses) <= {200, 403}
        said = states(proxy.curl(f"{CHECK}/result?run={run}").text)
        assert {name for name, state in said.items() if state == "open"} == expected
        assert {name for name, state in said.items() if state == "secure"} == secure
        assert said["socket"] == "none"
        assert statuses.count(200) == len(expected - BY_NAME)
        assert len(origin.seen) == before  # nothing goes upstream
        assert not list((proxy.state / "log").glob("*.jsonl"))  # nor into the log
        assert proxy.lines.count("Traceback") == 0


def test_a_run_belongs_to_its_client_and_a_probe_without_one_says_nothing(start):
    with start({"level": 4, "https": "inspect"}) as proxy, Relay(proxy.port, "127.0.0.7") as relay:
        run, urls = start_run(proxy)
        other = proxy.curl(urls[0], "-x", f"http://{relay.address}")
        assert other.status == 200  # judged and answered, but not for this run
        assert states(proxy.curl(f"{CHECK}/result?run={run}").text)["listed"] == "none"
        foreign = proxy.curl(f"{CHECK}/result?run={run}", "-x", f"http://{relay.address}")
        assert (foreign.status, "location: /check" in foreign.headers.lower()) == (302, True)
        assert load(proxy, urls[0]) == 200
        assert states(proxy.curl(f"{CHECK}/result?run={run}").text)["listed"] == "open"
        assert proxy.curl(f"{CHECK}/result?run=x").status == 302
        assert proxy.curl("http://192.0.2.33/?run=x").status in (403, 502, 504)  # an address like any other


@pytest.mark.parametrize(("level", "status", "state"), [(1, 403, "closed"), (4, 200, "open")])
def test_a_tunnel_to_a_probe_leads_nowhere_and_is_recorded_nowhere(start, level, status, state):
    with start({"level": level, "https": "sni", "record": "visits"}) as proxy:
        run, _ = start_run(proxy)
        host = "socket.probe.sfs.home.arpa:80"
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as tunnel, tunnel.makefile("rb") as told:
            tunnel.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert told.readline().startswith(f"HTTP/1.1 {status}".encode())
        assert states(proxy.curl(f"{CHECK}/result?run={run}").text)["socket"] == state
        assert "socket" not in proxy.curl("http://sfs.home.arpa/why").text
    assert not [path for path in (proxy.state / "log").glob("*.jsonl") if "probe" in path.read_text()]


@pytest.mark.browser
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_browser_tries_them_all(start, tmp_path: Path, language):
    if reason := missing():
        pytest.skip(reason)
    locale = {"ja": "ja-JP", "en": "en-US"}[language]
    texts = texts_for(language)
    with (
        start({"level": 1, "https": "inspect"}) as proxy,
        sync_playwright() as play,
        chromium(play, tmp_path) as browser,
        Reader(browser, proxy.address, locale, width=360) as reader,
    ):
        assert reader.open("http://sfs.home.arpa/").status == 200
        reader.page.click("a[href='/check']")
        reader.page.wait_for_url("**/check/result?run=*")
        said = states(reader.page.content(), language)
        assert {name for name, state in said.items() if state != "closed"} == {"address"}
        assert texts.text("check.close_address") in (reader.page.text_content("main") or "")
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= 360
        if folder := os.environ.get("SFS_SCREENSHOTS"):
            reader.page.screenshot(path=Path(folder) / f"check-{language}-360.png", full_page=True)

"""The page that tries the ways around the filter, by a real `sfs run`: with curl at several levels, and in Chromium."""

import base64
import contextlib
import html
import os
import re
import socket
from functools import cache
from pathlib import Path

import pytest

from sfs.core.probes import FORM_FIELDS, PROBES, QUESTION
from sfs.web.texts import texts_for
from tests.e2e.browser import Reader, chromium, trust
from tests.e2e.proxy import Proxy

OTHER = ("--interface", "127.0.0.7")
CHECK = "http://sfs.home.arpa/check"
ALL = {probe.name for probe in PROBES}
SECURE = {"translator", "webproxy", "form", "nested", "dns", "question", "fronting"}  # not to be seen in a name


def states(text: str) -> dict[str, str]:
    """What a result page says of each probe."""
    found = dict(re.findall(r'<li data-probe="([a-z]+)" data-state="([a-z]+)">', text))
    assert found.keys() == ALL
    return found


def named(said: dict[str, str], state: str) -> set[str]:
    return {name for name, its in said.items() if its == state}


def start_run(proxy: Proxy, *arguments: str) -> tuple[str, list[tuple[str, str]]]:
    """The run's mark; what its page tries, each with its manner."""
    page = proxy.curl(CHECK, *arguments)
    assert page.status == 200
    assert len(page.body) < 30_000
    run = re.search(r"check/result\?run=([\w-]+)", page.text)
    assert run is not None
    tries = [("frame", url) for url in re.findall(r'<iframe[^>]* src="([^"]+)"', page.text)]
    tries += [("form", url) for url in re.findall(r'<form[^>]* action="([^"]+)"', page.text)]
    for manner in ("socket", "question"):
        urls = re.search(rf'data-{manner}s="([^"]+)"', page.text)
        assert urls is not None
        tries += [(manner, url) for url in urls[1].split()]
    return run[1], [(manner, html.unescape(url)) for manner, url in tries]


def load(proxy: Proxy, manner: str, url: str, folder: Path, *arguments: str) -> int:
    """Try it as a browser does; the status of what came last."""
    more = ["--path-as-is", "-H", f"Sec-Fetch-Dest: {'iframe' if manner in ('frame', 'form') else 'empty'}"]
    if manner == "form":
        more += ["-L", *(part for name, value in FORM_FIELDS for part in ("--data-urlencode", f"{name}={value}"))]
    elif manner == "question":
        question = folder / "question"
        question.write_bytes(base64.b64decode(QUESTION))
        more += ["-H", "Content-Type: application/dns-message", "--data-binary", f"@{question}"]
    elif manner == "socket":
        more += ["-p", "-H", "Upgrade: websocket"]  # through a tunnel, over plain HTTP too
    return proxy.curl(url, *more, *arguments).status


def result(proxy: Proxy, run: str, *arguments: str) -> dict[str, str]:
    return states(proxy.curl(f"{CHECK}/result?run={run}", *arguments).text)


GROUPS = {
    "0": {"level": 0},
    "1": {"level": 1},
    "no-numbers": {"level": 1, "addresses": "block"},
    "never-decrypt": {"level": 2, "never_decrypt": ["probe.sfs.home.arpa"]},
    "only-allowed": {"profile": "only-allowed"},
    "3": {"level": 3},
    "4": {"level": 4},
}
CLIENTS = {name: f"127.0.0.{number}" for number, name in enumerate(GROUPS, 10)}


@pytest.fixture(scope="module")
def proxies(start):
    """One proxy for each way to see HTTPS, with a group for each client; started when it is asked for."""
    groups = [{"name": name, "clients": [CLIENTS[name]], **group} for name, group in GROUPS.items()]
    with contextlib.ExitStack() as stack:

        @cache
        def started(https: str) -> Proxy:
            return stack.enter_context(start({"level": 1, "https": https, "groups": groups}))

        yield started


@pytest.mark.parametrize(
    ("https", "group", "expected", "secure"),
    [
        ("inspect", "0", set(), set()),
        ("inspect", "1", {"address"}, set()),
        ("inspect", "no-numbers", set(), set()),
        ("inspect", "never-decrypt", {"address"}, SECURE),
        ("inspect", "only-allowed", set(), set()),
        ("inspect", "3", {"address", "vpn", "dns", "question"}, set()),
        ("inspect", "4", ALL - {"fronting"}, set()),
        ("sni", "0", set(), {"fronting"}),
        ("sni", "1", {"address"}, SECURE),
        ("auto", "1", {"address"}, SECURE),
    ],
)
def test_what_is_open_at_a_level_is_said(proxies, origin, tmp_path, https, group, expected, secure):
    proxy, client = proxies(https), ("--interface", CLIENTS[group])
    run, tries = start_run(proxy, *client)
    assert len(tries) == 2 * (len(PROBES) - 1)  # over HTTP and HTTPS, all but the one that no browser can try
    before = len(origin.seen)
    statuses = [load(proxy, manner, url, tmp_path, *client) for manner, url in tries]
    assert set(statuses) <= {200, 403}
    said = result(proxy, run, *client)
    assert named(said, "open") == expected
    assert named(said, "secure") == secure
    assert named(said, "closed") == ALL - expected - secure
    assert len(origin.seen) == before  # nothing goes upstream
    assert not list((proxy.state / "log").glob("*.jsonl"))  # nor into the log
    assert "Traceback" not in "".join(proxy.lines)


def test_what_was_not_tried_is_said_with_its_reason(start, tmp_path):
    with start({"level": 1, "https": "inspect"}) as proxy:
        run, tries = start_run(proxy)
        said = result(proxy, run)
        scripted = {"form", "question", "socket"}
        assert named(said, "unscripted") == scripted
        assert named(said, "closed") == {"fronting"}  # the filter's own try
        assert named(said, "none") == ALL - scripted - {"fronting"}
        assert proxy.curl(f"http://sfs.home.arpa/check.js?run={run}").status == 200
        assert named(result(proxy, run), "none") == ALL - {"fronting"}
        assert load(proxy, *tries[0], tmp_path) == 403
        assert result(proxy, run)["listed"] == "closed"


def test_a_run_belongs_to_its_client_and_a_probe_without_one_says_nothing(start, tmp_path):
    config = {"level": 4, "https": "inspect", "block": ["192.0.2.33"]}
    with start(config) as proxy:
        run, tries = start_run(proxy)
        url = tries[0][1]
        other = proxy.curl(url, *OTHER)
        assert other.status == 200  # judged and answered, but not for this run
        assert result(proxy, run)["listed"] == "none"
        foreign = proxy.curl(f"{CHECK}/result?run={run}", *OTHER)
        assert (foreign.status, "location: /check" in foreign.headers.lower()) == (302, True)
        assert load(proxy, "frame", url, tmp_path) == 200
        assert result(proxy, run)["listed"] == "open"
        assert proxy.curl(f"{CHECK}/result?run=x").status == 302
        address = proxy.curl("http://192.0.2.33/?run=x")  # without a run, an address like any other
        assert (address.status, "192.0.2.33" in address.text) == (403, True)


def test_a_client_keeps_four_runs_and_takes_nobody_elses(start):
    with start({"level": 1, "https": "sni"}) as proxy:
        neighbour, _ = start_run(proxy, *OTHER)
        runs = [start_run(proxy)[0] for _ in range(6)]
        assert [proxy.curl(f"{CHECK}/result?run={run}").status for run in runs] == [302, 302, 200, 200, 200, 200]
        assert proxy.curl(f"{CHECK}/result?run={neighbour}", *OTHER).status == 200


def test_fronting_is_tried_as_the_client_and_with_its_policy(start):
    """The connection comes from this machine, but what is decided is the other client's."""
    groups = [{"name": "other", "clients": ["127.0.0.7"], "never_decrypt": ["probe.sfs.home.arpa"]}]
    with (
        start({"level": 1, "https": "inspect", "record": "visits", "groups": groups}) as proxy,
    ):
        run, _ = start_run(proxy)
        assert result(proxy, run)["fronting"] == "closed"
        other, _ = start_run(proxy, *OTHER)
        assert result(proxy, other, *OTHER)["fronting"] == "secure"
        # The same from a client leads nowhere: only our own connection is led to the server behind.
        asked = proxy.curl("https://fronting.probe.sfs.home.arpa/", "-k", *OTHER)
        assert (asked.exit != 0, asked.body) == (True, b"")
    assert not [path for path in (proxy.state / "log").glob("*.jsonl") if "probe" in path.read_text()]


@pytest.mark.parametrize(("level", "status", "state"), [(1, 403, "closed"), (4, 200, "open")])
def test_a_tunnel_to_a_probe_leads_nowhere_and_is_recorded_nowhere(start, level, status, state):
    with start({"level": level, "https": "sni", "record": "visits"}) as proxy:
        run, _ = start_run(proxy)
        host = "socket.probe.sfs.home.arpa:80"
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as tunnel, tunnel.makefile("rb") as told:
            tunnel.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert told.readline().startswith(f"HTTP/1.1 {status}".encode())
        assert result(proxy, run)["socket"] == state
        assert "socket" not in proxy.curl("http://sfs.home.arpa/why").text
    assert not [path for path in (proxy.state / "log").glob("*.jsonl") if "probe" in path.read_text()]


@pytest.fixture(scope="module")
def browser(play, tmp_path_factory):
    """Chromium without our certificate."""
    with chromium(play, tmp_path_factory.mktemp("home")) as started:
        yield started


def is_all_right(reader: Reader, language: str, sight: str, secure: set[str]) -> None:
    """From the help page to the result, which says what it should."""
    assert reader.open("http://sfs.home.arpa/").status == 200
    reader.page.click("a[href='/check']")
    reader.page.wait_for_url("**/check/result?run=*")
    said = states(reader.page.content())
    assert named(said, "open") == {"address"}
    assert named(said, "secure") == secure
    assert named(said, "closed") == ALL - {"address"} - secure
    assert reader.page.get_attribute("[data-sight]", "data-sight") == sight
    text, texts = reader.page.text_content("main") or "", texts_for(language)
    assert texts.text("check.close_address") in text
    assert (texts.text("check.close_certificate") in text) is bool(secure)
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= 360
    if folder := os.environ.get("SFS_SCREENSHOTS"):
        reader.page.screenshot(path=Path(folder) / f"check-{language}-{sight}-360.png", full_page=True)


@pytest.mark.browser
def test_a_browser_with_the_certificate_tries_them_all(proxies, play, tmp_path: Path):
    proxy = proxies("inspect")
    trust(tmp_path, proxy.ca)
    with chromium(play, tmp_path) as trusting, Reader(trusting, proxy.address, "ja-JP", width=360) as reader:
        is_all_right(reader, "ja", "whole", set())


@pytest.mark.browser
@pytest.mark.parametrize(
    ("https", "language", "sight", "secure"), [("inspect", "en", "refused", set()), ("auto", "ja", "name", SECURE)]
)
def test_a_browser_without_it_tries_them_all(proxies, browser, https, language, sight, secure):
    locale = {"ja": "ja-JP", "en": "en-US"}[language]
    with Reader(browser, proxies(https).address, locale, width=360) as reader:
        is_all_right(reader, language, sight, secure)


@pytest.mark.browser
def test_a_browser_without_scripts_comes_to_the_result_too(proxies, browser):
    server = {"server": f"http://{proxies('sni').address}", "bypass": "<-loopback>"}
    context = browser.new_context(proxy=server, java_script_enabled=False)
    page = context.new_page()
    page.goto(CHECK)
    page.wait_for_url("**/check/result?run=*")
    said = states(page.content())
    assert named(said, "unscripted") == {"form", "question", "socket"}
    assert named(said, "none") == set()
    assert texts_for("en").text("check.close_mode") in (page.text_content("main") or "")
    context.close()

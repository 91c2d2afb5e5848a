"""Real Chromium through a real `sfs run`: what a reader sees, level by level, opened and by name."""

import asyncio
import json
import os
import plistlib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import Playwright

from sfs.cli import explain
from sfs.cli.common import load
from sfs.web.texts import LANGUAGES, Language, texts_for
from tests.e2e.browser import Reader, Relay, chromium, trust
from tests.e2e.browser_cases import (
    HOSTS,
    LAWFUL,
    PAGES,
    SOME,
    Case,
    World,
    client_of_level,
    config,
    fault_of,
    sentence,
    serve,
)
from tests.e2e.origin import Names, Origin, Reply, page
from tests.e2e.proxy import Proxy

pytestmark = pytest.mark.browser

LEVELS = range(5)
ENGINE = "searx.test"  # an engine by the rule for hosts `searx.*`; the names of real ones are for https alone
ASKED = "/search?q=i+am+being+bullied"
LATE = ("/dot.svg", "/favicon.ico")  # a window that was closed may still have asked for these
SOCKET = """url => new Promise(done => {
  const socket = new WebSocket(url);
  socket.onopen = () => socket.send("hello");
  socket.onmessage = event => { done(event.data); socket.close(); };
  socket.onerror = () => done("refused");
})"""


@pytest.fixture(scope="module")
def worlds(
    play: Playwright,
    start: Callable[..., Proxy],
    origin: Origin,
    names: Names,
    certificates: tuple[Path, Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, World]]:
    """Both modes of HTTPS, and one browser that trusts SFS's certificate and the origin's own."""
    serve(origin)
    names.set(**{ENGINE: "127.0.0.1"})
    with ExitStack() as stack:
        proxies = {
            mode: stack.enter_context(start(config(mode, tmp_path_factory.mktemp("lists"))))
            for mode in ("inspect", "sni")
        }
        home = tmp_path_factory.mktemp("home")
        trust(home, proxies["inspect"].ca, certificates[0])
        browser = stack.enter_context(chromium(play, home))
        made = {}
        for mode, proxy in proxies.items():
            relays = [stack.enter_context(Relay(proxy.port, client_of_level(level))) for level in LEVELS]
            doors = tuple(relay.address for relay in relays)
            made[mode] = World(mode, proxy, doors, browser, origin, load({"config": proxy.config_file}))
        yield made


@pytest.fixture(scope="module")
def inspect(worlds: dict[str, World]) -> World:
    return worlds["inspect"]


@pytest.fixture(scope="module")
def by_name(worlds: dict[str, World]) -> World:
    return worlds["sni"]


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """`sfs explain --json` on one page: the command itself, with the configuration loaded once instead of each time."""

    def ask(world: World, case: Case, url: str, level: int) -> dict[str, Any]:
        monkeypatch.setattr(explain, "load", lambda arguments: world.filter)
        html = tmp_path / "page.html"
        html.write_bytes(case.html)
        command = [url, "--https", world.mode, "--client", client_of_level(level), "--json", "--html", str(html)]
        command += [part for name, value in case.headers for part in ("--header", f"{name}: {value}")]
        done = CliRunner().invoke(explain.command, command, standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        answer: dict[str, Any] = json.loads(done.output)
        return answer

    return ask


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("level", LEVELS)
def test_opened_pages_are_shown_or_closed_as_explain_says(
    inspect: World, explained: Callable[..., dict[str, Any]], level: int, scheme: str
) -> None:
    faults = []
    with inspect.reader(level) as reader:
        for case in (*PAGES, *HOSTS) if scheme == "https" else SOME:
            url = inspect.url(case, scheme)
            said = explained(inspect, case, url, level)
            closed_tunnel = scheme == "https" and case.host == "nodecrypt.test"
            faults.append((case.name, fault_of(reader.open(url), case, said, page_possible=not closed_tunnel)))
    assert [pair for pair in faults if pair[1]] == []


@pytest.mark.parametrize("level", LEVELS)
def test_by_name_sites_are_shown_or_closed_as_explain_says_and_why_lists_them(
    by_name: World, explained: Callable[..., dict[str, Any]], level: int
) -> None:
    faults, closed = [], []
    with by_name.reader(level) as reader:
        for case in (*HOSTS, *PAGES[-3:]):
            url = by_name.url(case, "https")
            said = explained(by_name, case, url, level)
            faults.append((case.name, fault_of(reader.open(url), case, said, page_possible=False)))
            closed += [case.host] if said["action"] == "block" else []
        told = reader.open("http://sfs.home.arpa/why")
    assert [pair for pair in faults if pair[1]] == []
    assert len(closed) >= 2  # what is listed and what is dangerous, at every level
    assert [host for host in closed if host not in told.text] == []
    assert "kids.test" not in told.text


def test_by_name_plain_pages_are_judged_whole(by_name: World, explained: Callable[..., dict[str, Any]]) -> None:
    with by_name.reader(2) as reader:
        for case in PAGES[-8:]:
            url = by_name.url(case)
            said = explained(by_name, case, url, 2)
            assert fault_of(reader.open(url), case, said, page_possible=True) is None, case.name


def test_the_command_by_itself_says_the_same(inspect: World, explained: Callable[..., dict[str, Any]]) -> None:
    cases = [case for case in PAGES if case.host in ("rated.test", "other.test")]
    urls = [inspect.url(case, "https") for case in cases]
    done = inspect.proxy.explain(*urls, "--https", "inspect", "--client", client_of_level(1))
    actions = [json.loads(line)["action"] for line in done.stdout.splitlines()]
    assert actions == [explained(inspect, case, url, 1)["action"] for case, url in zip(cases, urls, strict=True)]
    assert set(actions) == {"allow", "block"}
    assert done.returncode == 1


def test_a_mandatory_list_gets_its_page_and_by_name_no_trace(inspect: World, by_name: World) -> None:
    text = texts_for("en").text("mandatory.title")
    with inspect.reader(4) as reader:
        for scheme in ("http", "https"):
            visit = reader.open(inspect.url(LAWFUL, scheme))
            assert (visit.status, text in visit.text, LAWFUL.host in visit.text) == (451, True, False)
            assert visit.response is not None
            assert 'rel="blocked-by"' in visit.response.headers["link"]
    with by_name.reader(4) as reader:
        assert reader.open(by_name.url(LAWFUL, "https")).tunnel_refused
        assert LAWFUL.host not in reader.open("http://sfs.home.arpa/why").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_speak_the_language_of_the_browser(inspect: World, language: Language) -> None:
    listed = next(case for case in HOSTS if case.name == "host closed")
    with inspect.reader(2, language) as reader:
        visit = reader.open(inspect.url(listed, "https"))
        assert visit.status == 403
        assert reader.page.get_attribute("html", "lang") == language
        reader.page.evaluate("document.querySelectorAll('rt, rp').forEach(node => node.remove())")
        text = reader.page.inner_text("main")
        assert texts_for(language).text("block.title") in text
        assert sentence("own-block", 2, language) in text
        assert listed.host in text
        reader.open("http://sfs.home.arpa/")
        assert reader.page.get_attribute("html", "lang") == language


PARTS = """<p>the page around</p>
<img id="good" src="/good.svg"><img id="bad" src="/closed/bad.png">
<script src="/good.js"></script><script src="/closed/bad.js" onerror="window.refused = true"></script>
<link rel="stylesheet" href="/closed/bad.css"><iframe src="/closed/frame"></iframe>
<script>fetch("/closed/data.json").then(a => a.json().then(j => { window.got = [a.status, j.blocked]; }));</script>"""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_closed_parts_get_small_answers_and_the_page_around_them_lives(inspect: World, scheme: str) -> None:
    origin = inspect.origin
    origin.replies["other.test/parts"] = Reply(page("Parts", body=PARTS))
    origin.replies["other.test/good.js"] = Reply(b"window.ran = true;", "text/javascript")
    picture = b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"></svg>'
    origin.replies["other.test/good.svg"] = Reply(picture, "image/svg+xml")
    faults: list[str] = []
    before = len(origin.asked("other.test"))
    with inspect.reader(2) as reader:
        reader.page.on("pageerror", lambda error: faults.append(str(error)))
        answers = {}
        reader.page.on("response", lambda answer: answers.update({answer.url.rpartition("/")[2]: answer}))
        visit = reader.open(inspect.url(Case("", "other.test", "/parts"), scheme))
        assert (visit.status, "the page around" in visit.text) == (200, True)
        reader.page.wait_for_function("window.got")
        assert reader.page.evaluate("[window.ran, window.refused, window.got]") == [True, True, [403, True]]
        widths = "['good', 'bad'].map(id => document.getElementById(id).naturalWidth)"
        assert reader.page.evaluate(widths) == [7, 1]
        frame = reader.page.frames[1]
        assert sentence("own-block", 2) in frame.inner_text("body")
    kinds = {
        name: (answer.status, answer.headers["content-type"].partition(";")[0]) for name, answer in answers.items()
    }
    assert kinds["bad.png"] == (403, "image/gif")
    assert kinds["bad.js"] == (403, "text/javascript")
    assert kinds["bad.css"] == (403, "text/css")
    assert kinds["data.json"] == (403, "application/json")
    assert kinds["frame"] == (403, "text/html")
    assert faults == []
    assert [asked for asked in origin.asked("other.test")[before:] if "/closed/" in asked.path] == []


@pytest.mark.parametrize(("scheme", "socket"), [("http", "ws"), ("https", "wss")])
@pytest.mark.parametrize("mode", ["inspect", "sni"])
def test_web_sockets_echo_and_to_a_closed_site_do_not_open(
    worlds: dict[str, World], mode: str, scheme: str, socket: str
) -> None:
    world = worlds[mode]
    before = len(world.origin.asked("listed.test"))
    with world.reader(2) as reader:
        reader.open(world.url(PAGES[-2], scheme))
        port = world.origin.http if scheme == "http" else world.origin.https
        assert reader.page.evaluate(SOCKET, f"{socket}://plain.test:{port}/echo") == "hello"
        assert reader.page.evaluate(SOCKET, f"{socket}://listed.test:{port}/echo") == "refused"
    assert len(world.origin.asked("listed.test")) == before


def test_browsers_speak_http2_to_an_opened_site(inspect: World) -> None:
    protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
    plain = next(case for case in PAGES if case.name == "plain")
    with inspect.reader(2) as reader:
        assert reader.open(inspect.url(plain, "https")).status == 200
        assert reader.page.evaluate(protocol) == "h2"
        assert reader.open(inspect.url(plain)).status == 200
        assert reader.page.evaluate(protocol) == "http/1.1"


def test_a_page_that_comes_in_pieces_shows_its_beginning_before_its_end(inspect: World) -> None:
    seen = threading.Event()

    async def pieces(writer: asyncio.StreamWriter) -> None:
        head = b"<!doctype html><html><head><title>Pieces</title></head><body><p id=first>first</p>"
        writer.write(head + b"<!-- %s -->" % (b"x" * 4096))
        await writer.drain()
        await asyncio.to_thread(seen.wait, 30)
        writer.write(b"<p id=last>last</p></body></html>")

    inspect.origin.replies["plain.test/pieces"] = Reply(stream=pieces)
    with inspect.reader(2) as reader:
        try:
            reader.page.goto(inspect.url(Case("", "plain.test", "/pieces")), wait_until="commit")
            reader.page.wait_for_selector("#first")
            assert reader.page.locator("#last").count() == 0
        finally:
            seen.set()
        reader.page.wait_for_selector("#last")


def test_redirects_are_followed_and_judged_where_they_lead(inspect: World) -> None:
    plain, listed = PAGES[9], HOSTS[2]
    assert (plain.name, listed.name) == ("plain", "host closed")
    targets = {"/to-https": inspect.url(plain, "https"), "/to-listed": inspect.url(listed), "/near": "/plain"}
    for path, target in targets.items():
        inspect.origin.replies[f"plain.test{path}"] = Reply(status=302, headers=(("Location", target),))
    with inspect.reader(2) as reader:
        for path in ("/to-https", "/near"):
            assert plain.text in reader.open(inspect.url(Case("", "plain.test", path))).text
        visit = reader.open(inspect.url(Case("", "plain.test", "/to-listed"), "https"))
        assert (visit.status, reader.page.url) == (403, targets["/to-listed"])
        assert sentence("own-block", 2) in visit.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", [0, 2])
def test_a_search_for_help_shows_who_helps_then_goes_on_without_a_trace(
    inspect: World, level: int, language: Language
) -> None:
    origin, texts = inspect.origin, texts_for(language)
    origin.replies[f"{ENGINE}/search"] = Reply(page("Results", body='<p>results</p><img src="/dot.svg">'))
    origin.replies[f"{ENGINE}/dot.svg"] = Reply(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml")
    before = len(origin.asked(ENGINE))
    with inspect.reader(level, language) as reader:
        visit = reader.open(f"http://{ENGINE}:{origin.http}{ASKED}")
        assert visit.status == 200
        assert texts.text("words.title") in visit.text
        assert reader.page.locator(".lines .number").count() >= 1
        gone_out = [one.path for one in origin.asked(ENGINE)[before:] if one.path not in LATE]
        assert gone_out == []  # before the reader chose
        with reader.page.expect_navigation():
            reader.page.get_by_role("link", name=texts.text("words.go_on")).click()
        assert "results" in reader.page.inner_text("body")
    asked = origin.asked(ENGINE)[before:]
    assert [one.path for one in asked if one.path.startswith("/search")] == [ASKED]
    assert [one for one in asked if "sfs" in f"{one.path} {one.headers.get('referer')}"] == []


def test_a_search_for_help_is_not_held_up_for_adults(inspect: World) -> None:
    inspect.origin.replies[f"{ENGINE}/search"] = Reply(page("Results", body="<p>results</p>"))
    with inspect.reader(3) as reader:
        assert "results" in reader.open(f"http://{ENGINE}:{inspect.origin.http}{ASKED}").text


def test_the_help_page_says_whether_this_device_is_filtered(inspect: World) -> None:
    texts = texts_for("en")
    with inspect.reader(1) as reader:
        for url in ("http://sfs.home.arpa/", "https://sfs.home.arpa/", f"http://127.0.0.1:{inspect.proxy.port}/"):
            visit = reader.open(url)
            assert visit.status == 200
            assert texts.text("help.active") in visit.text
            seen = reader.page.inner_text("main")  # the table of all levels is folded
            assert [n for n in LEVELS if texts.text(f"level.{n}") in seen] == [1]
    with Reader(inspect.browser, None) as reader:
        visit = reader.open(f"http://{inspect.proxy.address}/")
        assert (visit.status, texts.text("help.inactive") in visit.text) == (200, True)
        assert inspect.proxy.address in visit.text


@pytest.mark.parametrize("through_proxy", [True, False])
def test_the_certificate_can_be_fetched_in_every_form(inspect: World, through_proxy: bool) -> None:
    der = ssl.PEM_cert_to_DER_cert(inspect.proxy.ca.read_text())
    address = "http://sfs.home.arpa/" if through_proxy else f"http://{inspect.proxy.address}/"
    got: dict[str, bytes] = {}
    with Reader(inspect.browser, inspect.doors[2] if through_proxy else None) as reader:
        reader.open(address)
        reader.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        for name in ("ca.cer", "ca.pem", "ca.mobileconfig"):
            with reader.page.expect_download() as waiting:
                reader.page.locator(f'a[href="/{name}"]').first.click()
            assert waiting.value.suggested_filename == f"sfs-{name}"
            got[name] = Path(waiting.value.path()).read_bytes()
    assert got["ca.cer"] == der
    assert ssl.PEM_cert_to_DER_cert(got["ca.pem"].decode()) == der
    assert plistlib.loads(got["ca.mobileconfig"])["PayloadContent"][0]["PayloadContent"] == der
    assert b"PRIVATE" not in b"".join(got.values())


def test_the_pac_file_brings_a_browser_here_and_one_without_the_certificate_is_not_shown_opened_pages(
    play: Playwright, inspect: World, tmp_path: Path
) -> None:
    plain = next(case for case in PAGES if case.name == "plain")
    before = len(inspect.origin.asked(plain.host, plain.path))
    pac = f"--proxy-pac-url=http://{inspect.proxy.address}/proxy.pac"
    with chromium(play, tmp_path, pac) as stranger, Reader(stranger, None) as reader:
        assert plain.text in reader.open(inspect.url(plain)).text  # a name that only the proxy can look up
        assert "net::ERR_CERT_AUTHORITY_INVALID" in reader.open(inspect.url(plain, "https")).error
    assert len(inspect.origin.asked(plain.host, plain.path)) == before + 1


OWN_PAGES: tuple[tuple[str, int, Case | str], ...] = (
    ("block-rating", 1, PAGES[3]),
    ("block-own", 2, HOSTS[2]),
    ("block-unrated", 0, HOSTS[0]),
    ("block-word", 3, PAGES[8]),
    ("mandatory", 2, LAWFUL),
    ("help", 1, "http://sfs.home.arpa/"),
    ("why", 1, "http://sfs.home.arpa/why"),
    ("help-words", 1, Case("", ENGINE, ASKED)),
    ("error", 2, Case("", "nowhere.test")),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_own_pages_fit_telephones_and_screens(by_name: World, language: Language) -> None:
    folder = os.environ.get("SFS_SCREENSHOTS")
    with ExitStack() as stack:
        readers = {level: stack.enter_context(by_name.reader(level, language)) for level in range(4)}
        for case in HOSTS[2:5]:
            readers[1].open(by_name.url(case, "https"))  # for the page that lists what was refused
        for name, level, place in OWN_PAGES:
            reader = readers[level]
            visit = reader.open(place if isinstance(place, str) else by_name.url(place))
            assert visit.status in (200, 403, 451, 502), name
            for width in (360, 1280):
                reader.page.set_viewport_size({"width": width, "height": 800})
                if folder:
                    reader.page.screenshot(path=Path(folder) / f"{name}-{language}-{width}.png", full_page=True)
                assert reader.page.evaluate("document.documentElement.scrollWidth") <= width, name

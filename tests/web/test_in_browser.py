"""What only a browser can tell: the PAC file as its engine reads it, the pages at the width of a small telephone."""

import base64
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Playwright, Route, sync_playwright
from playwright.sync_api import Error as BrowserError

from sfs.web.device import DeviceState, on_image, pac_file, proof_image
from sfs.web.pages import Blocked, FilterState, HelpLine, block_page, error_page, help_page, help_words_page, why_page
from sfs.web.report import Form, report_page, sent_page
from sfs.web.texts import LANGUAGES, Language

pytestmark = pytest.mark.browser

HOST = "a" * 63 + ".example.com"
LINES = [
    HelpLine("とても長い名前の相談窓口" * 4, "A place with a very long name " * 3, "0120-000-000", "03-0000-0000")
] * 5
PROOF, ON = "https://check.sfs.home.arpa/proof/1-2.svg", "http://sfs.home.arpa/on.svg"
DEVICE = DeviceState("auto", "no", PROOF, 3)
STATE = FilterState(
    False, 1, "192.0.2.1:8080", "auto", certificate=True, orange=True, device=DEVICE, system="ios", firefox=True
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def play() -> Iterator[Playwright]:
    if shutil.which("chromium") is None:
        pytest.skip("needs Debian's package chromium")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(play: Playwright) -> Iterator[Browser]:
    started = play.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
    yield started
    started.close()


DIRECT = [
    "localhost",
    "app.localhost",
    "127.0.0.1",
    "127.1.2.3",
    "[::1]",
    "::1",
    "printer",
    "LOCALHOST",
    "nas.local",
    "printer.home.arpa",
    "xsfs.home.arpa",
    "sfs.home.arpa.local",
    "10.0.0.1",
    "10.255.255.254",
    "172.16.0.1",
    "172.31.9.9",
    "192.168.178.1",
    "169.254.10.1",
    "fe80::1",
    "[fd12:3456::1]",
    "fc00::1",
    "local",
    "notlocal",
]
THROUGH = [
    "check.sfs.home.arpa",
    "SFS.Home.Arpa",
    "172.15.0.1",
    "172.32.0.1",
    "192.169.0.1",
    "11.0.0.1",
    "10.0.0.1.example.com",
    "10.example.com",
    "fd12.example.com",
    "fec0::1",
    "::ffff:8.8.8.8",
    "1::1",
    "mylocal.example",
    "local.example.com",
    "xhome.arpa",
    "example.com",
    "127.example.com",
    "127.0.0.1.example.com",
    "notlocalhost.example.com",
    "192.0.2.1",
    "2001:db8::1",
    "[2001:db8::1]",
    "sfs.home.arpa",
    "listed.probe.sfs.home.arpa",
    "listed.probe.sfs.home.arpa.",
]


def test_the_pac_file_goes_direct_only_to_this_device_and_what_is_near(browser: Browser) -> None:
    page = browser.new_page()
    source = pac_file("192.0.2.1:8080").body.decode("ascii")
    # A browser's PAC engine gives isPlainHostName; its meaning is "no dot in it".
    plain = "function isPlainHostName(name) { return name.indexOf('.') < 0; }"
    find = f"hosts => {{ {plain}\n{source}\nreturn hosts.map(host => FindProxyForURL('http://x/', host)); }}"
    answers = dict(zip((*DIRECT, *THROUGH), page.evaluate(find, [*DIRECT, *THROUGH]), strict=True))
    page.close()
    assert [host for host in DIRECT if answers[host] != "DIRECT"] == []
    assert [host for host in THROUGH if answers[host] != "PROXY 192.0.2.1:8080"] == []


class _Named(BaseHTTPRequestHandler):
    """Says which server answered, and notes for which host."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        server.asked.append(self.headers["Host"].partition(":")[0])
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(server.name.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Named)
        self.name = name
        self.asked: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextmanager
def serving(name: str) -> Iterator[_Server]:
    with _Server(name) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def test_a_real_browser_follows_the_pac_file_and_never_goes_round_a_proxy_that_is_off(play: Playwright) -> None:
    """Every name leads to one site on loopback: who answers tells the way that was taken."""
    with serving("site") as site, serving("proxy") as proxy:
        pac = base64.b64encode(pac_file(f"127.0.0.1:{proxy.port}").body).decode()
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                *ARGUMENTS,
                f"--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,{pac}",
                "--host-resolver-rules=MAP * 127.0.0.1",
            ],
        )
        page = browser.new_page()

        def way(host: str) -> str:
            response = page.goto(f"http://{host}:{site.port}/")
            return response.text() if response else ""

        hosts = ["www.example.com", "sfs.home.arpa", "8.8.4.4", "printer", "nas.local", "10.1.2.3", "192.168.7.7"]
        assert [way(host) for host in hosts] == ["proxy"] * 3 + ["site"] * 4
        proxy.shutdown()
        proxy.server_close()
        site.asked.clear()
        with pytest.raises(BrowserError, match="ERR_PROXY_CONNECTION_FAILED"):
            page.goto(f"http://other.example.com:{site.port}/")
        browser.close()
        assert "other.example.com" not in site.asked  # the browser asks the sites of before for their icons, late


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("loads", [True, False])
def test_a_picture_or_the_words_in_its_place_tell_the_state(browser: Browser, language: Language, loads: bool) -> None:
    page = browser.new_page()
    pictures = {PROOF: proof_image(language), ON: on_image(language)}
    violations: list[str] = []
    page.on("console", lambda message: violations.append(message.text) if "Security" in message.text else None)

    def fulfill(route: Route) -> None:
        url = route.request.url
        answer = pictures.get(url, help_page(language, STATE))
        if url in pictures and not loads:
            route.abort()
        else:
            route.fulfill(status=200, headers=dict(answer.headers), body=answer.body)

    page.route("**/*", fulfill)
    page.goto("http://filter.test/")
    widths = page.eval_on_selector_all("img.proof", "all => all.map(one => one.naturalWidth)")
    assert len(widths) == 2
    assert [width > 100 for width in widths] == [loads, loads]
    assert violations == []
    page.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_needs_sideways_scrolling_or_a_second_request_at_360_pixels(
    browser: Browser, language: Language
) -> None:
    answers = {
        "block": block_page(language, Blocked("rating", "rating", HOST, 3, 1, "ABCDE2FGHJ"), LINES),
        "mandatory": block_page(language, Blocked("mandatory", "mandatory"), LINES),
        "words": help_words_page(language, LINES, f"https://{HOST}/"),
        "help": help_page(language, STATE, LINES),
        "on": help_page(language, FilterState(True, 1, "127.0.0.1:8080", lan="192.0.2.1:8080", orange=True), LINES),
        "report": report_page(language, Form("blocked", HOST, "a" * 500), "token", LINES, "address_bad", orange=True),
        "sent": sent_page(language, LINES),
        "why": why_page(language, [("10:12", HOST, "rating")]),
        "error": error_page(language, "certificate", HOST),
    }
    page = browser.new_page(viewport={"width": 360, "height": 800})
    asked: list[str] = []
    violations: list[str] = []
    page.on("console", lambda message: violations.append(message.text) if "Security" in message.text else None)
    page.on("request", lambda request: asked.append(request.url))

    def fulfill(route: Route) -> None:
        if route.request.url in (ON, PROOF):
            route.abort()
            return
        name = route.request.url.removeprefix("http://").partition(".")[0]
        answer = answers[name]
        route.fulfill(status=answer.status, headers=dict(answer.headers), body=answer.body)

    page.route("**/*", fulfill)
    for name in answers:
        asked.clear()
        page.goto(f"http://{name}.test/")
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
        # The style applied: the policy's hash is the browser's own.
        assert page.evaluate("getComputedStyle(document.querySelector('.wrap')).maxWidth") != "none", name
        more = [ON, PROOF] if name == "help" else []
        assert [url for url in asked if not url.endswith("/favicon.ico")] == [f"http://{name}.test/", *more]
    page.close()
    assert [text for text in violations if "favicon" not in text] == []

"""What only a browser can tell: the PAC file as its JavaScript, the pages at the width of a small telephone."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, sync_playwright

from sfs.web.device import pac_file
from sfs.web.pages import Blocked, FilterState, HelpLine, block_page, error_page, help_page, help_words_page, why_page
from sfs.web.texts import LANGUAGES, Language

pytestmark = pytest.mark.browser

HOST = "a" * 63 + ".example.com"
LINES = [
    HelpLine("とても長い名前の相談窓口" * 4, "A place with a very long name " * 3, "0120-000-000", "03-0000-0000")
] * 5
STATE = FilterState(False, 1, "192.0.2.1:8080", "auto", certificate=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Debian's package chromium")
    with sync_playwright() as play:
        started = play.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield started
        started.close()


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("::1", True),
        ("printer", True),
        ("LOCALHOST", True),
        ("example.com", False),
        ("127.example.com", False),
        ("127.0.0.1.example.com", False),
        ("notlocalhost.example.com", False),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("[2001:db8::1]", False),
        ("sfs.home.arpa", False),
    ],
)
def test_the_pac_file_goes_direct_only_to_this_device_and_plain_names(
    browser: Browser, host: str, direct: bool
) -> None:
    page = browser.new_page()
    source = pac_file("192.0.2.1:8080").body.decode("ascii")
    # A browser's PAC engine gives isPlainHostName; its meaning is "no dot in it".
    plain = "function isPlainHostName(name) { return name.indexOf('.') < 0; }"
    answer = page.evaluate(f"host => {{ {plain}\n{source}\nreturn FindProxyForURL('http://x/', host); }}", host)
    page.close()
    assert answer == ("DIRECT" if direct else "PROXY 192.0.2.1:8080")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_needs_sideways_scrolling_or_a_second_request_at_360_pixels(
    browser: Browser, language: Language
) -> None:
    answers = {
        "block": block_page(language, Blocked("rating", "rating", HOST, 3, 1, "ABCDE2FGHJ"), LINES),
        "mandatory": block_page(language, Blocked("mandatory", "mandatory"), LINES),
        "words": help_words_page(language, LINES, f"https://{HOST}/"),
        "help": help_page(language, STATE, LINES),
        "why": why_page(language, [("10:12", HOST, "rating")]),
        "error": error_page(language, "certificate", HOST),
    }
    page = browser.new_page(viewport={"width": 360, "height": 800})
    asked: list[str] = []
    violations: list[str] = []
    page.on("console", lambda message: violations.append(message.text) if "Security" in message.text else None)
    page.on("request", lambda request: asked.append(request.url))

    def fulfill(route: Route) -> None:
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
        assert [url for url in asked if not url.endswith("/favicon.ico")] == [f"http://{name}.test/"]
    page.close()
    assert [text for text in violations if "favicon" not in text] == []

"""Every page in both languages, narrow and wide, light and dark, as axe-core and a browser judge it.

With SFS_SCREENSHOTS=FOLDER each page is kept there as a picture, and lesser faults count too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, Request, sync_playwright

from sfs.web.texts import LANGUAGES, Language
from tests.e2e import axe, reader_scenes
from tests.e2e.browser import chromium, missing, trust
from tests.e2e.origin import Origin
from tests.e2e.proxy import Proxy
from tests.e2e.reader_scenes import Readers, readers

LACKS = missing() or axe.missing()
pytestmark = [pytest.mark.browser, pytest.mark.skipif(LACKS is not None, reason=str(LACKS))]
OURS = ("http://sfs.home.arpa/on.svg", "https://check.sfs.home.arpa/proof/")  # pictures that tell the state


@pytest.fixture(scope="module")
def play() -> Iterator[Playwright]:
    with sync_playwright() as play:
        yield play


@pytest.fixture(scope="module")
def people(
    play: Playwright,
    start: Callable[..., Proxy],
    origin: Origin,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Readers]:
    home = tmp_path_factory.mktemp("home")

    def browser_of(certificate: Path):  # type: ignore[no-untyped-def]
        trust(home, certificate)
        return chromium(play, home)

    with readers(browser_of, start, origin, tmp_path_factory.mktemp("readers")) as made:
        yield made


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", reader_scenes.SCENES)
def test_a_reader_meets_no_page_that_keeps_anybody_out(people: Readers, name: str, language: Language) -> None:
    way, open_ = reader_scenes.SCENES[name]
    tab = people.window(way, language)
    with loads(tab) as parts:
        open_(people, tab, language)
        faults = axe.judge(tab, language, name)
    faults += [f"loads {url}" for url in parts if not url.startswith(OURS)]
    assert not faults, "\n".join((f"{name} in {language}:", *faults))


@contextmanager
def loads(tab: Page) -> Iterator[list[str]]:
    """What is loaded besides pages themselves."""
    urls: list[str] = []

    def note(request: Request) -> None:
        if not request.is_navigation_request() and not request.url.endswith("/favicon.ico"):
            urls.append(request.url)

    tab.on("request", note)
    yield urls
    tab.remove_listener("request", note)

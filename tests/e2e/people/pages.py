"""Every page in both languages, narrow and wide, light and dark, as axe-core and a browser judge it.

English and wide ones are looked at in the long part: their elements are the same. With SFS_SCREENSHOTS=FOLDER each
page is kept there as a picture, and lesser faults count too.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from playwright.sync_api import Page, Playwright, Request

from sfs.web.texts import Language
from tests.admin.house import PASSWORD
from tests.e2e import admin_scenes, axe, reader_scenes
from tests.e2e.admin_scenes import Houses, houses
from tests.e2e.browser import chromium, missing, trust
from tests.e2e.origin import Origin
from tests.e2e.proxy import Proxy
from tests.e2e.reader_scenes import Readers, readers

LACKS = missing() or axe.missing()
pytestmark = [pytest.mark.browser, pytest.mark.skipif(LACKS is not None, reason=str(LACKS))]
LOOKS = [
    pytest.param(language, wide, id=f"{language}-{'wide' if wide else 'narrow'}", marks=marks)
    for language, wide, marks in (
        ("ja", False, ()),
        ("ja", True, pytest.mark.long),
        ("en", False, pytest.mark.long),
        ("en", True, pytest.mark.long),
    )
]
OURS = ("http://sfs.home.arpa/on.svg", "https://check.sfs.home.arpa/proof/")  # pictures that tell the state


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


@pytest.fixture(scope="module")
def quick_hashes() -> Iterator[None]:
    """Hashes that cost next to nothing: what they cost a thief is measured in tests/web/test_passwords.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sfs.web.passwords._HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="module")
def home(play: Playwright, quick_hashes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Houses]:
    folder = tmp_path_factory.mktemp("houses")
    with chromium(play, tmp_path_factory.mktemp("home")) as browser, houses(browser, folder) as made:
        yield made


@pytest.mark.parametrize(("language", "wide"), LOOKS)
@pytest.mark.parametrize("name", admin_scenes.SCENES)
def test_an_administrator_meets_no_page_that_keeps_anybody_out(
    home: Houses, name: str, language: Language, wide: bool
) -> None:
    scene = admin_scenes.SCENES[name]
    with loads(home.window(scene.house, scene.role, language)) as parts:
        tab = scene.open(home, language)
        faults = axe.judge(tab, language, f"admin-{name}", wide=wide)
    faults += [f"loads {url}" for url in parts]
    assert not faults, "\n".join((f"{name} in {language}:", *faults))


@pytest.mark.parametrize(("language", "wide"), LOOKS)
@pytest.mark.parametrize("name", reader_scenes.SCENES)
def test_a_reader_meets_no_page_that_keeps_anybody_out(
    people: Readers, name: str, language: Language, wide: bool
) -> None:
    way, open_ = reader_scenes.SCENES[name]
    tab = people.window(way, language)
    with loads(tab) as parts:
        open_(people, tab, language)
        faults = axe.judge(tab, language, name, "en" if name in reader_scenes.BOTH else None, wide=wide)
    faults += [f"loads {url}" for url in parts if not url.startswith(OURS)]
    assert not faults, "\n".join((f"{name} in {language}:", *faults))


def test_a_pause_is_said_to_readers_and_is_no_missing_list(people: Readers) -> None:
    tab = people.window("paused", "en")
    tab.goto(reader_scenes.HELP_URL)
    assert re.fullmatch("The filter is paused until [0-9]{2}:[0-9]{2}", tab.inner_text("h1"))
    assert "Level 1" in tab.inner_text("main")
    assert tab.locator("#orange").count() == 0


def test_enter_in_a_field_opens_no_site_and_sets_no_level(home: Houses) -> None:
    """The first button of a form is what Enter presses: it must not be one that chooses something."""
    house, tab = home.houses["keyboard"], home.window("keyboard", None, "en")
    tab.goto(f"http://127.0.0.1:{house.port}/setup/{house.door.setup_link()}")
    tab.uncheck("[name=fetch]")
    for again in ("not the same", PASSWORD):
        tab.fill("#password", PASSWORD)
        tab.fill("#again", again)
        with tab.expect_navigation():
            tab.press("#again", "Enter")
    assert "Now choose the level" in tab.inner_text("[role=status]")
    assert house.control.live.filter.policies.default.level == 2
    assert house.lists.asked == 0
    tab.goto(f"http://127.0.0.1:{house.port}/sites")
    tab.fill("#site", "bad.example")
    with tab.expect_navigation():
        tab.press("#site", "Enter")
    assert "choose one of the buttons" in tab.inner_text("main")
    assert tab.input_value("#site") == "bad.example"
    assert house.control.changes.history(1) == ()


def test_a_fault_in_the_first_form_keeps_what_was_chosen(home: Houses) -> None:
    house, tab = home.houses["fresh"], home.window("fresh", None, "en")
    tab.goto(f"http://127.0.0.1:{house.port}/setup/{house.door.setup_link()}")
    tab.uncheck("[name=fetch]")
    tab.fill("#password", PASSWORD)
    tab.fill("#again", "not the same")
    with tab.expect_navigation():
        tab.click("button.level[value='3']")
    assert tab.locator("button.level[aria-current=true]").get_attribute("value") == "3"
    assert not tab.is_checked("[name=fetch]")


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

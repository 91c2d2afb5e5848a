"""What only a browser can tell of the administrator's pages: the width of a small telephone, fingers, the keyboard."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import sync_playwright

from sfs.sources.reports import new_report
from tests.admin.house import household
from tests.e2e.browser import chromium, missing

pytestmark = [pytest.mark.browser, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

PATHS = ("/", "/blocked", "/sites", "/why?q=games.example.com", "/lists", "/devices", "/reports", "/account")
LONG = "a" * 63 + ".example.com"
# Height of what a finger has to hit; links inside a sentence are left out (WCAG 2.2, 2.5.8).
SMALL_TARGETS = """() => [...document.querySelectorAll(
      'button:not([aria-hidden]), input:not([type=hidden]), select, summary, nav a, a.button')]
    .filter(part => part.offsetParent && part.getBoundingClientRect().height < 43.5)
    .map(part => part.outerHTML.slice(0, 120))"""
# Contrast of every text with the ground below it (WCAG 2.2, 1.4.3), as a browser has drawn it.
LOW_CONTRAST = """() => {
  const numbers = text => text.match(/[0-9.]+/g).map(Number)
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const ground = part => {
    for (; part; part = part.parentElement) {
      const colour = numbers(getComputedStyle(part).backgroundColor)
      if (colour.length < 4 || colour[3] > 0) return colour
    }
    return [255, 255, 255]
  }
  const low = []
  for (const part of document.querySelectorAll('body *')) {
    const own = [...part.childNodes].some(node => node.nodeType === 3 && node.data.trim())
    if (!own || !part.offsetParent) continue
    const [one, other] = [light(numbers(getComputedStyle(part).color)), light(ground(part))]
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    if (ratio < 4.5) low.push([part.outerHTML.slice(0, 100), ratio])
  }
  return low
}"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    config = f"level: 2\nallow: [{LONG}]\n"
    with household(tmp_path_factory.mktemp("house") / "state", config) as house:
        house.blocked(LONG, ago=9)
        for ago in range(3):
            house.blocked("games.example.com", ago=ago)
        house.control.changes.block(f"{LONG}/{'b' * 300}", by="admin")
        house.reload()
        house.control.reports.add(
            new_report(datetime.now(UTC), "kids", "shown", f"http://{LONG}/{'c' * 300}", "x" * 400)
        )
        house.control.trust.proved("2001:db8:1234:5678:9abc:def0:1234:5678")
        house.control.trust.refused("2001:db8:1234:5678:9abc:def0:1234:5678", LONG)
        yield house


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with sync_playwright() as play, chromium(play, tmp_path_factory.mktemp("home")) as browser:
        yield browser


@pytest.fixture
def window(browser, house):
    """A page of a browser that is logged in."""
    contexts = []

    def begin(**options):
        visitor = house.visitor()
        contexts.append(browser.new_context(**options))
        cookie = {"name": "sfs", "value": visitor.cookies["sfs"], "url": visitor.origin, "sameSite": "Strict"}
        contexts[-1].add_cookies([cookie])
        return contexts[-1].new_page(), visitor.origin

    yield begin
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("locale", "scheme"), [("ja-JP", "light"), ("en-US", "dark")])
def test_every_page_fits_a_small_telephone_a_finger_and_weak_eyes(window, locale, scheme):
    page, origin = window(locale=locale, color_scheme=scheme, viewport={"width": 360, "height": 740})
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    for path in PATHS:
        page.goto(origin + path)
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert page.evaluate(SMALL_TARGETS) == [], path
        assert page.evaluate(LOW_CONTRAST) == [], path
    assert asked == [origin + path for path in PATHS]
    assert said == []


def test_the_keyboard_alone_chooses_a_level_and_the_focus_is_seen(window, house):
    page, origin = window(locale="en-US", java_script_enabled=False)
    page.goto(origin + "/")
    page.locator("button.level[value='3']").focus()
    assert page.locator("button.level[value='3']").evaluate("part => getComputedStyle(part).outlineStyle") == "solid"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "Level 3 holds now." in page.locator("[role=status]").inner_text()
    assert house.control.live.filter.policies.default.level == 3
    with page.expect_navigation():
        page.get_by_role("button", name="Undo").first.click()
    assert house.control.live.filter.policies.default.level == 2


def test_a_parent_finds_why_a_site_was_closed_and_opens_it(window, house):
    page, origin = window(locale="ja-JP", viewport={"width": 360, "height": 740}, java_script_enabled=False)
    code = house.blocked("school.example.com", "unrated", check="unrated")
    page.goto(origin + "/")
    with page.expect_navigation():
        page.get_by_role("link", name="なぜ？").click()
    page.get_by_label("アドレスまたはコード").fill(code.lower())
    with page.expect_navigation():
        page.get_by_role("button", name="調べる").click()
    assert "school.example.com" in page.locator("h1").inner_text()
    with page.expect_navigation():
        page.get_by_role("button", name="このサイトを許可").click()
    assert "school.example.comを開けるようにしました。" in page.locator("[role=status]").inner_text()
    assert "school.example.com" in house.control.changes.values()["allow"]

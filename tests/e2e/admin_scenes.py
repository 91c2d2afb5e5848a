"""Every page of the administrator, in every state that changes what it says: houses as tests/admin makes them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page

from sfs.core.ruleset import CategoryList
from sfs.lists.store import ListState
from sfs.match.entry import parse_entry
from sfs.match.index import EntryIndex
from sfs.sources.reports import new_report
from sfs.web.permissions import Role
from sfs.web.texts import Language
from tests.admin.house import PASSWORD, House, household

LISTED: Final = "casino.example.com"
CONFIGS: Final = {
    "bare": "level: 2\n",
    "busy": "level: 2\nallow: [school.example.org]\nblock: [{entry: bad.example, final: true}]\n"
    "groups: [{name: Hanako, clients: [192.0.2.0/28], level: 0}]\n",
    "trouble": "level: 2\nlists: [{name: ut1-adult, url: 'http://lists.test/a', category: adult}]\n",
    "updating": "level: 1\n",
    "paused": "level: 1\n",
    "paused-bare": "level: 1\n",
    "silent": "level: 2\nrecord: nothing\n",
    "mandatory": "profile: isp\n",
    "allowed": "profile: only-allowed\nallow: [school.example.org]\n",
    "broken": "level: 2\n",
    "fresh": "level: 2\n",
    "many": "level: 2\n",
    "guarded": "level: 2\n",
    "keyboard": "level: 2\n",
}


@dataclass
class Houses:
    """The houses by name, and windows of one browser for who is logged in there."""

    browser: Browser
    houses: dict[str, House]
    windows: dict[tuple[str, Role | None, Language], Page] = field(default_factory=dict)

    def window(self, house: str, role: Role | None, language: Language) -> Page:
        """A page of somebody with this role; the same one each time."""
        key = (house, role, language)
        if key not in self.windows:
            context = self.browser.new_context(locale={"ja": "ja-JP", "en": "en-US"}[language])
            visitor = self.houses[house].visitor(role)
            if role is not None:
                cookie = {"name": "sfs", "value": visitor.cookies["sfs"], "url": visitor.origin}
                context.add_cookies([cookie])  # type: ignore[list-item]
            self.windows[key] = context.new_page()
        return self.windows[key]


@contextmanager
def houses(browser: Browser, folder: Path) -> Iterator[Houses]:
    """All of them, with what has happened there."""
    with ExitStack() as stack:
        made = {name: stack.enter_context(household(folder / name, text)) for name, text in CONFIGS.items()}
        for name, prepare in PREPARED.items():
            prepare(made[name])
        yield Houses(browser, made)


def busy(house: House) -> None:
    house.blocked(LISTED, code="CASINO2345", source="ut1-gambling casino.example.com")
    for ago in range(3):
        house.blocked("games.example.com", "metadata-words", check="metadata-words", ago=f"{90 + ago}")
    house.blocked("danger.example.com", "security", check="subscribed", ago="300")
    house.blocked("www.engine.test", "search-words", check="search-words", ago="400", group="Hanako")
    house.control.changes.allow("kids.example.org", by="admin")
    house.control.changes.block("chat.example.net/rooms/", by="admin")
    now = datetime.now(UTC)
    for kind, address, note in (
        ("blocked", "http://museum.example.org/dinosaurs/", "I need it for school / 学校の宿題で使います"),
        ("shown", "horror.example.com", ""),
    ):
        house.control.reports.add(new_report(now, "Hanako", kind, address, note, None))  # type: ignore[arg-type]
    house.control.trust.proved("192.0.2.20")
    house.control.trust.proved("127.0.0.1")
    house.control.trust.refused("192.0.2.20", "bank-app.example.com")
    house.control.trust.proved("192.0.2.30")
    for number in range(3):
        house.control.trust.refused("192.0.2.30", f"site{number}.example.com")
    house.reload()
    with_lists(house)


def with_lists(house: House) -> None:
    """Lists hold from now on, until the filter is loaded anew."""
    now = datetime.now(UTC)
    entry = parse_entry(LISTED)
    assert entry is not None
    lists = (
        CategoryList("ut1-gambling", EntryIndex([(entry, 1)]), "gambling", rating=3),
        CategoryList("oisd-nsfw", EntryIndex(), "nsfw", rating=4),
        CategoryList("urlhaus", EntryIndex(), "malware"),
    )

    def there(key: str, name: str, count: int, **more: Any) -> ListState:
        made = ListState(key, name, f"http://lists.test/{key}", version="V-0123456789ab", count=count)
        return replace(made, fetched=now - timedelta(days=2), checked=now - timedelta(days=1), **more)

    house.lists.states = (
        there("a", "ut1-gambling", 31_204, category="gambling", rating=3),
        there("b", "urlhaus", 9_211, category="malware", axis="security"),
        there("c", "ut1-vpn", 5_102, category="vpn", axis="circumvention"),
        there("d", "own", 12, url=None, path="/srv/own.txt"),
    )
    live = house.control.live
    states = house.lists.states[:2]
    live.filter = replace(
        live.filter,
        ruleset=replace(live.filter.ruleset, lists=lists),
        report=replace(live.filter.report, states=states, missing=()),
    )


def trouble(house: House) -> None:
    with_lists(house)
    now = datetime.now(UTC)
    held = replace(
        house.lists.states[0], name="ut1-adult", category="adult", failure="x", reason="network", failed=now, tries=3
    )
    never = ListState(
        "n", "hagezi-nsfw", "http://l.test/n", category="nsfw", failure="x", reason="html", failed=now, rating=4
    )
    house.lists.states = (held, never, house.lists.states[1], ListState("w", "oisd-big", "http://l.test/w"))
    live = house.control.live
    live.filter = replace(live.filter, report=replace(live.filter.report, states=(held,)))


def updating(house: House) -> None:
    house.lists.running = True


def paused(house: House) -> None:
    house.control.changes.pause(60, now=datetime.now(UTC), by="admin")
    house.reload()
    with_lists(house)


def paused_bare(house: House) -> None:
    house.control.changes.pause(60, now=datetime.now(UTC), by="admin")
    house.reload()


def broken(house: House) -> None:
    (house.state / "config.yaml").write_text("level: 9\n")
    try:
        house.reload()
    except Exception as fault:
        assert "level" in str(fault)


def many(house: House) -> None:
    """More than one account, so that the login asks for the name."""
    for role in (Role.ADMINISTRATOR, Role.READER):
        house.visitor(role)


def guarded(house: House) -> None:
    """A password is set."""
    house.visitor()


PREPARED: Final[dict[str, Callable[[House], None]]] = {
    "busy": busy,
    "trouble": trouble,
    "updating": updating,
    "paused": paused,
    "paused-bare": paused_bare,
    "broken": broken,
    "many": many,
    "guarded": guarded,
}

type Act = Callable[[Page, House], None]


@dataclass(frozen=True)
class Scene:
    """A page: in which house, who looks, where, and what is done there before it is looked at."""

    house: str
    path: str = "/"
    act: Act | None = None
    role: Role | None = Role.ADMINISTRATOR

    def open(self, made: Houses, language: Language) -> Page:
        """The page, as the browser shows it."""
        house, tab = made.houses[self.house], made.window(self.house, self.role, language)
        path = self.path
        if path.startswith("/setup"):
            user = house.door.accounts.only() if path == "/setup/again" else None
            path = f"/setup/{house.door.links.make(user)}"
        tab.goto(f"http://127.0.0.1:{house.port}{path}")
        if self.act is not None:
            with tab.expect_navigation():  # every act ends with a form that is sent
                self.act(tab, house)
        return tab


def click(rule: str) -> Act:
    return lambda tab, house: tab.click(rule)


def sites(text: str, action: str = "allow") -> Act:
    def act(tab: Page, house: House) -> None:
        tab.fill("#site", text)
        tab.click(f"main button[value={action}]")

    return act


def passwords(*fields: tuple[str, str], button: str) -> Act:
    def act(tab: Page, house: House) -> None:
        tab.evaluate("document.querySelectorAll('main form').forEach(form => form.noValidate = true)")
        for name, text in fields:
            tab.fill(f"#{name}", text)
        tab.click(button)

    return act


def no_token(tab: Page, house: House) -> None:
    tab.eval_on_selector_all("[name=csrf]", "all => all.forEach(one => { one.value = 'old' })")
    tab.click("button.level[value='1']")


def guess(tab: Page, house: House) -> None:
    """One wrong password more than is let through."""
    for _ in range(12):
        house.door.throttle.charge("127.0.0.1", "admin")
    tab.fill("#password", "x")
    tab.click(LOGIN)


def new(one: str, other: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("password", one), ("again", other)


SETUP: Final = "main button[value='1']"
LOGIN: Final = "main button.full"
SCENES: Final[dict[str, Scene]] = {
    "home-orange": Scene("bare"),
    "home-green": Scene("busy"),
    "home-trouble": Scene("trouble"),
    "home-updating": Scene("updating"),
    "home-paused": Scene("paused"),
    "home-paused-bare": Scene("paused-bare"),
    "home-silent": Scene("silent"),
    "home-mandatory": Scene("mandatory"),
    "home-allowed": Scene("allowed"),
    "home-broken": Scene("broken"),
    "home-reader": Scene("busy", role=Role.READER),
    "home-chosen": Scene("bare", act=click("button.level[value='1']")),
    "blocked": Scene("busy", "/blocked"),
    "blocked-none": Scene("bare", "/blocked"),
    "blocked-silent": Scene("silent", "/blocked"),
    "sites": Scene("busy", "/sites"),
    "sites-none": Scene("trouble", "/sites"),
    "sites-bad": Scene("bare", "/sites", sites("two words")),
    "sites-no-dot": Scene("bare", "/sites", sites("youtube")),
    "sites-choice": Scene("bare", "/sites", sites("https://www.example.com/games/start.html", "block")),
    "sites-chosen": Scene("bare", "/sites", sites("example.com")),
    "sites-paused": Scene("paused-bare", "/sites", sites("example.com")),
    "why": Scene("bare", "/why"),
    "why-closed": Scene("busy", f"/why?q={LISTED}"),
    "why-open": Scene("busy", "/why?q=https://example.com/"),
    "why-own": Scene("busy", "/why?q=kids.example.org"),
    "why-code": Scene("busy", "/why?q=casino2345"),
    "why-bad-code": Scene("busy", "/why?q=ZZZZZZZZZZ"),
    "why-bad": Scene("bare", "/why?q=a+b"),
    "why-paused": Scene("paused", f"/why?q={LISTED}"),
    "lists": Scene("busy", "/lists"),
    "lists-none": Scene("bare", "/lists"),
    "lists-failed": Scene("trouble", "/lists"),
    "lists-updating": Scene("updating", "/lists"),
    "devices": Scene("busy", "/devices"),
    "devices-none": Scene("bare", "/devices"),
    "reports": Scene("busy", "/reports"),
    "reports-none": Scene("bare", "/reports"),
    "account": Scene("busy", "/account"),
    "account-wrong": Scene(
        "busy",
        "/account",
        passwords(("current", "x"), *new("x", "y"), button="form[action='/account/password'] button"),
    ),
    "forbidden": Scene("busy", "/lists", role=Role.READER),
    "missing": Scene("busy", "/nothing"),
    "old-form": Scene("bare", "/", no_token),
    "login-not-ready": Scene("fresh", "/login", role=None),
    "setup": Scene("fresh", "/setup/", role=None),
    "setup-short": Scene("fresh", "/setup/", passwords(*new("x", "x"), button=SETUP), role=None),
    "setup-differs": Scene("fresh", "/setup/", passwords(*new(PASSWORD, "y"), button=SETUP), role=None),
    "setup-over": Scene("many", "/setup/", role=None),
    "reset": Scene("guarded", "/setup/again", role=None),
    "login": Scene("busy", "/login", role=None),
    "login-name": Scene("many", "/login", role=None),
    "login-wrong": Scene("many", "/login", passwords(("name", "admin"), ("password", "x"), button=LOGIN), role=None),
    "login-wait": Scene("guarded", "/login", guess, role=None),
    "login-out": Scene("many", "/login?said=out", role=None),
}

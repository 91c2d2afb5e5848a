"""Every page that a reader meets, each as it comes from a real `sfs run`; the few that nobody can bring about at will
are drawn by the functions that draw them there."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, Route

from sfs.core.probes import PROBES
from sfs.lists.mandatory import Purpose
from sfs.sources.helplines import helplines_for, helplines_from
from sfs.sources.places import rules_dir
from sfs.sources.stop_page import Said, StopPage, Way
from sfs.sources.yaml_nodes import load_plain
from sfs.web.answer import PageAnswer
from sfs.web.checkpage import Came, Here, Ways, result_page
from sfs.web.device import DeviceState
from sfs.web.pages import FilterState, Protection, connection_page, error_page, help_page
from sfs.web.report import Form, report_page
from sfs.web.stop import of_pictures, stop_page
from sfs.web.texts import Language
from tests.e2e.browser import Relay
from tests.e2e.origin import Origin, Reply
from tests.e2e.origin import page as html
from tests.e2e.proxy import Proxy

# Who comes from which address, and so has which policy.
CLIENTS: Final = {
    "child": "127.0.0.41",  # level 1, has the certificate
    "little": "127.0.0.42",  # level 0
    "adult": "127.0.0.43",  # level 3
    "silent": "127.0.0.44",  # nothing is recorded
    "paused": "127.0.0.45",
    "shared": "127.0.0.46",  # several devices behind one address
    "busy": "127.0.0.47",  # has sent as many reports as one may
    "quiet": "127.0.0.48",  # opens nothing
    "new": "127.0.0.49",  # no certificate yet
}
HELP_URL: Final = "http://sfs.home.arpa/"
PICTURE: Final = "https://check.sfs.home.arpa/**"


@dataclass
class Readers:
    """The proxies, and windows of one browser: `way` is who somebody is, or "bare", "sni", "inspect", "port"."""

    browser: Browser
    origin: Origin
    proxies: dict[str, Proxy]
    relays: dict[str, Relay]
    windows: dict[tuple[str, str], Page] = field(default_factory=dict)
    answer: PageAnswer | None = None

    def window(self, way: str, language: Language) -> Page:
        """A page of whoever `way` is; the same one each time."""
        if (way, language) not in self.windows:
            self.windows[way, language] = self._context(way, language).new_page()
        return self.windows[way, language]

    def _context(self, way: str, language: Language) -> BrowserContext:
        through = self.relays[way].address if way in self.relays else None
        if way in ("sni", "inspect"):
            through = self.proxies[way].address
        context = self.browser.new_context(
            proxy={"server": f"http://{through}", "bypass": "<-loopback>"} if through else None,
            locale={"ja": "ja-JP", "en": "en-US"}[language],
            service_workers="block",
        )
        context.set_default_timeout(20_000)
        if way == "new":
            context.route(PICTURE, lambda route: route.abort())  # as where the certificate is not there
        if way == "drawn":
            context.route("**/*", self._fulfill)
        return context

    def _fulfill(self, route: Route) -> None:
        assert self.answer is not None
        if route.request.is_navigation_request():
            route.fulfill(status=self.answer.status, headers=dict(self.answer.headers), body=self.answer.body)
        else:
            route.abort()

    def url(self, host: str, path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.origin.https if scheme == 'https' else self.origin.http}{path}"


@contextmanager
def readers(
    browser_of: Callable[[Path], Any], start: Callable[..., Proxy], origin: Origin, folder: Path
) -> Iterator[Readers]:
    """All of it. `browser_of` opens a browser that trusts the certificate it is given."""
    serve(origin)
    with ExitStack() as stack:
        begun = {
            "auto": start(configuration(folder), state=folder / "auto"),
            "sni": start({"level": 1, "https": "sni"}),
            "inspect": start({"level": 3, "https": "inspect", "keywords": {4: ["albatross"]}}),
        }
        # All at once: most of a start is waiting for the disk and for another program.
        with ThreadPoolExecutor() as pool:
            running = list(pool.map(stack.enter_context, begun.values()))
        proxies = dict(zip(begun, running, strict=True))
        relays = {way: stack.enter_context(Relay(proxies["auto"].port, at)) for way, at in CLIENTS.items()}
        browser = stack.enter_context(browser_of(proxies["auto"].ca))
        made = Readers(browser, origin, proxies, relays)
        prepare(made)
        yield made


def configuration(folder: Path) -> dict[str, Any]:
    """Levels by address, a list of each kind, a pause that is on."""
    texts = {"law": "law.test\n", "harmful": "danger.test\n", "adult": "category.test\n", "around": "tunnel.test\n"}
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    lists: list[dict[str, Any]] = [{"name": name, "url": str(folder / f"{name}.txt")} for name in texts]
    meanings: tuple[dict[str, Any], ...] = (
        {"mandatory": True},
        {"category": "malware"},
        {"rating": 3},
        {"category": "vpn"},
    )
    for one, meaning in zip(lists, meanings, strict=True):
        one |= meaning
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    levels = {"little": 0, "adult": 3}
    groups = [{"name": way, "clients": [at], "level": levels.get(way, 1)} for way, at in CLIENTS.items()]
    groups[list(CLIENTS).index("silent")]["record"] = "nothing"
    return {
        "level": 1,
        "https": "auto",
        "groups": groups,
        "keywords": {2: ["walrus"], 4: ["albatross"]},
        "block": ["listed.test", {"entry": "host.test", "final": True}],
        "allow": ["search.test"],
        "lists": lists,
        "default_lists": False,
        "pauses": [{"until": until, "group": "paused"}],
    }


def serve(origin: Origin) -> None:
    """What lies on the sites."""
    for host in ("plain.test", "words.test", "listed.test", "find.test"):
        origin.replies[f"{host}/"] = Reply(html("A page"))
    origin.replies["words.test/"] = Reply(html("walrus and albatross"))
    link = f'<a id="go" href="http://category.test:{origin.http}/">go</a>'
    origin.replies["plain.test/from"] = Reply(html("A page", body=link))


def prepare(made: Readers) -> None:
    """What has to have happened before the pages are looked at."""
    proxy = made.proxies["auto"]
    for way in ("child", "shared"):
        tab = made.window(way, "en")
        tab.goto(HELP_URL)
        tab.wait_for_function("() => [...document.images].every(one => one.complete && one.naturalWidth)")
    proxy.curl(made.url("category.test", "/", "https"), "--interface", CLIENTS["new"], ca=False)
    proxy.curl(made.url("danger.test", "/", "https"), "--interface", CLIENTS["new"], ca=False)
    # Another device of the same address has no certificate: it refuses ours at three sites.
    for host in ("plain.test", "words.test", "other.test"):
        proxy.curl(made.url(host, "/", "https"), "--interface", CLIENTS["shared"], ca=False)
    at = CLIENTS["busy"]
    form = proxy.curl(f"{HELP_URL}report", "--interface", at)
    token = re.search(r'name="token" value="([^"]+)"', form.text)
    assert token
    for number in range(10):
        data = f"token={token[1]}&kind=shown&address=site{number}.example"
        assert proxy.curl(f"{HELP_URL}report", "--interface", at, "-d", data).status == 303


# Where a connection fails nobody knows the reader's language: the page has both, English first.
BOTH: Final = ("error-port", "error-both-languages")

type Open = Callable[[Readers, Page, Language], None]
SCENES: Final[dict[str, tuple[str, Open]]] = {}


def scene(name: str, way: str) -> Callable[[Open], Open]:
    """Keep a function that opens the page `name` in the window of `way`."""

    def keep(open_: Open) -> Open:
        SCENES[name] = way, open_
        return open_

    return keep


def at(way: str, host: str, path: str = "/", scheme: str = "http") -> tuple[str, Open]:
    """A page that is there for whoever asks for an address."""
    return way, lambda made, tab, language: went(tab, made.url(host, path, scheme))


def own(way: str, path: str = "") -> tuple[str, Open]:
    """A page of ours."""
    return way, lambda made, tab, language: went(tab, HELP_URL + path)


def drawn(answer: Callable[[Language], PageAnswer]) -> tuple[str, Open]:
    """A page as the function gives it."""

    def open_(made: Readers, tab: Page, language: Language) -> None:
        made.answer = answer(language)
        went(tab, "http://drawn.test/")

    return "drawn", open_


def went(tab: Page, url: str) -> None:
    assert tab.goto(url) is not None


SCENES.update(
    {
        "block-rating": at("child", "category.test"),
        "block-https": at("child", "category.test", "/", "https"),
        "block-own": at("child", "listed.test"),
        "block-final": at("child", "host.test"),
        "block-danger": at("child", "danger.test"),
        "block-around": at("child", "tunnel.test"),
        "block-search": at("child", "find.test", "/search?q=walrus"),
        "block-words": at("child", "words.test"),
        "block-unrated": at("little", "plain.test"),
        "block-adult": at("adult", "words.test"),
        "block-by-name": at("new", "category.test"),
        "block-orange": at("inspect", "words.test"),
        "mandatory": at("child", "law.test"),
        "help-words": at("child", "find.test", "/search?q=%E6%AD%BB%E3%81%AB%E3%81%9F%E3%81%84"),
        "help-proved": own("child"),
        "help-new": own("new"),
        "help-shared": own("shared"),
        "help-level-3": own("adult"),
        "help-silent": own("silent"),
        "help-paused": own("paused"),
        "help-sni": own("sni"),
        "help-inspect": own("inspect"),
        "why": own("new", "why"),
        "why-none": own("quiet", "why"),
        "report": own("child", "report?kind=shown"),
        "report-off": own("silent", "report"),
        "error-missing": own("child", "nothing"),
        "error-address": ("child", lambda made, tab, language: went(tab, "http://169.254.9.9/")),
        "error-port": ("child", lambda made, tab, language: went(tab, "http://plain.test:25565/")),
        "error-unreachable": ("child", lambda made, tab, language: went(tab, "http://nowhere.invalid/")),
    }
)


STOP: Final = StopPage(
    Said("見本ネット", "Example Net"),
    "https://net.example/blocking",
    (Way("https://net.example/contact", "net.example/contact"), Way("tel:0120000000", "0120-000-000")),
    (Way("mailto:appeal@net.example", "appeal@net.example"),),
    Purpose.CHILD_PROTECTION,
    Said("見本協会", "Example Association"),
    Said("業界の指針", "a guideline of the industry"),
    "JP",
)


def stop(purpose: Purpose) -> tuple[str, Open]:
    """The page of a provider, as the proxy shows it and as it stands on its web server."""
    said, day = replace(STOP, purpose=purpose), date(2026, 11, 28)
    lines = helplines_from(load_plain(rules_dir() / "helplines.yaml"))

    def answer(language: Language) -> PageAnswer:
        chosen = helplines_for(lines, language, images_first=of_pictures(purpose))
        return stop_page(language, said, chosen, today=day, written=day)

    return drawn(answer)


SCENES.update({f"stop-{purpose}": stop(purpose) for purpose in (Purpose.CHILD_PROTECTION, Purpose.COURT_ORDER)})


def error(problem: str) -> tuple[str, Open]:
    return drawn(lambda language: error_page(language, problem, "example.com"))


SCENES.update({f"error-{problem}": error(problem) for problem in ("headers", "certificate", "internal")})
LAN: Final = FilterState(
    False,
    1,
    "192.0.2.1:8080",
    "auto",
    (Protection("words", 412), Protection("lists", 3, 1_204_331), Protection("self_labels")),
    certificate=True,
    device=DeviceState("auto", "no", "https://check.sfs.home.arpa/proof/1-2.svg", 3),
    system="ios",
    report_url="/report?kind=shown",
)
TRIED: Final = dict.fromkeys((probe.name for probe in PROBES), Ways(True, True)) | {
    "address": Ways(False, False),
    "dns": Ways(True, False),
    "fronting": Ways(None, False),
    "vpn": Ways(None, None),
    "socket": Ways(None, None),
}
SCENES.update(
    {
        "check-result": drawn(lambda language: result_page(language, Came(TRIED, "name", False), Here(1, True))),
        "help-lan": drawn(lambda language: help_page(language, LAN)),
        "error-both-languages": drawn(lambda language: connection_page(None, "unreachable")),
        "report-full": drawn(lambda language: report_page(language, Form("shown", "a.example"), "token", (), "full")),
        "report-not-saved": drawn(lambda language: report_page(language, Form("shown"), "token", (), "not_saved")),
    }
)


@scene("help-straight-at-the-port", "port")
def _(made: Readers, tab: Page, language: Language) -> None:
    went(tab, f"http://{made.proxies['auto'].address}/")


@scene("block-with-a-way-back", "child")
def _(made: Readers, tab: Page, language: Language) -> None:
    went(tab, made.url("plain.test", "/from"))
    tab.click("#go")
    tab.wait_for_selector("section.ask")


@scene("report-from-a-block", "child")
def _(made: Readers, tab: Page, language: Language) -> None:
    went(tab, made.url("category.test"))
    tab.click(".ask a")
    tab.wait_for_selector("form")


def sent(name: str, fill: str, way: str = "child") -> None:
    """A form that is sent with what `fill` (JavaScript, `form`) puts into it, past the checks of the browser."""

    @scene(name, way)
    def _(made: Readers, tab: Page, language: Language) -> None:
        went(tab, f"{HELP_URL}report")
        with tab.expect_navigation():
            tab.evaluate(f"() => {{ const form = document.forms[0]; form.noValidate = true; {fill}; form.submit() }}")


KIND: Final = "form.kind.value = 'shown'"
sent("report-kind-missing", "form.address.value = 'a.example'")
sent("report-address-missing", KIND)
sent("report-address-bad", f"{KIND}; form.address.value = 'a b'")
sent("report-note-long", f"{KIND}; form.address.value = 'a.example'; form.note.value = 'x'.repeat(600)")
sent("report-token", f"{KIND}; form.address.value = 'a.example'; form.token.value = '1-2'")
sent("report-not-kept", f"{KIND}; form.address.value = 'childline.or.jp'")
sent("report-many", f"{KIND}; form.address.value = 'a.example'", "busy")
SCENES["report-sent"] = own("child", "report/sent")

"""A household for the tests of the pages: real filter, changes, journal, trust, reports and accounts in a temporary
state folder, and the app on a loopback port. Only the fetching of lists is played: a test says what it finds."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from selectolax.lexbor import LexborHTMLParser

from sfs.admin.account_pages import PAGES as ACCOUNT_PAGES
from sfs.admin.app import make_app
from sfs.admin.pages import PAGES
from sfs.admin.server import AdminServer
from sfs.core.verdict import Action, Verdict
from sfs.lists.store import ListState
from sfs.sources.changes import Changes
from sfs.sources.config import load_config
from sfs.sources.control import Control
from sfs.sources.filter import Filter, load_filter
from sfs.sources.journal import Journal, Record
from sfs.sources.live import Live
from sfs.sources.policies import policies_from
from sfs.sources.reports import Reports
from sfs.sources.trust import Trust
from sfs.web.door import Door, open_door
from sfs.web.guard import Hosts
from sfs.web.permissions import Role
from sfs.web.tokens import csrf_of
from tests.admin.browser import Answer, Browser

PASSWORD = "quiet green harbour"


@dataclass
class Lists:
    """What stands in for the subscriptions."""

    states: tuple[ListState, ...] = ()
    running: bool = False
    asked: int = 0

    def update(self) -> bool:
        """Begin to fetch; False where that runs."""
        if self.running:
            return False
        self.running = True
        self.asked += 1
        return True


@dataclass
class House:
    """Everything a test reaches into."""

    state: Path
    control: Control
    door: Door
    lists: Lists
    port: int
    reload: Callable[[], object]

    def visitor(self, role: Role | None = Role.ADMINISTRATOR, language: str = "en") -> Browser:
        """Somebody with an account of this role, logged in; None: not logged in."""
        browser = Browser("127.0.0.1", self.port, language=language)
        if role is not None:
            name = "admin" if role is Role.ADMINISTRATOR else str(role)
            user = self.door.accounts.find(name) or self.door.accounts.add(name, PASSWORD, role)
            browser.cookies["sfs"] = self.door.sessions.start(user, "other")
            browser.csrf = csrf_of(browser.cookies["sfs"])
        return browser

    def blocked(
        self, host: str, reason: str = "category-rating", *, check: str = "rating", code: str = "", **more: str
    ):
        """Let the proxy have blocked something just now."""
        ago = timedelta(seconds=float(more.pop("ago", 0)))
        verdict = Verdict(Action.BLOCK, check, reason, 2, source=more.get("source"), rating=3)
        code = code or f"{abs(hash((host, ago))):010}"[:10].translate(str.maketrans("0123456789", "ABCDEFGHIJ"))
        now = datetime.now().astimezone() - ago
        self.control.journal.note(Record(now, more.get("group", "default"), host, verdict, code))
        return code


@cache
def _shipped() -> Filter:
    """The words and tables that come with SFS: the same in every house, and most of the time of loading one."""
    with TemporaryDirectory() as folder:
        return load_filter(load_config(None, {"level": 2}, Path(folder)))


LINK_COMMAND = "/opt/sfs/bin/sfs admin link --state /srv/sfs"


@contextmanager
def household(state: Path, config: str = "level: 2\n", proxy: str = "192.0.2.1:8080") -> Iterator[House]:
    """A house with this configuration file, its pages on a free port."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = state / "config.yaml"
    file.write_text(config, encoding="utf-8")

    def load(changes: Path | None = None) -> Filter:
        config = load_config(file, state=state, page_first=True, changes=changes)
        return replace(_shipped(), config=config, policies=policies_from(config))

    live, lists = Live(load(), lambda old: load()), Lists()
    journal, trust = Journal(state / "log", timedelta(days=7)), Trust(state / "trust.json")
    control = Control(
        live=live,
        changes=Changes(state, load),
        journal=journal,
        trust=trust,
        reports=Reports(state / "reports.jsonl"),
        lists=lambda: lists.states,
        update_lists=lists.update,
        updating=lambda: lists.running,
        proxy=lambda: proxy,
        certificate=lambda: None,
        link_command=lambda: LINK_COMMAND,
    )
    door = open_door(state / "accounts.db")

    def app(hosts: Hosts):
        return make_app(control, door, (*PAGES, *ACCOUNT_PAGES), hosts)

    server = AdminServer(app, ("127.0.0.1", 0))
    _, port = server.start()
    try:
        yield House(state, control, door, lists, port, live.reload)
    finally:
        server.stop()
        door.close()
        journal.close()
        trust.close()


def main(answer: Answer) -> str:
    """What a person reads in the main part of a page."""
    return re.sub(r"\s+", " ", tree(answer).css_first("main").text(separator=" ")).strip()


def tree(answer: Answer) -> LexborHTMLParser:
    """The page as elements."""
    page = LexborHTMLParser(answer.body)
    page.strip_tags(["rt", "rp", "style"])
    return page


def act(browser: Browser, path: str, **fields: str) -> Answer:
    """Send a form and go where it leads."""
    return browser.follow(browser.post(path, fields))

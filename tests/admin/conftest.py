"""The admin pages on loopback, with accounts in a temporary folder and clocks that a test turns."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher
from starlette.responses import Response

from sfs.admin.account_pages import PAGES as ACCOUNT_PAGES
from sfs.admin.app import make_app
from sfs.admin.server import AdminServer
from sfs.web.accounts import User
from sfs.web.door import Door, open_door
from sfs.web.permissions import Permission, Role
from sfs.web.route import Page, Visit
from sfs.web.tokens import csrf_of
from tests.admin.browser import Browser

PASSWORD = "correct horse battery"


@dataclass
class Clock:
    """Seconds that pass only when a test says so."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Site:
    """The pages as a browser meets them, and what stands behind."""

    door: Door
    server: AdminServer
    port: int
    clock: Clock
    host: str = "127.0.0.1"
    made: list[str] = field(default_factory=list)
    members: dict[Role, User] = field(default_factory=dict)

    def browser(self, address: str = "127.0.0.1") -> Browser:
        return Browser(self.host, self.port, address=address)

    def user(self, role: Role = Role.ADMINISTRATOR, name: str | None = None) -> User:
        """An account of its own for a test, with PASSWORD."""
        self.made.append(name or f"user-{len(self.made)}")
        return self.door.accounts.add(self.made[-1], PASSWORD, role)

    def logged_in(self, role: Role = Role.ADMINISTRATOR, address: str = "127.0.0.1") -> Browser:
        """A browser with a session of its own, of the one account that all such browsers of a role share."""
        if role not in self.members:
            self.members[role] = self.user(role)
        browser = self.browser(address)
        browser.cookies["sfs"] = self.door.sessions.start(self.members[role], "other")
        browser.csrf = csrf_of(browser.cookies["sfs"])
        return browser


def control_stub(language: str = "auto") -> SimpleNamespace:
    """As much of Control as the pages of accounts read."""
    filter_ = SimpleNamespace(config=SimpleNamespace(language=language))
    return SimpleNamespace(live=SimpleNamespace(filter=filter_), link_command=lambda: "sfs admin link --state /srv/sfs")


async def home(visit: Visit) -> Response:
    return visit.render("message.html", title="admin-account.title", text="admin-account.setup_text", fault="")


async def said(visit: Visit) -> Response:
    return visit.redirect("/", "admin-account.you_are", name=visit.field("name"))


TEST_PAGES = (
    Page("/", home, needs=Permission.STATE, menu="admin-account.home"),
    Page("/said", said, methods=("POST",), needs=Permission.ACCOUNT),
)


@pytest.fixture(scope="package", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Hashes that cost next to nothing: what they cost a thief is measured in tests/web/test_passwords.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sfs.web.passwords._HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="module")
def serve(tmp_path_factory) -> Iterator[Callable[..., Site]]:
    """Start the pages: serve(pages=...) gives a Site; all end with the module."""
    sites: list[Site] = []

    def begin(pages: Sequence[Page] = TEST_PAGES, control: object = None, folder: Path | None = None) -> Site:
        clock = Clock()
        door = open_door((folder or tmp_path_factory.mktemp("state")) / "accounts.db", clock, clock)
        pages = (*ACCOUNT_PAGES, *pages)
        server = AdminServer(lambda hosts: make_app(control or control_stub(), door, pages, hosts), ("127.0.0.1", 0))
        sites.append(Site(door, server, server.start()[1], clock))
        return sites[-1]

    yield begin
    for site in sites:
        site.server.stop()
        site.door.close()


@pytest.fixture(scope="module")
def site(serve) -> Site:
    """One server for all tests of a module; each takes accounts of its own."""
    return serve()

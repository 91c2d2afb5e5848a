"""The pages that the tests with a real browser open, the configuration that judges them, and how what the browser got
is held against what `sfs explain` says. Made-up words only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser

from sfs.sources.filter import Filter
from sfs.web.reasons import reason_key
from sfs.web.texts import Language, texts_for
from tests.e2e.browser import Reader, Visit
from tests.e2e.origin import Origin, Reply, page
from tests.e2e.proxy import Proxy

LOCALES: dict[Language, str] = {"en": "en-US", "ja": "ja-JP"}
PICS = '(PICS-1.1 "http://www.iajapan.org/rating/" l gen false r (lv {}))'


@dataclass(frozen=True, slots=True)
class Case:
    """One page of the origin. `name` stands in its text, so that a test knows what it sees."""

    name: str
    host: str
    path: str = "/"
    title: str = "A page"
    meta: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        return f"this is the page {self.name}"

    @property
    def html(self) -> bytes:
        return page(self.title, meta=self.meta, body=f"<p>{self.text}</p>")


def _rated_and_worded() -> list[Case]:
    rated = [Case(f"rated {n}", "rated.test", f"/r{n}/page") for n in range(5)]
    return rated + [Case(f"titled {n}", "words.test", f"/t{n}", title=f"All about quibble{n}") for n in range(1, 5)]


# Pages whose path, text or header counts: opened over plain HTTP and over inspected HTTPS.
PAGES: Final = (
    *_rated_and_worded(),
    Case("plain", "plain.test", "/plain"),
    Case("word in the address", "words.test", "/quibble3/page"),
    Case("META label", "label.test", "/meta", meta=f"<meta http-equiv='PICS-Label' content='{PICS.format(2)}'>"),
    Case("header label", "label.test", "/header", headers=(("PICS-Label", PICS.format(3)),)),
    Case("RTA", "label.test", "/rta", meta='<meta name="rating" content="RTA-5042-1996-1400-1577-RTA">'),
    Case("closed path", "other.test", "/closed/page"),
    Case("path beside it", "other.test", "/open"),
    Case("never decrypted", "nodecrypt.test", "/quibble4"),
)
# Pages of which the host alone decides: the same by name.
HOSTS: Final = (
    Case("host plain", "site.test", "/host"),
    Case("host allowed", "kids.test", "/host"),
    Case("host closed", "listed.test", "/host"),
    Case("host rated", "big.test", "/host"),
    Case("host in a category", "engine.test", "/host"),
    Case("host in a security list", "find.test", "/host"),
    Case("host with a word", "charset.test", "/host"),
)
LAWFUL: Final = Case("mandatory", "www.site.test", "/host")
# One of each kind, for plain HTTP: the same checks, and over HTTPS all of them are opened.
SOME_NAMES: Final = {"plain", "titled 2", "header label", "RTA", "closed path", "host closed", "host rated"}
SOME: Final = tuple(case for case in (*PAGES, *HOSTS) if case.name in SOME_NAMES or case.host == "rated.test")
ALL: Final = (*PAGES, *HOSTS, LAWFUL)


def client_of_level(level: int) -> str:
    """The address from which readers of a level come."""
    return f"127.0.0.{10 + level}"


def config(https: str, folder: Path) -> dict[str, Any]:
    """One configuration with a group for each level. Lists are written into `folder`."""
    lists: Mapping[str, tuple[str, dict[str, Any]]] = {
        "law.txt": ("=www.site.test", {"mandatory": True}),
        "games.txt": ("engine.test", {"rating": 2}),
        "malware.txt": ("find.test", {"category": "malware"}),
    }
    for name, (entry, _) in lists.items():
        (folder / name).write_text(entry + "\n")
    return {
        "level": 2,
        "https": https,
        "groups": [{"name": f"level {n}", "level": n, "clients": [client_of_level(n)]} for n in range(5)],
        "block": ["listed.test", "other.test/closed/"],
        "allow": ["kids.test"],
        "ratings": {f"rated.test/r{n}/": n for n in range(5)} | {"big.test": 3},
        "keywords": {n: [f"quibble{n}"] + (["charset\turl"] if n == 3 else []) for n in range(1, 5)},
        "lists": [{"url": str(folder / name)} | meaning for name, (_, meaning) in lists.items()],
        "never_decrypt": ["nodecrypt.test"],
    }


def serve(origin: Origin) -> None:
    """Put all pages on the origin server."""
    for case in ALL:
        origin.replies[case.host + case.path] = Reply(case.html, headers=case.headers)


@dataclass(frozen=True, slots=True)
class World:
    """One `sfs run`, a way in for the readers of each level, and what `sfs explain` needs to speak of the same."""

    mode: str
    proxy: Proxy
    doors: tuple[str, ...]
    browser: Browser
    origin: Origin
    filter: Filter

    def reader(self, level: int = 2, language: Language = "en", width: int = 1280) -> Reader:
        """A browser window of a reader of this level."""
        return Reader(self.browser, self.doors[level], LOCALES[language], width)

    def url(self, case: Case, scheme: str = "http") -> str:
        return f"{scheme}://{case.host}:{self.origin.http if scheme == 'http' else self.origin.https}{case.path}"


def sentence(reason: str, level: int, language: Language = "en") -> str:
    """What a block page says for a reason."""
    texts = texts_for(language)
    return texts.text(reason_key(reason, level, texts))


def fault_of(visit: Visit, case: Case, said: dict[str, Any], *, page_possible: bool) -> str | None:
    """What differs between what the browser got and what `sfs explain` said; None where nothing does."""
    if said["action"] == "allow":
        shown = visit.status == 200 and case.text in visit.text
        return None if shown else f"explain shows it by {said['check']}, the browser got {visit}"
    if not page_possible:
        return None if visit.tunnel_refused else f"explain blocks by {said['check']}, the browser got {visit}"
    told = visit.status == 403 and sentence(said["reason"], said["level"]) in visit.text
    return None if told and case.text not in visit.text else f"explain blocks by {said}, the browser got {visit}"

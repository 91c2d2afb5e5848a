"""The pages that the tests with a real browser open, and the configuration that judges them. Made-up words only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.origin import Origin, Reply, page

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

"""The shipped table against what others know of search engines, and against URLs that are no searches."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import yaml

from sfs.text.patterns import host_keys
from sfs.text.search import Engines

ROOT = Path(__file__).parents[2]
DATA = os.environ.get("SFS_TEST_DATA")
NO_SEARCH = (ROOT / "tests" / "vectors" / "text" / "no-search.txt").read_text("utf-8")

JAPANESE, ENGLISH = "動物 ねこ", "blue widget"
TYPED = {  # words in the letters of a charset, and Python's name of what browsers call so
    "utf-8": (JAPANESE, "utf-8"),
    "euc-jp": (JAPANESE, "euc_jp"),
    "ms932": (JAPANESE, "cp932"),
    "shift_jis": (JAPANESE, "cp932"),
    "gb2312": ("动物园 熊猫", "gbk"),
    "euc-kr": ("동물원 곰", "cp949"),
    "iso-8859-1": ("été léger", "cp1252"),
    "iso-8859-2": ("žlutý kůň", "iso8859_2"),
    "windows-1250": ("žlutý kůň", "cp1250"),
    "windows-1251": ("зоопарк слон", "cp1251"),
}
COUNTRIES = {True: ("de", "co.jp", "co.uk", "com.br", "fr"), False: ("de", "uk", "jp")}  # behind a name, or in front
# What stands for the word in a path that the list gives as an expression alone.
IN_PATH = {
    "Babylon": ("web/{k}",),
    "Excite": ("x/ws/results/Web/{k}/1/2",),
    "LookAny": ("search/{k}", "images/{k}", "videos/{k}"),
}


@cache
def shipped() -> Engines:
    return Engines(yaml.safe_load((ROOT / "rules" / "search-engines.yaml").read_text("utf-8")))


@dataclass(frozen=True)
class Asked:
    """One way to ask an engine: `links` are relative addresses with {k} for the word; one of them is the real one."""

    engine: str
    host: str
    folder: str
    links: tuple[str, ...]
    charset: str

    def fault(self) -> str | None:
        """What is wrong, None where exactly the words are found in one of the links."""
        typed, codec = TYPED[self.charset]
        for words in (typed, ENGLISH):
            found = [self._found(link, quote(words.encode(codec))) for link in self.links]
            if (words,) not in found:
                return f"{self.host} {self.links} {self.charset} {found}"
        return None

    def _found(self, link: str, sent: str) -> tuple[str, ...]:
        path, _, query = (
            re.sub("/+", "/", f"/{self.folder}/{link}").replace("/?", "?" if self.folder else "/?").partition("?")
        )
        return shipped().words(self.host, path.replace("{k}", sent), query.replace("{k}", sent))


def ways() -> Iterator[Asked]:
    """Each engine of the list with each of its hosts, parameters and charsets."""
    table = yaml.safe_load((Path(str(DATA)) / "vectors" / "matomo-search-engines.yml").read_text("utf-8"))
    for engine, rows in table.items():
        for row in rows:
            # Android's own name is no host; the words of Google's cache stand behind the page's address.
            urls = [url for url in row["urls"] if "android" not in url and "webcache" not in url]
            charsets = {"utf-8", *(name.lower() for name in row.get("charsets", ()))}
            for url in urls:
                for host, _, folder in (one.partition("/") for one in _countries(url)):
                    for param in row.get("params") or ["q"]:
                        links = _links(engine, param, row.get("backlink", ""))
                        yield from (Asked(engine, host, folder, links, charset) for charset in sorted(charsets))


def _countries(url: str) -> list[str]:
    if "{}" not in url:
        return [url]
    return [url.replace("{}", country) for country in COUNTRIES[url.endswith(".{}") or ".{}/" in url]]


def _links(engine: str, param: str, link: str) -> tuple[str, ...]:
    link = re.sub(r"^https?://[^/]+/", "", link).lstrip("/")
    if param.startswith("/"):
        return (link,) if "{k}" in link and "={k}" not in link else IN_PATH.get(engine) or (link,)
    if "#" in link or "={k}" not in link or "?" not in link:  # nothing, or what a browser keeps to itself
        return (f"?{param}={{k}}", f"search?{param}={{k}}")
    if f"{param}={{k}}" in link:
        return (link,)
    return (f"{link.partition('?')[0]}?{param}={{k}}",)


@pytest.mark.skipif(not DATA, reason="SFS_TEST_DATA names no folder of reference vectors")
def test_every_engine_of_a_public_list_gives_exactly_the_words() -> None:
    """On each of its hosts, with each parameter and path, in each of its charsets; 95 of 100 are asked for."""
    asked = list(ways())
    faults: dict[str, str] = {}
    for one in asked:
        if one.engine not in faults and (fault := one.fault()):
            faults[one.engine] = fault
    engines = {one.engine for one in asked}
    assert len(engines) == 297 and len(asked) > 1000
    assert 1 - len(faults) / len(engines) >= 0.95, faults
    assert not faults, "known before, lost now"


YAHOO = {
    "the web": "https://search.yahoo.co.jp/search?p={}",
    "pictures": "https://search.yahoo.co.jp/image/search?p={}",
    "pictures, older": "https://image.search.yahoo.co.jp/search?p={}",
    "videos": "https://video.search.yahoo.co.jp/search?p={}",
    "now": "https://search.yahoo.co.jp/realtime/search?p={}",
    "a telephone": "https://search.yahoo.co.jp/mobile/search?p={}",
    "questions": "https://chiebukuro.yahoo.co.jp/search?p={}",
    "auctions": "https://auctions.yahoo.co.jp/search/search?p={}",
    "shops": "https://shopping.yahoo.co.jp/search?p={}",
    "news": "https://news.yahoo.co.jp/search?p={}",
}


@pytest.mark.parametrize("where", YAHOO)
@pytest.mark.parametrize(("codec", "name"), [("utf-8", "UTF-8"), ("euc_jp", "EUC-JP"), ("cp932", "Shift_JIS")])
@pytest.mark.parametrize("typed", [JAPANESE, "ペンギンの家", "東京都の動物園", "ｱｲｽ", ENGLISH])
def test_yahoo_japan_in_three_charsets_named_or_not(where: str, codec: str, name: str, typed: str) -> None:
    parts = urlsplit(YAHOO[where].format(quote(typed.encode(codec))))
    for more in (f"&ei={name}", "&ei=", ""):
        if typed == "ｱｲｽ" and codec != "utf-8" and len(more) < 5:
            continue  # half-width kana in Shift_JIS are kanji in EUC-JP: nothing but the name can tell
        found = shipped().words(parts.hostname or "", parts.path, parts.query + more)
        assert found == (typed,), (more, found)


NO_SEARCHES = [line for line in NO_SEARCH.splitlines() if line and not line.startswith("#")]


def test_hundreds_of_urls_with_the_names_of_searches_are_none() -> None:
    assert len(NO_SEARCHES) >= 300 and len(set(NO_SEARCHES)) == len(NO_SEARCHES)
    found = {url: shipped().words(p.hostname or "", p.path, p.query) for url in NO_SEARCHES if (p := urlsplit(url))}
    assert {url: words for url, words in found.items() if words} == {}


def test_every_such_url_has_a_field_that_some_engine_asks_in() -> None:
    """Else a table that knows no field at all would pass."""
    names = {name for engine in shipped().engines for name in engine.params}
    for url in NO_SEARCHES:
        query = urlsplit(url).query
        assert {part.partition("=")[0].lower() for part in query.split("&")} & names or "variables" in query, url


def test_a_site_with_paths_takes_no_field_anywhere_else() -> None:
    free = {host for engine in shipped().engines if not engine.paths for host in engine.hosts}
    asked = 0
    for engine in shipped().engines:
        for pattern in engine.hosts if engine.paths else ():
            host = pattern.removeprefix("*.").replace(".{}", ".de").replace(".*", ".example.com")
            if not free & set(host_keys(host)) and not engine.path:
                query = "&".join(f"{quote(name)}=x" for name in engine.params)
                found = [shipped().words(host, path, query) for path in ("/login", "/article/1.html", "/user/a/b")]
                assert found == [(), (), ()], pattern
                asked += 1
    assert asked > 150


def test_rows_of_whole_sites_bind_their_parameters_to_paths() -> None:
    """A field as short as these is everywhere; only hosts that do nothing but search may take it on any path."""
    short = {"p", "k", "s", "w", "t", "key", "text", "title", "name", "any", "term", "word"}
    free = {engine.name for engine in shipped().engines if not engine.paths and short & set(engine.params)}
    assert free <= FREE, free - FREE


FREE = {
    *("Yahoo", "Yahoo! JAPAN", "Yandex", "Soso", "Zhongsou", "Baidu", "Hao123", "360 Search", "Seznam", "DeepSeek"),
    *("Small engines that say p", "Small engines that say s", "Small engines that say key", "Trusted Search"),
    *("Chedot", "Poisk", "Dogpile and its kin", "Polish portals", "French portals", "Italian portals", "Qwen"),
    *("Walla and Arabic portals", "@nifty", "JWord and Kingsoft", "Urban Dictionary", "Youku and iQIYI", "bilibili"),
}

"""What the shipped words leave alone: ordinary Japanese text in four charsets, and innocent pages and searches through
the whole walk of checks at level 1."""

import csv
import gzip
import random
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from sfs.match.tally import Tally
from sfs.match.words import WordIndex
from sfs.sources.config import load_config
from sfs.sources.explained import Asked, explain_url
from sfs.sources.filter import Filter, load_filter
from sfs.sources.rules import RulesReport, load_words
from sfs.sources.texts import texts_of

HERE = Path(__file__).parent
MANUALS = {
    "debian-reference-ja": ("/usr/share/debian-reference", "*.ja.html"),
    "maint-guide-ja": ("/usr/share/doc/maint-guide-ja/html", "*.html"),
    "aptitude-doc-ja": ("/usr/share/doc/aptitude/html/ja", "*.html"),
}
MAN_PAGES = Path("/usr/share/man/ja")
CHARSETS = {"utf-8": "utf-8", "shift_jis": "cp932", "euc-jp": "euc_jp", "iso-2022-jp": "iso2022_jp"}
MAX_PER_MILLION = 1.0
IPADIC = Path("/usr/share/mecab/dic/ipadic")
GENERATED = 100
SEED = 2026
GOOD = ("{}", "{}の天気", "{}の歴史を調べる", "{} 小学校", "{}さんに聞く健康の話", "{}の美術館と動物園")
SITES = (
    "https://example.com/{}",
    "https://www.google.com/search?q={}",
    "https://search.yahoo.co.jp/search?p={}&ei=UTF-8",
)


def _lines_of(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]


@cache
def _pages() -> dict[str, list[str]]:
    """Package -> its texts: HTML, and manual pages without the marks of troff."""
    pages = {
        package: [path.read_text("utf-8") for path in sorted(Path(folder).glob(pattern))]
        for package, (folder, pattern) in MANUALS.items()
    }
    # Every fourth page, for time: all of them, 7.3 million characters, gave four hits at rating 2 or above.
    manual = [
        gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        for path in sorted(MAN_PAGES.glob("man[0-9]/*.gz"))[::4]
    ]
    pages["manpages-ja"] = [re.sub(r"(?m)^[.'].*?(?:\s|$)|\\f[A-Z]|\\[-&|]", "", page) for page in manual]
    return pages


@pytest.fixture(scope="module")
def index() -> WordIndex:
    return WordIndex(load_words(RulesReport()))


@pytest.mark.parametrize("charset", CHARSETS)
def test_ordinary_japanese_text_is_hardly_hit(charset: str, index: WordIndex) -> None:
    tally = Tally(index, above=1)
    for package, pages in _pages().items():
        if not pages:
            pytest.skip(f"{package} is not installed")
        for number, page in enumerate(pages):
            html = package in MANUALS
            sent = re.sub(r"charset=[\w-]+", f"charset={charset}", page) if html else page
            errors = "xmlcharrefreplace" if html else "replace"
            name = f"{package}/{number}.{'html' if html else 'txt'}"
            for line, text in texts_of(name, sent.encode(CHARSETS[charset], errors)).texts:
                tally.add(text, name, line)
    assert tally.characters > 1_000_000
    assert tally.per_million(sum(tally.hits.values())) < MAX_PER_MILLION, tally.examples


@pytest.fixture(scope="module")
def level1(tmp_path_factory: pytest.TempPathFactory) -> Filter:
    return load_filter(load_config(None, {"level": 1, "default_lists": False}, state=tmp_path_factory.mktemp("state")))


def blocked(texts: list[str], filter_: Filter) -> list[tuple[str, str]]:
    """(URL, check) of what level 1 blocks: each text as path, as search words, and as the title of the page."""
    at = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
    wrong = []
    for text in texts:
        html = f"<title>{text}</title><meta name=description content='{text.replace(chr(39), ' ')}'>".encode()
        asked = Asked(at, headers=(("content-type", "text/html; charset=utf-8"),), html=html)
        for site in SITES:
            found = explain_url(site.format(quote_plus(text)), filter_, asked, with_trace=False)
            if found.verdict.blocked:
                wrong.append((found.text, found.verdict.check))
    return wrong


@pytest.mark.parametrize("name", ["innocent-ja.txt", "innocent-en.txt"])
def test_innocent_pages_and_searches_are_shown_at_level_1(name: str, level1: Filter) -> None:
    texts = _lines_of(HERE / name)
    assert len(texts) >= 300
    assert blocked(texts, level1) == []


def test_pages_about_places_and_persons_are_shown_at_level_1(level1: Filter) -> None:
    if not IPADIC.is_dir():
        pytest.skip("mecab-ipadic is not installed")
    names: list[str] = []
    for file in ("Noun.place.csv", "Noun.name.csv"):
        with (IPADIC / file).open(encoding="euc_jp", newline="") as rows:
            names += [row[0] for row in csv.reader(rows)]
    chance = random.Random(SEED)
    texts = [chance.choice(GOOD).format(name) for name in chance.sample(sorted(set(names)), GENERATED)]
    assert blocked(texts, level1) == []


def test_a_page_with_a_listed_word_is_blocked_so_that_these_tests_see_something(
    level1: Filter, index: WordIndex
) -> None:
    word = next(r.parts[0] for r in index.rules if r.rating == 4 and len(r.parts) == 1 and not r.guard)
    assert len(blocked([word], level1)) == len(SITES)

"""Names and URLs for `sfs bench`: made up, always the same ones, shaped like those of the web.

Names have two to four parts and 18 characters on average, as public lists have. The URLs are what a proxy sees: pages
with paths and queries, what pages load, searches in English and Japanese, encoded Japanese paths, a few listed sites.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final
from urllib.parse import quote, quote_plus

from sfs.core.facts import Kind

SEED: Final = 2002


def _parts(text: str) -> list[str]:
    return text.split()


_STARTS: Final = _parts("b c d f g h k l m n p r s t v w ch sh st tr br pl gr")
_MIDDLES: Final = _parts("a e i o u ai ou ee")
_ENDS: Final = ["", "", "", "n", "r", "s", "l", "t", "x", "ck"]
_TOPS: Final = _parts("com com com com com net org info de jp co.jp ne.jp or.jp fr io ru co.uk com.br")
_HOSTS: Final = ["", "", "", "", "www.", "www.", "m.", "blog.", "cdn.", "shop.", "mail."]
_WORDS: Final = _parts(
    "index page item view article news today school museum art bread weather widget blue red map photo team "
    "contact about help guide list show detail product story 2024 12 a1b2c3 id-4711 en ja static assets"
)
_PARAMETERS: Final = _parts("id p q v t page ref lang utm_source sort date key s")
_FILES: Final = ["logo.png", "main.css", "app.min.js", "font.woff2", "photo-01.jpg", "data.json", "v2/collect"]
_SEARCHES: Final = [
    "weather tomorrow", "how to bake bread", "museum opening hours", "blue widget", "bus timetable", "river fish",
    "天気予報 東京", "博物館 開館時間", "小学校 算数 プリント", "パンの作り方", "青い風車", "夏休み 自由研究",
]  # fmt: skip
_ENGINES: Final = [
    "https://www.google.com/search?hl=ja&q={}", "https://search.yahoo.co.jp/search?p={}&ei=UTF-8",
    "https://www.bing.com/search?form=QBLH&q={}", "https://duckduckgo.com/?q={}&ia=web",
    "https://ja.wikipedia.org/w/index.php?search={}", "https://www.youtube.com/results?search_query={}",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: a URL, and whether it is for a page or for a part of one."""

    url: str
    kind: Kind


def sample_names(count: int) -> list[str]:
    """`count` different names of sites."""
    random = Random(SEED)  # noqa: S311 - a sample, no secret
    names: dict[str, None] = {}
    while len(names) < count:
        names[random.choice(_HOSTS) + _site(random)] = None
    return list(names)


def sample_urls(count: int, listed: list[str]) -> list[Asked]:
    """`count` requests, one in ten for a name of `listed`, shuffled."""
    random = Random(SEED + 1)  # noqa: S311 - a sample, no secret
    made = _requests(random, listed)
    return [next(made) for _ in range(count)]


def _requests(random: Random, listed: list[str]) -> Iterator[Asked]:
    while True:
        # The letter in front keeps these off the list, whose sites begin with others.
        host = random.choice(_HOSTS) + "j" + _site(random)
        (share,) = random.choices(range(5), (55, 20, 10, 10, 5))
        if share == 0:
            yield Asked(f"https://{host}{_path(random)}{_query(random)}", Kind.DOCUMENT)
        elif share == 1:
            yield Asked(f"https://{host}{_path(random)}/{random.choice(_FILES)}{_query(random)}", Kind.SUBRESOURCE)
        elif share == 2:
            yield Asked(random.choice(_ENGINES).format(quote_plus(random.choice(_SEARCHES))), Kind.DOCUMENT)
        elif share == 3:
            yield Asked(f"https://{random.choice(listed)}{_path(random)}{_query(random)}", Kind.DOCUMENT)
        else:
            yield Asked(f"https://{host}/{quote(random.choice(_SEARCHES))}/{random.choice(_WORDS)}", Kind.DOCUMENT)


def _site(random: Random) -> str:
    syllables = random.choices((2, 3, 4), (3, 5, 2))[0]
    name = "".join(random.choice(_STARTS) + random.choice(_MIDDLES) + random.choice(_ENDS) for _ in range(syllables))
    if random.random() < 0.2:
        name += f"-{random.choice(_STARTS)}{random.choice(_MIDDLES)}{random.randrange(100)}"
    return f"{name}.{random.choice(_TOPS)}"


def _path(random: Random) -> str:
    return "".join(f"/{random.choice(_WORDS)}" for _ in range(random.randrange(5))) or "/"


def _query(random: Random) -> str:
    if random.random() < 0.6:
        return ""
    pairs = (f"{random.choice(_PARAMETERS)}={random.choice(_WORDS)}" for _ in range(random.randrange(1, 4)))
    return "?" + "&".join(pairs)

"""What a page says of itself: PICS labels, RTA, `rating`, Open Graph and age-de, in META and in response headers.

A self-label can only raise a rating, and never makes a page rated. So nothing here has to be trusted: whoever lies
upward harms himself, and whoever lies downward is not believed. Hence also the lenient reading of labels.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from sfs.errors import LabelError, UrlError
from sfs.pics.judge import judge_labels
from sfs.pics.labels import MAX_TEXT, LabelList, parse_label_list
from sfs.pics.safetyonline import rating_of_age
from sfs.text.metadata import Meta
from sfs.text.url import Url, parse_url

MAX_SOURCES = 64  # METAs, and again headers, that are looked at
MAX_PICS = 65_536  # characters of label lists, all together; pages have 2,000 at most, and reading costs time
MAX_LISTS = 64  # label lists in one META or header
SHOWN = 200  # characters kept for the block page and the log

RTA = "rta-5042-1996-1400-1577-rta"  # Restricted To Adults: one constant token
_WORDS = {
    "adult": 4,
    "restricted": 4,
    "x": 4,
    "mature": 3,
    "r": 3,
    "pg-13": 2,
    # Boilerplate of countless templates: they say nothing against another source.
    "general": 0,
    "g": 0,
    "pg": 0,
    "safe for kids": 0,
}
_PARTS = re.compile(r"[,;|]")
_FROM_AGE = re.compile(
    r"(?:ages? )?([0-9]{1,3}) ?(?:\+|years?)(?: (?:and|or) (?:older|over|up|above))?|over ([0-9]{1,3})"
)
_OG_AGE = re.compile(r"([0-9]{1,3}) ?\+?")
_AGE_LABEL = re.compile(r"\bage=([0-9]{1,3})\b")
_BETWEEN_LISTS = re.compile(r"(?<=\))[ \t\r\n]*,[ \t\r\n]*(?=\()")


@dataclass(frozen=True, slots=True)
class SelfLabel:
    """One thing the page says. `kind`: pics-meta, pics-header, rta, rating, og or age-de. `weak`: a 0 that anybody's
    template carries, or that a mended label gave. `text`: what stood there, shortened. `service`: the PICS service."""

    rating: int
    kind: str
    weak: bool
    text: str
    service: str | None = None


def read_self_labels(
    metas: Sequence[Meta], headers: Sequence[tuple[str, str]], url: str | Url, now: datetime
) -> tuple[SelfLabel, ...]:
    """Every rating that the page at `url` gives itself, METAs first, in order. Header names are lower case; `now` is
    aware. Never raises: what cannot be read says nothing."""
    nothing = _META_READERS.keys().isdisjoint(meta.name for meta in metas)
    if nothing and _HEADER_READERS.keys().isdisjoint(name for name, _ in headers):
        return ()  # as of nearly every page
    reading = _Reading(_parsed(url), now)
    from_metas = ((meta.name, meta.content) for meta in metas)
    found = list(_read(from_metas, _META_READERS, reading))
    return (*found, *_read(headers, _HEADER_READERS, reading))


class _Reading:
    """What the readers share: whose labels these are, and how much text may still be parsed."""

    def __init__(self, url: Url | None, now: datetime) -> None:
        self.url = url
        self.now = now
        self._left = MAX_PICS

    def lists(self, text: str) -> Iterator[LabelList]:
        """The label lists in one META or header: one, or several with commas between."""
        self._left -= len(text)
        if len(text) > MAX_TEXT or self._left < 0:
            return
        try:
            yield parse_label_list(text)
        except LabelError:
            yield from _mended_lists(text)


type _Reader = Callable[[str, _Reading], Iterable[SelfLabel]]


def _read(sources: Iterable[tuple[str, str]], readers: Mapping[str, _Reader], reading: _Reading) -> Iterator[SelfLabel]:
    known = (source for source in sources if source[0] in readers)
    for name, content in islice(known, MAX_SOURCES):
        yield from readers[name](content[: MAX_TEXT + 1], reading)


def _mended_lists(text: str) -> Iterator[LabelList]:
    for part in _BETWEEN_LISTS.split(text, MAX_LISTS)[:MAX_LISTS]:
        try:
            yield parse_label_list(part, lenient=True)
        except LabelError:
            continue


def _pics(kind: str, text: str, reading: _Reading) -> Iterator[SelfLabel]:
    for label_list in reading.lists(text):
        answer = judge_labels(label_list, reading.url, reading.now)
        if answer:
            weak = answer.rating == 0 and bool(label_list.repairs)
            yield SelfLabel(answer.rating, kind, weak, _shown(text), answer.service)


def _pics_meta(text: str, reading: _Reading) -> Iterator[SelfLabel]:
    return _pics("pics-meta", text, reading)


def _pics_header(text: str, reading: _Reading) -> Iterator[SelfLabel]:
    return _pics("pics-header", text, reading)


def _rating(text: str, _: _Reading) -> Iterator[SelfLabel]:
    """`rating`: the RTA token, Google's adult, the older words and ages."""
    lower = text.lower()
    if RTA in lower:
        yield SelfLabel(4, "rta", False, _shown(text))
    ratings = [_word_rating(" ".join(part.split())) for part in _PARTS.split(lower)]
    yield from _one("rating", max((rating for rating in ratings if rating is not None), default=None), text)


def _word_rating(part: str) -> int | None:
    age = _FROM_AGE.fullmatch(part)
    return rating_of_age(int(age[1] or age[2])) if age else _WORDS.get(part)


def _og_age(text: str, _: _Reading) -> Iterator[SelfLabel]:
    age = _OG_AGE.fullmatch(text.strip())
    return _one("og", rating_of_age(int(age[1])) if age else None, text)


def _og_content(text: str, _: _Reading) -> Iterator[SelfLabel]:
    parts = {part.strip() for part in _PARTS.split(text.lower())}
    return _one("og", 1 if "alcohol" in parts else None, text)


def _age_label(text: str, _: _Reading) -> Iterator[SelfLabel]:
    ages = [int(age) for age in _AGE_LABEL.findall(text.lower())]
    return _one("age-de", rating_of_age(max(ages)) if ages else None, text)


def _one(kind: str, rating: int | None, text: str) -> Iterator[SelfLabel]:
    if rating is not None:
        yield SelfLabel(rating, kind, rating == 0, _shown(text))


_META_READERS: Mapping[str, _Reader] = {
    "pics-label": _pics_meta,
    "rating": _rating,
    "og:restrictions:age": _og_age,
    "og:restrictions:content": _og_content,
    "age-de-meta-label": _age_label,
    "age-meta-label": _age_label,
}
_HEADER_READERS: Mapping[str, _Reader] = {
    "pics-label": _pics_header,
    "rating": _rating,
    "x-rating": _rating,
    "age-de-meta-label": _age_label,
    "age-meta-label": _age_label,
}
HEADER_NAMES: Final = frozenset(_HEADER_READERS)  # of the header fields that are read
META_NAMES: Final = frozenset(_META_READERS)  # of the METAs that are


def _parsed(url: str | Url) -> Url | None:
    """None where the URL cannot be parsed: then only labels without `for` are about this page."""
    if isinstance(url, Url):
        return url
    try:
        return parse_url(url)
    except UrlError:
        return None


def _shown(text: str) -> str:
    return " ".join(text[: 4 * SHOWN].split())[:SHOWN]

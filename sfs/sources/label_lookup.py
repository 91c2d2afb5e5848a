"""Which label is in force for a URL: specific before generic, the longest prefix first, then the host, then the nearest
parent domain whose label holds below. Whole batches are answered with a few statements.

The longest prefix is found from behind. All keys that begin a URL's key stand before it in the order of keys. So the
last key that is not greater either begins it, and then it is the longest, or it leaves it at some place, and then every
shorter prefix ends at that place at the latest: the search goes on from there. Few steps are needed, however many
labels a host has; each step is one statement for all URLs that are still searched for.

A URL with several readings (decoded, charsets) is searched for in each of them, in `labels` and in `spellings`, where
the further readings of labels stand; Prefix.covers has the last word there. The strictest of what holds in any reading
is the answer. The plain twin of this is tests/sources/plain_labels.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sfs.pics.coverage import parse_prefix
from sfs.pics.keys import SCHEMES, for_of, keys_of, names_above
from sfs.pics.stored import StoredLabel
from sfs.sources import label_driver as sql
from sfs.sources.label_driver import Reading
from sfs.sources.label_rows import OF_LABEL, LabelRow, Texts, label_of
from sfs.text.url import Url

END: Final = "\U0010ffff"  # after every character of a key


@dataclass(slots=True)
class _Search:
    """One reading of one URL, in `labels` or in `spellings`. `exact`: the key of a specific label; `start`: what a
    prefix has to begin; `upto`: the greatest key that is still asked for, None at the end; `hit`: the longest prefix
    that is there; `found`: the label that holds."""

    url: int
    reading: int
    spelled: bool
    exact: str
    start: str
    upto: str | None
    hit: str | None = None
    found: LabelRow | None = None


@dataclass(slots=True)
class _Rows:
    """What was read, by `spelled` and key."""

    specific: dict[tuple[bool, str], list[LabelRow]] = field(default_factory=dict)
    generic: dict[tuple[bool, str], list[LabelRow]] = field(default_factory=dict)


class _Above:
    """The sites above each URL, where they are needed: most URLs that have a label need none."""

    def __init__(self, urls: Sequence[Url]) -> None:
        self._urls = urls
        self._names: dict[int, list[str]] = {}

    def of(self, number: int) -> list[str]:
        """The sites above a URL, by its number."""
        found = self._names.get(number)
        if found is None:
            found = self._names[number] = names_above(self._urls[number])
        return found

    def new(self, numbers: Iterable[int]) -> list[str]:
        """Those above these URLs that were not asked for before, each once."""
        names = self._names
        return list({name for number in numbers if number not in names for name in self.of(number)})


@dataclass(slots=True)
class Lookup:
    """Looks in one service for a batch of URLs. `now`: seconds since 1970."""

    reading: Reading
    texts: Texts
    number: int
    service: str
    now: float
    generic_only: bool = False

    def find(self, urls: Sequence[Url]) -> list[StoredLabel | None]:
        """The label in force for each URL, in their order."""
        searches = [search for number, url in enumerate(urls) for search in _searches(number, url)]
        rows, above = _Rows(), _Above(urls)
        exact = [] if self.generic_only else searches
        left = searches
        while left:
            self._walk(left)
            self._read(exact, left, above.new(search.url for search in left if search.hit is None), rows)
            exact = []
            left = [search for search in left if not self._settle(urls[search.url], search, rows)]
        self._read((), (), above.new(search.url for search in searches if search.found is None), rows)
        return self._answers(urls, searches, above, rows)

    def _walk(self, searches: Sequence[_Search]) -> None:
        """Find the longest prefix at or before `upto`, for each search."""
        for statement, spelled in ((sql.BEFORE, False), (sql.SPELLED_BEFORE, True)):
            left = [search for search in searches if search.spelled == spelled and search.upto is not None]
            while left:
                keys = self.reading.array([search.upto for search in left])
                found = self.reading.read(statement, (self.number, keys))
                left = [search for search, (key,) in zip(left, found, strict=True) if _step(search, key)]

    def _read(self, exact: Sequence[_Search], hits: Sequence[_Search], names: Sequence[str], rows: _Rows) -> None:
        array, number = self.reading.array, self.number
        keys = [search.exact for search in exact if not search.spelled]
        prefixes = [search.hit for search in hits if search.hit is not None and not search.spelled]
        if keys or prefixes or names:
            values = (array(keys), number, 0, array(prefixes), number, 1, array(names), number)
            read = [LabelRow._make(row) for row in self.reading.read(sql.FOUND, values)]
            self.texts.load(read, OF_LABEL)
            for row in read:
                (rows.generic if row.generic else rows.specific)[False, row.key] = [row]
        for generic, spellings, into in (
            (0, [search.exact for search in exact if search.spelled], rows.specific),
            (1, [search.hit for search in hits if search.hit is not None and search.spelled], rows.generic),
        ):
            if spellings:
                self._read_spelled(generic, list(dict.fromkeys(spellings)), into)

    def _read_spelled(self, generic: int, keys: list[str], into: dict[tuple[bool, str], list[LabelRow]]) -> None:
        read = self.reading.read(sql.SPELLED, (self.reading.array(keys), self.number, generic))
        rows = [LabelRow._make(row[1:]) for row in read]
        self.texts.load(rows, OF_LABEL)
        for row, (key, *_) in zip(rows, read, strict=True):
            into.setdefault((True, key), []).append(row)

    def _settle(self, url: Url, search: _Search, rows: _Rows) -> bool:
        """Whether the search is over: a label holds, or there is no further prefix."""
        search.found = self._holding(url, search, rows.specific.get((search.spelled, search.exact), ()))
        if search.found is None and search.hit is not None:
            search.found = self._holding(url, search, rows.generic.get((search.spelled, search.hit), ()))
            if search.found is None:
                search.upto, search.hit = search.hit[:-1], None
                return False
        return True

    def _holding(self, url: Url, search: _Search, rows: Iterable[LabelRow]) -> LabelRow | None:
        holding = [row for row in rows if self._holds(row) and _covers(row, url, search)]
        return max(holding, key=self._rank, default=None) if len(holding) > 1 else next(iter(holding), None)

    def _holds(self, row: LabelRow) -> bool:
        return row.ratings is not None and (row.ends is None or row.ends >= self.now)

    def _answers(
        self, urls: Sequence[Url], searches: Sequence[_Search], above: _Above, rows: _Rows
    ) -> list[StoredLabel | None]:
        """The strictest of what holds in the readings of each URL."""
        found: list[list[LabelRow | None]] = [[] for _ in urls]
        for search in searches:
            if not search.spelled:
                found[search.url].append(search.found)
            elif search.found is not None:  # the search in `labels` for the same reading came just before
                last = found[search.url][-1]
                found[search.url][-1] = search.found if last is None else max(last, search.found, key=self._rank)
        answers: list[StoredLabel | None] = []
        for number, readings in enumerate(found):
            if None in readings:
                further = self._above(urls[number], above.of(number), rows)
                readings = [row or further for row in readings]
            best = readings[0] if len(readings) == 1 else self._strictest(readings)
            answers.append(None if best is None else label_of(best, self.service, self.texts))
        return answers

    def _strictest(self, readings: Sequence[LabelRow | None]) -> LabelRow | None:
        first = readings[0]
        if all(row is first for row in readings):
            return first
        return max((row for row in readings if row is not None), key=self._level, default=None)

    def _above(self, url: Url, names: Sequence[str], rows: _Rows) -> LabelRow | None:
        """What holds of the host at every port, or of the hosts below its nearest parent."""
        for name in names:
            own = url.port is not None and name == names[0]
            for key in (f"{name}/", name):
                for row in rows.generic.get((False, key), ()):
                    if (row.below or (own and key == name)) and self._holds(row):
                        return row
        return None

    def _rank(self, row: LabelRow) -> tuple[bool, int, float, float]:
        made = float("-inf") if row.made is None else row.made
        return not row.generic, len(row.key) if row.generic else 0, made, self._level(row)

    def _level(self, row: LabelRow) -> float:
        """How strict its ratings are: on our scale where the service is known, else by their highest number."""
        return 0.0 if row.ratings is None else self.texts.level(self.service, row.ratings)


def _searches(number: int, url: Url) -> Iterator[_Search]:
    for reading, (exact, start) in enumerate(keys_of(url)):
        yield _Search(number, reading, False, exact, start, start)
        if reading:
            yield _Search(number, reading, True, exact, start, start)


def _step(search: _Search, key: str | None) -> bool:
    """One step from behind: the last key that is not greater. Whether the search has to go on."""
    start, site = search.start, search.start.index(" ") + 1
    if key is None or not key.startswith(start[:site]):
        search.upto = None
    elif start.startswith(key):
        search.hit, search.upto = key, None
    else:
        search.upto = _common(start, key)
        return True
    return False


def _common(one: str, other: str) -> str:
    """How both begin."""
    for place, (mine, its) in enumerate(zip(one, other, strict=False)):
        if mine != its:
            return one[:place]
    return min(one, other, key=len)


def _covers(row: LabelRow, url: Url, search: _Search) -> bool:
    """Whether the label in a row is about a URL in this reading. As it is sent, and of a whole site, the keys have
    said so."""
    if search.reading == 0 or (row.generic and row.key.endswith((" ", " /"))):
        return True
    prefix = parse_prefix(for_of(SCHEMES[row.scheme], row.key))
    return prefix is not None and prefix.covers(url, search.reading, row.generic == 1)

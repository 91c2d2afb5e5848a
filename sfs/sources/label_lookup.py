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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    """One reading of one URL. `exact`: the key of a specific label; `start`: what a prefix has to begin; `upto`: the
    greatest key that is still asked for, None at the end; `hit`: the longest prefix that is there; `found`: the label
    that holds."""

    number: int
    url: Url
    reading: int
    exact: str
    start: str
    upto: str | None
    hit: str | None = None
    found: LabelRow | None = None


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
        searches = [
            _Search(number, url, reading, exact, start, start)
            for number, url in enumerate(urls)
            for reading, (exact, start) in enumerate(keys_of(url))
        ]
        above = _Above(urls)
        sites = self._search_labels(searches, above)
        if len(searches) > len(urls):
            self._search_spellings([search for search in searches if search.reading])
        names = above.new(search.number for search in searches if search.found is None)
        if names:
            self._read((), (), names, {}, sites)
        return self._answers(searches, above, sites)

    def _search_labels(self, searches: list[_Search], above: _Above) -> dict[str, LabelRow]:
        """Find the labels whose own keys hold. Whole sites that were read on the way come back, by their keys."""
        generic: dict[str, LabelRow] = {}
        specific: dict[str, LabelRow] = {}
        exact = [] if self.generic_only else [search.exact for search in searches]
        left = searches
        while left:
            self._walk(sql.BEFORE, left)
            hits = [search.hit for search in left if search.hit is not None]
            names = above.new(search.number for search in left if search.hit is None)
            if exact or hits or names:
                self._read(exact, hits, names, specific, generic)
            exact = []
            left = [search for search in left if not self._settle(search, specific, generic)]
        return generic

    def _search_spellings(self, searches: list[_Search]) -> None:
        """Find the labels one of whose further spellings holds, where that is a better one."""
        spelled = [replace(search, upto=search.start, hit=None, found=None) for search in searches]
        specific = {} if self.generic_only else self._read_spelled(0, [search.exact for search in spelled])
        left = spelled
        while left:
            self._walk(sql.SPELLED_BEFORE, left)
            generic = self._read_spelled(1, [search.hit for search in left if search.hit is not None])
            left = [search for search in left if not self._settle_spelled(search, specific, generic)]
        for search, other in zip(searches, spelled, strict=True):
            if other.found is not None:
                search.found = other.found if search.found is None else max(search.found, other.found, key=self._rank)

    def _walk(self, statement: str, searches: Sequence[_Search]) -> None:
        """Find the longest prefix at or before `upto`, for each search."""
        left = [search for search in searches if search.upto is not None]
        while left:
            found = self.reading.read(statement, (self.number, self.reading.array([search.upto for search in left])))
            left = [search for search, (key,) in zip(left, found, strict=True) if _step(search, key)]

    def _read(
        self,
        exact: Sequence[str],
        hits: Sequence[str],
        names: Sequence[str],
        specific: dict[str, LabelRow],
        generic: dict[str, LabelRow],
    ) -> None:
        array, number = self.reading.array, self.number
        values = (array(exact), number, 0, array(hits), number, 1, array(names), number)
        read = [LabelRow._make(row) for row in self.reading.read(sql.FOUND, values)]
        self.texts.load(read, OF_LABEL)
        for row in read:
            (generic if row.generic else specific)[row.key] = row

    def _read_spelled(self, generic: int, keys: Sequence[str]) -> dict[str, list[LabelRow]]:
        found: dict[str, list[LabelRow]] = {}
        if keys:
            array = self.reading.array
            pairs = self.reading.read(sql.SPELLED, (array(list(dict.fromkeys(keys))), self.number, generic))
            rows: dict[str, LabelRow] = {}
            if pairs:
                own = array(list({key for _, key in pairs}))
                rows = {row[2]: LabelRow._make(row) for row in self.reading.read(sql.AT, (own, self.number, generic))}
                self.texts.load(rows.values(), OF_LABEL)
            for spelling, key in pairs:
                found.setdefault(spelling, []).append(rows[key])
        return found

    def _settle(self, search: _Search, specific: Mapping[str, LabelRow], generic: Mapping[str, LabelRow]) -> bool:
        """Whether the search is over: a label holds, or there is no further prefix."""
        row = specific.get(search.exact)
        if row is not None and self._holds(row) and _covers(row, search):
            search.found = row
            return True
        if search.hit is None:
            return True
        row = generic.get(search.hit)
        if row is not None and self._holds(row) and _covers(row, search):
            search.found = row
            return True
        search.upto, search.hit = search.hit[:-1], None
        return False

    def _settle_spelled(
        self, search: _Search, specific: Mapping[str, list[LabelRow]], generic: Mapping[str, list[LabelRow]]
    ) -> bool:
        """As `_settle`; several labels may share a further spelling."""
        for rows in (specific.get(search.exact, ()), generic.get(search.hit or "", ())):
            holding = [row for row in rows if self._holds(row) and _covers(row, search)]
            if holding:
                search.found = max(holding, key=self._rank)
                return True
        if search.hit is not None:
            search.upto, search.hit = search.hit[:-1], None
            return False
        return True

    def _holds(self, row: LabelRow) -> bool:
        return row.ratings is not None and (row.ends is None or row.ends >= self.now)

    def _answers(
        self, searches: Sequence[_Search], above: _Above, sites: Mapping[str, LabelRow]
    ) -> list[StoredLabel | None]:
        """The strictest of what holds in the readings of each URL."""
        best: list[LabelRow | None] = []
        for search in searches:
            row = search.found
            if row is None:
                row = self._above(search.url, above.of(search.number), sites)
            if search.reading == 0:
                best.append(row)
            elif row is not best[-1] and row is not None:
                last = best[-1]
                best[-1] = row if last is None else max(last, row, key=self._level)
        return [None if row is None else label_of(row, self.service, self.texts) for row in best]

    def _above(self, url: Url, names: Sequence[str], sites: Mapping[str, LabelRow]) -> LabelRow | None:
        """What holds of the host at every port, or of the hosts below its nearest parent."""
        for name in names:
            row = sites.get(f"{name}/")
            if row is not None and row.below and self._holds(row):
                return row
            row = sites.get(name)
            if row is not None and self._holds(row) and (row.below or (url.port is not None and name is names[0])):
                return row
        return None

    def _rank(self, row: LabelRow) -> tuple[bool, int, float, float]:
        made = float("-inf") if row.made is None else row.made
        return not row.generic, len(row.key) if row.generic else 0, made, self._level(row)

    def _level(self, row: LabelRow) -> float:
        """How strict its ratings are: on our scale where the service is known, else by their highest number."""
        return 0.0 if row.ratings is None else self.texts.level(self.service, row.ratings)


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


def _covers(row: LabelRow, search: _Search) -> bool:
    """Whether the label in a row is about a URL in this reading. As it is sent, and of a whole site, the keys have
    said so."""
    if search.reading == 0 or (row.generic and row.key.endswith((" ", " /"))):
        return True
    prefix = parse_prefix(for_of(SCHEMES[row.scheme], row.key))
    return prefix is not None and prefix.covers(search.url, search.reading, row.generic == 1)

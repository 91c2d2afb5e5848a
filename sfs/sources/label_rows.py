"""Between labels and the rows they are kept in. A row names the texts that are said again and again by number."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from sfs.errors import LabelError, SfsError
from sfs.pics.keys import SCHEMES, for_of, label_key
from sfs.pics.reader import Reader
from sfs.pics.safetyonline import CATEGORY, MAX_RATING, SERVICE, rating_of_ratings, service_key
from sfs.pics.sexpr import Cursor
from sfs.pics.stored import Change, StoredLabel
from sfs.pics.values import Ratings, highest, read_ratings, write_ratings
from sfs.sources import label_driver as sql
from sfs.sources.label_driver import Reading, Row, Writing

MAX_NAME: Final = 200  # characters of a rater or a source
MAX_COMMENT: Final = 2000  # characters
MAX_RATINGS: Final = 1000  # characters as they are written; SafeSurf's eleven categories have under 200
MAX_TEXTS: Final = 100_000  # texts that are remembered; a store has a few hundred
_OURS: Final = service_key(SERVICE)
_SCHEME_OF: Final = {scheme: number for number, scheme in enumerate(SCHEMES)}


class LabelRow(NamedTuple):
    """A row of `labels`, as the statements of label_driver.py name its columns."""

    service: int
    generic: int
    key: str
    scheme: int
    below: int
    ratings: int | None
    rater: int | None
    made: int | None
    ends: int | None
    comment: str | None
    source: int | None
    serial: int


class Said(NamedTuple):
    """A label as it is to be written: its key, its further spellings, and its texts in words."""

    generic: int
    key: str
    scheme: int
    below: int
    ratings: str
    rater: str | None
    made: int | None
    ends: int | None
    comment: str | None
    source: str | None
    spellings: tuple[str, ...]


class Texts:
    """The texts by number, remembered once they were read. May be used from several threads."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._texts: dict[int, str] = {}
        self._ratings: dict[int, Ratings] = {}
        self._levels: dict[tuple[str, int], float] = {}

    def load(self, rows: Iterable[Row], columns: Sequence[int]) -> None:
        """Read at once what these columns of the rows name, so that it has not to be read one by one."""
        known = self._texts
        missing = {number for row in rows for at in columns if (number := row[at]) is not None and number not in known}
        if missing:
            if len(known) + len(missing) > MAX_TEXTS:
                self._texts, self._ratings, self._levels = {}, {}, {}
            self._read(sorted(missing))

    def text(self, number: int | None) -> str | None:
        """The text of this number."""
        if number is None:
            return None
        found = self._texts.get(number)
        return found if found is not None else self._read([number])[number]

    def ratings(self, number: int) -> Ratings:
        """The ratings that the text of this number spells."""
        found = self._ratings.get(number)
        if found is None:
            text = self.text(number)
            assert text is not None
            found = self._ratings[number] = read_ratings(Reader(Cursor(text), lenient=False))
        return found

    def level(self, service: str, number: int) -> float:
        """How strict these ratings are: on our scale where the service is known, else by their highest number."""
        found = self._levels.get((service, number))
        if found is None:
            ratings = self.ratings(number)
            known = rating_of_ratings(service, dict(ratings))
            found = max((highest(value) for _, value in ratings), default=-1.0) if known is None else float(known)
            self._levels[service, number] = found
        return found

    def _read(self, numbers: list[int]) -> dict[int, str]:
        rows = self._reading.read(sql.TEXTS, (self._reading.array(numbers),))
        read: dict[int, str] = dict(rows)
        self._texts.update(read)
        return read


OF_LABEL: Final = (5, 6, 10)  # columns of LabelRow that name texts


def label_of(row: LabelRow, service: str, texts: Texts) -> StoredLabel:
    """The label in a row that was not withdrawn."""
    assert row.ratings is not None
    return StoredLabel(
        service,
        for_of(SCHEMES[row.scheme], row.key),
        texts.ratings(row.ratings),
        row.generic == 1,
        row.below == 1,
        texts.text(row.rater),
        moment(row.made),
        moment(row.ends),
        row.comment,
        texts.text(row.source),
    )


def change_of(row: Row, service: str, texts: Texts) -> Change:
    """The change in a row of `changes`."""
    serial, at, who, *label = row[:14]
    kept = LabelRow._make((*label, serial))
    label_then = None if kept.ratings is None else label_of(kept, service, texts)
    for_ = for_of(SCHEMES[kept.scheme], kept.key)
    when = moment(at)
    assert when is not None
    return Change(serial, when, texts.text(who) or "", service, for_, kept.generic == 1, label_then)


def said_of(label: StoredLabel) -> Said:
    """The label as it is kept. LabelError where its URL, its ratings, a date or a text cannot be kept."""
    key = label_key(label.for_, label.generic, label.below)
    scheme = key.for_.partition("://")[0]
    return Said(
        int(label.generic),
        key.key,
        _SCHEME_OF[scheme],
        int(label.below),
        _ratings_text(label.service, label.ratings),
        checked_text(label.by, "the rater", MAX_NAME),
        _seconds(label.on),
        _seconds(label.until),
        checked_text(label.comment, "the comment", MAX_COMMENT),
        checked_text(label.source, "the source", MAX_NAME),
        key.spellings,
    )


def moment(seconds: int | None) -> datetime | None:
    """A time that is kept as seconds since 1970."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def number_texts(writing: Writing, texts: Iterable[str]) -> dict[str, int]:
    """The number of each text; those that are new are added."""
    asked = sorted(set(texts))
    found: dict[str, int] = dict(writing.read(sql.TEXT_IDS, (writing.array(asked),)))
    new = [text for text in asked if text not in found]
    if new:
        last = writing.read(sql.LAST_TEXT)[0][0]
        numbered = {text: number for number, text in enumerate(new, last + 1)}
        writing.many(sql.ADD_TEXT, [(number, text) for text, number in numbered.items()])
        found |= numbered
    return found


def checked_text(text: str | None, what: str, longest: int) -> str | None:
    """A text that every database keeps, without blanks around it; None for none. LabelError where it is too long or
    holds control characters."""
    text = (text or "").strip()
    if not text:
        return None
    if len(text) > longest:
        raise LabelError("E_TEXT", f"{what} has {len(text)} characters", None, f"{longest} at most are kept")
    if not text.isprintable() and any(_control(char) for char in text):
        raise LabelError("E_TEXT", f"{what} holds control characters", None, "take them out")
    return text


def _control(char: str) -> bool:
    return (char < " " and char not in "\t\n") or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff"


@lru_cache(maxsize=4096)  # a list of a million labels has few ratings
def _ratings_text(service: str, ratings: Ratings) -> str:
    if service_key(service) == _OURS:
        check_level(ratings)
    if not ratings:
        raise LabelError("E_RATINGS", "a label without a rating", None, "withdraw it instead")
    written = write_ratings(ratings)
    if len(written) > MAX_RATINGS:
        raise LabelError("E_RATINGS", f"ratings of {len(written)} characters", None, f"{MAX_RATINGS} are kept")
    return written


def check_level(ratings: Ratings) -> None:
    """LabelError where these are no ratings of SafetyOnline2: one category, a whole number from 0 to 4."""
    if len(ratings) == 1 and ratings[0][0] == CATEGORY:
        value = ratings[0][1]
        if isinstance(value, float | int) and value in range(MAX_RATING + 1):
            return
    what = f"{_shown(ratings)} is no rating of SafetyOnline2"
    raise LabelError("E_RATINGS", what, None, f"rate with {CATEGORY}, 0 to {MAX_RATING}")


def _shown(ratings: Ratings) -> str:
    try:
        return write_ratings(ratings)[:80]
    except SfsError:
        return "what is given"


def _seconds(when: datetime | None) -> int | None:
    if when is None:
        return None
    if when.tzinfo is None:
        raise LabelError("E_DATE", f"{when} has no time zone", None, "say which, as 2026-11-22T04:38+09:00")
    return int(when.timestamp() // 1)

"""Tables (CSV) of labels. The first row names the columns, in any order:

    url       what is rated: a URL, or a bare name, which means the site with all below it; also: for, host, domain
    rating    0 to 4, or categories with values: n=0 s=2 v=(1 3); also: lv, level
    category  a name of rules/ratings/categories.yaml, where there is no rating
    generic   yes: every URL that begins so       below    yes: the names below the host too
    by        the rater                           on       when it was rated
    until     when the rating ends                comment, service, source

Only url and one of rating and category must be there. A date is 2026-11-28, with or without a time and its zone
(dates.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from sfs.bureau.dates import read_moment
from sfs.bureau.importing.meaning import Meaning, Noting, Read, rated
from sfs.bureau.importing.table_rows import Row, read_cell, rows_of
from sfs.errors import LabelError, RuleError, SfsError, Where
from sfs.lists.notes import BAD, LEFT, PART, Note, shown
from sfs.match.entry import is_bare_name
from sfs.pics.coverage import parse_prefix
from sfs.pics.reader import Reader
from sfs.pics.safetyonline import MAX_RATING, SERVICE, service_key
from sfs.pics.sexpr import Cursor
from sfs.pics.stored import StoredLabel
from sfs.pics.values import Ratings, parse_number, read_ratings
from sfs.sources.categories import Category, category_named

MAX_CELL: Final = 8192  # characters of a comment, a name or a URL
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "url": ("url", "uri", "for", "address", "host", "hostname", "domain", "site", "アドレス", "ドメイン", "サイト"),
    "rating": ("rating", "ratings", "lv", "level", "レーティング", "レベル", "評価"),
    "category": ("category", "カテゴリ", "カテゴリー", "分類"),
    "generic": ("generic", "gen"),
    "below": ("below", "subdomains"),
    "by": ("by", "rater", "評価者", "担当"),
    "on": ("on", "date", "日付", "評価日"),
    "until": ("until", "exp", "expires", "期限"),
    "comment": ("comment", "note", "コメント", "備考"),
    "service": ("service",),
    "source": ("source",),
}
_KNOWN: Final = {name: column for column, names in COLUMNS.items() for name in names}
_YES: Final = frozenset({"true", "t", "yes", "y", "1", "on", "はい", "○"})
_NO: Final = frozenset({"false", "f", "no", "n", "0", "off", "いいえ", "×"})


def is_label_table(start: bytes) -> bool:
    """Whether a file begins as such a table: its first row names a URL and what it is rated."""
    line = start.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0][:1000]
    for encoding in ("utf-8", "cp932"):
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            continue
        for delimiter in ",;\t":
            names = {_KNOWN.get(_plain(cell)) for cell in text.split(delimiter)}
            if "url" in names and names & {"rating", "category"}:
                return True
    return False


def read_table(
    path: Path, shown_name: str, meaning: Meaning, categories: Mapping[str, Category], noting: Noting
) -> Iterator[Read]:
    """The labels of a table. RuleError where its first row names no columns; rows that say nothing are noted."""
    rows = rows_of(path, shown_name, noting)
    head = next(rows, None)
    columns = {} if head is None else _head(head, shown_name, noting)
    table = _Table(shown_name, meaning, categories, columns)
    for row in rows:
        try:
            label = table.label(row)
        except SfsError as fault:
            where = fault.where or Where(shown_name, row.line)
            kind = LEFT if isinstance(fault, _NoRating) else BAD
            noting(Note(kind, fault.what, where, shown(",".join(row.cells).encode()), mend=fault.mend))
        else:
            yield Read(label, shown_name, row.line)


class _NoRating(RuleError):
    """A row that is right, and rates nothing."""


def _head(row: Row, name: str, noting: Noting) -> dict[str, int]:
    columns: dict[str, int] = {}
    for place, cell in enumerate(row.cells):
        column = _KNOWN.get(_plain(cell))
        if column is None or column in columns:
            why = "a column that is not read" if column is None else f"a second column for {column}"
            noting(Note(PART, why, Where(name, row.line, place + 1), shown(cell.encode())))
        else:
            columns[column] = place
    if "url" not in columns or not columns.keys() & {"rating", "category"}:
        mend = "name the columns in the first row: url,rating; see rules/ratings/README.md"
        raise RuleError("the table does not say which columns are URL and rating", Where(name, row.line, 1), mend)
    return columns


@dataclass(slots=True)
class _Table:
    name: str
    meaning: Meaning
    categories: Mapping[str, Category]
    columns: Mapping[str, int]
    row: Row = field(default_factory=lambda: Row(0, []))

    def label(self, row: Row) -> StoredLabel:
        """The label of a row. SfsError for one that is none, with the number of its cell as column."""
        self.row = row
        meaning = self.meaning
        service = self.cell("service").strip() or meaning.service
        for_, bare = self._for()
        generic = self._truth("generic", bare)
        below = self._truth("below", bare and not self.cell("generic").strip())
        if below and not generic:
            raise self.fault("below", "below without generic", "say generic too, or leave both out")
        source = self.cell("source") if "source" in self.columns and meaning.keep_source else meaning.source
        ratings = self._ratings(service)
        on, until = self._date("on"), self._date("until", end=True)
        by, comment = self.cell("by") or meaning.by, self.cell("comment") or None
        return StoredLabel(service, for_, ratings, generic, below, by, on, until, comment, source or None)

    def cell(self, column: str) -> str:
        """What a column says; empty where there is none. RuleError for what is too long."""
        place = self.columns.get(column)
        if place is None or place >= len(self.row.cells):
            return ""
        text = read_cell(self.row.cells[place])
        if len(text) > MAX_CELL:
            raise self.fault(column, f"{column} of more than {MAX_CELL:,} characters", "shorten it")
        return text

    def fault(self, column: str, what: str, mend: str) -> RuleError:
        """An error in a cell of this row."""
        return RuleError(what, Where(self.name, self.row.line, self.columns.get(column, 0) + 1), mend)

    def _for(self) -> tuple[str, bool]:
        text = self.cell("url").strip()
        if not text:
            raise self.fault("url", "a row without a URL", "write the URL into its column")
        bare = is_bare_name(text)
        prefix = parse_prefix(text)
        if prefix is None or ("." not in prefix.url.host and ":" not in prefix.url.host):
            raise self.fault("url", "no URL that a browser opens", "write it as http://host/path")
        if bare:
            return prefix.url.origin, True
        return text if "://" in text else f"http://{text}", False

    def _truth(self, column: str, default: bool) -> bool:
        text = self.cell(column).strip().casefold()
        if not text:
            return default
        if text not in _YES | _NO:
            raise self.fault(column, f"{column} is neither yes nor no", "write yes or no")
        return text in _YES

    def _ratings(self, service: str) -> Ratings:
        text = self.cell("rating").strip()
        if not text:
            return self._category(service)
        if "=" in text:
            return self._named(text)
        number = parse_number(text)
        if service_key(service) != service_key(SERVICE):
            raise self.fault("rating", "a number alone, of another service than SafetyOnline2", "write category=value")
        if number is None or number != int(number) or not 0 <= number <= MAX_RATING:
            raise self.fault("rating", "no rating of SafetyOnline2", f"write 0 to {MAX_RATING}")
        return rated(int(number))

    def _named(self, text: str) -> Ratings:
        """The ratings in `n=0 s=(1 2:4)`: those of PICS, with = behind each name."""
        reader = Reader(Cursor(f"({text.replace('=', ' ')})"), lenient=False)
        try:
            found = read_ratings(reader)
        except LabelError as fault:
            raise self.fault("rating", f"no ratings: {fault.what}", "write them as n=0 s=2") from None
        if reader.cursor.taken != len(reader.cursor.text):
            raise self.fault("rating", "no ratings: text behind their end", "write them as n=0 s=2")
        return found

    def _category(self, service: str) -> Ratings:
        name = self.cell("category").strip()
        if not name:
            raise self.fault("rating", "a row without a rating", "write 0 to 4 into its column")
        if "=" in name:
            return self._named(name)
        category = category_named(name.lower(), self.categories, self.fault("category", "", "").where or Where(""))
        if category.rating is None or service_key(service) != service_key(SERVICE):
            why = f"the category {name[:40]!r} is no rating" + (f" but {category.axis}" if category.axis else "")
            raise _NoRating(why, Where(self.name, self.row.line, self.columns["category"] + 1), "give it a rating")
        return rated(category.rating)

    def _date(self, column: str, *, end: bool = False) -> datetime | None:
        """A moment of a cell. `end`: it ends something."""
        text = self.cell(column).strip()
        moment = read_moment(text, end=end)
        if text and moment is None:
            raise self.fault(column, f"{column} is no date", "write as 2026-11-28 or 2026-11-28T04:38+09:00")
        return moment


def _plain(cell: str) -> str:
    return cell.lstrip("\ufeff").strip().strip('"').casefold()

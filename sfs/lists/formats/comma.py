"""Tables with commas (CSV), as spreadsheets and agencies write them; also with semicolons or tabs.

A first row with names of columns tells where the site stands: url, host, domain, hostname, site, fqdn, or the Japanese
words for them. Beside it category and rating are known. Without such a row it is the first column that names a site in
the first row. Written in UTF-8 or Shift_JIS. Spec: RFC 4180.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.lines import NOTHING, Said, bare_name, left_out
from sfs.match.entry import Entry, parse_entry

MAX_CELLS: Final = 200
MAX_GROUPS: Final = 1000  # categories that are told apart
MAX_INSIDE: Final = 20  # lines inside one pair of quotes
_SITES: Final = ("url", "uri", "link", "address", "host", "hostname", "domain", "domainname", "fqdn", "site", "website")
_SITES_JA: Final = ("アドレス", "ドメイン", "ドメイン名", "ホスト", "ホスト名", "サイト", "サイトurl")
_CATEGORY: Final = frozenset({"category", "categories", "カテゴリ", "カテゴリー", "分類", "ジャンル"})
_RATING: Final = frozenset({"rating", "level", "レベル", "レーティング"})
_SITE: Final = frozenset((*_SITES, *_SITES_JA))
_BLANKS: Final = re.compile(r"[\s_-]+")


class Table:
    """A table while it is read. `only`: the values of its column category (or rating) whose rows are taken."""

    __slots__ = ("_category", "_delimiter", "_encoding", "_only", "_open", "_rating", "_site")

    def __init__(self, only: tuple[str, ...] = ()) -> None:
        self._only = frozenset(one.casefold() for one in only)
        self._site: int | None = None  # the column with the site, once the first row was read
        self._category: int | None = None
        self._rating: int | None = None
        self._delimiter = ","
        self._encoding: str | None = None
        self._open: list[str] = []  # lines since a quote was opened

    def run(self, block: bytes, at: int) -> tuple[list[str], int]:
        """As LineFormat says."""
        return [], at

    def line(self, line: bytes, where: Where | None) -> Said:
        """As LineFormat says. RuleError for a row without a site."""
        cells = self.cells(line, where)
        if not any(cells):
            return NOTHING
        if self._site is None:
            if self._head(cells):
                return NOTHING
            self._site = next((place for place, cell in enumerate(cells) if _is_site(cell)), None)
            if self._site is None:
                mend = "name the column in the first row: url, host or domain"
                raise RuleError("no column of the table names sites", where, mend)
        if self._only and self.group(cells).casefold() not in self._only:
            return left_out("a row with another category than those asked for")
        if self._site >= len(cells) or not cells[self._site]:
            raise RuleError("a row without a site", where, "write the site into its column")
        entry = _site(cells[self._site], where)
        own = bool(self.group(cells)) and not self._only
        return Said((entry,), why=("a row with a category or rating of its own: the list has one",) if own else ())

    def cells(self, line: bytes, where: Where | None) -> list[str]:
        """The cells of a row without blanks around them; [] where it goes on in the next line."""
        text = self._text(line, where).rstrip("\r\n")
        self._open.append(text)
        whole = "\n".join(self._open)
        if whole.count('"') % 2:
            if len(self._open) < MAX_INSIDE:
                return []
            self._open.clear()
            raise RuleError("a quote that is not closed", where, 'close it with "')
        self._open.clear()
        if self._site is None:
            self._delimiter = max(",;\t", key=whole.count)
        try:
            rows = list(csv.reader([whole], delimiter=self._delimiter, skipinitialspace=True))
        except csv.Error as fault:
            raise RuleError(f"no row of a table: {fault}", where, "quote the cell that holds it") from None
        return [cell.strip() for cell in rows[0][:MAX_CELLS]] if rows else []

    def group(self, cells: list[str]) -> str:
        """The category of a row, else its rating; '' where the table has neither."""
        for place in (self._category, self._rating):
            if place is not None and place < len(cells) and cells[place]:
                return cells[place]
        return ""

    @property
    def rated(self) -> bool:
        """Whether `group` is a rating."""
        return self._category is None and self._rating is not None

    def _head(self, cells: list[str]) -> bool:
        """Whether a row names the columns."""
        names = [_BLANKS.sub("", cell.lstrip("\ufeff").casefold()) for cell in cells]
        self._site = next((place for place, name in enumerate(names) if name in _SITE), None)
        if self._site is None:
            return False
        self._category = next((place for place, name in enumerate(names) if name in _CATEGORY), None)
        self._rating = next((place for place, name in enumerate(names) if name in _RATING), None)
        return True

    def _text(self, line: bytes, where: Where | None) -> str:
        for encoding in ("utf-8", "cp932") if self._encoding is None else (self._encoding,):
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError:
                continue
            self._encoding = self._encoding or (None if text.isascii() else encoding)
            return text
        raise RuleError("bytes that are neither UTF-8 nor Shift_JIS", where, "save the table as UTF-8")


def groups(lines: Iterable[bytes]) -> tuple[dict[str, int], bool]:
    """How many rows of a table have each category, or rating where it has no categories, the most frequent first; and
    whether these are ratings."""
    table, found = Table(), Counter[str]()
    for line in lines:
        try:
            cells = table.cells(line, None)
        except SfsError:
            continue
        if table._site is not None:
            group = table.group(cells)
            if group and (group in found or len(found) < MAX_GROUPS):
                found[group] += 1
        elif any(cells) and not table._head(cells):
            break
    return dict(found.most_common()), table.rated


def is_head(line: bytes) -> bool:
    """Whether a line is the first row of such a table: it names its columns, one of them the site."""
    table = Table()
    try:
        cells = table.cells(line, None)
    except SfsError:
        return False
    return len(cells) > 1 and table._head(cells)


def _site(text: str, where: Where | None) -> Entry:
    entry = parse_entry(text, where) if set(text) & set("/:=|") else bare_name(text, where)
    # A number alone is an address to a browser, and a number in a table.
    if entry is None or ("." not in entry.host and ":" not in entry.host) or text.isalnum():
        raise RuleError(f"{text[:80]!r} names no site", where, "write a name or an address into this column")
    return entry


def _is_site(text: str) -> bool:
    try:
        return _site(text, None) is not None
    except RuleError:
        return False

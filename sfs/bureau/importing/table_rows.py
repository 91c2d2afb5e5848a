"""The rows of a table with commas, semicolons or tabs: cells as they were written, each row with its first line.

A quote that nothing closes costs the line it stands in, never the rest of the file. Spec: RFC 4180.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sfs.bureau.importing.meaning import Noting
from sfs.bureau.importing.text import Line, lines_of
from sfs.errors import Where
from sfs.lists.notes import BAD, Note, shown

MAX_ROW: Final = 65_536  # characters, with the lines inside its quotes
MAX_CELLS: Final = 200
DELIMITERS: Final = ",;\t"
# What a spreadsheet takes for the start of a formula, also in the wide forms of Japanese keyboards, and the quote that
# stands before such a cell.
_FORMULA: Final = tuple("=+-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\uff20'")


class Row(NamedTuple):
    """`line`: of its first cell, from 1."""

    line: int
    cells: list[str]


def rows_of(path: Path, name: str, noting: Noting) -> Iterator[Row]:
    """The rows of a table that say something; what is no row is noted. The delimiter is the one of DELIMITERS that its
    first row has most of."""
    delimiter = ""
    waiting = _Lines(lines_of(path, name, noting))
    while (first := waiting.take()) is not None:
        text = _whole(first, waiting)
        if text is None:
            column = first.text.rfind('"') + 1
            place = Where(name, first.number, column)
            noting(Note(BAD, "a quote that is not closed", place, shown(first.text.encode()), mend='close it with "'))
            continue
        delimiter = delimiter or max(DELIMITERS, key=text.count)
        cells = _cells(text, delimiter, Where(name, first.number, 1), noting)
        if any(cells):
            yield Row(first.number, cells)


def write_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: such a one gets an apostrophe in front. `read_cell` undoes it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def read_cell(text: str) -> str:
    """The cell without the apostrophe that keeps spreadsheets from reckoning."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


class _Lines:
    """Lines that can be given back."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._back: deque[Line] = deque()

    def take(self) -> Line | None:
        return self._back.popleft() if self._back else next(self._lines, None)

    def give_back(self, lines: list[Line]) -> None:
        self._back.extendleft(reversed(lines))


def _whole(first: Line, lines: _Lines) -> str | None:
    """The text of a row, with the lines that a quote holds together; None where no line closes it: then all but the
    first are given back."""
    quotes = first.text.count('"')
    if quotes % 2 == 0:
        return first.text
    more: list[Line] = []
    size = len(first.text)
    while quotes % 2 and size <= MAX_ROW and (line := lines.take()) is not None:
        more.append(line)
        size += len(line.text)
        quotes += line.text.count('"')
    if quotes % 2 or size > MAX_ROW:
        lines.give_back(more)
        return None
    return first.text + "".join(line.text for line in more)


def _cells(text: str, delimiter: str, where: Where, noting: Noting) -> list[str]:
    try:
        rows = list(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as fault:
        noting(Note(BAD, f"no row of a table: {fault}", where, shown(text.encode()), mend="quote the cell"))
        return []
    return rows[0][:MAX_CELLS] if rows else []

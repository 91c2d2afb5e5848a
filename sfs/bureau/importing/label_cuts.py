"""A PICS label list cut into its labels as it is read, so that a list of any length takes bounded memory.

    (PICS-1.1 "service" options l   label label label   "service" options l   label)
              `------ head -----'   `---- pieces ---'

A label ends where the parenthesis behind ratings or error closes. A line that begins with (PICS- begins a new list,
whatever is still open: so a quote that is never closed costs one list and not the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from sfs.bureau.importing.meaning import Noting
from sfs.bureau.importing.text import lines_of
from sfs.errors import Where
from sfs.lists.notes import BAD, Note, shown

START: Final = re.compile(r"[ \t]*\([ \t]*PICS-", re.IGNORECASE)
MAX_LINE: Final = 1 << 24  # bytes: lists of a hundred thousand labels stand on one line
MAX_LABEL: Final = 32_768  # characters of one label, or of what a service says of all; live ones have a few hundred
MAX_DEPTH: Final = 64
_BATCH: Final = 100  # labels that are parsed together
_BATCH_SIZE: Final = 24_000  # characters of them
_NO_RATINGS: Final = re.compile(r"error[ \t\r\n]*\([ \t\r\n]*no-ratings", re.IGNORECASE)
_ENDING: Final = frozenset({"r", "ratings", "error", "("})  # words whose parentheses end a label; ( begins a tree
_TOKEN: Final = re.compile(r"""[ \t\r\n]*+(?:(?P<paren>[()])|"[^"]*+(?P<string>")|(?P<word>[^ \t\r\n()"]++))""")


class Piece(NamedTuple):
    """One label, error or tree. `line` and `column`: where it begins, from 1."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Labels of one service behind their head."""

    head: str
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """A label list of their own."""
        return "".join((self.head, "\n", *(piece.text for piece in self.pieces), ")"))

    def each(self) -> Iterator["Cut"]:
        """The same one by one."""
        return (Cut(self.head, (piece,)) for piece in self.pieces)

    def place(self, where: Where | None, name: str) -> Where:
        """Where an error of parsing `text` stands in the file; of the head, where the first label does."""
        first = self.pieces[0]
        line = 0 if where is None or where.line is None else where.line - self.head.count("\n") - 1
        if where is None or where.column is None or line < 1:
            return Where(name, first.line, first.column)
        return Where(name, first.line + line - 1, where.column + (first.column - 1 if line == 1 else 0))


def cuts_of(path: Path, name: str, noting: Noting) -> Iterator[Cut]:
    """The label lists of a file, cut. What is no label list is noted."""
    cutter: _Cutter | None = None
    for number, text in lines_of(path, name, noting, MAX_LINE):
        if cutter is None or START.match(text):
            if cutter is not None:
                yield from cutter.cut(final=True)
            cutter = _Cutter(name, noting, number, number)
        cutter.text += "\n" * (number - cutter.next_line) + text  # as many lines as the file has
        cutter.next_line = number + 1
        if len(cutter.text) > MAX_LABEL:
            yield from cutter.cut(final=False)
    if cutter is not None:
        yield from cutter.cut(final=True)


@dataclass(slots=True)
class _Cutter:
    """One label list. `state`: start, version, list (between services), head (of a service), problem (in place of
    one), labels, done or lost. `begin`: where what is being read begins, -1 between two of them."""

    name: str
    noting: Noting
    line: int  # of `mark`
    next_line: int
    text: str = ""
    at: int = 0
    state: str = "start"
    version: str = ""
    head: str = ""
    begin: int = -1
    depth: int = 0
    word: str = ""  # the last one outside of parentheses
    mark: int = 0  # up to which lines and columns are counted
    column: int = 1
    pieces: list[Piece] = field(default_factory=list)
    size: int = 0  # characters of `pieces`
    ready: list[Cut] = field(default_factory=list)

    def cut(self, *, final: bool) -> Iterator[Cut]:
        """What can be cut of the text so far. `final`: nothing more comes."""
        while self.state != "lost":
            match = _TOKEN.match(self.text, self.at)
            if match is None or (match.end() == len(self.text) and not final):
                break
            kind = match.lastgroup or ""
            self.at = match.end()
            self._take(kind, match[kind], match.start(kind) if kind != "string" else self._open_quote(match))
            yield from self._take_ready()
        self._flush()
        yield from self._take_ready()
        self._end(final)

    def _open_quote(self, match: re.Match[str]) -> int:
        return self.text.index('"', match.start())

    def _take_ready(self) -> list[Cut]:
        ready, self.ready = self.ready, []
        return ready

    def _take(self, kind: str, said: str, start: int) -> None:
        """One more token."""
        if self.begin < 0:
            self._between(kind, said, start)
        elif kind == "paren":
            self._paren(said, start)
        elif kind == "word" and self.depth == 0:
            self.word = said.lower()
            if self.state == "head" and self.word in ("l", "labels"):
                self._flush()
                self.head = f"({self.version} {self.text[self.begin : self.at]}"
                self.begin, self.state = -1, "labels"
            elif self.state == "head" and self.word == "error":
                self.state = "problem"

    def _between(self, kind: str, said: str, start: int) -> None:
        """A token where a list, a service or a label may begin."""
        if self.state in ("start", "done"):
            if said == "(":
                self.state = "version"
            elif self.state == "start":
                self._lose("no label list: it does not start with (", start)
            else:
                self._lose("text behind a list", start)
        elif self.state == "version":
            self.version = said[:40]
            self.state = "list"
            if kind != "word":
                self._lose("a label list without its version", start)
        elif said == ")":
            self.state = "done"
        elif self.state == "list" and (said == "(" or (kind == "word" and said.lower() != "error")):
            self._lose("no quoted URL of a service", start)
        else:
            self.begin, self.depth, self.word = start, int(said == "("), said.lower()
            if kind == "string":
                self.state = "head"
            elif self.state == "list":
                self.state = "problem"

    def _paren(self, said: str, start: int) -> None:
        """A parenthesis inside what is being read."""
        self.depth += 1 if said == "(" else -1
        if self.depth > MAX_DEPTH:
            self._lose(f"parentheses nest deeper than {MAX_DEPTH}")
        elif self.depth < 0:  # the list ends in the middle
            self._emit(start)
            self.state = "done"
        elif self.depth == 0 and (self.state == "problem" or self.word in _ENDING) and self.state != "head":
            self._emit(self.at)

    def _emit(self, end: int) -> None:
        text = self.text[self.begin : end]
        alone = self.state != "labels" or _NO_RATINGS.match(text) is not None
        if alone:
            self._flush()
        self._count_to(self.begin)
        self.pieces.append(Piece(f"{text} ", self.line, self.column))
        self.size += len(text)
        self.begin, self.depth, self.word = -1, 0, ""
        if alone:
            self._flush(f"({self.version}")
            self.state = "list"
        elif len(self.pieces) >= _BATCH or self.size > _BATCH_SIZE:
            self._flush()

    def _flush(self, head: str = "") -> None:
        if self.pieces:
            self.ready.append(Cut(head or self.head, tuple(self.pieces)))
        self.pieces, self.size = [], 0

    def _count_to(self, at: int) -> None:
        lines = self.text.count("\n", self.mark, at)
        self.line += lines
        self.column = at - self.text.rindex("\n", self.mark, at) if lines else self.column + at - self.mark
        self.mark = at

    def _end(self, final: bool) -> None:
        """Drop what was read; note what can be none any more."""
        start = self.begin if self.begin >= 0 else self.at
        if self.state == "lost":
            start = len(self.text)
        elif final and self.state != "done":
            quote = self.text.find('"', self.at)
            if quote >= 0:
                self._lose("a quoted string is never closed", quote)
            else:
                self._lose("the label list ends too early")
        elif len(self.text) - start > MAX_LABEL:
            self._lose(f"a label of more than {MAX_LABEL:,} characters, or a quote that is never closed")
        elif final and self.text[self.at :].strip():
            self._lose("text behind a list")
        self._count_to(max(start, self.mark))
        self.text, self.at, self.begin = self.text[start:], self.at - start, -1 if self.begin < 0 else 0
        self.mark = 0

    def _lose(self, what: str, at: int | None = None) -> None:
        """Give the rest of this list up. `at`: where the fault is, if not in what is being read."""
        if at is None:
            at = self.begin if self.begin >= 0 else self.at
        self._count_to(max(at, self.mark))
        text = shown(self.text[at : at + 400].encode())
        mend = "mend the list from there; what stands before it was taken"
        self.noting(Note(BAD, what, Where(self.name, self.line, self.column), text, mend=mend))
        self.state = "lost"

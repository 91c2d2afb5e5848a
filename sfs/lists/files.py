"""Reading a list from disk: a bad line is skipped and counted, too many refuse the file, so that the old one stays."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedReader
from os import fstat
from pathlib import Path
from typing import Final

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.lines import PARSERS, names_at, odd_names
from sfs.match.entry import MAX_LINE, Entry, Unit
from sfs.match.index import EntryIndex

MAX_FILE: Final = 200 * 1024 * 1024  # bytes: ten million names
MAX_BYTES: Final = MAX_LINE * 4  # of a line
MAX_SHOWN: Final = 100  # bad lines that are kept to be shown
MOST_BAD: Final = 0.05  # of the lines that say something; more is no list, or one of another format
FEW_BAD: Final = 20  # lines; so few refuse no file, however short it is
HOPELESS: Final = 2000  # bad lines, most of all: the rest is not read, since parsing a bad line is slow
_CHUNK: Final = 1 << 20
_HTML: Final = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<?xml", b"<!--")
_PACKED: Final = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
}


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list that was read. `count`: its entries; `skipped`: the first of its bad lines, `skipped_count` all of them;
    `sha256` in hex, of the bytes that were read; `mtime`: when the file was changed, UTC."""

    index: EntryIndex
    count: int
    skipped: tuple[RuleError, ...]
    skipped_count: int
    sha256: str
    mtime: datetime


class NameIndex(EntryIndex):
    """An index of entries and of plain names, each a domain tree, that never were an Entry. An Entry each would take
    2 s for a million names."""

    __slots__ = ()

    def __init__(self, entries: Iterable[tuple[Entry, int]], names: dict[str, int]) -> None:
        super().__init__(entries)  # names is complete only after this: reading the entries fills it
        for name, line in self._trees.items():
            names.setdefault(name, line)
        self._trees = names


def read_list(path: Path, format: str) -> ListFile:
    """The list in a file. `format`: entries, plain or hosts. RuleError where the file as a whole is no such list."""
    reading = _Reading(path, format)
    with _opened(path) as file:
        mtime = datetime.fromtimestamp(fstat(file.fileno()).st_mtime, UTC)
        index = NameIndex(reading.entries(file), reading.names)
    reading.judge()
    sha256 = reading.hash.hexdigest()
    return ListFile(index, reading.count, tuple(reading.skipped), reading.skipped_count, sha256, mtime)


def read_entries(path: Path) -> tuple[tuple[tuple[Entry, int], ...], tuple[RuleError, ...]]:
    """The entries of a short list in the format entries with their lines, and its first bad lines; RuleError as
    `read_list`. For who joins several lists into one index."""
    reading = _Reading(path, "entries")
    with _opened(path) as file:
        others = tuple(reading.entries(file))
    reading.judge()
    entries = (*((Entry(Unit.TREE, name), line) for name, line in reading.names.items()), *others)
    return entries, tuple(reading.skipped)


def _opened(path: Path) -> BufferedReader:
    shown = Where(str(path))
    try:
        if not path.is_file():  # a pipe would never end
            raise RuleError("there is no such file", shown, "check the path")
        file = path.open("rb")
    except OSError as fault:
        mend = "check the path and who may read it"
        raise RuleError(f"cannot be read: {fault.strerror}", shown, mend) from None
    size = fstat(file.fileno()).st_size
    if size > MAX_FILE:
        file.close()
        raise RuleError(f"a list of {size} bytes", shown, f"at most {MAX_FILE} are read: split it")
    return file


@dataclass(slots=True)
class _Reading:
    """One file while it is read."""

    path: Path
    format: str
    count: int = 0
    names: dict[str, int] = field(default_factory=dict)  # plain names without an Entry each, with their lines
    skipped: list[RuleError] = field(default_factory=list)
    skipped_count: int = 0
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def entries(self, file: BufferedReader) -> Iterator[tuple[Entry, int]]:
        """The entries with their lines, except what goes to `names`."""
        number = 1
        for block in self._blocks(file):
            lower, at = block.lower(), 0
            while at < len(block):
                names, at = names_at(lower, at, self.format)
                for name in self._take(names, number):
                    line = f"0.0.0.0 {name}" if self.format == "hosts" else name
                    yield from self._line(line.encode("ascii"), number + names.index(name))
                number += len(names)
                if at < len(block):
                    end = block.index(b"\n", at)
                    yield from self._line(block[at:end], number)
                    number, at = number + 1, end + 1

    def _take(self, names: list[str], number: int) -> set[str]:
        """Keep the names of a run of lines that begins with line `number`; those that need a parser come back."""
        odd = odd_names(names)
        lines: Iterable[int] = range(number, number + len(names))
        if odd:
            lines = [line for line, name in zip(lines, names, strict=True) if name not in odd]
            names = [name for name in names if name not in odd]
        self.count += len(names)
        deque(map(self.names.setdefault, names, lines), maxlen=0)  # of a name that stands twice the first line
        return odd

    def _line(self, line: bytes, number: int) -> Iterator[tuple[Entry, int]]:
        where = Where(str(self.path), number)
        if not line or line.isspace():
            return
        try:
            found = PARSERS[self.format](line, where)
        except SfsError as fault:
            self._skip(fault, where)
            return
        self.count += len(found)
        for entry in found:
            yield entry, number

    def judge(self) -> None:
        """RuleError where too much of the file was bad."""
        if self.skipped_count > FEW_BAD and self.skipped_count > MOST_BAD * (self.count + self.skipped_count):
            self._refuse()

    def _refuse(self) -> None:
        lines = self.count + self.skipped_count
        first = self.skipped[0]
        what = (
            f"mostly not a list in the format {self.format}: {self.skipped_count} of {lines} lines are bad; the first"
        )
        raise RuleError(f"{what}: {first.what}", first.where, f"name the right format, or mend it: {first.mend or ''}")

    def _skip(self, fault: SfsError, where: Where) -> None:
        self.skipped_count += 1
        if len(self.skipped) < MAX_SHOWN:
            self.skipped.append(RuleError(fault.what, fault.where or where, fault.mend))
        if self.skipped_count >= HOPELESS and self.skipped_count > self.count:
            self._refuse()

    def _blocks(self, file: BufferedReader) -> Iterator[bytes]:
        """The file in blocks of whole lines. A line past the bound loses its end, and then no parser takes it."""
        rest, size = b"", 0
        while chunk := file.read(_CHUNK):
            if not size:
                self._sniff(chunk)
            size += len(chunk)
            if size > MAX_FILE:
                raise RuleError("the list grows while it is read", Where(str(self.path)), "try again")
            self.hash.update(chunk)
            data = rest + (chunk if size > len(chunk) else chunk.removeprefix(b"\xef\xbb\xbf"))
            cut = data.rfind(b"\n") + 1
            if cut:
                yield data[:cut]
            rest = data[cut : cut + MAX_BYTES + 1]
        if rest:
            yield rest + b"\n"

    def _sniff(self, start: bytes) -> None:
        """RuleError where the first bytes are plainly something else."""
        shown = Where(str(self.path), 1, 1)
        if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(_HTML):
            mend = "open its address in a browser: it may have moved, or ask for a login"
            raise RuleError("this is a web page, not a list", shown, mend)
        packed = next((name for magic, name in _PACKED.items() if start.startswith(magic)), None)
        if packed is not None:
            raise RuleError(f"this is packed with {packed}", shown, "unpack it first")
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise RuleError("this is UTF-16, not UTF-8", shown, "save it as UTF-8")
        if b"\0" in start[:4096]:
            raise RuleError("this is not text", shown, "name a list of lines")

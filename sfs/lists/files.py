"""Reading a list from disk: a bad line is skipped and counted, too many refuse the file, so that the old one stays."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedReader
from os import fstat
from pathlib import Path
from typing import Final

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.lines import PARSERS, fast_name
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


def read_list(path: Path, format: str) -> ListFile:
    """The list in a file. `format`: entries, plain or hosts. RuleError where the file as a whole is no such list."""
    reading = _Reading(path, format)
    with _opened(path) as file:
        mtime = datetime.fromtimestamp(fstat(file.fileno()).st_mtime, UTC)
        index = EntryIndex(reading.entries(file))
    reading.judge()
    sha256 = reading.hash.hexdigest()
    return ListFile(index, reading.count, tuple(reading.skipped), reading.skipped_count, sha256, mtime)


def read_entries(path: Path) -> tuple[tuple[tuple[Entry, int], ...], tuple[RuleError, ...]]:
    """The entries of a short list in the format entries with their lines, and its first bad lines; RuleError as
    `read_list`. For who joins several lists into one index."""
    reading = _Reading(path, "entries")
    with _opened(path) as file:
        entries = tuple(reading.entries(file))
    reading.judge()
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
    skipped: list[RuleError] = field(default_factory=list)
    skipped_count: int = 0
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def entries(self, file: BufferedReader) -> Iterator[tuple[Entry, int]]:
        """The entries with their lines."""
        parse, hosts, shown = PARSERS[self.format], self.format == "hosts", str(self.path)
        for number, line in enumerate(self._lines(file), 1):
            name = fast_name(line, hosts)
            if name is not None:
                self.count += 1
                yield Entry(Unit.TREE, name), number
                continue
            if not line or line.isspace():
                continue
            try:
                found = parse(line, Where(shown, number))
            except SfsError as fault:
                self._skip(fault, Where(shown, number))
                continue
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

    def _lines(self, file: BufferedReader) -> Iterator[bytes]:
        """The lines without their ends; a line past the bound is cut, and then no parser takes it."""
        rest, size = b"", 0
        while chunk := file.read(_CHUNK):
            if not size:
                self._sniff(chunk)
                chunk_text = chunk.removeprefix(b"\xef\xbb\xbf")
            else:
                chunk_text = chunk
            size += len(chunk)
            if size > MAX_FILE:
                raise RuleError("the list grows while it is read", Where(str(self.path)), "try again")
            self.hash.update(chunk)
            first, *others = chunk_text.split(b"\n")
            if len(rest) <= MAX_BYTES:
                rest += first[: MAX_BYTES + 1]
            if others:
                yield rest
                rest = others.pop()
                yield from others
        yield rest

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

"""Reading a list from disk: a bad line is skipped and counted, too many refuse the file, so that the old one stays."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedReader
from os import fstat
from pathlib import Path
from typing import Final

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.formats import FOLDERS, format_named
from sfs.lists.formats.guess import MAX_START, guess_format
from sfs.lists.lines import LineFormat, Said, odd_names
from sfs.lists.tables import NameIndex, Sink, Tables
from sfs.match.entry import MAX_LINE, Entry
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
    `sha256` in hex, of the bytes that were read; `mtime`: when the file was changed, UTC; `passed_over`: lines that
    are right in their format and say nothing that is judged here."""

    index: EntryIndex
    count: int
    skipped: tuple[RuleError, ...]
    skipped_count: int
    sha256: str
    mtime: datetime
    passed_over: int = 0


def read_list(path: Path, format: str) -> ListFile:
    """The list in a file, or in a folder for squidguard. `format`: a name of `FORMATS`. RuleError where the file as a
    whole is no such list."""
    tables = Tables()
    reading = read_into(path, format, tables)
    return reading.as_file(NameIndex(tables))


def read_entries(path: Path) -> tuple[tuple[tuple[Entry, int], ...], tuple[RuleError, ...]]:
    """The entries of a short list in the format entries with their lines, and its first bad lines; RuleError as
    `read_list`. For who joins several lists into one index."""
    tables = Tables()
    reading = read_into(path, "entries", tables)
    return tuple(tables.entries()), tuple(reading.skipped)


def read_into(path: Path, format: str, sink: Sink, shown: str | None = None) -> "Reading":
    """Read the list at `path` into `sink`; RuleError as `read_list`. `shown`: how errors name it, else its path."""
    files = _files(path, format, Where(shown or str(path)))
    reading = Reading(shown or str(path), format, sink)
    for file, line_format in files:
        with _opened(file, reading.shown if file == path else f"{reading.shown}/{file.name}") as opened:
            changed = datetime.fromtimestamp(fstat(opened.fileno()).st_mtime, UTC)
            reading.mtime = changed if reading.mtime is None else max(reading.mtime, changed)
            reading.read(opened, line_format)
    reading.judge()
    return reading


def too_many_bad(bad: int, said: int) -> bool:
    """Whether so many bad lines, of all that say something, refuse a file as a whole."""
    return bad > FEW_BAD and bad > MOST_BAD * said


def check_start(start: bytes, shown: str) -> None:
    """RuleError where the first bytes of the file `shown` are plainly something else than lines of text."""
    where = Where(shown, 1, 1)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(_HTML):
        mend = "open its address in a browser: it may have moved, or ask for a login"
        raise RuleError("this is a web page, not a list", where, mend)
    packed = next((name for magic, name in _PACKED.items() if start.startswith(magic)), None)
    if packed is not None:
        raise RuleError(f"this is packed with {packed}", where, "unpack it first")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RuleError("this is UTF-16, not UTF-8", where, "save it as UTF-8")
    if b"\0" in start[:4096]:
        raise RuleError("this is not text", where, "name a list of lines")


def _files(path: Path, format: str, shown: Where) -> list[tuple[Path, LineFormat]]:
    """The files of a list, each with the format of its lines."""
    line_format = format_named(format)
    names = FOLDERS.get(format)
    if names is None or not path.is_dir():
        return [(path, line_format)]
    folder = path
    if not any((folder / name).is_file() for name in names):
        inside = [child for child in sorted(path.iterdir()) if child.is_dir()]
        folder = inside[0] if len(inside) == 1 else folder
    found: list[tuple[Path, LineFormat]] = [
        (folder / name, lines) for name, lines in names.items() if (folder / name).is_file()
    ]
    if not any(file.name in ("domains", "urls") for file, _ in found):
        raise RuleError("no such list: a folder without domains and urls", shown, "name the folder that holds them")
    return found


def _opened(path: Path, name: str) -> BufferedReader:
    shown = Where(name)
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
class Reading:
    """A list while it is read, and what is known of it then."""

    shown: str
    format: str
    sink: Sink
    count: int = 0
    passed_over: int = 0
    skipped: list[RuleError] = field(default_factory=list)
    skipped_count: int = 0
    mtime: datetime | None = None
    lines: int = 0  # read so far
    start: bytes = b""
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """Of all bytes read, in hex."""
        return self.hash.hexdigest()

    def as_file(self, index: EntryIndex) -> ListFile:
        """What was read, with the index over it."""
        changed = self.mtime or datetime.fromtimestamp(0, UTC)
        skipped = tuple(self.skipped)
        return ListFile(index, self.count, skipped, self.skipped_count, self.sha256, changed, self.passed_over)

    def read(self, file: BufferedReader, line_format: LineFormat) -> None:
        """Read one file to its end; its lines count on."""
        for block in self._blocks(file):
            lower, at = block.lower(), 0
            while at < len(block):
                names, end = line_format.run(lower, at)
                if names:
                    self._take(names, block[at:end], line_format)
                else:
                    end = block.index(b"\n", at) + 1
                    self._line(block[at : end - 1], line_format, self.lines + 1)
                    self.lines += 1
                at = end

    def _take(self, names: list[str], run: bytes, line_format: LineFormat) -> None:
        """Hand on the names of a run of lines; those that need a parser are parsed."""
        odd = odd_names(names)
        first = self.lines + 1
        self.lines += len(names)
        lines: Sequence[int] = range(first, first + len(names))
        if odd:
            texts = run.split(b"\n")
            for place in [place for place, name in enumerate(names) if name in odd]:
                self._line(texts[place], line_format, first + place)
            lines = [line for line, name in zip(lines, names, strict=True) if name not in odd]
            names = [name for name in names if name not in odd]
        self.count += len(names)
        if any(name[0] == "=" for name in names):
            hosts = [(name[1:], line) for name, line in zip(names, lines, strict=True) if name[0] == "="]
            trees = [(name, line) for name, line in zip(names, lines, strict=True) if name[0] != "="]
            self.sink.hosts([name for name, _ in hosts], [line for _, line in hosts])
            names, lines = [name for name, _ in trees], [line for _, line in trees]
        self.sink.trees(names, lines)

    def _line(self, line: bytes, line_format: LineFormat, number: int) -> None:
        if not line or line.isspace():
            return
        where = Where(self.shown, number)
        try:
            said: Said = line_format.line(line, where)
        except SfsError as fault:
            self._skip(fault, where)
            return
        self.count += len(said.entries)
        self.passed_over += said.passed_over
        for entry in said.entries:
            self.sink.entry(entry, number)
        for entry in said.spared:
            self.sink.spare(entry, number)

    def judge(self) -> None:
        """RuleError where too much of the list was bad, or where it is plainly written in another format."""
        said = self.count + self.passed_over + self.skipped_count
        if too_many_bad(self.skipped_count, said):
            self._refuse()
        if said and not self.count and self.likely not in (None, "entries"):  # which almost all lines look like
            raise RuleError(f"no line of it names a site in the format {self.format}", *self._mend(self.skipped))

    @property
    def likely(self) -> str | None:
        """Another format that the list looks like."""
        guess = guess_format(self.start)
        return None if guess == self.format or (guess == "plain" and self.format == "squidguard") else guess

    def _refuse(self) -> None:
        lines = self.count + self.passed_over + self.skipped_count
        first = self.skipped[0]
        what = (
            f"mostly not a list in the format {self.format}: {self.skipped_count} of {lines} lines are bad; the first"
        )
        raise RuleError(f"{what}: {first.what}", *self._mend([first]))

    def _mend(self, bad: Sequence[RuleError]) -> tuple[Where, str]:
        where = bad[0].where if bad and bad[0].where else Where(self.shown)
        if self.likely is not None:
            return where, f"its lines look like format: {self.likely}"
        return where, f"name the right format, or mend it: {(bad[0].mend if bad else None) or ''}"

    def _skip(self, fault: SfsError, where: Where) -> None:
        self.skipped_count += 1
        if len(self.skipped) < MAX_SHOWN:
            self.skipped.append(RuleError(fault.what, fault.where or where, fault.mend))
        if self.skipped_count >= HOPELESS and self.skipped_count > self.count + self.passed_over:
            self._refuse()

    def _blocks(self, file: BufferedReader) -> Iterator[bytes]:
        """The file in blocks of whole lines. A line past the bound loses its end, and then no parser takes it."""
        rest, size = b"", 0
        while chunk := file.read(_CHUNK):
            if not size:
                check_start(chunk, self.shown)
                self.start = self.start or chunk[: MAX_START + 1]
            size += len(chunk)
            if size > MAX_FILE:
                raise RuleError("the list grows while it is read", Where(self.shown), "try again")
            self.hash.update(chunk)
            data = rest + (chunk if size > len(chunk) else chunk.removeprefix(b"\xef\xbb\xbf"))
            cut = data.rfind(b"\n") + 1
            if cut:
                yield data[:cut]
            rest = data[cut : cut + MAX_BYTES + 1]
        if rest:
            yield rest + b"\n"

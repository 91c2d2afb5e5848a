"""Reading a list from disk: a bad line is skipped and counted, too many refuse the file, so that the old one stays."""

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedIOBase
from os import fstat
from pathlib import Path
from typing import Final

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.formats import INCLUDING, pihole
from sfs.lists.formats.guess import MAX_START, guess_format
from sfs.lists.includes import Includes
from sfs.lists.lines import LineFormat, Said, WeightedPhrase, odd_names
from sfs.lists.notes import BAD, LEFT, PART, Note, Notes, shown
from sfs.lists.opening import MAX_FILE, check_start, files_of, opened
from sfs.lists.tables import NameIndex, Sink, Tables
from sfs.match.entry import MAX_LINE, Entry, Unit
from sfs.match.index import EntryIndex
from sfs.text.url import parents

MAX_BYTES: Final = MAX_LINE * 4  # of a line
MAX_SHOWN: Final = 100  # bad lines that are kept to be shown
MOST_BAD: Final = 0.05  # of the lines that say something; more is no list, or one of another format
FEW_BAD: Final = 20  # lines; so few refuse no file, however short it is
HOPELESS: Final = 2000  # bad lines, most of all: the rest is not read, since parsing a bad line is slow
_CHUNK: Final = 1 << 20
_QUOTED: Final = re.compile(r"(['\"]).*\1 ")


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list that was read. `count`: its entries; `skipped`: the first of its bad lines, `skipped_count` all of them;
    `sha256` in hex, of the bytes that were read; `mtime`: when the file was changed, UTC; `passed_over`: lines that
    are right in their format and say nothing that is judged here; `serial`, `purpose`: of a list that
    says one (lists/mandatory.py)."""

    index: EntryIndex
    count: int
    skipped: tuple[RuleError, ...]
    skipped_count: int
    sha256: str
    mtime: datetime
    passed_over: int = 0
    serial: str = ""
    purpose: str = ""


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
    if tables.spared:
        what, mend = f"{len(tables.spared)} exceptions, which are not read here", "delete the lines that begin with !"
        reading.skipped.append(RuleError(what, Where(str(path)), mend))
    return tuple(tables.entries()), tuple(reading.skipped)


@dataclass(frozen=True, slots=True)
class How:
    """How a list is read. `shown`: how errors name it, else its path; `only`: the part of it that is taken
    (`format_named`); `each` is called with every line that was not taken whole, `progress` with the bytes read so far
    after each MiB."""

    shown: str | None = None
    only: tuple[str, ...] = ()
    each: Callable[[Note], None] | None = None
    progress: Callable[[int], None] | None = None


def read_into(path: Path, format: str, sink: Sink, how: How = How()) -> "Reading":
    """Read the list at `path` into `sink`; RuleError as `read_list`."""
    reading = Reading(how.shown or str(path), format, sink, Notes(how.each), progress=how.progress)
    for _ in reading.steps(path, how.only):
        pass
    return reading


def too_many_bad(bad: int, said: int) -> bool:
    """Whether so many bad lines, of all that say something, refuse a file as a whole."""
    return bad > FEW_BAD and bad > MOST_BAD * said


@dataclass(slots=True)
class Reading:
    """A list while it is read, and what is known of it then."""

    shown: str
    format: str
    sink: Sink
    notes: Notes = field(default_factory=Notes)
    includes: Includes | None = None
    phrases: list[WeightedPhrase] = field(default_factory=list)
    phrase_lines: list[int] = field(default_factory=list)  # of each of them
    count: int = 0
    passed_over: int = 0
    skipped: list[RuleError] = field(default_factory=list)
    skipped_count: int = 0
    mtime: datetime | None = None
    lines: int = 0  # read so far
    start: bytes = b""
    size: int = 0  # bytes read so far
    files: list[tuple[int, str]] = field(default_factory=list)  # how many lines were read before each, and its name
    _spared: list[tuple[Entry, int]] = field(default_factory=list)
    _important: dict[str, Unit] = field(default_factory=dict)  # names that hold against exceptions
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    progress: Callable[[int], None] | None = None

    @property
    def sha256(self) -> str:
        """Of all bytes read, in hex."""
        return self.hash.hexdigest()

    def as_file(self, index: EntryIndex) -> ListFile:
        """What was read, with the index over it."""
        changed = self.mtime or datetime.fromtimestamp(0, UTC)
        skipped = tuple(self.skipped)
        return ListFile(index, self.count, skipped, self.skipped_count, self.sha256, changed, self.passed_over)

    def where(self, line: int) -> Where:
        """The place of a line, counted through all files of the list."""
        before, name = [file for file in self.files if file[0] < line][-1]
        return Where(name, line - before)

    def steps(self, path: Path, only: tuple[str, ...] = ()) -> Iterator[None]:
        """Read the whole list at `path`, and stop behind each block, so that what the sink has got can be used before
        the rest is read. RuleError as `read_list`; a list that is refused for what stands in it is so at its end."""
        files = files_of(path, self.format, Where(self.shown), only)
        self.includes = Includes(path) if self.format in INCLUDING and path.is_file() else None
        if self.includes is not None:
            self.includes.start(files[0][1])
        for file, line_format in files:
            yield from self._open(file, self.shown if file == path else f"{self.shown}/{file.name}", line_format)
        while self.includes is not None and self.includes.waiting:
            file, line_format = self.includes.waiting.pop(0)
            yield from self._open(file, self.includes.shown(file), line_format)
        self._judge()

    def _open(self, path: Path, name: str, line_format: LineFormat) -> Iterator[None]:
        """Read one file to its end; its lines count on. `name`: how errors name it."""
        with opened(path, name) as file:
            changed = datetime.fromtimestamp(fstat(file.fileno()).st_mtime, UTC)
            self.mtime = changed if self.mtime is None else max(self.mtime, changed)
            self.files.append((self.lines, name))
            if line_format is pihole.PIHOLE:
                yield from self._read(io.BytesIO(pihole.as_lines(path, Where(name))), line_format)
            else:
                yield from self._read(file, line_format)

    def _read(self, file: BufferedIOBase, line_format: LineFormat) -> Iterator[None]:
        """Read what is open to its end."""
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
            yield

    def _take(self, names: list[str], run: bytes, line_format: LineFormat) -> None:
        """Hand on the names of a run of lines, in their order; those that need a parser are parsed."""
        odd = odd_names(names)
        first, begin = self.lines + 1, 0
        self.lines += len(names)
        if odd:
            texts = run.split(b"\n")
            for place in [place for place, name in enumerate(names) if name in odd]:
                self._plain(names[begin:place], first + begin)
                self._line(texts[place], line_format, first + place)
                begin = place + 1
        self._plain(names[begin:] if begin else names, first + begin)

    def _plain(self, names: list[str], first: int) -> None:
        """Hand on names that stand in lines of their own, from line `first` on."""
        if not names:
            return
        lines: Sequence[int] = range(first, first + len(names))
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
        before, name = self.files[-1]
        where = Where(name, number - before)
        try:
            said: Said = line_format.line(line, where)
            again = said.include is not None and not self._include(said, where)
        except SfsError as fault:
            self._skip(fault, where, line)
            return
        self.count += len(said.entries) + len(said.phrases)
        self.passed_over += said.passed_over
        for why in said.why:
            self.notes.add(Note(LEFT if said.passed_over else PART, why, where, shown(line), said.means))
        if again:
            self.notes.add(Note(PART, "a file that was named before: read once", where, shown(line)))
        for entry in said.entries:
            self.sink.entry(entry, number)
            if said.important:
                self._important[entry.host] = min(entry.unit, self._important.get(entry.host, entry.unit))
        self._spare(said, number)
        self.phrases.extend(said.phrases)
        self.phrase_lines.extend(number for _ in said.phrases)

    def _include(self, said: Said, where: Where) -> bool:
        """Have an included file read; False where it was read already."""
        assert said.include is not None
        if self.includes is None:
            raise RuleError("a list in several files", where, "name the file itself, in the folder of the others")
        return self.includes.add(said.include, where)

    def _spare(self, said: Said, number: int) -> None:
        for entry in said.spared:
            if said.important:
                self.sink.spare(entry, number)
            else:
                self._spared.append((entry, number))

    def _spare_what_is_not_important(self) -> None:
        """Hand on the exceptions that no important rule above them makes void."""
        for entry, number in self._spared:
            names = parents(entry.host) if self._important else ()
            units = [self._important[name] for name in names if name in self._important]
            if Unit.TREE not in units and self._important.get(entry.host) is not Unit.HOST:
                self.sink.spare(entry, number)
        self._spared.clear()

    def _judge(self) -> None:
        """The end of the list. RuleError where too much of it was bad, or where it is plainly in another format."""
        self._spare_what_is_not_important()
        said = self.count + self.passed_over + self.skipped_count
        if too_many_bad(self.skipped_count, said):
            self._refuse()
        if said and not self.count and self.likely not in (None, "entries"):  # which almost all lines look like
            raise RuleError(f"no line of it names a site in the format {self.format}", *self._mend(self.skipped))

    @property
    def likely(self) -> str | None:
        """Another format that the list looks like."""
        guess = guess_format(self.start)
        names = guess in ("plain", "entries") and self.format in ("squidguard", "e2guardian", "v2fly")
        return None if guess == self.format or names else guess

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

    def _skip(self, fault: SfsError, where: Where, line: bytes) -> None:
        self.skipped_count += 1
        why = _QUOTED.sub("", fault.what, count=1)  # without the line itself, so that alike ones are counted together
        self.notes.add(Note(BAD, why, fault.where or where, shown(line), mend=fault.mend))
        if len(self.skipped) < MAX_SHOWN:
            self.skipped.append(RuleError(fault.what, fault.where or where, fault.mend))
        if self.skipped_count >= HOPELESS and self.skipped_count > self.count + self.passed_over:
            self._refuse()

    def _blocks(self, file: BufferedIOBase) -> Iterator[bytes]:
        """The file in blocks of whole lines. A line past the bound loses its end, and then no parser takes it."""
        rest, size = b"", 0
        while chunk := file.read(_CHUNK):
            if not size:
                check_start(chunk, self.shown)
                self.start = self.start or chunk[: MAX_START + 1]
            size += len(chunk)
            self.size += len(chunk)
            if size > MAX_FILE or self.size > 2 * MAX_FILE:
                raise RuleError(f"a list of more than {self.size - 1} bytes", Where(self.shown), "split it")
            self.hash.update(chunk)
            if self.progress is not None:
                self.progress(self.size)
            data = rest + (chunk if size > len(chunk) else chunk.removeprefix(b"\xef\xbb\xbf"))
            cut = data.rfind(b"\n") + 1
            if cut:
                yield data[:cut]
            rest = data[cut : cut + MAX_BYTES + 1]
        if rest:
            yield rest + b"\n"

"""Compiling a list: its names as a trie that is mapped into memory instead of read.

    names.trie    reversed names, so that the parents of a host are the prefixes of one key:
                      elpmaxe.www.   the name and all below it     (key + ".")
                      elpmaxe.www.=  the host alone                (key + ".=")
                      elpmaxe.www./  some of its pages             (key + ".=/"); one look-up finds all three
    lines.bin     by the number of a key in the trie: its line in the source, packed (line_table.py); for pages where
                  they begin in entries.txt
    entries.txt   what is more than a name, as `line TAB entry`. First what is kept in memory: exceptions (as ! and the
                  name), entries for one port or scheme, hosts with very many pages. Then the pages host by host, with
                  an empty line behind each host
    meta.json     what is known of the list, and the size and hash of each file and of itself, by which damage is found

Names go to disk as they are read and from there into the trie, so that a long list needs no table in memory.
"""

import json
import os
import shutil
import sys
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from io import BufferedRandom, BufferedWriter
from itertools import groupby
from pathlib import Path
from typing import Final

import marisa_trie

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.faults import ListFault, is_full
from sfs.lists.files import How, Reading, read_into
from sfs.lists.line_table import table_of
from sfs.lists.notes import Reason
from sfs.lists.tables import is_plain
from sfs.match.entry import Entry, Unit

VERSION: Final = 2  # of the files below; another one is compiled again
NAMES, LINES, ENTRIES, META = "names.trie", "lines.bin", "entries.txt", "meta.json"
TREE, HOST, PAGES = ".", ".=", ".=/"  # the ends of keys; each begins with the one before
MAX_GROUP: Final = 256  # pages of a host that are parsed when it is asked for (5 ms); of more they stay in memory
MAX_ENTRIES: Final = 1 << 32  # bytes of entries.txt; places in it have 32 bits
TRIES: Final = 8  # nested in one another: 5.5 bytes a name where 3, the default, take 5.6; no look-up is slower


@dataclass(frozen=True, slots=True)
class Compiled:
    """What was compiled. `folder` holds it; `count`: its entries, `size`: what remains when doubles are one;
    `skipped`: the first bad lines, `skipped_count` all of them; `passed_over`: lines that are right but say nothing
    that is judged here (cosmetic rules, expressions); `sha256` in hex, of the source's bytes; `made`: UTC;
    `reasons`: why lines were not taken whole."""

    folder: Path
    format: str
    count: int
    size: int
    skipped: tuple[RuleError, ...]
    skipped_count: int
    passed_over: int
    sha256: str
    made: datetime
    reasons: tuple[Reason, ...] = ()


def compile_list(source: Path, format: str, folder: Path, shown: str | None = None, how: How | None = None) -> Compiled:
    """Compile the list in `source`, a file or (squidguard, pihole) a folder, into `folder`, which must not exist yet:
    it is there whole or not at all. `shown`: how errors name the source, else its path; `how`: all that can be said.

    RuleError where the source as a whole is no list of that format (`read_list`), SfsError where it cannot be
    written. An empty list is compiled: whoever replaces an old list by it judges that. Takes 6 s and a core for a
    million names: for a child process, never for the loop of the proxy."""
    place = Where(str(folder))
    if os.path.lexists(folder):
        raise SfsError("there is something already", place, "name a folder that does not exist")
    work: Path | None = None
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}-", suffix=".tmp", dir=folder.parent))
        compiled = _compile(source, format, work, folder, how or How(shown))
        _sync_folder(work)
        work.rename(folder)
        _sync_folder(folder.parent)
    except OSError as fault:
        mend = "check the folder, who may write there, and the room on the disk"
        what = f"the compiled list cannot be written: {fault.strerror or fault}"
        raise ListFault("space" if is_full(fault) else "damaged", what, place, mend) from None
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)  # nothing is there any more where all went well
    return compiled


def _compile(source: Path, format: str, work: Path, folder: Path, how: How) -> Compiled:
    with tempfile.TemporaryFile(dir=work) as keys:
        spill = _Spill(keys)
        reading = read_into(source, format, spill, how)
        groups = spill.write_entries(work / ENTRIES)
        trie = marisa_trie.Trie(spill.keys(groups), num_tries=TRIES, order=marisa_trie.WEIGHT_ORDER)
        data, table = spill.line_table(trie, groups)
        _write(work / LINES, data)
    _write(work / NAMES, trie.tobytes())  # its own `save` says of a full disk no more than that it failed
    made = datetime.now(UTC).replace(microsecond=0)
    size = len(trie) - len(groups) + spill.others
    _write_meta(work, reading, {"size": size, "head": spill.head, "lines": table}, made)
    skipped = tuple(reading.skipped)
    of_lines = (skipped, reading.skipped_count, reading.passed_over)
    reasons = tuple(reading.notes.by_count())
    return Compiled(folder, format, reading.count, size, *of_lines, reading.sha256, made, reasons)


class _Spill:
    """A sink for lists of any length: names go to a file, what is more than a name is kept as text."""

    def __init__(self, file: "BufferedRandom | tempfile._TemporaryFileWrapper[bytes]") -> None:
        self.others = 0  # entries that are more than a name
        self.head = 0  # bytes of entries.txt that are kept in memory
        self._file = file
        self._lines = array("I")
        self._kept: list[str] = []
        self._pages: list[str] = []  # host, line and entry with tabs between: sorted, they stand by host and line

    def trees(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As Sink says."""
        self._add(names, lines, TREE)

    def hosts(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As Sink says."""
        self._add(names, lines, HOST)

    def entry(self, entry: Entry, line: int) -> None:
        """As Sink says."""
        if is_plain(entry):
            self._add((entry.host,), (line,), TREE if entry.unit is Unit.TREE else HOST)
            return
        self.others += 1
        if entry.needs_path:
            self._pages.append(f"{entry.host}\t{line:010d}\t{entry.text}")
        else:
            self._kept.append(f"{line}\t{entry.text}\n")

    def spare(self, entry: Entry, line: int) -> None:
        """As Sink says."""
        self._kept.append(f"{line}\t!{entry.text}\n")

    def _add(self, names: Sequence[str], lines: Sequence[int], end: str) -> None:
        self._file.write("".join([f"{name[::-1]}{end}\n" for name in names]).encode("ascii"))
        self._lines.extend(lines)

    def write_entries(self, path: Path) -> dict[str, int]:
        """Write entries.txt; where the pages of each host begin, by key."""
        self._pages.sort()
        groups: dict[str, int] = {}
        hosts = [(host, list(lines)) for host, lines in groupby(self._pages, lambda page: page.partition("\t")[0])]
        self._pages.clear()
        many = [line for _, lines in hosts if len(lines) > MAX_GROUP for line in lines]
        with _opened(path) as file:
            for text in self._kept:
                file.write(text.encode("ascii"))
            for page in many:
                file.write(_line(page))
            self.head = file.tell()
            for host, lines in hosts:
                if len(lines) <= MAX_GROUP:
                    groups[host[::-1] + PAGES] = file.tell()
                    file.write(b"".join(map(_line, lines)) + b"\n")
            if file.tell() >= MAX_ENTRIES:
                raise SfsError("too many entries with a path", Where(str(path)), "split the list")
            _sync(file)
        return groups

    def keys(self, groups: dict[str, int]) -> Iterator[str]:
        """All keys of the trie; some stand twice."""
        yield from self._names()
        yield from groups

    def line_table(self, trie: "marisa_trie.Trie", groups: dict[str, int]) -> tuple[bytes, dict[str, object]]:
        """lines.bin, and what is to be known of it: of a name that stands twice the first line."""
        return table_of(self._names(), self._lines, trie, len(trie), groups)

    def _names(self) -> Iterator[str]:
        self._file.seek(0)
        for line in self._file:
            yield line[:-1].decode("ascii")


def _line(page: str) -> bytes:
    _, line, text = page.split("\t", 2)
    return f"{int(line)}\t{text}\n".encode("ascii")


def _write_meta(work: Path, reading: Reading, shape: dict[str, object], made: datetime) -> None:
    meta: dict[str, object] = {
        "version": VERSION,
        "byteorder": sys.byteorder,
        "format": reading.format,
        "count": reading.count,
        "skipped_count": reading.skipped_count,
        "passed_over": reading.passed_over,
        "sha256": reading.sha256,
        "made": made.isoformat(),
        "changed": None if reading.mtime is None else reading.mtime.isoformat(),
        **shape,
        "skipped": [_fault(fault) for fault in reading.skipped],
        "files": {name: _seal(work / name) for name in (NAMES, LINES, ENTRIES)},
    }
    meta["seal"] = seal_of(meta)
    with _opened(work / META) as file:
        file.write(json.dumps(meta, indent=1).encode("ascii"))
        _sync(file)


def seal_of(meta: dict[str, object]) -> str:
    """The hash of what meta.json says, but for the seal itself."""
    said = {key: value for key, value in meta.items() if key != "seal"}
    return sha256(json.dumps(said, sort_keys=True).encode("ascii")).hexdigest()


def _fault(fault: RuleError) -> dict[str, str | int | None]:
    where = fault.where or Where("")
    what, mend = fault.what[:500], fault.mend and fault.mend[:500]
    return {"file": where.file[:500], "line": where.line, "column": where.column, "what": what, "mend": mend}


def _seal(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        return {"size": os.fstat(file.fileno()).st_size, "sha256": file_digest(file, "sha256").hexdigest()}


def _write(path: Path, data: bytes) -> None:
    with _opened(path) as file:
        file.write(data)
        _sync(file)


def _opened(path: Path) -> BufferedWriter:
    # To be read alone, by its owner too: it will be mapped, and who cuts a mapped file ends its readers.
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb")


def _sync(file: BufferedWriter) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # a few file systems know no sync of folders
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)

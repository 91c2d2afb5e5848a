"""A compiled list: mapped into memory, not read, so that a million names cost a few pages of it.

What stands in the files is said in compile.py. All is checked by hash when it is opened: the trie is walked by a
library that believes what it is given.
"""

import json
import mmap
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import marisa_trie

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.compile import ENTRIES, HOST, LINES, META, NAMES, PAGES, TREE, VERSION, seal_of
from sfs.lists.files import ListFile
from sfs.lists.line_table import LineTable
from sfs.match.entry import Entry, Unit, parse_entry
from sfs.match.index import ALL_FORMS, EntryIndex, Hit, entry_matches
from sfs.text.readings import further_readings
from sfs.text.url import Url, is_address

MAX_META: Final = 1 << 20  # bytes; a hundred bad lines have 150 kB at most
HOSTS_KEPT: Final = 256  # hosts whose pages stay parsed
SMALL: Final = 1 << 16  # bytes; a smaller file is read, since a map may cost an open file
_NO_HANDLE: Final[dict[str, bool]] = {"trackfd": False} if sys.version_info >= (3, 13) else {}  # keeps no open file
type _Seen = tuple[int, int, int]  # inode, size, time of the last change
type _Lines = tuple[tuple[Entry, int], ...]


@dataclass(frozen=True, slots=True)
class _Mapped:
    """The files of a compiled list; `names` is what `trie` stands on; `size`: its entries, `head`: bytes of `entries`
    that are kept in memory; `seen`: the files as they were when they were checked."""

    names: mmap.mmap | bytes
    trie: "marisa_trie.Trie"
    lines: LineTable
    entries: mmap.mmap | bytes
    size: int
    head: int
    seen: tuple[tuple[Path, _Seen], ...] = ()


class CompiledIndex(EntryIndex):
    """The index of a compiled list: answers as the index of `read_list` does."""

    __slots__ = ("_keys", "_mapped", "_pages", "_plain")
    in_memory = False

    def __init__(self, mapped: _Mapped) -> None:
        entries: list[tuple[Entry, int]] = []
        spared: list[Entry] = []
        for line, text in _rows(mapped.entries[: mapped.head]):
            entry = parse_entry(text.removeprefix("!"))
            if entry is not None and text.startswith("!"):
                spared.append(entry)
            elif entry is not None:
                entries.append((entry, line))
        super().__init__(entries, spared)
        self._mapped = mapped
        self._keys = mapped.trie.prefixes  # found once: most of a miss is what Python does around it
        self._plain = not entries
        self._pages = lru_cache(HOSTS_KEPT)(partial(_pages_at, mapped.entries))

    def __len__(self) -> int:
        return self._mapped.size

    def was_changed(self) -> bool:
        """Whether somebody wrote into a mapped file, so that what is mapped is not what was checked. One that another
        file took the place of is whole. Looks at the files' times and sizes alone."""
        for path, seen in self._mapped.seen:
            with suppress(OSError):
                now = _seen(path)
                if now[0] == seen[0] and now != seen:
                    return True
        return False

    def match(self, url: Url) -> list[Hit]:
        """As EntryIndex says."""
        hits = [] if self._plain else super().match(url)
        keys = self._keys(url.host[::-1] + PAGES)
        if keys:
            names = self._listable(url.host)
            for key in keys:
                hits += self._hits(key, url, names)
        return hits

    def of_host(self, host: str) -> bool | None:
        """As EntryIndex says."""
        for key in self._mapped.trie.prefixes(host[::-1] + PAGES):
            behind = len(key) - len(host)
            if behind >= len(HOST) or not key.endswith(TREE) or self._spared:
                return None
            if host.endswith(key[-2::-1]):
                return True
        return super().of_host(host)

    def names(self) -> Iterator[str]:
        """As EntryIndex says, with all that is mapped."""
        yield from super().names()
        yield from (entry.host for entry in map(parse_entry, self.lines()) if entry is not None)

    def has_paths(self, host: str) -> bool:
        """As EntryIndex says."""
        return super().has_paths(host) or host[::-1] + PAGES in self._mapped.trie

    def lines(self) -> Iterator[str]:
        """As EntryIndex says."""
        for key in self.keys():
            name = key.rstrip("=")[-2::-1]
            yield name if key.endswith(TREE) or is_address(name) else f"={name}"
        yield from self.texts()

    def keys(self) -> Iterator[str]:
        """The keys of all plain names."""
        return (key for key in self._mapped.trie.iterkeys() if not key.endswith(PAGES))

    def texts(self) -> Iterator[str]:
        """The entries that are more than a name."""
        return (text for _, text in _rows(self._mapped.entries[:]) if not text.startswith("!"))

    def exceptions(self) -> Iterator[str]:
        """Every exception as a line in the format entries."""
        return (text for _, text in _rows(self._mapped.entries[: self._mapped.head]) if text.startswith("!"))

    def has_key(self, key: str) -> bool:
        """Whether a key of another list's `keys` is one of this list."""
        return key in self._mapped.trie

    def _hits(self, key: str, url: Url, names: tuple[str, ...]) -> Iterator[Hit]:
        """What a key says of `url`. A host may have = in its name: only a whole key is one of hosts or pages."""
        behind = len(key) - len(url.host)
        if behind < len(HOST):
            name = key[-2::-1]
            if name in names and key.endswith(TREE):
                yield Hit(Entry(Unit.TREE, name), partial(self._line, key), ALL_FORMS)
        elif url.host in names and behind == len(HOST):
            yield Hit(Entry(Unit.HOST, url.host), partial(self._line, key), ALL_FORMS)
        elif url.host in names:
            further = further_readings(url.forms)
            for entry, line in self._pages(self._mapped.lines.pages_at(self._mapped.trie.key_id(key))):
                forms = entry_matches(entry, url, further)
                if forms:
                    yield Hit(entry, line, forms)

    def _line(self, key: str) -> int:
        return self._mapped.lines.line(key, self._mapped.trie)


def open_compiled(folder: Path) -> ListFile:
    """The list that `compile_list` wrote, with a CompiledIndex. SfsError where a file is missing, damaged or of
    another version of sfs: then it is to be compiled again. Reads all of it once (25 ms for a million names)."""
    try:
        return _open(folder)
    except OSError as fault:
        raise _damaged(folder, f"cannot be read: {fault.strerror or fault}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError, IndexError):
        # What a meta.json of any other shape gives; RuntimeError is the trie's.
        raise _damaged(folder, "is damaged") from None


def compare(old: ListFile, new: ListFile) -> tuple[int, int]:
    """How many entries `new` has that `old` has not, and how many it lost. Both from `open_compiled`, else SfsError.
    Takes 3 s for a million names."""
    was, now = old.index, new.index
    if not isinstance(was, CompiledIndex) or not isinstance(now, CompiledIndex):
        raise SfsError("only compiled lists are compared", None, "compile both")
    texts_was, texts_now = set(was.texts()), set(now.texts())
    added = sum(not was.has_key(key) for key in now.keys()) + len(texts_now - texts_was)  # noqa: SIM118 - no mapping
    lost = sum(not now.has_key(key) for key in was.keys()) + len(texts_was - texts_now)  # noqa: SIM118 - no mapping
    return added, lost


def _open(folder: Path) -> ListFile:
    seen = tuple((path, _seen(path)) for path in (folder / name for name in (NAMES, LINES, ENTRIES)))
    with (folder / META).open("rb") as file:
        meta = json.loads(file.read(MAX_META + 1)[:MAX_META])
    if meta["version"] != VERSION or meta["byteorder"] != sys.byteorder:
        raise _damaged(folder, "is of another version of sfs")
    if meta["seal"] != seal_of(meta):
        raise _damaged(folder, f"is damaged: {META} was changed")
    trie = marisa_trie.Trie()
    names = _mapped_file(folder, NAMES, meta["files"])
    trie.map(names)
    lines = LineTable(memoryview(_mapped_file(folder, LINES, meta["files"])), meta["lines"], len(trie))
    entries = _mapped_file(folder, ENTRIES, meta["files"])
    head, size = meta["head"], meta["size"]
    if not 0 <= head <= len(entries) or size < 0:
        raise _damaged(folder, "is damaged")
    index = CompiledIndex(_Mapped(names, trie, lines, entries, size, head, seen))
    skipped = tuple(_fault(row) for row in meta["skipped"])
    changed = datetime.fromisoformat(meta["changed"] or meta["made"]).astimezone(UTC)
    counts = (int(meta["skipped_count"]), str(meta["sha256"]), changed, int(meta["passed_over"]))
    return ListFile(index, int(meta["count"]), skipped, *counts)


def _mapped_file(folder: Path, name: str, seals: Mapping[str, Mapping[str, object]]) -> mmap.mmap | bytes:
    """A file as `compile_list` left it. Hashing it also brings it into memory, so that no look-up waits for a disk."""
    seal = seals[name]
    with (folder / name).open("rb") as file:
        size = file.seek(0, 2)
        if size != seal["size"]:
            raise _damaged(folder, f"is damaged: {name} has {size} bytes")
        file.seek(0)
        data = file.read() if size < SMALL else mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ, **_NO_HANDLE)
        file.seek(0)
        found = sha256()
        while chunk := file.read(1 << 20):  # not through the map: its pages would count as memory of this process
            found.update(chunk)
    if found.hexdigest() != seal["sha256"]:
        raise _damaged(folder, f"is damaged: {name} was changed")
    return data


def _seen(path: Path) -> _Seen:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _damaged(folder: Path, what: str) -> SfsError:
    return SfsError(f"the compiled list {what}", Where(str(folder)), "`sfs lists update` makes it anew")


def _fault(row: Mapping[str, object]) -> RuleError:
    line, column, mend = row["line"], row["column"], row["mend"]
    where = Where(
        str(row["file"]), line if isinstance(line, int) else None, column if isinstance(column, int) else None
    )
    return RuleError(str(row["what"]), where, mend if isinstance(mend, str) else None)


def _pages_at(entries: mmap.mmap | bytes, offset: int) -> _Lines:
    """The pages of the host that begin at `offset`."""
    end = entries.find(b"\n\n", offset)
    found = ((parse_entry(text), line) for line, text in _rows(entries[offset : max(end, offset)]))
    return tuple((entry, line) for entry, line in found if entry is not None)


def _rows(data: bytes) -> Iterator[tuple[int, str]]:
    for row in data.decode("ascii").split("\n"):
        line, tab, text = row.partition("\t")
        if tab and line.isdigit():
            yield int(line), text

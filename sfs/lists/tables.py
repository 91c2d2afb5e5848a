"""Where the lines of a list go when they are read into memory: tables, and an index over them."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from sfs.match.entry import Entry, Unit
from sfs.match.index import EntryIndex


class Sink(Protocol):
    """Where what is read goes, in the order of the lines. Of a name that stands twice the first line counts."""

    def trees(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """Many names, each a domain tree, with their lines."""

    def hosts(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """Many names, each for its host alone, with their lines."""

    def entry(self, entry: Entry, line: int) -> None:
        """One entry of any kind."""

    def spare(self, entry: Entry, line: int) -> None:
        """An exception."""


@dataclass(slots=True)
class Tables:
    """A list in memory: plain names without an Entry each, which would take 2 s for a million of them."""

    tree_lines: dict[str, int] = field(default_factory=dict)
    host_lines: dict[str, int] = field(default_factory=dict)
    others: list[tuple[Entry, int]] = field(default_factory=list)
    spared: list[Entry] = field(default_factory=list)

    def trees(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As Sink says."""
        deque(map(self.tree_lines.setdefault, names, lines), maxlen=0)  # as a loop, in half the time

    def hosts(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As Sink says."""
        deque(map(self.host_lines.setdefault, names, lines), maxlen=0)

    def entry(self, entry: Entry, line: int) -> None:
        """As Sink says."""
        if not is_plain(entry):
            self.others.append((entry, line))
        else:
            (self.tree_lines if entry.unit is Unit.TREE else self.host_lines).setdefault(entry.host, line)

    def spare(self, entry: Entry, line: int) -> None:
        """As Sink says."""
        self.spared.append(entry)

    def entries(self) -> Iterator[tuple[Entry, int]]:
        """All entries with their lines; exceptions are left out."""
        trees = ((Entry(Unit.TREE, name), line) for name, line in self.tree_lines.items())
        return chain(trees, self.all_but_trees())

    def all_but_trees(self) -> Iterator[tuple[Entry, int]]:
        """All entries but the plain trees, with their lines."""
        hosts = ((Entry(Unit.HOST, name), line) for name, line in self.host_lines.items())
        return chain(hosts, self.others)


class NameIndex(EntryIndex):
    """An index over tables."""

    __slots__ = ()

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables.all_but_trees(), tables.spared)
        self._trees = tables.tree_lines


def is_plain(entry: Entry) -> bool:
    """Whether an entry is a name and nothing else: a tree or a host, by any scheme, on any port."""
    return entry.unit <= Unit.HOST and entry.scheme is None and entry.port is None

"""A list looked at as a whole: entries that stand twice, that others hide, that never match, that need the
certificate; and how many there are of each kind."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sfs.lists.tables import is_plain
from sfs.match.entry import Entry, Unit
from sfs.text.suffix import is_public_suffix
from sfs.text.url import is_address, parents

# What can be said of an entry, by its key, in a few words.
KINDS: Final = {
    "duplicate": "stand twice",
    "hidden": "are hidden by others",
    "never": "never match",
    "suffix": "are public suffixes: that one host is meant",
    "needless": "are exceptions to nothing",
    "certificate": "have a path: over HTTPS they need the certificate",
}
_NOWHERE: Final = frozenset({"onion", "i2p", "invalid"})  # RFC 7686, RFC 6761: no request for them comes here
_UNITS: Final = {
    Unit.TREE: "trees",
    Unit.HOST: "hosts",
    Unit.PREFIX: "prefixes",
    Unit.PAGE: "pages",
    Unit.EXACT: "exact",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry of which something is to be said. `kind`: a key of KINDS; `by`, `by_line`: the entry that makes it
    needless; `note`: why it never matches. Lines count on through all files of the list."""

    kind: str
    line: int
    entry: str
    by: str = ""
    by_line: int = 0
    note: str = ""


@dataclass(slots=True)
class Survey:
    """A sink that keeps what is needed to judge a list as a whole."""

    tree_lines: dict[str, int] = field(default_factory=dict)
    host_lines: dict[str, int] = field(default_factory=dict)
    others: dict[Entry, int] = field(default_factory=dict)
    spared: dict[Entry, int] = field(default_factory=dict)
    doubles: list[tuple[Entry, int, int]] = field(default_factory=list)  # the entry, its line, its first line

    def trees(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As Sink says."""
        self._add(self.tree_lines, Unit.TREE, names, lines)

    def hosts(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As Sink says."""
        self._add(self.host_lines, Unit.HOST, names, lines)

    def entry(self, entry: Entry, line: int) -> None:
        """As Sink says."""
        if is_plain(entry):
            self._add(self.tree_lines if entry.unit is Unit.TREE else self.host_lines, entry.unit, [entry.host], [line])
        elif self.others.setdefault(entry, line) != line:
            self.doubles.append((entry, line, self.others[entry]))

    def spare(self, entry: Entry, line: int) -> None:
        """As Sink says."""
        if self.spared.setdefault(entry, line) != line:
            self.doubles.append((entry, line, self.spared[entry]))

    def _add(self, table: dict[str, int], unit: Unit, names: Sequence[str], lines: Sequence[int]) -> None:
        for name, line in zip(names, lines, strict=True):
            first = table.setdefault(name, line)
            if first != line:
                self.doubles.append((Entry(unit, name), line, first))

    def __len__(self) -> int:
        return len(self.tree_lines) + len(self.host_lines) + len(self.others)

    def entries(self) -> Iterator[tuple[Entry, int]]:
        """All entries once, with their first lines; exceptions are left out."""
        yield from ((Entry(Unit.TREE, name), line) for name, line in self.tree_lines.items())
        yield from ((Entry(Unit.HOST, name), line) for name, line in self.host_lines.items())
        yield from self.others.items()


def findings(survey: Survey) -> Iterator[Finding]:
    """What is to be said of the entries of a list, kind by kind."""
    for entry, line, first in survey.doubles:
        yield Finding("duplicate", line, entry.text, entry.text, first)
    cover = _Cover(survey)
    for entry, line in survey.entries():
        by = cover.of(entry)
        if by is not None:
            yield Finding("hidden", line, entry.text, by[0].text, by[1])
        note = never(entry)
        if note:
            yield Finding("never", line, entry.text, note=note)
        if (
            entry.unit is Unit.HOST
            and not is_address(entry.host)
            and "." in entry.host
            and is_public_suffix(entry.host)
        ):
            yield Finding("suffix", line, entry.text)
        if entry.needs_path:
            yield Finding("certificate", line, entry.text)
    hosts = {*survey.host_lines, *(entry.host for entry in survey.others)} if survey.spared else set()
    for entry, line in survey.spared.items():
        if entry.host not in hosts and not any(name in survey.tree_lines for name in parents(entry.host)):
            yield Finding("needless", line, f"!{entry.text}")


def never(entry: Entry) -> str:
    """Why an entry never matches a page; '' where it can."""
    if entry.port == 0:
        return "nothing answers on port 0"
    if is_address(entry.host):
        return ""
    labels = entry.host.split(".")
    if len(entry.host) > 253 or any(len(label) > 63 for label in labels):
        return "longer than a name can be"
    if len(labels) == 1:
        return "a name without a dot: only your own network has such"
    return f"names in .{labels[-1]} are not reached through a proxy" if labels[-1] in _NOWHERE else ""


def counts(survey: Survey) -> dict[str, int]:
    """How many entries there are of each kind."""
    units = Counter(entry.unit for entry in survey.others)
    units[Unit.TREE] += len(survey.tree_lines)
    units[Unit.HOST] += len(survey.host_lines)
    names = [*survey.tree_lines, *survey.host_lines, *(entry.host for entry in survey.others)]
    found = {_UNITS[unit]: units[unit] for unit in Unit}
    found["with a port"] = sum(entry.port is not None for entry in survey.others)
    found["with a scheme"] = sum(entry.scheme is not None for entry in survey.others)
    found["addresses"] = sum(map(is_address, names))
    found["international names"] = sum("xn--" in name for name in names)
    found["exceptions"] = len(survey.spared)
    return found


def endings(survey: Survey, most: int = 10) -> list[tuple[str, int]]:
    """The most frequent last labels of names, with how many names have each."""
    names = (*survey.tree_lines, *survey.host_lines, *(entry.host for entry in survey.others))
    return Counter(name.rpartition(".")[2] for name in names if not is_address(name)).most_common(most)


class _Cover:
    """Which entry of a list covers another one whole."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._spared = {entry.host for entry in survey.spared}
        self._prefixes: dict[tuple[str, str], tuple[Entry, int]] = {}
        for entry, line in survey.others.items():
            if entry.unit is Unit.PREFIX and entry.scheme is None and entry.port is None:
                self._prefixes.setdefault((entry.host, entry.forms[-1].path), (entry, line))

    def of(self, entry: Entry) -> tuple[Entry, int] | None:
        """The entry that hides `entry`, with its line; None where it stands for itself. Exceptions count: what one
        takes away hides nothing below it."""
        plain = is_plain(entry)
        for name in parents(entry.host):
            if name in self._spared:
                return None
            line = self._survey.tree_lines.get(name)
            if line is not None and not (plain and entry.unit is Unit.TREE and name == entry.host):
                return Entry(Unit.TREE, name), line
        if not plain and entry.unit is not Unit.TREE and entry.host in self._survey.host_lines:
            return Entry(Unit.HOST, entry.host), self._survey.host_lines[entry.host]
        return self._prefix_of(entry) if entry.needs_path else None

    def _prefix_of(self, entry: Entry) -> tuple[Entry, int] | None:
        path = entry.forms[-1].path
        ends = [place + 1 for place, letter in enumerate(path) if letter == "/"]
        for above in (*(path[:end] for end in ends[:64]), f"{path}/"):  # a prefix covers the path without its / too
            found = self._prefixes.get((entry.host, above))
            if found is not None and found[0] != entry:
                return found
        return None

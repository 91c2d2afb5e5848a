"""What a line of a list says, whatever its format; and the names of long runs of lines, taken at once.

A name in a list of names means the name and all below it: those who keep such lists write the name that was seen,
and what stands below is the same site.

Almost all lines of a long list are plain lower case names, and stand in long runs. A run is told by one pattern and
checked against the public suffixes as a set: 50 times faster than parsing each name as a URL, with the same result,
which a test compares.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from sfs.errors import RuleError, Where
from sfs.match.entry import Entry, Unit, parse_entry
from sfs.text import suffix
from sfs.text.suffix import is_public_suffix

# Labels without a hyphen in front, the last one no number: what every reader of names takes the same way. Possessive
# (++), so that a run that ends is not tried again shorter.
NAME: Final = rb"(?:[a-z0-9_][a-z0-9_-]{0,62}+\.)++[a-z][a-z0-9-]{0,62}+"
END: Final = rb"[ \t]*+\r?\n"
OF_THE_MACHINE: Final = frozenset(  # lines that every hosts file has
    (
        *("localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"),  # noqa: S104 - read, not bound
        *("ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix"),
        *("ip6-allnodes", "ip6-allrouters", "ip6-allhosts"),
    )
)


class WeightedPhrase(NamedTuple):
    """A phrase of a list of words: all `parts` must stand in a text, in any order; a blank at the end of a part is the
    border of a word. `weight` counts towards a limit, below 0 away from it. `category`: what its list calls it."""

    parts: tuple[str, ...]
    weight: int
    category: str | None


@dataclass(frozen=True, slots=True)
class Include:
    """Another file whose lines belong to the list. `name`: its path as written; `lines`: how it is read."""

    name: str
    lines: "LineFormat"


@dataclass(frozen=True, slots=True)
class Said:
    """What one line says. `spared`: exceptions, trees or hosts, to the other lines of the list. `important`: its
    entries hold against exceptions, or its exceptions against such entries. `why`: what of a line that is right in its
    format cannot be said here, each a short text of a few dozen; `means`: what that would be in other words."""

    entries: tuple[Entry, ...] = ()
    spared: tuple[Entry, ...] = ()
    why: tuple[str, ...] = ()
    means: str = ""
    important: bool = False
    phrases: tuple[WeightedPhrase, ...] = ()
    include: Include | None = None

    @property
    def passed_over(self) -> bool:
        """Whether the line is right, and nothing of it is judged here."""
        return bool(self.why) and not (self.entries or self.spared or self.phrases)


NOTHING: Final = Said()
type LineReader = Callable[[bytes, Where | None], Said]


def left_out(*why: str, means: str = "") -> Said:
    """A line that is right in its format and says nothing that is judged here."""
    return Said(why=why, means=means)


class LineFormat(Protocol):
    """How the lines of one list are read, from its first to its last: it may remember what stood above."""

    def run(self, block: bytes, at: int) -> tuple[list[str], int]:
        """The names of the run of lines that begins at `at`, one a line, and where the run ends; ([], at) for none.

        `block`: whole lines in lower case. A name means the tree, =name the host alone. `odd_names` says which of
        the names are not to be taken unseen."""

    def line(self, line: bytes, where: Where | None) -> Said:
        """What a line says. RuleError for what is no line of this format."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A format whose lines stand each for itself. `names`: those of a run that `pattern` found."""

    pattern: re.Pattern[bytes] | None
    names: Callable[[str], list[str]]
    reader: LineReader

    def run(self, block: bytes, at: int) -> tuple[list[str], int]:
        """As LineFormat says."""
        found = self.pattern.match(block, at) if self.pattern else None
        return ([], at) if found is None else (self.names(found[0].decode("ascii")), found.end())

    def line(self, line: bytes, where: Where | None) -> Said:
        """As LineFormat says."""
        return self.reader(line, where)


def odd_names(names: list[str]) -> set[str]:
    """Those of `names` that only a parser can judge: public suffixes, encoded and overlong names."""
    rules, wild = _suffix_rules()
    odd = set(rules.intersection(names)) | OF_THE_MACHINE.intersection(names)
    odd.update(name for name in names if name.partition(".")[2] in wild or len(name) > 253 or "xn--" in name)
    return odd


def bare_name(text: str, where: Where | None) -> Entry:
    """The entry of a name or an address. RuleError for anything more, and for a name with a blank or a wildcard."""
    try:
        entry = parse_entry(text, where)
    except RuleError:
        # A public suffix stands on a list of names for the one host of that name, never for all below it.
        entry = None if text.startswith("=") else _host_or_none(text)
        if entry is None or not is_public_suffix(entry.host):
            raise
    if entry is None or entry.unit > Unit.HOST or entry.scheme or entry.port or text.startswith("="):
        raise RuleError(f"{text[:80]!r} is more than a name", where, "use format: entries for such lines")
    return entry


def _host_or_none(text: str) -> Entry | None:
    try:
        return parse_entry(f"={text}")
    except RuleError:
        return None


def tree_name(text: str, where: Where | None) -> Entry:
    """As `bare_name`, also for *.name and .name: the name and all below it, never a public suffix."""
    name = text.removeprefix("*").removeprefix(".")
    if name == text:
        return bare_name(text, where)
    entry = bare_name(name, where)
    if entry.unit is not Unit.TREE:
        raise RuleError(f"{text[:80]!r} has sites below it that have nothing in common", where, "name the sites")
    return entry


def text_of(line: bytes, where: Where | None) -> str:
    """The line as text. RuleError, with the column, for bytes that are no UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as fault:
        place = None if where is None else Where(where.file, where.line, fault.start + 1)
        raise RuleError("a byte that is not UTF-8", place, "save the list as UTF-8") from None


@lru_cache(maxsize=1)
def _suffix_rules() -> tuple[frozenset[str], frozenset[str]]:
    """The names that are public suffixes, and those whose children are. Asking for the suffix of each of a million
    names takes 4 s, sets 0.3 s. A rule !name makes an exception; then the parser finds nothing wrong."""
    rules: frozenset[str] = suffix._suffixes()._publicsuffix
    return rules, frozenset(rule[2:] for rule in rules if rule.startswith("*."))

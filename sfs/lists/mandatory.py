"""What an entry of a mandatory list is: what it covers, why it stands there, until when, and by which means it may be
enforced. Values alone; mandatory_file.py reads and writes them.

Three rules hold for every such list, whoever hands it out:

    purpose   is fixed: an entry never gets another one, and lists with different purposes never become one output. The
              law that covers a list against the abuse of children covers no other
    units     never widen: the page of a site is no reason to close the site. A unit of pages is enforced where the
              whole URL is seen, or not at all
    approval  a public suffix, and a site so large that an error is felt by everybody, needs two people by name
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from sfs.errors import RuleError, SfsError, Where
from sfs.match.entry import Entry, Unit
from sfs.text.suffix import is_public_suffix
from sfs.text.url import is_address

MAX_APPROVALS: Final = 10
MAX_KEYS: Final = 3  # of a query; the orders in which they may stand are written out for engines without look-ahead
MAX_SHOWN: Final = 5  # lines that are named for one reason
CANARY: Final = "canary.sfs.example"  # harmless, in every output; its TXT record, where there are such, has the serial


class Purpose(StrEnum):
    """Why a list exists."""

    CHILD_PROTECTION = "child-protection"  # against the sexual abuse of children: the list itself is a secret
    COURT_ORDER = "court-order"
    SECURITY = "security"
    POLICY = "policy"
    TEST = "test"

    @property
    def confidential(self) -> bool:
        """Whether nobody may read the entries but who enforces them."""
        return self is Purpose.CHILD_PROTECTION


class Method(StrEnum):
    """How an entry may be enforced."""

    DNS = "dns"  # answers of a resolver
    NAME = "name"  # the name of a connection: SNI, CONNECT
    URL = "url"  # a whole request
    ADDRESS = "address"  # packets to an IP address


class Status(StrEnum):
    """Whether an entry is to be enforced."""

    ACTIVE = "active"
    SUSPENDED = "suspended"  # an appeal runs, or nobody looked again
    WITHDRAWN = "withdrawn"


# The units by the words that files use. url-query-keys: the path, and the values of the keys that are named; what else
# stands in the query, and in which order, does not count.
UNITS: Final[Mapping[str, Unit]] = {
    "domain-tree": Unit.TREE,
    "host": Unit.HOST,
    "path-prefix": Unit.PREFIX,
    "url-any-query": Unit.PAGE,
    "url-exact": Unit.EXACT,
    "url-query-keys": Unit.EXACT,
}
QUERY_KEYS: Final = "url-query-keys"
_OF_NAMES: Final = frozenset({Method.DNS, Method.NAME, Method.URL})
_OF_ADDRESSES: Final = frozenset({Method.URL, Method.NAME, Method.ADDRESS})
_OF_PAGES: Final = frozenset({Method.URL})


@dataclass(frozen=True, slots=True)
class MandatoryEntry:
    """One entry. `keys`: of the query, for url-query-keys, else (); `approved`: who approved it, by name; `line`: where
    it stands in its list; `list`: which that is, where several become one output. Its text is in no repr, so that no
    traceback holds it."""

    entry: Entry = field(repr=False)
    purpose: Purpose
    methods: frozenset[Method]
    keys: tuple[str, ...] = field(default=(), repr=False)
    basis: str = field(default="", repr=False)  # which criteria are met; never what the page shows
    first: date | None = None
    verified: date | None = None
    review: date | None = None
    expires: date | None = None
    status: Status = Status.ACTIVE
    approved: tuple[str, ...] = ()
    line: int = 0
    list: str = ""

    @property
    def unit(self) -> str:
        """Its unit, a word of UNITS."""
        if self.keys:
            return QUERY_KEYS
        return next(word for word, unit in UNITS.items() if unit is self.entry.unit)

    @property
    def of_pages(self) -> bool:
        """Whether it means pages of a site, not the site."""
        return self.entry.needs_path


@dataclass(slots=True)
class Report:
    """What was left out or changed, by reason: how often, and the first lines. Never what stands in them."""

    counts: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, place: str) -> None:
        """Count one; `place`: list:line."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        shown = self.lines.setdefault(reason, [])
        if len(shown) < MAX_SHOWN:
            shown.append(place)

    def join(self, other: "Report") -> None:
        """Count what another report has too."""
        for reason, count in other.counts.items():
            self.counts[reason] = self.counts.get(reason, 0) + count
            self.lines[reason] = [*self.lines.get(reason, []), *other.lines[reason]][:MAX_SHOWN]

    def __len__(self) -> int:
        return sum(self.counts.values())

    def text(self) -> list[str]:
        """A line for each reason, the most frequent first."""
        rows = []
        for reason, count in sorted(self.counts.items(), key=lambda row: (-row[1], row[0])):
            more = ", ..." if count > len(self.lines[reason]) else ""
            rows.append(f"{count:,} {reason} ({', '.join(self.lines[reason])}{more})")
        return rows


@dataclass(frozen=True, slots=True)
class MandatoryList:
    """A list as it was read. `name`: of its file or its header; `serial`: of its header, 0 where it has none; `file`:
    where its lines stand, '' where it was made and not read."""

    name: str
    purpose: Purpose
    entries: tuple[MandatoryEntry, ...] = field(repr=False)
    serial: int = 0
    file: str = field(default="", compare=False)

    @property
    def place(self) -> str:
        """What reports name beside a line: a list is called as the file of its body, and has other lines."""
        return self.file or self.name


def methods_of(entry: Entry) -> frozenset[Method]:
    """The methods of an entry that names none: those that cover what it says and nothing else."""
    if entry.needs_path:
        return _OF_PAGES
    return _OF_ADDRESSES if is_address(entry.host) else _OF_NAMES


def check_entry(one: MandatoryEntry, where: Where | None) -> None:
    """RuleError where an entry says more than its unit, or contradicts itself. Its text stands in no message."""
    wider = sorted(one.methods - methods_of(one.entry))
    if wider and one.of_pages:
        mend = "leave the method out, or have the whole site listed as host or domain-tree by its own criteria"
        raise RuleError(f"a unit of pages with the method {wider[0]}, which would close the whole site", where, mend)
    if wider:
        raise RuleError(f"the method {wider[0]} cannot enforce this", where, "leave it out")
    if not one.methods:
        raise RuleError("an entry without a method", where, f"name one: {', '.join(Method)}")
    if len(one.keys) > MAX_KEYS or len(one.approved) > MAX_APPROVALS:
        raise RuleError("too many keys or approvals", where, f"{MAX_KEYS} keys and {MAX_APPROVALS} names at most")
    if one.expires and one.first and one.expires < one.first:
        raise RuleError("an entry that expires before it was first listed", where, "mend one of the dates")


def in_force(
    found: MandatoryList, today: date, is_large: Callable[[Entry], bool]
) -> tuple[tuple[MandatoryEntry, ...], Report]:
    """The entries that are to be enforced today, and what is not, with the reasons; a review that is due is named and
    leaves the entry in force. `is_large`: whether an entry closes a very large site or a part of one."""
    kept, report = [], Report()
    for one in found.entries:
        place = f"{found.place}:{one.line}"
        reason = _not_in_force(one, today, is_large)
        if reason:
            report.add(reason, place)
            continue
        if one.review and one.review < today:
            report.add("to be reviewed, still in force", place)
        kept.append(one)
    return tuple(kept), report


def _not_in_force(one: MandatoryEntry, today: date, is_large: Callable[[Entry], bool]) -> str:
    if one.status is not Status.ACTIVE:
        return f"{one.status}, not in force"
    if one.expires and one.expires < today:
        return "expired, not in force"
    if len({_person(name) for name in one.approved}) < 2:
        if not is_address(one.entry.host) and is_public_suffix(one.entry.host):
            return "a public suffix without a second approval, not in force"
        if is_large(one.entry):
            return "a very large site without a second approval, not in force"
    return ""


def _person(name: str) -> str:
    """A name as it tells people apart: nobody is two by capitals, blanks or wide letters."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def one_purpose(lists: Iterable[MandatoryList]) -> Purpose:
    """The purpose of lists that are to become one output. SfsError where they have several."""
    purposes = sorted({one.purpose for one in lists})
    if len(purposes) != 1:
        raise SfsError(f"lists of the purposes {' and '.join(purposes)}", mend="write one output for each purpose")
    return purposes[0]

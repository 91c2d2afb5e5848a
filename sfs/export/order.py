"""A mandatory list on its way into another program: what is wanted, which entries that program can be told, and the
text it loads. Each program is a file of engines/ that says what it cannot express; that is counted and named by its
line, never dropped in silence and never widened.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from sfs.lists.canary import canary_tree, is_canary
from sfs.lists.mandatory import CANARY, MandatoryEntry, Method, Purpose, Report
from sfs.match.entry import Unit
from sfs.text.address import Address, Network
from sfs.text.url import is_address, parents

CANARY_ADDRESSES: Final = ("192.0.2.254", "2001:db8::fe")  # of the canary, where there are no names
MAX_LABEL: Final = 63  # characters between two dots of a name (RFC 1035)
TTL: Final = 60  # seconds; an entry that is withdrawn is open again after so long


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted. `stop`: addresses of the stop page, () for "no such name"; `exempt`: clients for whom the list
    does not hold; `proxy`: host:port, for browsers; `zone`: what the list is called in the program;
    `told`: the text of extended errors, '' for none."""

    purpose: Purpose
    zone: str
    serial: int
    entries: tuple[MandatoryEntry, ...] = field(repr=False)
    stop: tuple[Address, ...] = ()
    exempt: tuple[Network, ...] = ()
    proxy: str = ""
    told: str = ""

    @property
    def stop4(self) -> list[str]:
        """The IPv4 addresses of the stop page."""
        return [str(one) for one in self.stop if one.version == 4]

    @property
    def stop6(self) -> list[str]:
        """Its IPv6 addresses."""
        return [str(one) for one in self.stop if one.version == 6]

    def head(self, mark: str) -> str:
        """The first line of an output: a comment that says what it is, and no name of an entry."""
        return f"{mark} SFS, {self.purpose} list {self.zone}, serial {self.serial}"


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a program is told: names with all below them, single names, and the entries that are more than a name; each
    sorted, none covered by another. The canaries are among them (canary.py)."""

    trees: tuple[str, ...] = field(repr=False)
    hosts: tuple[str, ...] = field(repr=False)
    others: tuple[MandatoryEntry, ...] = field(repr=False)

    @property
    def empty(self) -> bool:
        """Whether there is nothing but the canaries."""
        return not self.others and all(map(is_canary, (*self.trees, *self.hosts)))


@dataclass(frozen=True, slots=True)
class Engine:
    """A program. `left_out` says why it cannot be told of an entry ('' where it can), `partly` what of an entry that it
    is told stays open there ('' for nothing), `cannot` what of the order it cannot do ('' for nothing)."""

    name: str
    method: Method
    left_out: Callable[[MandatoryEntry, Order], str]
    write: Callable[[Order, Sifted], Iterable[str]] = field(repr=False)
    partly: Callable[[MandatoryEntry, Order], str] = lambda one, order: ""
    cannot: Callable[[Order], str] = lambda order: ""
    needs_stop: bool = True  # an answer has to be chosen: the stop page or no such name
    secret: bool = True  # whether a confidential list may be written so
    below: bool = True  # whether what it is told of a name can close those below it


def sift(engine: Engine, order: Order, report: Report, name: str) -> Sifted:
    """What `engine` is told of the order; the rest goes to the report. `name`: of the list of entries that say none."""
    trees: dict[str, MandatoryEntry] = {}
    hosts: dict[str, MandatoryEntry] = {}
    others: list[MandatoryEntry] = []
    for one in order.entries:
        reason = engine.left_out(one, order) or ("" if engine.method in one.methods else "its methods leave this out")
        place = f"{one.list or name}:{one.line}"
        if reason:
            report.add(f"left out: {reason}", place)
            continue
        if part := engine.partly(one, order):
            report.add(f"in part: {part}", place)
        entry = one.entry
        if entry.needs_path or entry.scheme is not None or entry.port is not None:
            others.append(one)
        else:
            (trees if entry.unit is Unit.TREE else hosts).setdefault(entry.host, one)
    said = len(trees) + len(hosts) + len(others)
    over = trees if engine.below else {}
    kept_trees = sorted(host for host in trees if not covered(host, over, below=True))
    kept_hosts = sorted(host for host in hosts if host not in trees and not covered(host, over))
    kept = tuple(_others(others, trees, hosts))
    if overlap := said - len(kept_trees) - len(kept_hosts) - len(kept):
        report.counts["covered by other entries, so not written"] = overlap
        report.lines["covered by other entries, so not written"] = [name]
    if engine.method is not Method.ADDRESS and not covered(CANARY, trees):
        kept_hosts = sorted({*kept_hosts, CANARY})
    own = canary_tree(order.zone)
    if engine.method is not Method.ADDRESS and not covered(own, trees):
        kept_trees = sorted({*kept_trees, own})
    return Sifted(tuple(kept_trees), tuple(kept_hosts), kept)


def lua_text(text: str) -> str:
    """A text as Lua reads it, whatever it holds: in brackets, nothing inside means more than itself."""
    level = "="
    while f"]{level}]" in f"{text}]":
        level += "="
    return f"[{level}[{text}]{level}]"


def covered(host: str, trees: Iterable[str], *, below: bool = False) -> bool:
    """Whether a tree covers a name; `below`: one that stands above it."""
    return any(name in trees for name in parents(host)[int(below) :])


def _others(others: list[MandatoryEntry], trees: Iterable[str], hosts: Iterable[str]) -> Iterator[MandatoryEntry]:
    """Entries with more than a name, each once, without those that a whole name or a prefix covers."""
    ordered = sorted(others, key=lambda one: (one.entry.host, one.entry.unit, one.entry.text, one.keys))
    prefixes: dict[str, set[str]] = {}
    seen: set[tuple[object, ...]] = set()
    for one in ordered:
        entry, key = one.entry, (one.entry, one.keys)
        if key in seen or entry.host in hosts or covered(entry.host, trees):
            continue
        seen.add(key)
        plain = entry.scheme is None and entry.port is None
        path = entry.forms[-1].path if entry.forms else ""
        above = prefixes.setdefault(entry.host, set())
        if path and any(path[: end + 1] in above for end, letter in enumerate(path) if letter == "/"):
            continue
        if entry.unit is Unit.PREFIX and plain:
            above.add(path)
        yield one


def a_name(one: MandatoryEntry, order: Order) -> str:
    """Why a resolver cannot be told of an entry; '' where it is a bare name."""
    if is_address(one.entry.host):
        return "an address, and names alone are seen"
    if reason := a_host(one, order):
        return reason
    # Browsers open such a URL, and no resolver is ever asked: one line of it has most of them refuse the whole file.
    parts = one.entry.host.split(".")
    return "" if all(0 < len(part) <= MAX_LABEL for part in parts) else "a name that cannot stand in the DNS"


def a_host(one: MandatoryEntry, order: Order) -> str:
    """Why an entry is no bare name or address; '' where it is."""
    if one.of_pages:
        return "a unit of pages, and names alone are seen"
    if one.entry.scheme is not None or one.entry.port is not None:
        return "a scheme or port, and names alone are seen"
    return ""

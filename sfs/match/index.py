"""An index of entries: which lines of a list match a URL, and in which of its forms.

Most lines of a long list are plain domain trees. They are kept as name -> line number, without an Entry each
(about 100 bytes a name instead of 400); the others as Entry, by host. A look-up walks the host's parents: one
dictionary access a label.

A list may spare names: an exception takes away what stands at its name and above, for that name and all below it.
What is listed below the exception stays: the longest name wins.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Final

from sfs.match.entry import Entry, Unit
from sfs.text.readings import further_readings
from sfs.text.url import DEFAULT_PORTS, Form, Url, parents

SENT: Final = 1  # the URL as sent matches the entry as written
DECODED: Final = 2  # the URL fully decoded matches the entry fully decoded
ALL_FORMS: Final = SENT | DECODED


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that matches. `forms` is SENT, DECODED or both; `place`: the entry's line in its file, from 1, or what
    finds it, where that takes longer than the match and few hits are ever written down."""

    entry: Entry
    place: int | Callable[[], int]
    forms: int

    @property
    def line(self) -> int:
        """The entry's line in its file, from 1."""
        return self.place if isinstance(self.place, int) else self.place()

    @property
    def all_forms(self) -> bool:
        """Whether every form of the URL matches: what an allow entry needs (design, section 3)."""
        return self.forms == ALL_FORMS


class EntryIndex:
    """Entries with their line numbers. Built once, then only read. `spared`: exceptions, trees or hosts."""

    __slots__ = ("_others", "_path_hosts", "_spared", "_trees")
    in_memory: ClassVar[bool] = True  # whether `tables` has the name of every entry

    def __init__(self, entries: Iterable[tuple[Entry, int]] = (), spared: Iterable[Entry] = ()) -> None:
        self._spared: dict[str, bool] = {}  # whether all below the name is spared too
        for entry in spared:
            self._spared[entry.host] = self._spared.get(entry.host, False) or entry.unit is Unit.TREE
        self._trees: dict[str, int] = {}
        self._others: dict[str, list[tuple[Entry, int]]] = {}
        self._path_hosts: set[str] = set()
        for entry, line in entries:
            if entry.unit is Unit.TREE and entry.scheme is None and entry.port is None:
                self._trees.setdefault(entry.host, line)
            else:
                self._others.setdefault(entry.host, []).append((entry, line))
                if entry.needs_path:
                    self._path_hosts.add(entry.host)

    def __len__(self) -> int:
        return len(self._trees) + sum(map(len, self._others.values()))

    def match(self, url: Url) -> list[Hit]:
        """All entries that match `url` in at least one form, in no order. By name only: no entry with a path."""
        hits: list[Hit] = []
        if not self._trees and not self._others:
            return hits
        for name in self._listable(url.host):
            line = self._trees.get(name)
            if line is not None:
                hits.append(Hit(Entry(Unit.TREE, name), line, ALL_FORMS))
            if self._others and name in self._others:
                further = further_readings(url.forms)
                for entry, line in self._others[name]:
                    forms = entry_matches(entry, url, further)
                    if forms:
                        hits.append(Hit(entry, line, forms))
        return hits

    def of_host(self, host: str) -> bool | None:
        """Whether an entry matches whatever URL of a canonical host that is a name: True for all of them, False for
        none, None where the rest of the URL decides, or it would take longer to tell."""
        if not self._trees and not self._others:
            return False
        if self._spared:
            return None
        trees, others = self._trees, self._others
        found, at = False, 0
        while True:
            name = host[at:]
            if name in trees:
                return True
            found = found or name in others
            at = host.find(".", at) + 1
            if not at:
                return None if found else False

    @property
    def tables(self) -> tuple[Container[str], ...]:
        """The hosts that entries stand at, as far as they are kept in memory: none of these entries matches a host that
        is in no table, nor is any of its parents."""
        return tuple(table for table in (self._trees, self._others) if table)

    def names(self) -> Iterator[str]:
        """The hosts that entries stand at, each at least once."""
        return chain(self._trees, self._others)

    def lines(self) -> Iterator[str]:
        """Every entry as a line in the format entries, in no order; exceptions are left out."""
        yield from self._trees
        yield from (entry.text for entries in self._others.values() for entry, _ in entries)

    def has_paths(self, host: str) -> bool:
        """Whether an entry tells pages of this host apart, so that a verdict on one says nothing of another."""
        return host in self._path_hosts

    def _listable(self, host: str) -> tuple[str, ...]:
        """`host` and its parents, nearest first, up to the first that is spared."""
        names = parents(host)
        if self._spared:
            for place, name in enumerate(names):
                if self._spared.get(name, False) or (not place and name in self._spared):
                    return names[:place]
        return names


def entry_matches(entry: Entry, url: Url, further: tuple[Form, ...] | None = None) -> int:
    """The forms of `url` that `entry` matches: 0, SENT, DECODED or ALL_FORMS. The one definition of a match.
    `further`: the URL's further readings, where they are known already."""
    if entry.scheme is not None and entry.scheme != url.scheme:
        return 0
    if entry.port is not None and entry.port != port_of(url):
        return 0
    if entry.unit is Unit.TREE:
        return ALL_FORMS if url.host == entry.host or url.host.endswith("." + entry.host) else 0
    if url.host != entry.host:
        return 0
    if entry.unit is Unit.HOST:
        return ALL_FORMS
    if url.name_only:
        return 0  # an entry with a path never widens to its host
    found = _form_matches(entry.unit, entry.forms[0], url.sent) * SENT | (
        _form_matches(entry.unit, entry.forms[-1], url.decoded) * DECODED
    )
    if further is None:
        further = further_readings(url.forms)
    return _with_readings(entry, url, further, found) if further or entry.readings else found


def _with_readings(entry: Entry, url: Url, further: tuple[Form, ...], found: int) -> int:
    """The forms that match, where a server may read the URL or the entry in other ways too. One reading that matches
    is enough to match at all (it counts as decoded); one that does not is enough not to match in all forms."""
    own = (entry.forms[-1], *entry.readings)
    if found == ALL_FORMS:
        return found if all(any(_form_matches(entry.unit, one, form) for one in own) for form in further) else SENT
    if not found:
        for form in (url.decoded, *further):
            for one in own:
                if _form_matches(entry.unit, one, form):
                    return DECODED
    return found


def best(hits: Iterable[Hit]) -> Hit | None:
    """The most specific of some hits; None of none."""
    return max(hits, key=lambda hit: hit.entry.specificity, default=None)


def _form_matches(unit: Unit, entry: Form, url: Form) -> bool:
    if unit is Unit.PREFIX:
        return url.path.startswith(entry.path) or url.path == entry.path[:-1]
    if unit is Unit.PAGE:
        return url.path == entry.path
    return url.path == entry.path and url.query == entry.query


def port_of(url: Url) -> int:
    """The port that is asked, also where it is the scheme's own."""
    return url.port or DEFAULT_PORTS.get(url.scheme, 21)

"""What holds for every policy: lists, words, tables. A reload builds a new one and swaps the reference."""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Final

from sfs.core.safesearch import Locks
from sfs.match.index import EntryIndex
from sfs.match.phrases import PhraseIndex
from sfs.match.words import WordIndex
from sfs.text.named import NamedHosts
from sfs.text.search import Engines
from sfs.text.unwrap import Wrappers

_NO_ENTRIES = EntryIndex()
_NO_WORDS = WordIndex()
_NO_PHRASES = PhraseIndex()
MAX_HOSTS: Final = 8192  # hosts that are remembered to stand on no list
OWN_HOSTS = frozenset({"sfs.home.arpa", "check.sfs.home.arpa"})  # home.arpa: RFC 8375, never in the public DNS


class Axis(StrEnum):
    """Categories that are blocked for what they do, not for whom they suit."""

    SECURITY = "security"
    CIRCUMVENTION = "circumvention"


@dataclass(frozen=True, slots=True)
class CategoryList:
    """A subscribed list: a rating, or an axis, or neither (it maps to nothing), or `opens` (it shows what is
    unrated). `final` lists cannot be opened by own allow entries."""

    name: str
    index: EntryIndex
    category: str | None = None
    rating: int | None = None
    axis: Axis | None = None
    opens: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True)
class MandatoryIndex:
    """A law's or an ISP's blocking list, as the rows look into it (lists/mandatory.py has its entries). Only its id and
    serial ever leave it, and to readers the reason for which it exists (`purpose`, '' where it says none)."""

    id: str
    serial: str
    index: EntryIndex
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All that `decide` looks up and no policy owns."""

    words: WordIndex = _NO_WORDS
    help_words: WordIndex = _NO_WORDS
    phrases: PhraseIndex = _NO_PHRASES  # for the text of whole pages
    help_hosts: EntryIndex = _NO_ENTRIES
    system_hosts: EntryIndex = _NO_ENTRIES
    mandatory: tuple[MandatoryIndex, ...] = ()
    lists: tuple[CategoryList, ...] = ()
    # Short ones that come with SFS: nobody subscribed to them, and they are asked only of hosts that they may name.
    own_lists: tuple[CategoryList, ...] = ()
    engines: Engines = field(default_factory=lambda: Engines([]))
    wrappers: Wrappers = field(default_factory=lambda: Wrappers([]))
    locks: Locks = field(default_factory=Locks)
    own_hosts: frozenset[str] = OWN_HOSTS
    names: NamedHosts = field(init=False, compare=False, repr=False)  # all hosts that the small tables may speak of
    list_indexes: tuple[EntryIndex, ...] = field(init=False, compare=False, repr=False)  # of all lists, a law's first
    unlisted: dict[str, bool] = field(init=False, compare=False, repr=False, default_factory=dict)  # see quick.py

    def __post_init__(self) -> None:
        tables = (self.engines.patterns, self.wrappers.patterns, self.locks.patterns)
        indexes = (self.help_hosts, self.system_hosts, *(lst.index for lst in self.own_lists))
        names = chain(self.own_hosts, *tables, *(index.names() for index in indexes))
        object.__setattr__(self, "names", NamedHosts(names))
        listed = (*(lst.index for lst in self.mandatory), *(lst.index for lst in self.lists))
        object.__setattr__(self, "list_indexes", listed)

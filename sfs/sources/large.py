"""The sites of rules/very-large.txt, of which an entry of a mandatory list needs a second approval."""

from functools import lru_cache

from sfs.lists.files import read_entries
from sfs.match.entry import Entry, Unit
from sfs.sources.places import rules_dir
from sfs.text.url import parents


class LargeSites:
    """Very large sites by name."""

    __slots__ = ("_above", "_hosts", "_trees")

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self._trees = frozenset(one.host for one in entries if one.unit is Unit.TREE)
        self._hosts = frozenset(one.host for one in entries)
        self._above = frozenset(name for one in entries for name in parents(one.host))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that stand in the file."""
        return tuple(sorted(self._hosts))

    def __contains__(self, entry: Entry) -> bool:
        """Whether an entry closes a large site, a part of one, or all that stands above one."""
        if entry.host in self._hosts or (entry.unit is Unit.TREE and entry.host in self._above):
            return True
        return any(name in self._trees for name in parents(entry.host))


@lru_cache(maxsize=1)
def load_large() -> LargeSites:
    """The sites that come with SFS; RuleError where the file cannot be read."""
    return LargeSites(tuple(entry for entry, _ in read_entries(rules_dir() / "very-large.txt")[0]))

"""Whether nothing of the filter speaks of a host, told in a few looks: of nearly every host.

As core/quick.py, with what can be told of the host kept apart from what each URL needs, so that it is told once for a
host. Where it is not sure the rows decide. tests/squid/test_hosts.py holds it against them.

Most of a new host are parents that were asked for before: what was told of them is kept, so that a look-up ends at the
first of them."""

from typing import Final

from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.core.verdict import Action, Scope, Verdict
from sfs.match.index import EntryIndex
from sfs.sources.filter import Filter
from sfs.sources.label_sources import AllSources
from sfs.sources.policies import MANDATORY_ONLY
from sfs.text.url import Url

_NO_LISTS: Final[tuple[EntryIndex, ...]] = ()
MAX_PARENTS: Final = 1 << 16  # that are kept
_SILENT, _LISTED, _NAMED = range(3)  # what is told of a name


class Hosts:
    """One filter and one policy of it. `any_path`: of a quiet host every URL is shown, whatever its path."""

    __slots__ = (
        *("_blocked", "_elsewhere", "_filter", "_indexes", "_named", "_parents", "_policy", "_sources", "_tables"),
        *("any_path", "usable"),
    )

    def __init__(self, filter_: Filter, policy: Policy) -> None:
        rules = filter_.ruleset
        self._filter, self._policy = filter_, policy
        self.any_path = policy.checks is not None and policy.checks <= MANDATORY_ONLY
        sources = filter_.labels
        self._sources = sources if isinstance(sources, AllSources) and filter_.bureaus is None else None
        whole = policy.checks is None and not policy.only_allowed and policy.unrated is Unrated.SHOW
        lists = _NO_LISTS if self.any_path else tuple(lst.index for lst in rules.lists)
        names = rules.names | policy.names
        if not self.any_path and self._sources is not None:
            names |= self._sources.names
        self._named = names.parts
        self.usable = (self.any_path or (whole and self._sources is not None)) and not names.all_hosts
        self._indexes = (*(lst.index for lst in rules.mandatory), *lists)
        self._tables = tuple(table for index in self._indexes for table in index.tables)
        self._elsewhere = tuple(index for index in self._indexes if not index.in_memory)
        self._parents: dict[str, int] = {}
        self._blocked = [
            Verdict(
                Action.BLOCK,
                "mandatory",
                "mandatory",
                policy.level,
                source=f"{lst.id} {lst.serial}",
                scope=Scope.HOST,
                valid_until=policy.valid_until,
            )
            for lst in rules.mandatory
        ]

    def of_host(self, host: str) -> Verdict | bool:
        """The verdict on every URL of a canonical host that is a name; True: no table, list or label speaks of it;
        False: the rows have to say."""
        if not self.any_path and "xn--" in host:
            return False
        told = self._told(host)
        if told == _NAMED:
            return False
        if told == _SILENT:
            for index in self._elsewhere:
                if index.of_host(host) is not False:
                    return self._listed(host)
            return True
        return self._listed(host)

    def _told(self, name: str) -> int:
        """_NAMED where a small table may speak of a name or a parent of it; else _LISTED where a list in memory has
        one of them; else _SILENT."""
        part, _, parent = name.partition(".")
        if part in self._named or name in self._named:
            return _NAMED
        above = _SILENT
        if parent:
            known = self._parents.get(parent)
            if known is not None:
                above = known
            else:
                above = self._told(parent)
                if len(self._parents) >= MAX_PARENTS:
                    self._parents.clear()
                self._parents[parent] = above
        if above == _SILENT:
            for table in self._tables:
                if name in table:
                    return _LISTED
        return above

    def _listed(self, host: str) -> Verdict | bool:
        for number, index in enumerate(self._indexes):
            found = index.of_host(host)
            if found is not False:
                return self._blocked[number] if found and self.any_path else False
        return True

    def silent(self, url: Url) -> bool:
        """Whether a URL of a quiet host has no label, carries no page, asks no name server and has no word."""
        form = url.forms[0]
        if len(url.forms) > 1:
            return False
        sources = self._sources
        for source in () if sources is None else sources.others:
            answer = source.ask(url, self._policy)
            if answer.labels or answer.away:
                return False
        text = (f"{url.host} {form.path} {form.query}" if form.query else f"{url.host} {form.path}").lower()
        rules, policy = self._filter.ruleset, self._policy
        if not text.isascii() or "dns" in text or rules.wrappers.shows_page(text):
            return False
        own, level = policy.words, policy.level
        return (own is None or own.is_quiet(text, level)) and rules.words.is_quiet(text, level)

"""Where labels come from. Every source answers one question: what do you know of this URL, for this policy?

On this machine: the own ratings of a policy's owners, the rating files of rules/ratings/, the search engines that
cannot be made to filter, and the store of labels (label_file.py). Label bureaus are asked beside them (bureaus.py); the
core cannot tell them apart, it only says Need(LABELS)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from sfs.core.label import NOT_LABELED, Label, LabelAnswer
from sfs.core.policy import Policy
from sfs.core.safesearch import FILE, Locks
from sfs.match.entry import Entry
from sfs.match.index import EntryIndex, Hit
from sfs.text.named import NamedHosts, parts_of
from sfs.text.url import Url


class LabelSource(Protocol):
    """Answers at once; one that cannot, though it should, says `away`."""

    def ask(self, url: Url, policy: Policy) -> LabelAnswer:
        """The labels that cover `url`; NOT_LABELED where there are none. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class OwnRatings:
    """The `ratings` of the configuration, of groups, profiles and the page a parent clicks."""

    def ask(self, url: Url, policy: Policy) -> LabelAnswer:
        """One label for each owner's entry that covers the URL, with the owner's rank."""
        labels = tuple(
            _label(hit, owner.ratings[hit.entry], owner.name, owner.file, rank)
            for rank, owner in enumerate(policy.owners)
            if owner.ratings
            for hit in owner.rated.match(url)
        )
        return LabelAnswer(labels) if labels else NOT_LABELED


@dataclass(frozen=True, slots=True)
class RatingFile:
    """A file of rules/ratings/: entries with a rating each."""

    name: str
    rated: EntryIndex
    ratings: Mapping[Entry, int]

    def ask(self, url: Url, policy: Policy) -> LabelAnswer:
        """The entries of this file that cover the URL."""
        hits = self.rated.match(url)
        if not hits:
            return NOT_LABELED
        return LabelAnswer(tuple(_label(hit, self.ratings[hit.entry], self.name, self.name, None) for hit in hits))


@dataclass(frozen=True, slots=True)
class UnlockedEngines:
    """Search engines whose filter cannot be forced as far as the URL is seen: a rating of the whole host, so that the
    level decides. Nothing where the policy does not ask for SafeSearch."""

    locks: Locks

    def ask(self, url: Url, policy: Policy) -> LabelAnswer:
        """The rating of the engine's row in rules/safesearch.yaml."""
        found = self.locks.unlocked(url, policy.safesearch, policy.youtube)
        if found is None:
            return NOT_LABELED
        rating, name = found
        return LabelAnswer((Label(rating, FILE, name, generic=True, engine=True),))


@dataclass(frozen=True, slots=True)
class AllSources:
    """Several sources asked as one. `named`: those that speak of no host but the ones of `names` and of a policy's own
    entries; of nearly every host none of them has to be asked. `others` are asked always."""

    named: tuple[LabelSource, ...]
    names: NamedHosts
    others: tuple[LabelSource, ...] = ()

    def ask(self, url: Url, policy: Policy) -> LabelAnswer:
        """All their labels; away where any of them is."""
        parts = parts_of(url.host)
        sources = self.others
        if self.names.may_name(parts) or policy.names.may_name(parts):
            sources = (*self.named, *sources)
        answers = [answer for source in sources if (answer := source.ask(url, policy)) is not NOT_LABELED]
        if not answers:
            return NOT_LABELED
        labels = tuple(label for answer in answers for label in answer.labels)
        return LabelAnswer(labels, any(answer.away for answer in answers))


def local_sources(files: Sequence[RatingFile], locks: Locks, *others: LabelSource) -> AllSources:
    """The sources on this machine; `others` may speak of any host."""
    names = NamedHosts(chain(locks.patterns, *(file.rated.names() for file in files)))
    return AllSources((OwnRatings(), *files, UnlockedEngines(locks)), names, others)


def _label(hit: Hit, rating: int, source: str, file: str, owner: int | None) -> Label:
    entry = hit.entry
    generic = not entry.forms or entry.forms[-1].path.endswith("/")
    path = entry.forms[-1].path if entry.forms else "/"
    place = f"{file}:{hit.line} {entry.text}"
    return Label(rating, source, place, generic, path, owner, hit.forms, entry.specificity)

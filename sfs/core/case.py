"""One request before the checks: facts, policy and ruleset, and what several checks derive from them once."""

from functools import cached_property
from typing import Final

from sfs.core.facts import Facts, Kind
from sfs.core.label import Label
from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.core.ruleset import CategoryList, Ruleset
from sfs.core.verdict import Action, Scope, Verdict
from sfs.match.index import DECODED, SENT, Hit
from sfs.match.words import Place, WordHit
from sfs.text.named import parts_of
from sfs.text.unwrap import Wrapped


class Case:
    """Not a value to keep: it lives for one `decide`. Everything in it follows from the three values it is made of."""

    def __init__(self, facts: Facts, policy: Policy, ruleset: Ruleset) -> None:
        self.facts = facts
        self.policy = policy
        self.ruleset = ruleset
        self.url = url = facts.url
        # Whether any of the small tables may speak of this host: of nearly all hosts none does.
        parts = parts_of(url.host)
        self.named = ruleset.names.may_name(parts) or policy.names.may_name(parts)
        # What the sources of labels answered; None where they were not asked yet.
        self.answer = answer = facts.labels.get(url.text)
        # What the properties of these names would say of nearly every page, without asking them.
        if answer is None or not answer.labels:
            self.__dict__.update(_UNLABELED if policy.unrated is Unrated.BLOCK else _UNLABELED_SHOWN)
        if not url.name_only:
            self.is_document = facts.kind is Kind.DOCUMENT

    @cached_property
    def is_document(self) -> bool:
        """By name only, every connection may be a page; companions and system hosts are taken as what pages load."""
        if not self.url.name_only:
            return self.facts.kind is Kind.DOCUMENT
        return not (self.policy.companions.match(self.url) or self.ruleset.system_hosts.match(self.url))

    @cached_property
    def may_wrap(self) -> bool:
        """Whether this URL may carry a page: only where a table names its host, or where it looks as programs on any
        host do."""
        if self.named or self.url.name_only:
            return self.named
        may_wrap = self.ruleset.wrappers.may_wrap
        first, last = self.url.forms[0], self.url.forms[-1]
        return may_wrap(first.path, first.query) or (last is not first and may_wrap(last.path, last.query))

    @cached_property
    def wrapped(self) -> tuple[tuple[Wrapped, ...], ...]:
        """The pages this URL carries, for each of its readings; nearly always none."""
        wrappers = self.ruleset.wrappers
        if self.url.name_only:
            inside = wrappers.unwrap_name(self.url.host)
            return () if inside is None else ((inside,),)
        return tuple(wrappers.unwrap(self.url.host, form.path, form.query) for form in self.url.forms)

    @cached_property
    def search_words(self) -> tuple[str, ...]:
        """What was typed into a search engine, in every reading of the URL; () where this is no search."""
        if self.url.name_only or not self.named:
            return ()
        words: dict[str, None] = {}
        sent, kind = self.facts.form, self.facts.form_kind
        for form in self.url.forms:
            found = self.ruleset.engines.words(self.url.host, form.path, form.query or "", sent, kind)
            words.update(dict.fromkeys(found))
        return tuple(words)

    @cached_property
    def asks_for_help(self) -> bool:
        """Whether the search holds a help word: such a search is never recorded."""
        return any(self.ruleset.help_words.find(words, Place.QUERY) for words in self.search_words)

    @cached_property
    def is_help_host(self) -> bool:
        """Whether this is a help line's or an image-removal scheme's own site."""
        return any(hit.all_forms for hit in self.ruleset.help_hosts.match(self.url))

    @cached_property
    def list_hits(self) -> list[tuple[CategoryList, Hit]]:
        """The subscribed lists this URL stands on, in any form."""
        url, rules = self.url, self.ruleset
        lists = (*rules.lists, *rules.own_lists) if self.named else rules.lists
        return [(lst, hit) for lst in lists for hit in lst.index.match(url)]

    @cached_property
    def opened(self) -> bool:
        """Whether a list that opens has this URL, in all its forms."""
        return any(lst.opens and hit.all_forms for lst, hit in self.list_hits)

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """The labels that still hold. What an engine may find closes no search for help."""
        now = self.facts.time
        if self.answer is None:
            return ()
        labels = self.answer.labels
        if any(x.engine for x in labels) and self.asks_for_help:
            labels = tuple(x for x in labels if not x.engine)
        return tuple(x for x in labels if x.until is None or now is None or now < x.until)

    @cached_property
    def rating(self) -> tuple[int | None, Label | None]:
        """The page's rating by its labels and the label it rests on: of the form that is rated highest where any
        is rated above the level; else the rating that all forms reach."""
        by_form = [_rating_in_form(self.labels, form) for form in (SENT, DECODED)]
        rated = [(label.rating, label) for label in by_form if label is not None]
        worst = max(rated, key=lambda pair: pair[0], default=(None, None))
        if worst[0] is None or worst[0] > self.policy.level or len(rated) == len(by_form):
            return worst
        return None, None

    @cached_property
    def page_level(self) -> bool:
        """Whether a rating speaks of this page, in each of its forms, so that words need not (design, section 3)."""
        return all(any(x.page_level for x in self.labels if x.forms & form) for form in (SENT, DECODED))

    @cached_property
    def unrated_is_blocked(self) -> bool:
        """Whether row 12 will block this document whatever the response says: then nothing need be fetched."""
        if not self.is_document or self.policy.unrated is Unrated.SHOW or not self.walks("unrated"):
            return False
        return self.rating[0] is None and not self.opened

    def walks(self, row: str) -> bool:
        """Whether this policy uses a row of the order of checks at all."""
        return self.policy.checks is None or row in self.policy.checks

    def words(self, text: str, place: Place) -> WordHit | None:
        """The listed word with the highest rating above the level in `text`, own words before shipped ones."""
        level = self.policy.level
        own = self.policy.words.find(text, place, above=level) if self.policy.words is not None else ()
        hits = own + self.ruleset.words.find(text, place, above=level)
        if not hits:
            return None
        return max(hits, key=lambda hit: hit.rule.rating or 0)

    def allow(self, check: str, reason: str, **more: object) -> Verdict:
        """A verdict that shows the page."""
        return self._verdict(Action.ALLOW, check, reason, more)

    def block(self, check: str, reason: str, **more: object) -> Verdict:
        """A verdict that does not."""
        return self._verdict(Action.BLOCK, check, reason, more)

    def _verdict(self, action: Action, check: str, reason: str, more: dict[str, object]) -> Verdict:
        more.setdefault("valid_until", self.policy.valid_until)
        return Verdict(action, check, reason, self.policy.level, **more)  # type: ignore[arg-type]

    def scope_of(self, hit: Hit) -> Scope:
        """How far a verdict that rests on an entry reaches: over the host only where no entry of anybody tells its
        pages apart."""
        if hit.entry.needs_path or self._host_has_paths:
            return Scope.URL
        return Scope.HOST

    @cached_property
    def _host_has_paths(self) -> bool:
        host = self.url.host
        rules, owners = self.ruleset, self.policy.owners
        indexes = [rules.help_hosts, *(m.index for m in rules.mandatory), *(lst.index for lst in rules.lists)]
        indexes += [index for owner in owners for index in (owner.allow, owner.block, owner.final, owner.rated)]
        return any(index.has_paths(host) for index in indexes)


_UNLABELED: Final = {"labels": (), "rating": (None, None), "page_level": False}
_UNLABELED_SHOWN: Final = {**_UNLABELED, "unrated_is_blocked": False}


def _rating_in_form(labels: tuple[Label, ...], form: int) -> Label | None:
    """The label that rates one form of the URL. An own rating of the nearest owner wins outright; otherwise inside
    each source specific before generic, the longest prefix, the newest, the highest; over the sources the
    highest (pics.md 1.8, design section 3)."""
    covering = [label for label in labels if label.forms & form]
    own = [label for label in covering if label.owner is not None]
    if own:
        nearest = min(label.owner for label in own if label.owner is not None)
        return max((x for x in own if x.owner == nearest), key=_precedence)
    sources: dict[str, Label] = {}
    for label in covering:
        best = sources.get(label.source)
        if best is None or _precedence(label) > _precedence(best):
            sources[label.source] = label
    return max(sources.values(), key=lambda label: label.rating, default=None)


def _precedence(label: Label) -> tuple[bool, tuple[int, ...], float, int]:
    newest = label.on.timestamp() if label.on is not None else float("-inf")
    return (not label.generic, label.rank, newest, label.rating)

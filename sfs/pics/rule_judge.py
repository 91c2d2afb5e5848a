"""What a PICSRules profile says of a URL. The clauses are walked in order, and the first that holds decides.

Clauses about the URL alone that stand before every other are judged before labels are looked at, so that they hold
while a bureau is away. Then a bureau that is away rejects, unless its service says PASS. Then come all other clauses.
Spec: PICSRules 1.1, "Semantics"; what we read into it is named in rule_settings.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sfs.pics.coverage import parse_prefix
from sfs.pics.judge import effective_options, usable
from sfs.pics.labels import LabelList
from sfs.pics.rule_expressions import Comparison, Expression, Otherwise
from sfs.pics.rule_patterns import Target, target_of
from sfs.pics.rule_settings import SETTINGS, RuleSettings
from sfs.pics.rules import RuleClause, Rules, RuleService
from sfs.pics.safetyonline import service_key
from sfs.pics.values import Ratings, Value, spans

_NOTHING: Final[Mapping[str, LabelList | None]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Evidence:
    """The labels of one URL: those that came with the document, and what each bureau answered of it, None for a bureau
    that did not answer. A bureau that is not named here has no labels."""

    embedded: tuple[LabelList, ...] = ()
    bureaus: Mapping[str, LabelList | None] = field(default=_NOTHING)


NO_EVIDENCE: Final = Evidence()


class Why(StrEnum):
    """What decided."""

    CLAUSE = "clause"
    BUREAU = "bureau-unavailable"
    NO_CLAUSE = "no clause"


@dataclass(frozen=True, slots=True)
class RulesVerdict:
    """`clause`: the one that held, None where none did."""

    accept: bool
    why: Why
    clause: RuleClause | None = None

    @property
    def explanation(self) -> str | None:
        """What the profile says to who asks why."""
        return None if self.clause is None else self.clause.explanation


def judge_rules(
    rules: Rules, url: str, now: datetime, evidence: Evidence = NO_EVIDENCE, settings: RuleSettings = SETTINGS
) -> RulesVerdict:
    """What the profile says of `url`, any text; `now` is aware and tells which labels still hold."""
    target = target_of(url)
    first = next((n for n, clause in enumerate(rules.clauses) if clause.condition is not None), len(rules.clauses))
    for clause in rules.clauses[:first]:
        if _matches(clause, target, settings):
            return RulesVerdict(clause.accept, Why.CLAUSE, clause)
    if first < len(rules.clauses) and any(_is_away(service, evidence, settings) for service in rules.services):
        return RulesVerdict(False, Why.BUREAU)
    labels = {
        service.shortname: tuple(_ratings(service, target, now, evidence, settings)) for service in rules.services
    }
    for clause in rules.clauses[first:]:
        if _holds(clause, target, labels, settings):
            return RulesVerdict(clause.accept, Why.CLAUSE, clause)
    return RulesVerdict(settings.no_clause_accepts, Why.NO_CLAUSE)


def uses_embedded(service: RuleService, settings: RuleSettings = SETTINGS) -> bool:
    """Whether the labels that pages carry count for this service."""
    return settings.embedded_by_default if service.embedded is None else service.embedded


def passes_unavailable(service: RuleService, settings: RuleSettings = SETTINGS) -> bool:
    """Whether a bureau of this service that does not answer changes nothing."""
    return settings.unavailable_passes if service.unavailable_passes is None else service.unavailable_passes


def _is_away(service: RuleService, evidence: Evidence, settings: RuleSettings) -> bool:
    away = any(bureau in evidence.bureaus and evidence.bureaus[bureau] is None for bureau in service.bureaus)
    return away and not passes_unavailable(service, settings)


def _holds(
    clause: RuleClause, target: Target, labels: Mapping[str | None, tuple[Ratings, ...]], settings: RuleSettings
) -> bool:
    if clause.condition is None:
        return _matches(clause, target, settings)
    truth = _truth(clause.condition, labels, settings)
    return truth is not None and truth != clause.unless


def _matches(clause: RuleClause, target: Target, settings: RuleSettings) -> bool:
    """A server may take the URL for any of its forms, so that each of them must be accepted, and none rejected."""
    forms = range(len(target.forms) if settings.every_form else 1)
    matched = (any(pattern.matches(target, form, settings) for pattern in clause.patterns) for form in forms)
    return all(matched) if clause.accept else any(matched)


def _truth(
    expression: Expression, labels: Mapping[str | None, tuple[Ratings, ...]], settings: RuleSettings
) -> bool | None:
    """Whether the expression is true; None where it rests on what is missing, if that is unknown rather than false."""
    if isinstance(expression, Otherwise):
        return True
    if isinstance(expression, Comparison):
        return _compare(expression, labels[expression.shortname], settings)
    left, right = (_truth(side, labels, settings) for side in (expression.left, expression.right))
    decided = not expression.both  # one true decides an or, one false an and
    if decided in (left, right):
        return decided
    return None if None in (left, right) else not decided


def _compare(term: Comparison, found: tuple[Ratings, ...], settings: RuleSettings) -> bool | None:
    if term.category is None:
        return bool(found)
    values = [value for ratings in found for name, value in ratings if name == term.category]
    if term.operator is None:
        return bool(values)
    if not values and not settings.missing_is_false:
        return None
    return any(_satisfies(term, value) for value in values)


def _satisfies(term: Comparison, value: Value) -> bool:
    return any(term.holds_for(span) for span in spans(value))


def _ratings(
    service: RuleService, target: Target, now: datetime, evidence: Evidence, settings: RuleSettings
) -> Iterator[Ratings]:
    """The ratings of every label of this service that counts for the URL."""
    lists: list[Iterable[LabelList]] = [
        [answer] for bureau in service.bureaus if (answer := evidence.bureaus.get(bureau)) is not None
    ]
    if uses_embedded(service, settings):
        lists.append(evidence.embedded)
    for source in lists:
        yield from _of_source(source, service.service, target, now, settings)


def _of_source(
    lists: Iterable[LabelList], service: str, target: Target, now: datetime, settings: RuleSettings
) -> Iterator[Ratings]:
    """Those of one source: in each form of the URL the label in force, and those that stand as high as it does."""
    key = service_key(service)
    found = [
        (rank, label.ratings)
        for label_list in lists
        for info in label_list.services
        if info.service is not None and not info.options.void and service_key(info.service) == key
        for label in info.each_label()
        for options in (effective_options(info, label),)
        if usable(options, now)
        for rank in _ranks(options.for_, bool(options.generic), options.on, target)
    ]
    for form in {form for (form, *_), _ in found}:
        here = [(rank, ratings) for (at, *rank), ratings in found if at == form]
        highest = max(rank for rank, _ in here)
        yield from (ratings for rank, ratings in here if rank == highest or not settings.in_force)


def _ranks(
    for_: str | None, generic: bool, on: datetime | None, target: Target
) -> Iterator[tuple[int, bool, int, float]]:
    """For each form of the URL that the label is about: the form, and how high the label stands among others."""
    newest = float("-inf") if on is None else on.timestamp()
    prefix = None if for_ is None else parse_prefix(for_)
    for form in range(len(target.forms) if target.url is not None else 1):
        if for_ is None:
            yield form, True, 0, newest
        elif prefix is not None and target.url is not None and prefix.covers(target.url, form, generic):
            yield form, not generic, prefix.length if generic else 0, newest

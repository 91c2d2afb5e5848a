"""The level that the label clauses of a PICSRules profile mean.

They are not matched against shapes. Instead every state that the labels of a URL can be in is tried: which comparisons
are true, the highest rating that bureaus give, the highest that the page gives itself. A level with its word for
unrated pages is taken where each state that it shows is accepted by the profile; of several, the one that shows most.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from sfs.core.levels import LEVELS, Unrated
from sfs.pics.rule_expressions import Comparison, Expression, Otherwise, comparisons
from sfs.pics.rule_judge import uses_embedded
from sfs.pics.rule_settings import SETTINGS
from sfs.pics.rules import RuleClause, Rules, RuleService
from sfs.pics.safetyonline import System, rating_of_ratings, system_of, tables_of
from sfs.pics.values import Span
from sfs.sources.picsrules_entries import Effect, Finding

# A profile that compares more than this is left to a person: tests and services, states of one label, states in all.
MAX_TESTS: Final = 64
MAX_SINGLE: Final = 500
MAX_STATES: Final = 5000

# What a clause asks of labels: whether any of some comparisons is true, two of these joined (True: and), or nothing.
# Comparisons that an `or` joins, also over clauses, are kept together, so that fifty categories make few states.
type Any = frozenset[Comparison]
type Test = Any | tuple[bool, "Test", "Test"] | None


class State(NamedTuple):
    """What the labels of a URL may come to: the tests that are true, the highest rating by bureaus, and by the page
    itself; None for no rating."""

    true: frozenset[Any]
    bureau: int | None
    page: int | None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the label clauses mean. `level` None: no level follows from them. `only_allowed`: no level is low enough."""

    level: int | None
    unrated: Unrated | None
    only_allowed: bool
    findings: tuple[Finding, ...]


def meaning_of(rules: Rules) -> Meaning:
    """The level, or only_allowed, that shows nothing which the label clauses of `rules` reject. Clauses about services
    that are not known, and patterns unless they match every URL, are passed over."""
    clauses, findings = _known_clauses(rules)
    if not clauses:
        return Meaning(None, None, False, (*findings, Finding(Effect.SAME, "no level follows from it: choose one")))
    if all(isinstance(clause.condition, Otherwise) for clause in clauses):
        return _constant(clauses, findings)
    tests = _tests(clauses)
    names = used_names(rules)
    states = _states(tests, [service for service in rules.services if service.shortname in names])
    if states is None:
        findings.append(Finding(Effect.LESS, "too many comparisons: only allowed pages are shown", clauses[0].where))
        return Meaning(0, None, True, tuple(findings))
    accepted = {state: _accepts(tests, state) for state in states}
    found = _best(accepted)
    if found is None:
        if any(accepted.values()):
            what = "what it accepts by labels is no level: only allowed pages are shown"
            findings.append(Finding(Effect.LESS, what, clauses[0].where))
        return Meaning(0, None, True, tuple(findings))
    level, unrated = found
    findings += _narrower(accepted, level, unrated, clauses[0])
    return Meaning(level, unrated, False, tuple(findings))


def used_names(rules: Rules) -> frozenset[str]:
    """The shortnames of the services that clauses speak of, those that are passed over left aside."""
    conditions = (clause.condition for clause in _known_clauses(rules)[0] if clause.condition is not None)
    return frozenset(term.shortname for condition in conditions for term in comparisons(condition))


def shows(state: State, level: int, unrated: Unrated) -> bool:
    """What a policy of this level shows: a page's own label can close it, never open it."""
    if state.page is not None and state.page > level:
        return False
    return unrated is Unrated.SHOW if state.bureau is None else state.bureau <= level


def _constant(clauses: list[RuleClause], findings: list[Finding]) -> Meaning:
    if clauses[0].accept is not clauses[0].unless:
        findings.append(Finding(Effect.SAME, "no level follows from it: choose one", clauses[0].where))
        return Meaning(None, None, False, tuple(findings))
    return Meaning(0, None, True, tuple(findings))


def is_constant(clause: RuleClause) -> bool:
    """Whether a clause holds for every URL, so that none behind it is reached."""
    if clause.condition is None:
        return any(pattern.any_url for pattern in clause.patterns)
    return isinstance(clause.condition, Otherwise) and not clause.unless


def _known_clauses(rules: Rules) -> tuple[list[RuleClause], list[Finding]]:
    """The clauses about labels that SFS understands, to the first that always holds."""
    systems = {service.shortname: system_of(service.service) for service in rules.services}
    kept: list[RuleClause] = []
    findings: list[Finding] = []
    for clause in rules.clauses:
        if clause.condition is None:
            if is_constant(clause):
                kept.append(RuleClause(clause.accept, condition=Otherwise(), where=clause.where))
                break
            continue
        if isinstance(clause.condition, Otherwise) and clause.unless:
            continue
        unknown = next((term for term in comparisons(clause.condition) if not _is_known(term, systems)), None)
        if unknown is None:
            kept.append(clause)
        else:
            effect = Effect.LESS if clause.accept else Effect.MORE
            name = f"{unknown.shortname}.{unknown.category}" if unknown.category else unknown.shortname
            findings.append(Finding(effect, f"a clause is left out: SFS has no rating for {name[:80]}", clause.where))
        if is_constant(clause):
            break
    return kept, findings


def _is_known(term: Comparison, systems: Mapping[str | None, System | None]) -> bool:
    system = systems.get(term.shortname)
    if system is None:
        return False
    return term.category is None or any(term.category in table for table in tables_of(system))


class _Step(NamedTuple):
    """One or more clauses: `accept` where the test is true, or false where `unless`."""

    accept: bool
    unless: bool
    test: Test


def _tests(clauses: Iterable[RuleClause]) -> list[_Step]:
    """The clauses as steps; neighbours that do the same if any of their comparisons is true are one."""
    steps: list[_Step] = []
    for clause in clauses:
        test = None if clause.condition is None else _test(clause.condition)
        last = steps[-1] if steps else None
        alike = last is not None and not clause.unless and last[:2] == (clause.accept, False)
        if last is not None and alike and isinstance(test, frozenset) and isinstance(last.test, frozenset):
            steps[-1] = last._replace(test=last.test | test)
        else:
            steps.append(_Step(clause.accept, clause.unless, test))
    return steps


def _test(expression: Expression) -> Test:
    if isinstance(expression, Comparison):
        return frozenset({expression})
    if isinstance(expression, Otherwise):
        return None
    left, right = _test(expression.left), _test(expression.right)
    if not expression.both and isinstance(left, frozenset) and isinstance(right, frozenset):
        return left | right
    return expression.both, left, right


def _anys(test: Test) -> Iterator[Any]:
    if isinstance(test, frozenset):
        yield test
    elif test is not None:
        yield from _anys(test[1])
        yield from _anys(test[2])


def _states(steps: Iterable[_Step], services: list[RuleService]) -> set[State] | None:
    """Every state, from that of no label on; None where there are too many. Labels and values add up: of two that
    are there, what either makes true is true, and the higher rating holds. Where no service names a bureau, what SFS
    itself has of its labels stands for one."""
    anys = {one for step in steps for one in _anys(step.test)}
    if max(len(anys), len(services)) > MAX_TESTS or sum(map(len, anys)) > MAX_SINGLE:
        return None
    asked = [bool(service.bureaus) for service in services]
    single = {
        state
        for service, has_bureau in zip(services, asked, strict=True)
        for state in _single_states(anys, service)
        if (state.bureau is None or has_bureau or not any(asked)) and (state.page is None or uses_embedded(service))
    }
    if len(single) > MAX_SINGLE:
        return None
    found = {State(frozenset(), None, None)}
    edge = set(found)
    while edge:
        edge = {_both(one, other) for one in edge for other in single} - found
        found |= edge
        if len(found) > MAX_STATES:
            return None
    return found


def _single_states(anys: set[Any], service: RuleService) -> Iterator[State]:
    """The state that each value of each category makes alone, from a bureau and from the page."""
    terms = {term for one in anys for term in one if term.shortname == service.shortname}
    system = system_of(service.service)
    if system is None:
        return
    base = {term for term in terms if term.category is None}
    yield from _from(base, None, anys)  # a label that rates nothing we know
    lasts = {category: len(steps) - 1 for table in tables_of(system) for category, steps in table.items()}
    for category, last in lasts.items():
        rated = {term for term in terms if term.category == category}
        there = base | {term for term in rated if term.operator is None}
        yield from _from(there, None, anys)  # rated, and no value applies
        for value in _values(last, (term.constant for term in rated)):
            rating = rating_of_ratings(service.service, {category: value})
            true = {term for term in rated if term.operator and term.holds_for(Span(value, value))}
            yield from _from(there | true, rating, anys)


def _from(true: set[Comparison], rating: int | None, anys: set[Any]) -> Iterator[State]:
    hit = frozenset(one for one in anys if not one.isdisjoint(true))
    yield State(hit, rating, None)
    yield State(hit, None, rating)


def _values(last: int, constants: Iterable[float]) -> Iterator[float]:
    """Values to the `last` of a scale, of which one stands for each that comparisons and rating tables tell apart."""
    points = sorted({*map(float, range(last + 1)), *(constant for constant in constants if constant < last)})
    yield points[0] - 1
    yield from points
    yield from ((low + high) / 2 for low, high in pairwise(points))


def _both(one: State, other: State) -> State:
    return State(one.true | other.true, _higher(one.bureau, other.bureau), _higher(one.page, other.page))


def _higher(one: int | None, other: int | None) -> int | None:
    return max((rating for rating in (one, other) if rating is not None), default=None)


def _accepts(steps: Iterable[_Step], state: State) -> bool:
    for step in steps:
        if _is_true(step.test, state.true) != step.unless:
            return step.accept
    return SETTINGS.no_clause_accepts


def _is_true(test: Test, true: frozenset[Any]) -> bool:
    if test is None:
        return True
    if isinstance(test, frozenset):
        return test in true
    both, *sides = test
    found = (_is_true(side, true) for side in sides)
    return all(found) if both else any(found)


def _best(accepted: Mapping[State, bool]) -> tuple[int, Unrated] | None:
    choices = [(level.level, unrated) for level in LEVELS for unrated in (Unrated.BLOCK, Unrated.SHOW)]
    shown = {choice: {state for state in accepted if shows(state, *choice)} for choice in choices}
    safe = [choice for choice in choices if all(accepted[state] for state in shown[choice])]
    return max(safe, key=lambda choice: len(shown[choice]), default=None)


def _narrower(accepted: Mapping[State, bool], level: int, unrated: Unrated, clause: RuleClause) -> Iterator[Finding]:
    """What the profile accepts and the level does not show."""
    closed = [state for state, accepts in accepted.items() if accepts and not shows(state, level, unrated)]
    if any(state.bureau is None and state.page is not None and state.page <= level for state in closed):
        yield Finding(Effect.LESS, "a page's own label closes it here and never opens it", clause.where)
    if any((_higher(state.bureau, state.page) or 0) > level for state in closed):
        yield Finding(
            Effect.LESS, f"what anybody rates above {level} is closed, whatever else it is rated", clause.where
        )

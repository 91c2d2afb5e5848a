"""A configuration as a PICSRules profile, for programs that read those. The profile accepts nothing that the entries,
the level and the labels of the configuration block; what PICSRules have no words for is a finding.

    own entries          AcceptByURL, RejectByURL: owner by owner, the most exact first; final ones before all
    own ratings          RejectByURL, where they are above the level
    level                RejectIf, for each rating system by its own categories
    labels in pages      a second serviceinfo with UseEmbedded, which only rejects: a page's own word opens nothing here
    unrated, only_allowed  the last clause, which always stands there
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from sfs.core.levels import LEVELS, Unrated
from sfs.core.policy import Policy
from sfs.errors import LabelError, SfsError, Where
from sfs.match.entry import Entry, Unit
from sfs.pics.rule_expressions import Comparison, Expression, Joined, Otherwise
from sfs.pics.rule_patterns import Pattern, parse_pattern
from sfs.pics.rules import RuleClause, Rules, RuleService, RuleSource
from sfs.pics.safetyonline import MAX_RATING, SERVICE, SYSTEMS, System, system_of, tables_of
from sfs.sources.config import Config
from sfs.sources.entries import OwnEntry
from sfs.sources.picsrules_entries import Effect, Finding
from sfs.sources.policies import policies_from
from sfs.sources.settings import Checks
from sfs.text.url import Form

TOOL: Final = "SFS"
_NEVER: Final = (
    "words, lists of names, SafeSearch and ratings that are kept here are no part of PICSRules",
    "labels that are no PICS, and pages that mix ICRA's old and new codes, are not looked at",
)
# Keys whose meaning PICSRules have no words for; a profile that leaves them out shows more.
_NO_WORDS: Final = ("keywords", "lists", "scan_body", "bypass", "safesearch", "youtube")
# What means the same in every form and reading, and has no wildcard.
_PLAIN: Final = re.compile(r"/[A-Za-z0-9_~!$&(),=:@./-]*(?:\?[A-Za-z0-9_~!$&(),=:@./-]*)?")


@dataclass(frozen=True, slots=True)
class Exported:
    """The profile, and what it does not say."""

    rules: Rules
    findings: tuple[Finding, ...]


def export_rules(config: Config) -> Exported:
    """The profile of what holds for everybody. SfsError where no level is chosen, or only mandatory lists act."""
    if config.checks is Checks.MANDATORY:
        raise SfsError("checks: mandatory has no level and no entries", mend="export a configuration that has")
    policy = policies_from(config).default
    findings = [Finding(Effect.MORE, what) for what in _NEVER]
    clauses = [*_entries(config, findings), *_ratings(config, policy.level, findings)]
    services: list[RuleService] = []
    if policy.only_allowed:
        clauses.append(_last(False, "only allowed pages are shown"))
    else:
        bureaus, own = _bureaus(config, policy), _own_labels(policy)
        services = [service for service, _ in (*bureaus, *own)]
        clauses += _above(policy.level, (*bureaus, *own))
        if policy.unrated is Unrated.BLOCK:
            clauses += _rated(bureaus)
        clauses.append(_last(policy.unrated is Unrated.SHOW, "nobody has rated it"))
    findings += _not_said(config)
    rules = Rules(tuple(clauses), tuple(services), policy.profile, _description(policy), RuleSource(tool=TOOL))
    return Exported(rules, tuple(findings))


def _description(policy: Policy) -> str:
    if policy.only_allowed:
        return "only allowed pages"
    return f"ratings to {policy.level} of {MAX_RATING}, for {LEVELS[policy.level].ages}; unrated: {policy.unrated}"


def _last(accept: bool, why: str) -> RuleClause:
    return RuleClause(accept, condition=Otherwise(), explanation=None if accept else why)


def _entries(config: Config, findings: list[Finding]) -> Iterator[RuleClause]:
    """Own entries in the order in which they decide."""
    layers = [
        tuple(
            (accept, one)
            for key, accept in (("block", False), ("allow", True))
            if key in layer.values
            for one in layer.values[key].value
        )
        for layer in config.layers
    ]
    final = [(False, one) for layer in layers for accept, one in layer if not accept and one.mark]
    ordered = list(final)
    for layer in layers:
        ordered += sorted(layer, key=lambda pair: (*(-part for part in pair[1].entry.specificity), pair[0]))
    for accept, one in ordered:
        yield from _clause(accept, one, findings)


def _clause(accept: bool, one: OwnEntry, findings: list[Finding]) -> Iterator[RuleClause]:
    try:
        yield RuleClause(accept, tuple(patterns_of(one.entry, accept)))
    except LabelError as fault:
        effect = Effect.LESS if accept else Effect.MORE
        findings.append(Finding(effect, f"{one.entry.text[:120]} is left out: {fault.what}", one.where))
    if accept and one.mark:
        findings.append(Finding(Effect.SAME, f"{one.entry.text[:120]}: search words are not looked at", one.where))


def _ratings(config: Config, level: int, findings: list[Finding]) -> Iterator[RuleClause]:
    """Own ratings above the level close; a lower one opens what others rate higher, which PICSRules cannot say of
    pages that words may close."""
    for one in config.ratings:
        if one.rating > level:
            yield from _clause(False, OwnEntry(one.entry, one.where), findings)
        else:
            what = f"the rating {one.rating} of {one.entry.text[:120]} is left out: it would open it to everything"
            findings.append(Finding(Effect.LESS, what, one.where))


def patterns_of(entry: Entry, accept: bool) -> Iterator[Pattern]:
    """The patterns of an entry: those of an allow entry match no more than it does, those of a block entry all that it
    does. LabelError where there are none."""
    host = f"[{entry.host}]" if ":" in entry.host else entry.host
    start, port = f"{entry.scheme or '*'}://*@", entry.port or "*"
    if entry.unit in (Unit.TREE, Unit.HOST):
        yield parse_pattern(f"{start}{host}:{port}/*")
        if entry.unit is Unit.TREE:
            yield parse_pattern(f"{start}*.{host}:{port}/*")
        return
    plain = len(entry.forms) == 1 and not entry.readings and _PLAIN.fullmatch(_text(entry.forms[0]))
    if accept and not plain:
        raise LabelError("E_PATTERN", "its path can be spelled in several ways")
    for form in (*entry.forms, *entry.readings):
        for path in _paths(entry.unit, form):
            yield parse_pattern(f"{start}{host}:{port}{path}")


def _text(form: Form) -> str:
    return form.path if form.query is None else f"{form.path}?{form.query}"


def _paths(unit: Unit, form: Form) -> Iterator[str]:
    path = _encoded(form.path)
    if unit is Unit.EXACT:
        yield f"{path}?{_encoded(form.query or '')}"
        return
    if unit is Unit.PREFIX:
        yield f"{path}*"
        path = path[:-1]
    yield path
    yield f"{path}?*"


def _encoded(text: str) -> str:
    """`text` without what would be a wildcard, a fragment or a blank in a pattern."""
    return quote(text, safe="/!$&'()+,;=:@?%", errors="replace")


def _bureaus(config: Config, policy: Policy) -> list[tuple[RuleService, System]]:
    """The services whose labels bureaus have; the store of this machine is none that others could ask."""
    named: dict[str, list[str]] = {}
    for bureau in config.bureaus:
        service = bureau.service or SERVICE
        if bureau.trust and system_of(service) is not None:
            named.setdefault(service, []).append(bureau.url)
    passes = policy.bureau_away is Unrated.SHOW
    found = []
    for number, (service, urls) in enumerate(named.items(), 1):
        system = system_of(service)
        if system is not None:
            shortname = "SO2" if service == SERVICE else f"S{number}"
            found.append((RuleService(service, shortname, tuple(urls), False, passes), system))
    return found


def _own_labels(policy: Policy) -> list[tuple[RuleService, System]]:
    """Every rating system that pages may rate themselves by."""
    if not policy.self_labels or policy.level == MAX_RATING:
        return []
    systems = [system for system in SYSTEMS if system.ids]
    return [(RuleService(one.ids[0], f"Page{n}", (), True), one) for n, one in enumerate(systems, 1)]


def _above(level: int, services: Iterable[tuple[RuleService, System]]) -> Iterator[RuleClause]:
    """A clause for each service: rejected what any of its categories rates above the level."""
    for service, system in services:
        terms = [
            Comparison(service.shortname or "", category, ">", float(value - 1))
            for category, value in _lowest_above(level, system).items()
        ]
        if terms:
            yield RuleClause(False, condition=_any(terms), explanation=f"rated above {level}")


def _lowest_above(level: int, system: System) -> dict[str, int]:
    """For each category the lowest value whose rating is above the level. Where two tables know a category, the first:
    a page that mixes both is said to be left out."""
    lowest: dict[str, int] = {}
    for table in reversed(tables_of(system)):
        for category, steps in table.items():
            lowest.pop(category, None)
            values = [value for value, rating in enumerate(steps) if rating is not None and rating > level]
            if values:
                lowest[category] = values[0]
    return lowest


def _rated(services: Iterable[tuple[RuleService, System]]) -> Iterator[RuleClause]:
    """What bureaus have rated, and no clause above has rejected, is accepted."""
    for service, system in services:
        terms = []
        for category, steps in system.tables.items():
            silent = [value for value, rating in enumerate(steps) if rating is None]
            terms.append(Comparison(service.shortname or "", category, ">=", float(max(silent, default=-1) + 1)))
        yield RuleClause(True, condition=_any(terms))


def _any(terms: list[Comparison]) -> Expression:
    """Any of the terms, joined in halves so that parentheses nest little."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return Joined(False, _any(terms[:half]), _any(terms[half:]))


def _not_said(config: Config) -> Iterator[Finding]:
    """What the configuration says beyond a profile."""
    for key in _NO_WORDS:
        where = _where(config, key)
        if where is not None:
            yield Finding(Effect.MORE, f"{key} is left out", where)
    if config.addresses is Unrated.BLOCK:
        yield Finding(Effect.MORE, "addresses: block is left out", _where(config, "addresses"))
    for bureau in config.bureaus:
        if not bureau.trust:
            yield Finding(Effect.MORE, f"the bureau {bureau.url[:120]} is left out: its labels only raise a rating")
        elif system_of(bureau.service or SERVICE) is None:
            yield Finding(Effect.SAME, f"the bureau {bureau.url[:120]} is left out: its ratings mean nothing here")
    for group in config.groups:
        yield Finding(
            Effect.SAME, f"the group {group.name[:80]!r} is left out: a profile is for one reader", group.where
        )


def _where(config: Config, key: str) -> Where | None:
    return next((layer.values[key].where for layer in config.layers if key in layer.values), None)

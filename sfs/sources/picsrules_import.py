"""A PICSRules profile as a configuration of SFS. What carries over shows nothing that the profile rejects; what does
not is a finding with its place, and a finding that shows more is never silent.

    URL clauses      allow and block, where an entry means the same or less is shown (picsrules_entries.py)
    label clauses    level and unrated, or only_allowed (picsrules_level.py)
    serviceinfo      bureaus, bureau_away, self_labels

Beside what the profile names, SFS knows ratings and lists of its own; they count here as in every configuration.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sfs.core.levels import Unrated
from sfs.errors import UrlError, Where
from sfs.match.entry import Entry
from sfs.pics.rule_judge import passes_unavailable, uses_embedded
from sfs.pics.rule_patterns import Pattern
from sfs.pics.rules import RuleClause, Rules, RuleService
from sfs.sources.picsrules_entries import Effect, Finding, Taken, entries_of, may_overlap
from sfs.sources.picsrules_level import is_constant, meaning_of, used_names
from sfs.text.url import parents, parse_url

_MAX_LINE: Final = 200  # characters of a comment


@dataclass(frozen=True, slots=True)
class Imported:
    """What a profile means here. None where it says nothing, so that the key is left out."""

    name: str | None = None
    description: str | None = None
    level: int | None = None
    only_allowed: bool = False
    unrated: Unrated | None = None
    self_labels: bool | None = None
    bureau_away: Unrated | None = None
    bureaus: tuple[tuple[str, str], ...] = ()  # address, rating service
    allow: tuple[Taken, ...] = ()
    block: tuple[Taken, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def shows_more(self) -> bool:
        """Whether something that closes pages was left out."""
        return any(finding.effect is Effect.MORE for finding in self.findings)


def import_rules(rules: Rules) -> Imported:
    """The configuration that `rules` means."""
    meaning = meaning_of(rules)
    allow, block, findings = _entries(rules)
    names = used_names(rules)
    used = [service for service in rules.services if service.shortname in names]
    judged = meaning.level is not None and not meaning.only_allowed
    bureaus, lost = _bureaus(used if judged else ())
    asked = bool(bureaus)
    fails = any(service.bureaus and not passes_unavailable(service) for service in used)
    if asked and fails and len({url for url, _ in bureaus}) > 1:
        what = "while one of several bureaus is away, what another one rates is shown"
        lost = (*lost, Finding(Effect.MORE, what, used[0].where))
    unasked = _not_asked(rules, names, meaning.only_allowed)
    embedded = any(uses_embedded(service) for service in used)
    return Imported(
        rules.name,
        rules.description,
        meaning.level,
        meaning.only_allowed,
        meaning.unrated,
        embedded if judged else None,
        (Unrated.BLOCK if fails else Unrated.SHOW) if asked else None,
        bureaus,
        allow,
        block,
        _in_order((*meaning.findings, *findings, *lost, *unasked, *_extensions(rules))),
    )


def write_config(imported: Imported, source: str = "") -> str:
    """The configuration as YAML, ending in a line break. `source` names the file it was made from."""
    lines = [f"# From a PICSRules profile{source and ': '}{_comment(source)}"]
    lines += (f"# {_comment(text)}" for text in (imported.name, imported.description) if text)
    values: dict[str, object] = {
        "level": imported.level,
        "only_allowed": "true" if imported.only_allowed else None,
        "unrated": imported.unrated,
        "self_labels": None if imported.self_labels is None else str(imported.self_labels).lower(),
        "bureau_away": imported.bureau_away,
    }
    lines += (f"{key}: {value}" for key, value in values.items() if value is not None)
    if imported.bureaus:
        lines.append("bureaus:")
        for url, service in imported.bureaus:
            lines += [f"  - url: {_quoted(url)}", f"    service: {_quoted(service)}"]
    for key, entries in (("allow", imported.allow), ("block", imported.block)):
        if entries:
            lines += [f"{key}:", *(f"  - {_quoted(taken.entry.text)}" for taken in entries)]
    return "\n".join(lines) + "\n"


def _entries(rules: Rules) -> tuple[tuple[Taken, ...], tuple[Taken, ...], list[Finding]]:
    """The entries of all URL clauses. In a profile the first clause that matches decides, here the most exact entry: an
    allow entry that would undo a clause above it is left out."""
    allow: dict[Entry, Taken] = {}
    block: dict[Entry, Taken] = {}
    closed: dict[str, list[Entry]] = {}  # the same by host
    findings: list[Finding] = []
    rejects = accepts = False  # whether a clause about labels stands above
    fails = any(service.bureaus and not passes_unavailable(service) for service in rules.services)
    for number, clause in enumerate(rules.clauses):
        if is_constant(clause):
            findings += _unreached(rules.clauses[number + 1 :])
            break
        if clause.condition is not None:
            rejects, accepts = rejects or not clause.accept, accepts or clause.accept
            continue
        if clause.accept and (rejects or (accepts and fails)):
            what = "a clause is left out: what stands above it may close its pages, an entry would open them"
            findings.append(Finding(Effect.LESS, what, clause.where))
            continue
        taken, lost = entries_of(_placed(clause), clause.accept)
        findings += lost
        if clause.accept:
            findings += _add_allowed(taken, allow, closed)
        else:
            for one in taken:
                if block.setdefault(one.entry, one) is one:
                    closed.setdefault(one.entry.host, []).append(one.entry)
            if accepts and taken:
                findings.append(Finding(Effect.LESS, "its pages are closed whatever their labels say", clause.where))
    return tuple(allow.values()), tuple(block.values()), findings


def _add_allowed(
    taken: Iterable[Taken], allow: dict[Entry, Taken], closed: dict[str, list[Entry]]
) -> Iterator[Finding]:
    for one in taken:
        # What stands below the host of an entry is more exact than the entry, so that it is not undone.
        near = (other for name in parents(one.entry.host) for other in closed.get(name, ()))
        above = next((other for other in near if _undoes(one.entry, other)), None)
        if above is None:
            allow.setdefault(one.entry, one)
        else:
            what = f"{one.entry.text} is left out: it would open what {above.text} closes above it"
            yield Finding(Effect.LESS, what, one.where)


def _undoes(allowed: Entry, blocked: Entry) -> bool:
    return allowed.specificity > blocked.specificity and may_overlap(allowed, blocked)


def _placed(clause: RuleClause) -> Iterator[tuple[Pattern, Where | None]]:
    places = clause.places or (clause.where,) * len(clause.patterns)
    return zip(clause.patterns, places, strict=True)


def _unreached(clauses: Iterable[RuleClause]) -> Iterator[Finding]:
    for clause in clauses:
        yield Finding(Effect.SAME, "a clause is never reached: one above it holds for every URL", clause.where)


def _bureaus(services: Iterable[RuleService]) -> tuple[tuple[tuple[str, str], ...], tuple[Finding, ...]]:
    bureaus: dict[tuple[str, str], None] = {}
    findings: list[Finding] = []
    for service in services:
        for bureau in service.bureaus:
            try:
                for address in (bureau, service.service):
                    if parse_url(address).scheme not in ("http", "https"):
                        raise UrlError("no address of the web")
            except UrlError as fault:
                what = f"the bureau {bureau[:120]!r} is left out: {fault.what}"
                findings.append(Finding(Effect.MORE, what, service.where))
            else:
                bureaus[parse_url(bureau).text, parse_url(service.service).text] = None
    return tuple(bureaus), tuple(findings)


def _not_asked(rules: Rules, used: frozenset[str], closed: bool) -> Iterator[Finding]:
    """Services whose bureau would be asked, and would close pages while it is away, though nothing taken needs it."""
    harmless = closed or all(clause.condition is None for clause in rules.clauses)
    for service in rules.services:
        if service.shortname not in used and service.bureaus:
            effect = Effect.SAME if harmless or passes_unavailable(service) else Effect.MORE
            what = f"the bureau of {service.service[:120]} is not asked: no clause that was taken speaks of its labels"
            yield Finding(effect, what, service.where)


def _extensions(rules: Rules) -> Iterator[Finding]:
    for extension in rules.extensions:
        what = f"an extension that SFS does not know: {extension.url[:120]}"
        yield Finding(Effect.MORE if extension.required else Effect.SAME, what, extension.where)
    for word, where in rules.ignored:
        yield Finding(Effect.SAME, f"{word} belongs to an extension", where)


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    def place(finding: Finding) -> tuple[int, int]:
        where = finding.where
        return (where.line or 0, where.column or 0) if where else (0, 0)

    return tuple(sorted(dict.fromkeys(findings), key=place))


def _comment(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:_MAX_LINE].strip()


def _quoted(text: str) -> str:
    """A YAML string; JSON's are some of YAML's."""
    return json.dumps(text, ensure_ascii=False)

"""PICSRules 1.1 as values: a profile that accepts and rejects URLs, by what they look like and by their labels.

    (PicsRule-1.1 (
      serviceinfo ("http://rater.example/" shortname "R" bureauURL "http://bureau.example/")
      Policy (RejectByURL "http://*@bad.example:*/*" Explanation "never shown")
      Policy (RejectIf "(R.v > 1)")
      Policy (AcceptIf "otherwise")))

Reading stands in rule_reader.py, URL patterns in rule_patterns.py, what a profile says of a URL in rule_judge.py.
Spec: PICSRules 1.1 (W3C, 1997).
"""

from dataclasses import dataclass, field
from datetime import datetime

from sfs.errors import Where
from sfs.pics.options import write_date
from sfs.pics.rule_expressions import Expression, write_expression
from sfs.pics.rule_patterns import Pattern


@dataclass(frozen=True, slots=True)
class RuleClause:
    """One Policy: accepts or rejects what its `patterns` match, or where its `condition` is true (`unless`: false);
    exactly one of both is there. `where` it stands, and in
    `places` each pattern, is no part of its meaning."""

    accept: bool
    patterns: tuple[Pattern, ...] = ()
    condition: Expression | None = None
    unless: bool = False
    explanation: str | None = None
    where: Where | None = field(default=None, compare=False)
    places: tuple[Where, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class RuleService:
    """A serviceinfo clause. `embedded` (UseEmbedded) and `unavailable_passes` (bureau-unavailable) are None where the
    clause does not say; RuleSettings says what then."""

    service: str
    shortname: str | None = None
    bureaus: tuple[str, ...] = ()
    embedded: bool | None = None
    unavailable_passes: bool | None = None
    ratfile: str | None = None
    where: Where | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RuleExtension:
    """An optextension or reqextension clause."""

    required: bool
    url: str
    shortname: str | None = None
    where: Where | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RuleSource:
    """The source clause: where the profile comes from."""

    url: str | None = None
    tool: str | None = None
    author: str | None = None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """A whole profile. `ignored`: what belongs to extensions and was skipped, with its place."""

    clauses: tuple[RuleClause, ...] = ()
    services: tuple[RuleService, ...] = ()
    name: str | None = None
    description: str | None = None
    source: RuleSource = RuleSource()
    extensions: tuple[RuleExtension, ...] = ()
    ignored: tuple[tuple[str, Where], ...] = field(default=(), compare=False)


def write_rules(rules: Rules) -> str:
    """The profile as text, a clause a line, ending in a line break. parse_rules(write_rules(x)) == x for every profile
    that was parsed."""
    lines = [*map(_write_service, rules.services), *map(_write_extension, rules.extensions)]
    lines += map(_write_clause, rules.clauses)
    names = _attributes(("rulename", rules.name), ("description", rules.description))
    lines += [f"name ({names})"] if names else []
    source = rules.source
    modified = None if source.modified is None else write_date(source.modified)
    sources = _attributes(
        ("sourceURL", source.url),
        ("creationtool", source.tool),
        ("author", source.author),
        ("lastmodified", modified),
    )
    lines += [f"source ({sources})"] if sources else []
    return "(PicsRule-1.1 (\n" + "\n".join(f"  {line}" for line in lines) + "))\n"


def _write_string(text: str) -> str:
    escaped = text.replace("%", "%25").replace('"', "%22")
    return f'"{escaped}"'


def _attributes(*pairs: tuple[str, str | None]) -> str:
    return " ".join(f"{word} {_write_string(text)}" for word, text in pairs if text is not None)


def _write_service(service: RuleService) -> str:
    embedded = {None: None, True: "Y", False: "N"}[service.embedded]
    passes = {None: None, True: "PASS", False: "FAIL"}[service.unavailable_passes]
    attributes = _attributes(
        ("shortname", service.shortname),
        *(("bureauURL", bureau) for bureau in service.bureaus),
        ("UseEmbedded", embedded),
        ("ratfile", service.ratfile),
        ("bureau-unavailable", passes),
    )
    return f"serviceinfo ({_write_string(service.service)}{attributes and ' '}{attributes})"


def _write_extension(extension: RuleExtension) -> str:
    word = "reqextension" if extension.required else "optextension"
    shortname = _attributes(("shortname", extension.shortname))
    return f"{word} ({_write_string(extension.url)}{shortname and ' '}{shortname})"


def _write_clause(clause: RuleClause) -> str:
    verb = "Accept" if clause.accept else "Reject"
    if clause.condition is None:
        urls = " ".join(_write_string(pattern.text) for pattern in clause.patterns)
        action = f"{verb}ByURL {urls if len(clause.patterns) == 1 else f'({urls})'}"
    else:
        action = f"{verb}{'Unless' if clause.unless else 'If'} {_write_string(write_expression(clause.condition))}"
    why = "" if clause.explanation is None else f" Explanation {_write_string(clause.explanation)}"
    return f"Policy ({action}{why})"

"""Reads a PICSRules profile by recursive descent: an E_ code with line and column for whatever is none.

Words are case-insensitive, strings stand in either quote, and %22, %27 and %25 inside them stand for what ends or
escapes a string. How comments are written is not known to us, so there are none.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sfs.errors import LabelError, Where
from sfs.pics.options import parse_date, skip_group
from sfs.pics.reader import Reader, decode_text
from sfs.pics.rule_expressions import comparisons, read_expression
from sfs.pics.rule_patterns import Pattern, parse_pattern
from sfs.pics.rule_settings import SETTINGS, RuleSettings
from sfs.pics.rules import RuleClause, RuleExtension, Rules, RuleService, RuleSource
from sfs.pics.sexpr import CLOSE, EITHER, END, OPEN, STRING, WORD, Cursor, Token

MAX_RULES: Final = 1_048_576  # characters: some 10,000 patterns
MAX_CLAUSES: Final = 4000

_VERSION: Final = "picsrule-1.1"
_ESCAPE: Final = re.compile("%(22|25|27)")
_SHORTNAME: Final = re.compile(r"[^ \t\r\n()<>=.\"']{1,64}")
_ACTIONS: Final = {
    f"{verb}{kind}".lower(): (verb == "Accept", kind)
    for verb in ("Accept", "Reject")
    for kind in ("ByURL", "If", "Unless")
}
_CHOICES: Final = {"useembedded": {"y": True, "n": False}, "bureau-unavailable": {"pass": True, "fail": False}}


def parse_rules(source: str | bytes, file: str = "profile", settings: RuleSettings = SETTINGS) -> Rules:
    """The profile in `source`; `file` names it in errors. LabelError with code, line and column: also for an
    expression about a service that no clause declares. Spec: PICSRules 1.1, "Syntax"."""
    if len(source) > MAX_RULES:
        raise LabelError(
            "E_LIMIT", f"profile of {len(source)} characters", Where(file), f"at most {MAX_RULES} are read"
        )
    text = decode_text(source) if isinstance(source, bytes) else source.removeprefix("\ufeff")
    reader = Reader(Cursor(text, EITHER, file), lenient=False, noun="profile")
    return _Grammar(reader, settings).rules()


@dataclass(slots=True)
class _Found:
    """The attributes of one clause so far, and where each of them stands."""

    values: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)


class _Grammar:
    def __init__(self, reader: Reader, settings: RuleSettings) -> None:
        self.reader = reader
        self.cursor = reader.cursor
        self.settings = settings
        self.clauses: list[tuple[RuleClause, Token]] = []
        self.services: list[RuleService] = []
        self.shortnames: set[str | None] = set()
        self.extensions: list[RuleExtension] = []
        self.ignored: list[tuple[str, Token]] = []
        self.single: dict[str, dict[str, str]] = {}
        self.single_tokens: dict[str, dict[str, Token]] = {}
        self._known: Mapping[str, Callable[[Token], None]] = {
            "policy": self._policy,
            "name": self._single,
            "source": self._single,
            "serviceinfo": self._service,
            "optextension": self._extension,
            "reqextension": self._extension,
        }

    def rules(self) -> Rules:
        mend = "write (PicsRule-1.1 (...))"
        self.reader.expect(OPEN, "E_NOT_LIST", "no profile", mend)
        version = self.cursor.peek()
        if version.keyword != _VERSION:
            raise self.reader.fault("E_VERSION", f"{version.shown} is no known version", version, "write PicsRule-1.1")
        self.cursor.take()
        self.reader.expect(OPEN, "E_CLAUSE", "the clauses need parentheses", mend)
        count = 0
        while self.cursor.peek().kind != CLOSE:
            count += 1
            self._clause(count)
        self.cursor.take()
        self.reader.expect(CLOSE, "E_EOF", "the profile is not closed", "close every parenthesis")
        rest = self.cursor.peek()
        if rest.kind != END:
            raise self.reader.fault("E_TRAILING", f"{rest.shown} stands behind the end", rest, "delete it")
        self._check_names()
        return self._whole()

    def _clause(self, count: int) -> None:
        word = self.cursor.peek()
        if word.kind != WORD:
            raise self.reader.fault("E_CLAUSE", f"{word.shown} where a clause should begin", word, "write Policy (...)")
        if count > MAX_CLAUSES:
            raise self.reader.fault("E_LIMIT", f"more than {MAX_CLAUSES} clauses", word, "split the profile")
        self.cursor.take()
        read = self._known.get(word.keyword)
        if read is not None:
            self.reader.expect(OPEN, "E_CLAUSE", f"{word.shown} needs parentheses", f"write {word.shown} (...)")
            read(word)
        elif "." in word.text:
            self._skip(word)
        else:
            known = "Policy, name, source, serviceinfo, optextension, reqextension"
            raise self.reader.fault("E_CLAUSE", f"{word.shown} is no clause", word, f"known are {known}")

    def _policy(self, start: Token) -> None:
        actions: list[tuple[Token, RuleClause]] = []
        why: str | None = None
        while (token := self.cursor.peek()).kind != CLOSE:
            action = _ACTIONS.get(token.keyword)
            if action is not None:
                self.cursor.take()
                actions.append((token, self._action(*action)))
            elif token.kind == STRING or token.keyword == "explanation":
                if why is not None:
                    raise self.reader.fault("E_DUP_OPTION", "a second explanation", token, "keep one of them")
                if token.kind == WORD:
                    self.cursor.take()
                why = self._string()
            else:
                self._other(token)
        self.cursor.take()
        if len(actions) != 1:
            what = f"a Policy with {len(actions) or 'no'} actions" if actions else "a Policy without an action"
            raise self.reader.fault("E_POLICY", what, actions[1][0] if actions else start, "write one action in each")
        clause = actions[0][1]
        where = self.cursor.where(start)
        self.clauses.append((replace(clause, explanation=why, where=where), start))

    def _action(self, accept: bool, kind: str) -> RuleClause:
        if kind != "ByURL":
            token = self.cursor.peek()
            condition = read_expression(self.reader, token, self._string())
            return RuleClause(accept, condition=condition, unless=kind == "Unless")
        token = self.cursor.peek()
        if token.kind == STRING:
            return RuleClause(accept, (self._pattern(),), places=(self.cursor.where(token),))
        self.reader.expect(OPEN, "E_OPTVALUE", "a pattern is a quoted string", "add quotes")
        if self.cursor.peek().keyword == "patterns":
            self.cursor.take()
        patterns, places = [], []
        while (each := self.cursor.peek()).kind == STRING:
            patterns.append(self._pattern())
            places.append(self.cursor.where(each))
        self.reader.expect(CLOSE, "E_OPTVALUE", "only quoted patterns stand here", "add quotes")
        if not patterns:
            raise self.reader.fault("E_OPTVALUE", "no pattern between the parentheses", token, "write a pattern")
        return RuleClause(accept, tuple(patterns), places=tuple(places))

    def _pattern(self) -> Pattern:
        token = self.cursor.peek()
        try:
            return parse_pattern(self._string())
        except LabelError as fault:
            raise self.reader.fault(fault.code, fault.what, token, fault.mend) from None

    def _single(self, start: Token) -> None:
        """The clauses name and source, of which one is enough."""
        clause = start.keyword
        if clause in self.single:
            raise self.reader.fault("E_DUP_OPTION", f"a second {clause} clause", start, "keep one of them")
        default, words = {
            "name": ("rulename", ("rulename", "description")),
            "source": ("sourceurl", ("sourceurl", "creationtool", "author", "lastmodified")),
        }[clause]
        found = self._attributes(default, words, ())
        self.single[clause], self.single_tokens[clause] = found.values, found.tokens

    def _service(self, start: Token) -> None:
        words = ("name", "shortname", "useembedded", "ratfile", "bureau-unavailable")
        found = self._attributes("name", words, ("bureauurl",))
        if "name" not in found.values:
            raise self.reader.fault(
                "E_CLAUSE", "a serviceinfo without its service", start, 'write its URL: ("http://...")'
            )
        service = RuleService(
            found.values["name"],
            self._shortname(found),
            tuple(found.lists.get("bureauurl", ())),
            self._choice(found, "useembedded"),
            self._choice(found, "bureau-unavailable"),
            found.values.get("ratfile"),
            self.cursor.where(start),
        )
        if service.shortname is not None and service.shortname in self.shortnames:
            what = f"{service.shortname} is the shortname of two services"
            raise self.reader.fault("E_DUP_SERVICE", what, found.tokens["shortname"], "give one of them another name")
        self.services.append(service)
        self.shortnames.add(service.shortname)

    def _extension(self, start: Token) -> None:
        found = self._attributes("extension-name", ("extension-name", "shortname"), ())
        if "extension-name" not in found.values:
            raise self.reader.fault("E_CLAUSE", "an extension without its URL", start, 'write it: ("http://...")')
        required, url = start.keyword == "reqextension", found.values["extension-name"]
        if required and self.settings.refuse_required:
            what = f"a required extension that is not known: {url[:80]}"
            raise self.reader.fault("E_EXTENSION_UNKNOWN", what, start, "the profile acts only for who knows it")
        where = self.cursor.where(start)
        self.extensions.append(RuleExtension(required, url, self._shortname(found), where))

    def _attributes(self, default: str, words: tuple[str, ...], repeated: tuple[str, ...]) -> _Found:
        """Read `word "value"` pairs to the closing parenthesis, which is taken. A string alone belongs to `default`."""
        found = _Found()
        while (token := self.cursor.peek()).kind != CLOSE:
            name = default if token.kind == STRING else token.keyword
            if name not in words and name not in repeated:
                self._other(token)
                continue
            if token.kind == WORD:
                self.cursor.take()
            value = self._string(or_word=name in _CHOICES)
            if name in repeated:
                found.lists.setdefault(name, []).append(value)
            elif name in found.values:
                raise self.reader.fault("E_DUP_OPTION", f"{name} stands twice", token, "keep one of them")
            else:
                found.values[name], found.tokens[name] = value, token
        self.cursor.take()
        return found

    def _shortname(self, found: _Found) -> str | None:
        name = found.values.get("shortname")
        if name is not None and not (_SHORTNAME.fullmatch(name) and name.isprintable()):
            what = f"{name[:40]!r} cannot stand in an expression"
            raise self.reader.fault("E_SHORTNAME", what, found.tokens["shortname"], "use letters and digits")
        return name

    def _choice(self, found: _Found, name: str) -> bool | None:
        text = found.values.get(name)
        if text is None:
            return None
        value = _CHOICES[name].get(text.lower())
        if value is None:
            known = " or ".join(choice.upper() for choice in _CHOICES[name])
            raise self.reader.fault("E_OPTVALUE", f"{text[:40]!r} where {known} stands", found.tokens[name], known)
        return value

    def _string(self, or_word: bool = False) -> str:
        token = self.cursor.peek()
        if token.kind != STRING and not (or_word and token.kind == WORD):
            raise self.reader.fault("E_OPTVALUE", f"{token.shown} where a string should stand", token, "add quotes")
        self.cursor.take()
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), token.text)

    def _other(self, token: Token) -> None:
        """An attribute of an extension, `shortname.attribute value`, is skipped; anything else is a fault."""
        if token.kind != WORD or "." not in token.text:
            raise self.reader.fault("E_ATTRIBUTE", f"{token.shown} is no attribute here", token, "delete it")
        self.cursor.take()
        self._skip(token)

    def _skip(self, word: Token) -> None:
        self.ignored.append((word.text[:80], word))
        value = self.cursor.peek()
        if value.kind in (OPEN, STRING, WORD):
            self.cursor.take()
        if value.kind == OPEN:
            skip_group(self.reader)

    def _check_names(self) -> None:
        for clause, token in self.clauses:
            for term in () if clause.condition is None else comparisons(clause.condition):
                if term.shortname not in self.shortnames:
                    what = f"no serviceinfo declares the shortname {term.shortname[:40]}"
                    raise self.reader.fault("E_SHORTNAME", what, token, "add a serviceinfo clause, or mend the name")
        extensions = {extension.shortname for extension in self.extensions}
        for name, token in self.ignored:
            if name.partition(".")[0] not in extensions:
                what = f"{name[:40]}: no extension declares that shortname"
                raise self.reader.fault("E_SHORTNAME", what, token, "add an optextension clause, or mend the name")

    def _whole(self) -> Rules:
        name, source = self.single.get("name", {}), self.single.get("source", {})
        text = source.get("lastmodified")
        modified = None if text is None else parse_date(text)
        if text is not None and modified is None:
            token = self.single_tokens["source"]["lastmodified"]
            raise self.reader.fault("E_DATE", f"{text[:40]!r} is no date", token, "write as 2026.11.22T04:38+0900")
        return Rules(
            tuple(clause for clause, _ in self.clauses),
            tuple(self.services),
            name.get("rulename"),
            name.get("description"),
            RuleSource(source.get("sourceurl"), source.get("creationtool"), source.get("author"), modified),
            tuple(self.extensions),
            tuple((text, self.cursor.where(token)) for text, token in self.ignored),
        )

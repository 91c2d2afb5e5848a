"""Regular expressions in lists. None is ever run: one of somebody else can make every page slow.

Many of them only join sites or words with |, as `(^|\\.)(example|sample)\\.com$` or `(blue|red)widget`. Such a one is
written out, within bounds, so that whoever imports the list can be told what it would mean.
"""

import re
from dataclasses import dataclass
from typing import Final

from sfs.errors import Where
from sfs.lists.lines import NOTHING, Said, left_out, text_of

MAX_LENGTH: Final = 1000  # characters of one that is looked at
MAX_FORMS: Final = 64  # that one is written out to
MAX_WRITTEN: Final = 8000  # characters of all of them: a list may have 100,000 lines that are made to take long
MAX_DEPTH: Final = 8  # parentheses inside one another
_START, _END = "\x02", "\x03"  # ^ and $ in what was written out
_ANY: Final = "\x04"  # a dot that was not escaped: before a final $ it was meant as one
_TOKEN: Final = re.compile(r"\(\?:|\\[.\-/_]|[\w\-/_ ]+|[()|^$.]")
_NAME: Final = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]+")
_WORD: Final = re.compile(r"[\w\- ]{2,}")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an expression says that is a plain alternation. `kind`: trees (a name and all below it), hosts, words."""

    kind: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.values[:20]) + (", ..." if len(self.values) > 20 else "")
        return f"{'sites' if self.kind == 'trees' else self.kind}: {shown}"


def meaning_of(expression: str) -> Meaning | None:
    """What a regular expression says, where it only joins sites or words; None for every other one."""
    forms = _written_out(expression.lower()) if len(expression) <= MAX_LENGTH else None
    if not forms:
        return None
    bodies = {form.removesuffix(_END).replace(_ANY, ".") for form in forms}
    if all(form.endswith(_END) for form in forms):
        names = {body.lstrip(f"{_START}.") for body in bodies}
        if all(_NAME.fullmatch(name) for name in names):
            if bodies == {f"{_START}{name}" for name in names}:
                return Meaning("hosts", tuple(sorted(names)))
            if bodies == {f"{before}{name}" for name in names for before in (_START, ".")}:
                return Meaning("trees", tuple(sorted(names)))
        return None
    if all(_WORD.fullmatch(form) for form in forms):
        return Meaning("words", tuple(sorted(forms)))
    names = {form.removeprefix(_START) for form in forms}
    return Meaning("trees", tuple(sorted(names))) if all(map(_NAME.fullmatch, names)) else None


def expression_line(line: bytes, where: Where | None) -> Said:
    """A line of a file of regular expressions: what it would mean is said, nothing of it is taken."""
    text = text_of(line, where).strip()
    return NOTHING if not text or text[0] == "#" else left_expression(text)


def left_expression(text: str) -> Said:
    """An expression that is left out."""
    meaning = meaning_of(text)
    if meaning is None:
        return left_out("regular expression")
    return left_out(f"regular expression that only joins {_KINDS[meaning.kind]}", means=str(meaning))


_KINDS: Final = {"trees": "sites", "hosts": "hosts", "words": "words"}


def _written_out(text: str) -> set[str] | None:
    """Every text that the expression is an alternation of; None for one with anything else in it, or too many."""
    stack: list[tuple[set[str], set[str]]] = []  # of each open parenthesis: alternatives before |, and what stands now
    done: set[str] = set()
    now = {""}
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or len(stack) > MAX_DEPTH:
            return None
        token, at = found[0], found.end()
        if token in ("(", "(?:"):
            stack.append((done, now))
            done, now = set(), {""}
        elif token == "|":  # noqa: S105 - of an expression
            done, now = done | now, {""}
        elif token == ")":  # noqa: S105
            if not stack:
                return None
            group = done | now
            done, before = stack.pop()
            now = {first + second for first in before for second in group}
        else:
            now = {form + _plain(token) for form in now}
        if len(now) + len(done) > MAX_FORMS or len(now) * max(map(len, now)) > MAX_WRITTEN:
            return None
    return None if stack else done | now


def _plain(token: str) -> str:
    return {"^": _START, "$": _END, ".": _ANY}.get(token, token.removeprefix("\\"))

"""Expressions of PICSRules as values, read and written: what must be true of a URL's labels.

    (S)                       there is a label of S
    (S.c)                     it rates category c
    (S.c > 1)                 with such a value; < <= = >= > are known
    ((S.a > 1) or (S.b = 2))  or, and; always two, in parentheses
    otherwise                 always true

Spec: PICSRules 1.1, "Policy expressions".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Final

from sfs.errors import LabelError
from sfs.pics.options import MAX_DEPTH
from sfs.pics.reader import Reader
from sfs.pics.sexpr import WORD, Token
from sfs.pics.values import Span, parse_number, write_number

MAX_TERMS: Final = 400  # comparisons of one expression

_TERM: Final = re.compile(r"[ \t\r\n]*(?:(?P<mark>[()]|<=|>=|[<>=])|(?P<word>[^ \t\r\n()<>=]+))")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`(S)`: there is a label of S. `(S.c)`: it rates c, `category` in lower case. `(S.c > 1)`: with such a value."""

    shortname: str
    category: str | None = None
    operator: str | None = None
    constant: float = 0.0

    def holds_for(self, span: Span) -> bool:
        """Whether any value of the span satisfies operator and constant."""
        if self.operator == "=":
            return span.low <= self.constant <= span.high
        compare, high = _OPERATORS[self.operator or ""]
        return compare(span.high if high else span.low, self.constant)


@dataclass(frozen=True, slots=True)
class Joined:
    """Two expressions; `both`: and, else or."""

    both: bool
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Otherwise:
    """Always true."""


type Expression = Comparison | Joined | Otherwise

# Which end of a span decides: the highest value for > and >=, the lowest for < and <=.
_OPERATORS: Final[dict[str, tuple[Callable[[float, float], bool], bool]]] = {
    "<": (lt, False),
    "<=": (le, False),
    ">": (gt, True),
    ">=": (ge, True),
}
OPERATORS: Final = ("<", "<=", "=", ">=", ">")


def comparisons(expression: Expression) -> Iterator[Comparison]:
    """Every comparison in an expression, from the left."""
    if isinstance(expression, Comparison):
        yield expression
    elif isinstance(expression, Joined):
        yield from comparisons(expression.left)
        yield from comparisons(expression.right)


def read_expression(reader: Reader, token: Token, text: str) -> Expression:
    """The expression inside the string `token`, whose escapes are gone in `text`. LabelError E_EXPRESSION, E_NUMBER,
    E_LIMIT; columns count in the file where the string has no escape."""
    return _Terms(reader, token, text).expression()


def write_expression(expression: Expression) -> str:
    """The expression as it stands inside a policy's string."""
    if isinstance(expression, Otherwise):
        return "otherwise"
    if isinstance(expression, Joined):
        word = "and" if expression.both else "or"
        return f"({write_expression(expression.left)} {word} {write_expression(expression.right)})"
    category = "" if expression.category is None else f".{expression.category}"
    bound = "" if expression.operator is None else f" {expression.operator} {write_number(expression.constant)}"
    return f"({expression.shortname}{category}{bound})"


class _Terms:
    def __init__(self, reader: Reader, token: Token, text: str) -> None:
        self.reader = reader
        self.token = token
        self.plain = text == token.text
        self.terms = list(_TERM.finditer(text))
        self.at = 0
        self.count = 0
        if not self.terms or self.terms[-1].end() != len(text.rstrip(" \t\r\n")):
            raise self._fault("no expression", self.terms[-1] if self.terms else None)

    def expression(self) -> Expression:
        if len(self.terms) == 1 and self._peek() == "otherwise":
            return Otherwise()
        found = self._parenthesized(0)
        if self.at < len(self.terms):
            raise self._fault("something stands behind the expression", self.terms[self.at])
        return found

    def _parenthesized(self, depth: int) -> Expression:
        self._expect("(")
        if depth > MAX_DEPTH:
            raise self._fault(f"parentheses nest deeper than {MAX_DEPTH}", self.terms[self.at - 1], "E_LIMIT")
        if self._peek() != "(":
            found: Expression = self._comparison()
            self._expect(")")
            return found
        left = self._parenthesized(depth + 1)
        word = self._peek()
        if word not in ("and", "or"):
            raise self._here("and or or stands here")
        self.at += 1
        right = self._parenthesized(depth + 1)
        self._expect(")")
        return Joined(word == "and", left, right)

    def _comparison(self) -> Comparison:
        self.count += 1
        if self.count > MAX_TERMS:
            raise self._fault(f"more than {MAX_TERMS} comparisons", self.terms[self.at], "E_LIMIT")
        name = self._word("a service should stand here")
        shortname, dot, category = name.partition(".")
        if not shortname or (dot and not category):
            self.at -= 1
            raise self._here("write service.category")
        if self._peek() not in OPERATORS or not dot:
            return Comparison(shortname, category.lower() if dot else None)
        operator = self._peek()
        self.at += 1
        number = parse_number(self._word("a number should stand here"))
        if number is None:
            self.at -= 1
            raise self._here("a number should stand here", "E_NUMBER")
        return Comparison(shortname, category.lower(), operator, number)

    def _peek(self) -> str:
        return self.terms[self.at][0].strip(" \t\r\n").lower() if self.at < len(self.terms) else ""

    def _word(self, what: str) -> str:
        if self.at >= len(self.terms) or self.terms[self.at]["word"] is None:
            raise self._here(what)
        self.at += 1
        return self.terms[self.at - 1]["word"]

    def _expect(self, mark: str) -> None:
        if self._peek() != mark:
            raise self._here(f"{mark} stands here")
        self.at += 1

    def _here(self, what: str, code: str = "E_EXPRESSION") -> LabelError:
        return self._fault(what, self.terms[self.at] if self.at < len(self.terms) else None, code)

    def _fault(self, what: str, term: re.Match[str] | None, code: str = "E_EXPRESSION") -> LabelError:
        token = self.token
        if self.plain and term is not None:
            start = token.start + 1 + term.start(term.lastgroup or 0)
            token = Token(WORD, "", start, start)
        shown = f"{term[0].strip()[:40]}: " if term is not None else ""
        return self.reader.fault(code, shown + what, token, 'write as "((S.a > 1) or (S.b = 2))", or "otherwise"')

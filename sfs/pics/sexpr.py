"""The tokens of a PICS text: parentheses, quoted strings, words. PICS has no comments and no escapes.

The cursor reads lazily: a parser that stops early never meets what stands behind, so that text which follows a
complete list cannot spoil it.
"""

import re
from bisect import bisect_right
from typing import NamedTuple

from sfs.errors import LabelError, Where

OPEN, CLOSE, STRING, WORD, END = "(", ")", "string", "word", "end"

_LINE_END = re.compile("\n")
EITHER = "\"'"  # the quotes of a PICSRules text, where each string chooses one


def _tokens(quotes: str) -> re.Pattern[str]:
    """One token and the blanks before it: a parenthesis, a string, a word, or a quote that nothing closes."""
    strings = "|".join(rf"{quote}(?P<string{number}>[^{quote}]*+){quote}" for number, quote in enumerate(quotes))
    return re.compile(
        rf"[ \t\r\n]*+(?:(?P<parenthesis>[()])|{strings}|(?P<word>[^ \t\r\n(){quotes}]++)|(?P<open>[{quotes}]))"
    )


_TOKENS = {quotes: _tokens(quotes) for quotes in ('"', "'", EITHER)}


class Token(NamedTuple):
    """`kind` is OPEN, CLOSE, STRING (text without its quotes), WORD or END. `start` and `end` count characters."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The word in lower case, since keywords are case-insensitive; empty for anything but a word."""
        return self.text.lower() if self.kind == WORD else ""

    @property
    def shown(self) -> str:
        """The token as an error sentence names it, shortened."""
        if self.kind == END:
            return "the end of the text"
        return f'"{self.text[:40]}"' if self.kind == STRING else self.text[:40]


class Cursor:
    """Reads tokens from `text` one by one, with look-ahead. `quotes`: `"` or `'`, the one that opens and closes
    strings, or EITHER. `file` names the text in errors. Spec: PICS Labels 1.1, "Detailed Syntax", notes 1 and 4."""

    def __init__(self, text: str, quotes: str = '"', file: str = "label list") -> None:
        self.text = text
        self.taken = 0  # where the last token that was taken ends
        self._file = file
        self._next = _TOKENS[quotes].match
        self._ahead: list[Token] = []
        self._line_starts: list[int] | None = None  # found when the first place is asked for

    def peek(self, distance: int = 0) -> Token:
        """The next token, or the one `distance` behind it, left in place. LabelError E_QUOTE as `take`."""
        while len(self._ahead) <= distance:
            self._ahead.append(self._scan(self._ahead[-1].end if self._ahead else self.taken))
        return self._ahead[distance]

    def take(self) -> Token:
        """The next token. LabelError E_QUOTE where a string is never closed."""
        token = self.peek()
        del self._ahead[0]
        self.taken = token.end
        return token

    def where(self, token: Token) -> Where:
        """Line and column of `token`, both from 1."""
        return self.where_at(token.start)

    def where_at(self, at: int) -> Where:
        """Line and column of the character at `at`, both from 1."""
        if self._line_starts is None:
            self._line_starts = [0, *(found.end() for found in _LINE_END.finditer(self.text))]
        line = bisect_right(self._line_starts, at)
        return Where(self._file, line, at - self._line_starts[line - 1] + 1)

    def _scan(self, at: int) -> Token:
        match = self._next(self.text, at)
        if match is None:
            return Token(END, "", len(self.text), len(self.text))
        kind, (start, end) = match.lastgroup or "", match.span(match.lastgroup or 0)
        if kind == "word":
            return Token(WORD, match["word"], start, end)
        if kind.startswith("string"):
            return Token(STRING, match[kind], start - 1, end + 1)
        if kind == "parenthesis":
            return Token(self.text[start], self.text[start], start, end)
        where = self.where_at(start)
        raise LabelError("E_QUOTE", "a quoted string is never closed", where, f"close it with {self.text[start]}")

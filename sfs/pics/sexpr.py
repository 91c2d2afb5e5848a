"""The tokens of a PICS text: parentheses, quoted strings, words. PICS has no comments and no escapes.

The cursor reads lazily: a parser that stops early never meets what stands behind, so that text which follows a
complete list cannot spoil it.
"""

import re
from typing import NamedTuple

from sfs.errors import LabelError, Where

OPEN, CLOSE, STRING, WORD, END = "(", ")", "string", "word", "end"

# One token and the blanks before it, by quote: a parenthesis, a string, a word, or a quote that nothing closes.
_TOKENS = {
    quote: re.compile(
        rf"[ \t\r\n]*+(?:(?P<parenthesis>[()])|{quote}(?P<string>[^{quote}]*+){quote}"
        rf"|(?P<word>[^ \t\r\n(){quote}]++)|(?P<open>{quote}))"
    )
    for quote in ('"', "'")
}


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
    """Reads tokens from `text` one by one, with look-ahead. `quote` is the one character, `"` or `'`, that opens and
    closes strings. Spec: PICS Labels 1.1, "Detailed Syntax", notes 1 and 4."""

    def __init__(self, text: str, quote: str = '"') -> None:
        self.text = text
        self.taken = 0  # where the last token that was taken ends
        self._quote = quote
        self._next = _TOKENS[quote].match
        self._ahead: list[Token] = []

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
        line_start = self.text.rfind("\n", 0, token.start) + 1
        return Where("label list", self.text.count("\n", 0, token.start) + 1, token.start - line_start + 1)

    def _scan(self, at: int) -> Token:
        match = self._next(self.text, at)
        if match is None:
            return Token(END, "", len(self.text), len(self.text))
        kind, (start, end) = match.lastgroup, match.span(match.lastgroup or 0)
        if kind == "word":
            return Token(WORD, match["word"], start, end)
        if kind == "string":
            return Token(STRING, match["string"], start - 1, end + 1)
        if kind == "parenthesis":
            return Token(self.text[start], self.text[start], start, end)
        where = self.where(Token(STRING, "", start, end))
        raise LabelError("E_QUOTE", "a quoted string is never closed", where, f"close it with {self._quote}")

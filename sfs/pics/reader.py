"""What the parsers of PICS texts share: the cursor, the faults they raise, the repairs they made, their limits."""

from contextlib import suppress
from typing import Final

from sfs.errors import LabelError
from sfs.pics.sexpr import END, Cursor, Token

MAX_LABELS = 1000  # labels, label errors, trees and services, together
MAX_REPAIRS = 100  # what needs more is no label list; it also bounds the time a hostile one can cost

_CHARSETS: Final = ("utf-8-sig", "cp932")  # real files of services are in local code pages


def decode_text(data: bytes) -> str:
    """The text of a file, in the first of UTF-8, CP932 and Latin-1 that it can be."""
    for charset in _CHARSETS:
        with suppress(UnicodeDecodeError):
            return data.decode(charset)
    return data.decode("latin-1")


class Reader:
    """One reading of one text, called `noun` in errors. `lenient` readers mend what they may and say so in
    `repairs`."""

    def __init__(self, cursor: Cursor, lenient: bool, noun: str = "label list") -> None:
        self.cursor = cursor
        self.lenient = lenient
        self.noun = noun
        self.repairs: list[str] = []
        self.most = MAX_LABELS
        self._labels = 0

    def fault(self, code: str, what: str, token: Token, mend: str | None = None) -> LabelError:
        """The error for the caller to raise. Where the text ends too early, that is what is wrong."""
        if token.kind == END and code != "E_NOT_LIST":
            code, what, mend = "E_EOF", f"the {self.noun} ends too early", "close every quote and parenthesis"
        return LabelError(code, what, self.cursor.where(token), mend)

    def repair(self, what: str) -> None:
        """Note what was mended, where no fault can be named."""
        self.repairs.append(what)

    def mend_or_raise(self, repair: str, fault: LabelError) -> None:
        """Note the repair in a lenient reading; raise the fault in a strict one, or where too much was mended."""
        if not self.lenient or len(self.repairs) >= MAX_REPAIRS:
            raise fault
        self.repair(repair)

    def count_label(self, token: Token) -> None:
        """Count one more label. LabelError E_LIMIT past MAX_LABELS."""
        self._labels += 1
        if self._labels > self.most:
            raise self.fault("E_LIMIT", f"more than {self.most} labels", token, "split the list")

    def expect(self, kind: str, code: str, what: str, mend: str) -> Token:
        """Take the next token, which must be of `kind`."""
        token = self.cursor.peek()
        if token.kind != kind:
            raise self.fault(code, f"{token.shown}: {what}", token, mend)
        return self.cursor.take()

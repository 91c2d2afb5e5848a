"""Whether an ASCII text of a URL holds no listed word, told in one pass: most do not, and each request asks.

One automaton over skeletons (disguise.py) finds whatever may be a word, as it stands or with letters replaced. Where
nothing of it is one, and no letters are hidden or set apart, words.py need not look. This errs on one side only: what
is quiet holds no word; what is not is looked at again."""

from collections.abc import Iterable
from typing import Final

import ahocorasick

from sfs.match.disguise import has_gaps, skeleton
from sfs.match.runs import has_boundaries

SEPARATORS: Final = "-_+./&=?~,:;|!*'()"  # what stands for a blank in a URL
# A letter in a disguise and a blank in a URL, or one that hides a letter, or begins a character reference: left to
# words.py, and so is what no URL holds as it is.
_ODD: Final = "\x01"
_KEPT: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789@$ ")


def _plain(char: str) -> str:
    """What `char` is read as: a blank where it separates."""
    if char in "!|*#":
        return _ODD
    if char in SEPARATORS:
        return " "
    return char if char in _KEPT else _ODD


_PLAIN: Final = bytes(ord(_plain(chr(code))) for code in range(0x80)) + bytes(0x80)
_SKELETON: Final = skeleton("".join(map(chr, range(0x80)))).encode("ascii") + bytes(0x80)
_CLASSES: Final = bytes(ord("a" if chr(code).isalnum() else " ") for code in range(0x80)) + bytes(0x80)


class QuietIndex:
    """The words of one level, ready to be looked for in URLs. Built once, then only read."""

    __slots__ = ("_automaton",)

    def __init__(self, rules: Iterable[tuple[tuple[str, ...], bool]]) -> None:
        """`rules`: the parts of each rule, folded, and whether they need no boundary. A rule stands where all of its
        parts do, so the longest tells enough; one with letters beyond ASCII stands in no ASCII text."""
        spelled: dict[str, dict[str, bool]] = {}
        for parts, free in rules:
            if all(part.isascii() for part in parts):
                text = _read(max(parts, key=len).encode("ascii"))
                owners = spelled.setdefault(_shape(text), {})
                owners[text.decode("ascii")] = owners.get(text.decode("ascii"), False) or free
        self._automaton: ahocorasick.Automaton | None = None
        if spelled:
            automaton = ahocorasick.Automaton()
            for key, texts in spelled.items():
                automaton.add_word(key, (len(key), texts))
            automaton.make_automaton()
            self._automaton = automaton

    def is_quiet(self, text: str) -> bool:
        """Whether no rule can stand in `text`, which is ASCII in small letters."""
        if self._automaton is None:
            return True
        read = _read(text.encode("ascii"))
        if b"\x01" in read or (b" a " in read.translate(_CLASSES) and has_gaps(text)):
            return False
        for last, (length, texts) in self._automaton.iter(_shape(read)):
            start, end = last + 1 - length, last + 1
            found = read[start:end].decode("ascii")
            free = texts.get(found)
            if free is None:
                if not found.replace(" ", "").isalpha():  # a digit or a sign may stand for a letter
                    return False
            elif free or has_boundaries(read.decode("ascii"), start, end):
                return False
        return True


def _read(text: bytes) -> bytes:
    return text.translate(_PLAIN)


def _shape(read: bytes) -> str:
    return read.translate(_SKELETON).decode("ascii")

"""Runs of plain tags: what most of a page is, found and read in a few steps for all of a run, none for each tag.

Plain is a tag that is whole and says nothing by itself: no raw text behind it, no attribute that is shown, no "<" and
no ">" but its own. What is not plain is left to the states of tags.py; tests/text/test_visible.py holds both to the
same text.
"""

import re
from collections.abc import Iterable
from string import ascii_letters
from typing import Final

# HTML "phrasing content" that browsers lay out inside a line, obsolete ones too.
INLINE: Final = frozenset(
    [
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i"),
        *("ins", "kbd", "mark", "nobr", "q", "rb", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub"),
        *("sup", "time", "tt", "u", "var", "wbr"),
    ]
)
_RAW: Final = ("title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "script", "plaintext")
_SHOWN: Final = ("alt", "title", "placeholder", "aria-label", "label", "srcdoc", "value")


def _either_case(names: Iterable[str]) -> str:
    """An expression for these names. Classes, since an expression that looks away from case costs twice the time."""
    return "|".join("".join(f"[{char}{char.upper()}]" if char.isalpha() else char for char in n) for n in sorted(names))


def _firsts(names: Iterable[str]) -> str:
    """The letters that these names begin with."""
    letters = "".join(sorted({name[0] for name in names}))
    return letters + letters.upper()


def _letter_unless(names: Iterable[str]) -> str:
    """An expression for the first letter of a tag's name that is none of these. Most begin with another letter."""
    others = "".join(sorted(set(ascii_letters) - set(_firsts(names))))
    return rf"(?:[{others}]|(?!(?:{_either_case(names)})[\t\n\f\r />])[A-Za-z])"


_NAME: Final = _letter_unless(_RAW) + "[A-Za-z0-9:_-]*+"
_VALUE: Final = r"""=(?:"[^"<>]*+"|'[^'<>]*+'|[^\t\n\f\r ><"'][^\t\n\f\r ><]*+)"""
_ODD: Final = r"\t\n\f\r />\"'=<"
_SHOWN_HERE: Final = rf"(?:{_either_case(_SHOWN)})[\t\n\f\r />=]"
_ATTRIBUTE: Final = rf"(?:[^{_firsts(_SHOWN)}{_ODD}]|(?!{_SHOWN_HERE})[^{_ODD}])[^{_ODD}]*+(?:{_VALUE})?+"
_TAG: Final = rf"</?+{_NAME}(?:>|(?:[\t\n\f\r /]++(?:{_ATTRIBUTE})?+)*+>)"
_RUN: Final = re.compile(rf"(?:[^<]*+{_TAG})++")
# Inside of a run, where each "<" before a letter is a plain tag.
_PARTING: Final = re.compile(rf"</?+{_letter_unless(INLINE)}[^>]*+>(?:[\t\n\f\r ]*+</?+[A-Za-z][^>]*+>)*+")
_INLINE_TAG: Final = re.compile(r"</?+[A-Za-z][^>]*+>")


def end_of_run(text: str, at: int) -> int | None:
    """Where the last tag ends of the text with plain tags, one at least, that begins at `at`; None where none does."""
    run = _RUN.match(text, at)
    return None if run is None else run.end()


def pieces_of_run(run: str) -> list[str]:
    """The text of a run in the pieces between inline tags, with one line feed for other tags and the blanks between
    them. Text without tags may stand before the run."""
    return _INLINE_TAG.split(_PARTING.sub("\n", run))

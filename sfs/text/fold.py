"""Folding: one spelling for text that a reader takes as the same. Words and texts are folded by the same function.

Width, case and compatibility forms (NFKC and casefold), invisible characters gone, white space one blank; voiced marks
joined to their kana and dropped where they fit none, iteration marks of kana written out, runs of the long mark one;
strokes through letters and stacks of three marks or more gone; character references (&#12450;) are their characters.

What merges words that are not the same is no part of it. Kana is folded apart (`fold_kana`), because it costs: of
500,000 characters of ordinary Japanese it turned 325 false hits into 528, so a word asks for it by a flag. A dash for
the long mark is a second reading (`long_marks`), since it also stands between words. Look-alikes, accents among them,
are the business of match/disguise.py.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

MAX_RUN: Final = 512  # characters normalised at once: marks are sorted in time that grows with the square of a run
MAX_KEPT: Final = 8  # characters of a run that is kept with what it folds to
GROWTH: Final = 4  # times its length that a text may become; U+FDFA alone is eighteen characters, no text is made of it
ROUNDS: Final = 4  # casefold can bring forth what NFKC changes again; two rounds settle all of Unicode seen

# What folding leaves alone but for case, and what never joins the character before it: ASCII, kana, kanji, Hangul, the
# usual marks, Latin and Cyrillic letters. Most text is nothing else. tests/text/test_fold.py tries each of them.
_STRANGE_CLASS: Final = (
    "[^\\x00-\\x7f\u3041-\u3096\u30a1-\u30fc\u4e00-\u9fff、。々〆「」『』【】〈〉《》〔〕“”‘’–—―→←↑↓■□●○◎◆◇△▲▽▼★☆※×÷§©®"
    "\u00c0-\u012f\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0410-\u044f\uac00-\ud7a3]"
)
_STRANGE: Final = re.compile(f"[\\s\\S]?{_STRANGE_CLASS}+")
_HAS_STRANGE: Final = re.compile(_STRANGE_CLASS)
# Common in Japanese pages, and in long texts quicker replaced one by one than in runs.
_WIDE: Final = (
    *((chr(code + 0xFEE0), chr(code)) for code in map(ord, "():!?,./%&=+-~[]|0123")),
    ("\u3000", " "),
    ("\u00a0", " "),
    ("…", "..."),
)
LONG: Final = 256  # characters
# Characters that show nothing and only break words apart: soft hyphen, joiners, zero width and bidi marks,
# variation selectors, the combining grapheme joiner, Hangul fillers.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]+"
)
# Strokes and rings through and around letters, which no spelling needs; and letters that carry a pile of marks.
_DECORATION: Final = re.compile(
    "[\u0334-\u0338\u0488\u0489\u20d0-\u20f0]+|[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f]{3,}"
)
_KANA_VOICED: Final = re.compile("(?<=[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d])[\u309b\u309c]")
# Marks that joined nothing: voiced marks of kana; others only on Latin, other scripts write with them.
_LOOSE_MARKS: Final = re.compile("[\u3099\u309a]+|(?<=[a-z\u00df-\u024f\u1e00-\u1eff])[\u0300-\u036f]+")
_KANA_ITERATION: Final = re.compile("[\u3041-\u3096\u30a1-\u30fa][\u309d\u309e\u30fd\u30fe]+")
_BLACK: Final = {
    first + number: chr(ord("a") + number)
    for first in (0x1F150, 0x1F170)  # white letters in black circles and squares, which NFKC forgets
    for number in range(26)
}
_LONG_RUN: Final = re.compile("ーー+")
_REFERENCE: Final = re.compile("&(?:amp;)*#(?:x([0-9a-f]{1,6})|([0-9]{1,7}));?")
KANA: Final = {chr(code): chr(code - 0x60) for code in range(0x30A1, 0x30F7)}  # katakana -> hiragana
# Looks back from the dash: a search for a class is quick, one for what stands before it is not.
_DASH_AS_LONG: Final = re.compile(
    "[-~\u2010\u2012-\u2015\u2212\u2500\u301c](?<=[\u3041-\u3096\u30a1-\u30fa].)", re.DOTALL
)


def fold(text: str) -> str:
    """`text` folded for matching. fold(fold(x)) == fold(x); the length may change; no blanks at the ends."""
    for _ in range(ROUNDS):
        text = _fold(text)
        if "#" not in text or ("&#" not in text and "amp;#" not in text):
            return text
        decoded = _REFERENCE.sub(_referred, text)
        if decoded == text:
            return text
        text = decoded
    return text.replace("&#", "&;").replace("amp;#", "amp;;")  # nested deeper than any page shows them


def fold_kana(folded: str) -> str:
    """Folded text with katakana written as hiragana; the length stays, so positions do too."""
    return folded if folded.isascii() else replaced(folded, KANA)


def replaced(text: str, table: Mapping[str, str]) -> str:
    """`text` with the characters of `table` replaced, none of which may be an outcome: on Japanese text five times
    faster than str.translate."""
    for char in table.keys() & set(text):
        text = text.replace(char, table[char])
    return text


def long_marks(folded: str) -> str | None:
    """Folded text in which a dash or wave after kana is the long mark (ユ-ザ-, ラ〜メン); None where there is none.
    The length stays."""
    if folded.isascii() or _DASH_AS_LONG.search(folded) is None:
        return None
    return _DASH_AS_LONG.sub("ー", folded)


def _fold(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    limit = GROWTH * len(text) + 64
    strange = _HAS_STRANGE.search(text)
    if strange and len(text) > LONG:
        for wide, narrow in _WIDE:
            text = text.replace(wide, narrow)
        strange = _HAS_STRANGE.search(text)  # most often nothing is left, and the look at runs costs most
    if strange:
        text = _STRANGE.sub(_settled, text)[:limit]
    text = text.casefold()
    if "ーー" in text:
        text = _LONG_RUN.sub("ー", text)
    return " ".join(text.split())


def _settled(strange: re.Match[str]) -> str:
    run = strange[0]
    return _kept(run) if len(run) <= MAX_KEPT else _quickly(run)


def _quickly(run: str) -> str:
    """As _settle. Wide letters and half-width kana, most of what is strange in Japanese, are settled in one step: what
    comes out is not strange and changes no further."""
    plain = unicodedata.normalize("NFKC", run).casefold() if len(run) <= MAX_RUN else run
    return _settle(run) if _HAS_STRANGE.search(plain) else plain


_kept = lru_cache(maxsize=4096)(_quickly)  # a page writes the same marks and words again and again


def _settle(run: str) -> str:
    """A run of strange characters and the one before it, which a mark may join, folded until nothing changes."""
    for _ in range(ROUNDS):
        folded = _DECORATION.sub("", _INVISIBLE.sub("", run))
        folded = _KANA_VOICED.sub(lambda mark: chr(ord(mark[0]) - 2), folded)
        folded = _LOOSE_MARKS.sub("", _nfkc(folded).translate(_BLACK).casefold())
        folded = _KANA_ITERATION.sub(_written_out, folded)
        if folded == run:
            break
        run = folded[: GROWTH * GROWTH * len(run) + 64]
    return run


def _written_out(found: re.Match[str]) -> str:
    """こゝろ is こころ, みすゞ is みすず."""
    first = found[0][0]
    base = unicodedata.normalize("NFD", first)[0]
    voiced = unicodedata.normalize("NFC", base + "\u3099")
    return first + "".join((voiced[0] if mark in "ゞヾ" else base) for mark in found[0][1:])


def _nfkc(text: str) -> str:
    """NFKC, cut before letters that no mark would join across; a run of nothing but marks is cut anyhow."""
    at, pieces = 0, []
    while len(text) - at > MAX_RUN:
        end = at + MAX_RUN
        while end > at + MAX_RUN // 2 and unicodedata.combining(text[end]):
            end -= 1
        pieces.append(unicodedata.normalize("NFKC", text[at:end]))
        at = end
    return "".join(pieces) + unicodedata.normalize("NFKC", text[at:])


def _referred(reference: re.Match[str]) -> str:
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "

"""Looking for words in disguise, fast: one automaton over skeletons finds candidates, disguise.py judges each.

The text is read as it stands, with masks as hidden letters, and with set-apart letters joined; each reading is made
only where the text holds what it is for. plain.py is the twin that tries everything everywhere."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sfs.match.automaton import Keys
from sfs.match.disguise import (
    GAP,
    MASKED,
    goes_on_disguised,
    goes_on_spaced,
    has_gaps,
    has_leet,
    has_masks,
    hidden_places,
    hide,
    intended,
    is_mask,
    may_be_spaced,
    skeleton,
    spells,
)
from sfs.match.runs import has_boundaries


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of a rule to be looked for in disguise: numbers of rule and part, its letters and flags."""

    rule: int
    number: int
    part: str
    sub: bool = False
    kana: bool = False
    leet: bool = False
    spaced: bool = False
    masked: bool = False


class DisguisedIndex:
    """Parts, one at least, ready to be looked for. Built once, then only read."""

    __slots__ = ("_automaton", "_leet", "_masked", "_spaced")

    def __init__(self, parts: Iterable[Wanted]) -> None:
        owners: dict[str, dict[Wanted, None]] = {}
        self._leet = self._spaced = self._masked = False
        for wanted in parts:
            shape = skeleton(wanted.part)
            self._leet = self._leet or wanted.leet
            self._spaced = self._spaced or wanted.spaced
            self._masked = self._masked or wanted.masked
            owners.setdefault(shape, {})[wanted] = None
            for places in hidden_places(wanted.part) if wanted.masked else ():
                key = "".join(MASKED if at in places else char for at, char in enumerate(shape))
                owners.setdefault(key, {})[wanted] = None
        self._automaton = Keys({key: (len(key), tuple(value)) for key, value in owners.items()})

    def find(self, folded: str) -> Iterator[tuple[int, int, int, int]]:
        """(rule, part, start, end) of every part that stands in `folded` in disguise, with its boundaries."""
        masks = self._masked and has_masks(folded)
        whole = masks or (self._leet and has_leet(folded))
        gaps = self._spaced and has_gaps(folded)
        if not whole and not gaps:
            return
        shape = skeleton(folded)
        if whole:
            yield from self._whole(folded, hide(shape, folded) if masks else shape)
        if gaps:
            yield from self._joined(folded, shape)

    def _whole(self, folded: str, shape: str) -> Iterator[tuple[int, int, int, int]]:
        for last, (length, owners) in self._automaton.iter(shape):
            start, end = last + 1 - length, last + 1
            chars = folded[start:end]
            for wanted in owners:
                if chars != wanted.part and stands_whole(wanted, folded, start, end):
                    yield wanted.rule, wanted.number, start, end

    def _joined(self, folded: str, shape: str) -> Iterator[tuple[int, int, int, int]]:
        pieces, gaps, shifts = _without_gaps(folded)
        joined = "".join([shape[first:last] for first, last in pieces])
        letters = ""  # as in `joined`, made for the first candidate
        for last, (length, owners) in self._automaton.iter(joined):
            first = last + 1 - length
            before, after = bisect_right(gaps, first), bisect_right(gaps, last)
            if after == before:
                continue  # no gap inside
            start, end = first + shifts[before], last + shifts[after] + 1
            letters = letters or "".join([folded[at:to] for at, to in pieces])
            for wanted in owners:
                if stands_apart(wanted, folded, letters[first : last + 1], start, end):
                    yield wanted.rule, wanted.number, start, end


def stands_whole(wanted: Wanted, folded: str, start: int, end: int) -> bool:
    """Whether folded[start:end] is `wanted` with letters replaced or hidden, and goes on on neither side."""
    chars = folded[start:end]
    if not spells(wanted.part, chars, kana=wanted.kana, leet=wanted.leet, masked=wanted.masked):
        return False
    if wanted.sub:
        return True
    hidden_on = (is_mask(chars[0]) and is_mask(folded[start - 1 : start])) or (
        is_mask(chars[-1]) and is_mask(folded[end : end + 1])
    )
    return not hidden_on and _bounded(wanted, folded, chars, start, end) and not goes_on_disguised(folded, start, end)


def stands_apart(wanted: Wanted, folded: str, chars: str, start: int, end: int) -> bool:
    """Whether `chars`, the letters of folded[start:end], are `wanted` set apart, and go on on neither side."""
    if not wanted.spaced or not may_be_spaced(wanted.part) or not chars.isalnum():
        return False
    if not spells(wanted.part, chars, kana=wanted.kana, leet=wanted.leet, masked=False):
        return False
    return wanted.sub or (
        _bounded(wanted, folded, chars, start, end)
        and not goes_on_disguised(folded, start, end)
        and not goes_on_spaced(folded, start, end)
    )


def _bounded(wanted: Wanted, folded: str, chars: str, start: int, end: int) -> bool:
    """Boundaries by the scripts of the letters that are meant: the ロ in エ口動画 is no kanji."""
    before, meant = folded[max(0, start - 2) : start], intended(wanted.part, chars, wanted.kana)
    return has_boundaries(before + meant + folded[end : end + 1], len(before), len(before) + len(meant))


def _without_gaps(folded: str) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """The pieces of the text between gaps, the places of the gaps in the pieces joined, and how far what follows each
    of them was moved; before the first of them by nothing."""
    pieces: list[tuple[int, int]] = []
    gaps: list[int] = []
    shifts = [0]
    at = length = 0
    for gap in GAP.finditer(folded):
        pieces.append((at, gap.start()))
        length += gap.start() - at
        at = gap.end()
        gaps.append(length)
        shifts.append(at - length)
    pieces.append((at, len(folded)))
    return pieces, gaps, shifts

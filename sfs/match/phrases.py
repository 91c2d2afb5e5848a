"""Phrases: which weighted phrases stand in the text of a whole page. Core adds up their weights (core/body.py).

    phrase<tab>20          counts 20 where it stands at least once, however often
    phrase + phrase<tab>30 both, anywhere in the text
    phrase<tab>-20         takes 20 away: words of health, school and law, where the others mean no harm
    !phrase                a guard, as for words: a hit that it overlaps does not count
    flags after the weight sub, kana, as for words (words.py), with commas between

One word of a text says little, many different ones say what a page is about. So a phrase counts once: a long page does
not count more because it is long, and what is found does not depend on how its bytes came. Words weigh by their rating.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sfs.errors import RuleError, Where
from sfs.match.automaton import Automaton, automaton
from sfs.match.runs import has_boundaries
from sfs.match.words import MAX_WORD, Place, WordRule
from sfs.text.fold import fold, fold_kana

# What a listed word weighs in the text of a page, by its rating. Four different words of rating 4 reach the limits of
# levels 1 and 2 (core/levels.py).
WEIGHTS: Final = {1: 5, 2: 10, 3: 20, 4: 30}
# "word + word" means both in a title or a search. Somewhere in a long text both stand by chance, so there they must
# stand near: so many characters from the end of the one to the end of the other at most.
NEAR: Final = 40
OWN_WEIGHT: Final = 50  # a word of one's own configuration: two of them reach the limit of level 1
MOST_WEIGHT: Final = 1000
MAX_PARTS: Final = 16
MAX_PLACES: Final = 1024  # places where something stands that are kept; in a text with more they are looked for twice


@dataclass(frozen=True, slots=True)
class Part:
    """Folded text; `starts`, `ends`: it may not continue in the same script run before, after it."""

    text: str
    starts: bool = True
    ends: bool = True


@dataclass(frozen=True, slots=True)
class Phrase:
    """All `parts` must be found. `rating`: what it suggests; None where the weight is negative, which counts at every
    level. A guard weighs 0. `near`: the characters that may lie between the ends of its parts; None for any."""

    parts: tuple[Part, ...]
    weight: int
    rating: int | None = None
    guard: bool = False
    kana: bool = False
    where: Where | None = None
    near: int | None = None


def parse_phrase_line(line: str, rating: int | None, where: Where | None = None) -> Phrase | None:
    """The phrase on `line`; None for a blank line or a comment. `rating`: that of the file; None for one that only
    takes away. RuleError says which part is wrong."""
    text, _, rest = line.strip("\r\n").partition("\t")
    text = text.strip()
    if not text or text.startswith("#"):
        return None
    guard = text.startswith("!")
    flags = [flag for flag in re.split(r"[,\s]+", rest.partition("#")[0]) if flag]
    weight = flags.pop(0) if flags and not guard else ""
    unknown = [flag for flag in flags if flag not in ("sub", "kana")]
    if unknown:
        raise RuleError(f"unknown flag {unknown[0][:80]!r}", where, "flags are sub and kana, after the weight")
    sub = "sub" in flags
    written = [text[1:]] if guard else re.split(r"(?:^|\s)\+(?=\s|$)", text)
    parts = tuple(Part(fold(part).strip(), not sub, not sub) for part in written)
    number = 0 if guard else _weight(weight, rating, where)
    return _checked(Phrase(parts, number, None if number <= 0 else rating, guard, "kana" in flags, where), text)


def phrase_of(
    parts: Iterable[str], weight: int, rating: int | None, where: Where | None = None, *, guard: bool = False
) -> Phrase:
    """A phrase of another filter's list. A part is found inside of words too, unless a blank stands at its start or
    end. RuleError as of a line."""
    written = list(parts)
    kept = tuple(Part(fold(part), part[:1].isspace(), part[-1:].isspace()) for part in written)
    number = 0 if guard else _weight(str(weight), rating, where)
    phrase = Phrase(kept, number, None if number <= 0 else rating, guard, where=where)
    return _checked(phrase, ", ".join(written))


def phrases_of_words(rules: Iterable[WordRule], own: bool = False) -> tuple[Phrase, ...]:
    """Those words and guards as phrases that are looked for in titles too; each weighs by its rating. `own`: words of
    a configuration."""
    found = []
    for rule in rules:
        if rule.guard or (rule.rating and rule.places & Place.META):
            parts = tuple(Part(part, not rule.sub, not rule.sub) for part in rule.parts)
            weight = 0 if rule.guard else OWN_WEIGHT if own else WEIGHTS[rule.rating or 1]
            near = NEAR if len(parts) > 1 else None
            found.append(Phrase(parts, weight, rule.rating, rule.guard, rule.kana, rule.where, near))
    return tuple(found)


def _weight(text: str, rating: int | None, where: Where | None) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,4}", text) or not 0 < abs(int(text)) <= MOST_WEIGHT:
        mend = f"write a tab and a number from -{MOST_WEIGHT} to {MOST_WEIGHT} behind the phrase"
        raise RuleError(f"{text[:80]!r} is not a weight", where, mend)
    if int(text) > 0 and rating is None:
        mend = "move it to a file whose name ends in the rating, as ja-3.txt, or write a negative weight"
        raise RuleError(f"a phrase that counts {text} has no rating", where, mend)
    return int(text)


def _checked(phrase: Phrase, text: str) -> Phrase:
    if len(text) > MAX_WORD * MAX_PARTS or len(phrase.parts) > MAX_PARTS:
        mend = f"{MAX_PARTS} parts of {MAX_WORD} characters at most"
        raise RuleError(f"phrase of {len(text)} characters", phrase.where, mend)
    if not phrase.parts or not all(part.text for part in phrase.parts):
        raise RuleError(f"{text!r} has an empty phrase", phrase.where, "write text on both sides of +, or one after !")
    if any(len(part.text) < 2 and part.text.isascii() for part in phrase.parts):
        raise RuleError(f"{text!r} has a single letter", phrase.where, "one letter is found everywhere: add to it")
    return phrase


class PhraseIndex:
    """Phrases ready to be looked for. Built once, then only read."""

    __slots__ = ("_searches", "phrases")

    def __init__(self, phrases: Iterable[Phrase] = ()) -> None:
        self.phrases = tuple(phrases)
        self._searches = _searches(enumerate(self.phrases))

    def __len__(self) -> int:
        return sum(not phrase.guard for phrase in self.phrases)

    def find(self, folded: str) -> tuple[Phrase, ...]:
        """The phrases that stand in a folded text, guards never, in the order of this index. Takes time in proportion
        to the text, and lets other threads run meanwhile."""
        first = tuple(islice(_places(self._searches, folded), MAX_PLACES + 1))
        if not first:
            return ()

        def places() -> Iterable[tuple[int, int, int, int]]:
            return first if len(first) <= MAX_PLACES else _places(self._searches, folded)

        covered = self._covered(places(), len(folded))
        found: set[int] = set()
        ends: dict[int, dict[int, int]] = {}  # of phrases of several parts: where each part was seen last
        for number, at, start, end in places():
            phrase = self.phrases[number]
            if phrase.guard or number in found or not _stands(phrase.parts[at], folded, start, end, covered):
                continue
            if len(phrase.parts) > 1:
                seen = ends.setdefault(number, {})
                seen[at] = end
                if len(seen) < len(phrase.parts) or (
                    phrase.near is not None and end - min(seen.values()) > phrase.near
                ):
                    continue
            found.add(number)
        return tuple(self.phrases[number] for number in sorted(found))

    def _covered(self, places: Iterable[tuple[int, int, int, int]], length: int) -> bytearray:
        """1 where a guard stands; empty where none does."""
        covered = bytearray()
        for number, _, start, end in places:
            if self.phrases[number].guard:
                covered = covered or bytearray(length)
                covered[start:end] = b"\1" * (end - start)
        return covered


_Owners = tuple[tuple[int, int], ...]  # (number of the phrase, of its part) of one key


@dataclass(frozen=True, slots=True)
class _Search:
    """One pass over a text, as it is or with kana folded."""

    automaton: Automaton
    keys: tuple[str, ...]
    owners: tuple[_Owners, ...]
    kana: bool


def _searches(phrases: Iterable[tuple[int, Phrase]]) -> tuple[_Search, ...]:
    owners: dict[bool, dict[str, list[tuple[int, int]]]] = {False: {}, True: {}}
    for number, phrase in phrases:
        for at, part in enumerate(phrase.parts):
            key = fold_kana(part.text) if phrase.kana else part.text
            owners[phrase.kana].setdefault(key, []).append((number, at))
    return tuple(
        _Search(automaton(tuple(keys)), tuple(keys), tuple(map(tuple, keys.values())), kana)
        for kana, keys in owners.items()
        if keys
    )


def _places(searches: tuple[_Search, ...], folded: str) -> Iterable[tuple[int, int, int, int]]:
    """(number of the phrase, of its part, start, end) of every place where a part stands, inside of words too; those of
    one phrase in the order of their ends."""
    for search in searches:
        for key, end in search.automaton.find(fold_kana(folded) if search.kana else folded):
            start = end - len(search.keys[key])
            for number, at in search.owners[key]:
                yield number, at, start, end


def _stands(part: Part, folded: str, start: int, end: int, covered: bytearray) -> bool:
    if covered.find(1, start, end) >= 0:
        return False
    return has_boundaries(folded, start if part.starts else 0, end if part.ends else len(folded))

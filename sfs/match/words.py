"""Words: which listed words stand in a text (design, section 4).

    word            boundary by default: the match may not continue in the same script run on either side, so
                    that 性 is not found in 男性 nor "ass" in "assurance"
    word + word     both, anywhere in the text
    !phrase         a guard: cancels a hit that it overlaps
    <tab> flags     sub (may continue in the same script run), kana (hiragana and katakana are one),
                    leet, spaced, masked (disguised too, see disguise.py),
                    url, query, meta (where it is looked for; default all)

One Aho-Corasick pass over the folded text finds every candidate; a second one over the text with kana folded,
a third one for disguises, only where a word asks for it. Boundaries, guards and pairs are judged on the candidates.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Flag, auto

import ahocorasick

from sfs.errors import RuleError, Where
from sfs.match.disguise import hidden_places, may_be_spaced
from sfs.match.disguised import DisguisedIndex, Wanted
from sfs.match.runs import has_boundaries
from sfs.text.fold import fold, fold_kana, long_marks

MAX_WORD = 200  # characters of one line
MAX_TEXT = 262_144  # characters searched; a longer text is cut: heads of pages and URLs are shorter


class Place(Flag):
    """Where a text comes from."""

    URL = auto()
    QUERY = auto()
    META = auto()


EVERYWHERE = Place.URL | Place.QUERY | Place.META
FLAGS = ("sub", "kana", "leet", "spaced", "masked")


@dataclass(frozen=True, slots=True)
class WordRule:
    """One line of a word file. `parts` are folded; all must be found. `rating` is None for a help word."""

    parts: tuple[str, ...]
    rating: int | None
    guard: bool = False
    sub: bool = False
    kana: bool = False
    leet: bool = False
    spaced: bool = False
    masked: bool = False
    places: Place = EVERYWHERE
    where: Where | None = None

    @property
    def disguised(self) -> bool:
        """Whether it is looked for in disguise too."""
        return self.leet or self.spaced or self.masked


@dataclass(frozen=True, slots=True)
class WordHit:
    """A rule found in a text; start and end (exclusive) are positions in the folded text, of its first part."""

    rule: WordRule
    start: int
    end: int


def parse_word_line(line: str, rating: int | None, where: Where | None = None) -> WordRule | None:
    """The rule on `line`; None for a blank line or a comment. RuleError says which part is wrong."""
    text, _, flags = line.strip("\r\n").partition("\t")
    text = text.strip()
    if not text or text.startswith("#"):
        return None
    if len(text) > MAX_WORD:
        raise RuleError(f"word line of {len(text)} characters", where, f"a word has {MAX_WORD} at most")
    ways, places = _flags(flags, where)
    guard = text.startswith("!")
    written = [text[1:]] if guard else _PLUS.split(text)
    parts = tuple(fold(part) for part in written)
    if not all(parts):
        raise RuleError(f"{text!r} has an empty word", where, "write a word on both sides of +, or one after !")
    if any(len(part) < 2 and part.isascii() for part in parts) and not guard:
        raise RuleError(f"{text!r} has a single letter", where, "a word of one letter is found everywhere: add to it")
    rule = WordRule(parts, rating, guard, places=places or EVERYWHERE, where=where, **dict.fromkeys(ways, True))
    _check_disguises(rule)
    return rule


def _flags(text: str, where: Where | None) -> tuple[set[str], Place | None]:
    ways: set[str] = set()
    places: Place | None = None
    for flag in filter(None, re.split(r"[,\s]+", text.partition("#")[0].strip().lower())):
        if flag in ("url", "query", "meta"):
            place = Place[flag.upper()]
            places = place if places is None else places | place
        elif flag in FLAGS:
            ways.add(flag)
        else:
            raise RuleError(
                f"unknown flag {flag!r}", where, f"flags are {', '.join(FLAGS)}, url, query, meta, after a tab"
            )
    return ways, places


def _check_disguises(rule: WordRule) -> None:
    if rule.guard and rule.disguised:
        raise RuleError("a guard is not looked for in disguise", rule.where, "leave out leet, spaced and masked")
    if rule.masked and not all(hidden_places(part) for part in rule.parts):
        raise RuleError("too short for masked", rule.where, "it takes four Latin letters, or three others")
    if rule.spaced and not all(may_be_spaced(part) for part in rule.parts):
        raise RuleError("not a word for spaced", rule.where, "it takes letters alone, of Latin ones three or more")


class WordIndex:
    """Rules ready to be looked for. Built once, then only read: an automaton in use is never changed."""

    __slots__ = ("_disguised", "_kana", "_phrases", "_plain", "rules")

    def __init__(self, rules: Iterable[WordRule] = ()) -> None:
        self.rules = tuple(rules)
        self._plain = _automaton(self.rules, kana=False)
        self._kana = _automaton(self.rules, kana=True)
        # Phrases of several Latin words stand in URLs with - _ + between them; without phrases no second pass.
        self._phrases = any(" " in part for rule in self.rules for part in rule.parts)
        self._disguised = _disguised(self.rules)

    def __len__(self) -> int:
        return sum(not rule.guard for rule in self.rules)

    def count(self, above: int) -> int:
        """How many of them, guards aside, have a rating above `above`."""
        return sum(not rule.guard and (rule.rating or 0) > above for rule in self.rules)

    def find(self, text: str, place: Place, above: int = 0) -> tuple[WordHit, ...]:
        """The rules with a rating above `above` (help words always) that stand in `text`, highest rating first."""
        if not self.rules:
            return ()
        found = self._whole_rules(self._uncovered(self._readings(fold(text[:MAX_TEXT]), place), place, above))
        hits = [WordHit(self.rules[number], *spans[0]) for number, spans in sorted(found.items())]
        return tuple(sorted(hits, key=lambda hit: -(hit.rule.rating or 0)))

    def find_all(self, folded: str, place: Place, above: int = 0) -> list[WordHit]:
        """Every place where a rule stands in a folded text of any length, in the order of the text; a rule of several
        parts once. For those who count: `find` says only that it stands there."""
        hits = []
        for number, spans in self._whole_rules(self._uncovered(self._readings(folded, place), place, above)).items():
            rule = self.rules[number]
            hits += [WordHit(rule, *span) for span in sorted(set(spans))[: None if len(rule.parts) == 1 else 1]]
        return sorted(hits, key=lambda hit: (hit.start, hit.end))

    def _readings(self, folded: str, place: Place) -> list[str]:
        """All are as long as the first, so that positions and guards hold for each."""
        readings = [folded]
        if place is Place.URL and self._phrases and (phrases := folded.translate(SEPARATORS)) != folded:
            readings.append(phrases)
        if (long := long_marks(folded)) is not None:
            readings.append(long)
        return readings

    def _uncovered(self, readings: list[str], place: Place, above: int) -> list[tuple[int, int, int, int]]:
        """The candidates that no guard phrase overlaps."""
        candidates: list[tuple[int, int, int, int]] = []
        covered = bytearray()  # 1 where a guard phrase stands
        for candidate in self._candidates(readings, place, above):
            number, _, start, end = candidate
            if not self.rules[number].guard:
                candidates.append(candidate)
                continue
            covered = covered or bytearray(len(readings[0]))
            covered[start:end] = b"\1" * (end - start)
        return [one for one in candidates if covered.find(1, one[2], one[3]) < 0] if covered else candidates

    def _whole_rules(self, candidates: list[tuple[int, int, int, int]]) -> dict[int, list[tuple[int, int]]]:
        """Of each rule of which every part was found, where its first part stands."""
        found: dict[int, dict[int, list[tuple[int, int]]]] = {}
        for number, part, start, end in candidates:
            found.setdefault(number, {}).setdefault(part, []).append((start, end))
        return {number: parts[0] for number, parts in found.items() if len(parts) == len(self.rules[number].parts)}

    def _candidates(self, readings: list[str], place: Place, above: int) -> Iterable[tuple[int, int, int, int]]:
        """(rule number, part, start, end) of every wanted part that stands in the text with its boundaries."""
        where, ascii_only = place.value, readings[0].isascii()
        for folded in readings:
            for automaton, kana in ((self._plain, False), (self._kana, True)):
                if automaton is None or (kana and ascii_only):
                    continue
                for last, (length, owners) in automaton.iter(fold_kana(folded) if kana else folded):
                    start, end = last - length + 1, last + 1
                    stands: bool | None = None  # looked at once for all owners: "movie" stands in many pairs
                    for number, part, places, rating, free in owners:
                        if not places & where or rating <= above:
                            continue
                        if not free and stands is None:
                            stands = has_boundaries(folded, start, end)
                        if free or stands:
                            yield number, part, start, end
        disguised = self._disguised.get(place)
        for number, part, start, end in disguised.find(readings[0]) if disguised is not None else ():
            if _wanted(self.rules[number], place, above):
                yield number, part, start, end


def _wanted(rule: WordRule, place: Place, above: int) -> bool:
    return bool(rule.places & place) and (rule.rating is None or rule.rating > above)


ALWAYS = 99  # above every level: guards and help words
_PLUS = re.compile(r"(?:^|\s)\+(?=\s|$)")
SEPARATORS = str.maketrans(dict.fromkeys("-_+./&=?~,:;|!*'()", " "))


def _disguised(rules: tuple[WordRule, ...]) -> dict[Place, DisguisedIndex]:
    """What is looked for in disguise, by place: places with the same words share one index."""
    made: dict[tuple[Wanted, ...], DisguisedIndex] = {}
    by_place = {}
    for place in Place:
        parts = tuple(
            Wanted(number, at, part, rule.sub, rule.kana, rule.leet, rule.spaced, rule.masked)
            for number, rule in enumerate(rules)
            if rule.disguised and rule.places & place
            for at, part in enumerate(rule.parts)
        )
        if parts:
            by_place[place] = made.get(parts) or made.setdefault(parts, DisguisedIndex(parts))
    return by_place


def _automaton(rules: tuple[WordRule, ...], *, kana: bool) -> "ahocorasick.Automaton | None":
    """Key -> its length and its owners, as plain numbers: an enum compared for each of them would cost most. The one
    for kana holds nothing but parts with kana or kanji, so that no ASCII text need be looked for in it."""
    owners: dict[str, list[tuple[int, int, int, int, bool]]] = {}
    for number, rule in enumerate(rules):
        places = EVERYWHERE.value if rule.guard else rule.places.value
        rating = ALWAYS if rule.guard or rule.rating is None else rule.rating
        for part_number, part in enumerate(rule.parts):
            if (rule.kana and not part.isascii()) is kana:
                key = fold_kana(part) if kana else part
                owners.setdefault(key, []).append((number, part_number, places, rating, rule.guard or rule.sub))
    if not owners:
        return None
    automaton = ahocorasick.Automaton()
    for key, value in owners.items():
        automaton.add_word(key, (len(key), tuple(value)))
    automaton.make_automaton()
    return automaton

"""Words: which listed words stand in a text (design, section 4).

    word            boundary by default: the match may not continue in the same script run on either side, so
                    that 性 is not found in 男性 nor "ass" in "assurance"
    word + word     both, anywhere in the text
    !phrase         a guard: cancels a hit that it overlaps
    <tab> flags     sub (may continue in the same script run), kana (hiragana and katakana are one),
                    url, query, meta (where it is looked for; default all)

One Aho-Corasick pass over the folded text finds every candidate; a second one over the text with kana folded,
only where a word asks for it. Boundaries, guards and pairs are judged on the candidates.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Flag, auto

import ahocorasick

from sfs.errors import RuleError, Where
from sfs.match.runs import has_boundaries
from sfs.text.fold import fold, fold_kana

MAX_WORD = 200  # characters of one line
MAX_TEXT = 262_144  # characters searched; a longer text is cut: heads of pages and URLs are shorter


class Place(Flag):
    """Where a text comes from."""

    URL = auto()
    QUERY = auto()
    META = auto()


EVERYWHERE = Place.URL | Place.QUERY | Place.META


@dataclass(frozen=True, slots=True)
class WordRule:
    """One line of a word file. `parts` are folded; all must be found. `rating` is None for a help word."""

    parts: tuple[str, ...]
    rating: int | None
    guard: bool = False
    sub: bool = False
    kana: bool = False
    places: Place = EVERYWHERE
    where: Where | None = None


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
    sub, kana, places = _flags(flags, where)
    guard = text.startswith("!")
    written = [text[1:]] if guard else _PLUS.split(text)
    parts = tuple(fold(part).strip() for part in written)
    if not all(parts):
        raise RuleError(f"{text!r} has an empty word", where, "write a word on both sides of +, or one after !")
    if any(len(part) < 2 and part.isascii() for part in parts) and not guard:
        raise RuleError(f"{text!r} has a single letter", where, "a word of one letter is found everywhere: add to it")
    return WordRule(parts, rating, guard, sub, kana, places or EVERYWHERE, where)


def _flags(text: str, where: Where | None) -> tuple[bool, bool, Place | None]:
    sub = kana = False
    places: Place | None = None
    for flag in filter(None, re.split(r"[,\s]+", text.partition("#")[0].strip().lower())):
        if flag == "sub":
            sub = True
        elif flag == "kana":
            kana = True
        elif flag in ("url", "query", "meta"):
            place = Place[flag.upper()]
            places = place if places is None else places | place
        else:
            raise RuleError(f"unknown flag {flag!r}", where, "flags are sub, kana, url, query, meta, after a tab")
    return sub, kana, places


class WordIndex:
    """Rules ready to be looked for. Built once, then only read: an automaton in use is never changed."""

    __slots__ = ("_kana", "_plain", "_spaced", "rules")

    def __init__(self, rules: Iterable[WordRule] = ()) -> None:
        self.rules = tuple(rules)
        self._plain = _automaton(self.rules, kana=False)
        self._kana = _automaton(self.rules, kana=True)
        # Phrases of several Latin words stand in URLs with - _ + between them; without phrases no second pass.
        self._spaced = any(" " in part for rule in self.rules for part in rule.parts)

    def __len__(self) -> int:
        return sum(not rule.guard for rule in self.rules)

    def count(self, above: int) -> int:
        """How many of them, guards aside, have a rating above `above`."""
        return sum(not rule.guard and (rule.rating or 0) > above for rule in self.rules)

    def find(self, text: str, place: Place, above: int = 0) -> tuple[WordHit, ...]:
        """The rules with a rating above `above` (help words always) that stand in `text`, highest rating first."""
        if not self.rules:
            return ()
        folded = fold(text[:MAX_TEXT])
        readings = [folded]
        if place is Place.URL and self._spaced and (spaced := folded.translate(_SEPARATORS)) != folded:
            readings.append(spaced)  # as long as the first, so that positions and guards hold for both
        return tuple(sorted(self._find(readings, place, above), key=lambda hit: -(hit.rule.rating or 0)))

    def _find(self, readings: list[str], place: Place, above: int) -> tuple[WordHit, ...]:
        candidates: list[tuple[int, int, int, int]] = []
        covered = bytearray()  # 1 where a guard phrase stands
        for rule_number, part, start, end in self._candidates(readings, place, above):
            if not self.rules[rule_number].guard:
                candidates.append((rule_number, part, start, end))
                continue
            covered = covered or bytearray(len(readings[0]))
            covered[start:end] = b"\1" * (end - start)
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for rule_number, part, start, end in candidates:
            if (rule_number, part) not in found and covered.find(1, start, end) < 0:
                found[rule_number, part] = (start, end)
        return tuple(
            WordHit(self.rules[number], *found[number, 0])
            for number in sorted({number for number, _ in found})
            if all((number, part) in found for part in range(len(self.rules[number].parts)))
        )

    def _candidates(self, readings: list[str], place: Place, above: int) -> Iterable[tuple[int, int, int, int]]:
        """(rule number, part, start, end) of every wanted part that stands in the text with its boundaries."""
        for folded in readings:
            for automaton, kana in ((self._plain, False), (self._kana, True)):
                if automaton is None:
                    continue
                for last, owners in automaton.iter(fold_kana(folded) if kana else folded):
                    for number, part, length in owners:
                        rule = self.rules[number]
                        start, end = last - length + 1, last + 1
                        if rule.guard or (
                            _wanted(rule, place, above) and (rule.sub or has_boundaries(folded, start, end))
                        ):
                            yield number, part, start, end


def _wanted(rule: WordRule, place: Place, above: int) -> bool:
    return bool(rule.places & place) and (rule.rating is None or rule.rating > above)


_PLUS = re.compile(r"(?:^|\s)\+(?=\s|$)")
_SEPARATORS = str.maketrans(dict.fromkeys("-_+./&=?~,:;|!*'()", " "))


def _automaton(rules: tuple[WordRule, ...], *, kana: bool) -> "ahocorasick.Automaton | None":
    owners: dict[str, list[tuple[int, int, int]]] = {}
    for number, rule in enumerate(rules):
        if rule.kana is kana:
            for part_number, part in enumerate(rule.parts):
                key = fold_kana(part) if kana else part
                owners.setdefault(key, []).append((number, part_number, len(key)))
    if not owners:
        return None
    automaton = ahocorasick.Automaton()
    for key, value in owners.items():
        automaton.add_word(key, tuple(value))
    automaton.make_automaton()
    return automaton

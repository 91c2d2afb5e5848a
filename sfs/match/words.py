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
In a URL - _ + and the like count as blanks, so that phrases of several words are found there.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Flag, auto

from sfs.errors import RuleError, Where
from sfs.match.automaton import Keys
from sfs.match.disguise import hidden_places, may_be_spaced
from sfs.match.disguised import DisguisedIndex, Wanted
from sfs.match.quiet import SEPARATORS, QuietIndex
from sfs.match.runs import has_boundaries
from sfs.text.fold import fold, fold_kana, long_marks

type _Keys = Keys[tuple[int, tuple[tuple[int, int, bool, str | None], ...]]]

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

    __slots__ = ("_automata", "_disguised", "_quiet", "rules")

    def __init__(self, rules: Iterable[WordRule] = ()) -> None:
        self.rules = tuple(rules)
        self._automata: dict[tuple[Place, int], _Automata] = {}
        self._disguised = _disguised(self.rules)
        self._quiet: dict[int, QuietIndex] = {}

    def __len__(self) -> int:
        return sum(not rule.guard for rule in self.rules)

    def count(self, above: int) -> int:
        """How many of them, guards aside, have a rating above `above`."""
        return sum(not rule.guard and (rule.rating or 0) > above for rule in self.rules)

    def is_quiet(self, text: str, above: int) -> bool:
        """Whether it is plain, at a fraction of the time of `find`, that `find(text, Place.URL, above)` is empty. False
        where it is not plain. `text` is ASCII in small letters."""
        if not self.rules:
            return True
        index = self._quiet.get(above)
        if index is None:
            wanted = (rule for rule in self.rules if not rule.guard and _wanted(rule, Place.URL, above))
            index = self._quiet[above] = QuietIndex((rule.parts, rule.sub) for rule in wanted)
        return index.is_quiet(text)

    def find(self, text: str, place: Place, above: int = 0) -> tuple[WordHit, ...]:
        """The rules with a rating above `above` (help words always) that stand in `text`, highest rating first."""
        if not self.rules:
            return ()
        candidates = self._uncovered(fold(text[:MAX_TEXT]), place, above)
        if not candidates:
            return ()
        found = self._whole_rules(candidates)
        hits = [WordHit(self.rules[number], *spans[0]) for number, spans in sorted(found.items())]
        return tuple(sorted(hits, key=lambda hit: -(hit.rule.rating or 0)))

    def find_all(self, folded: str, place: Place, above: int = 0) -> list[WordHit]:
        """Every place where a rule stands in a folded text of any length, in the order of the text; a rule of several
        parts once. For those who count: `find` says only that it stands there."""
        hits = []
        for number, spans in self._whole_rules(self._uncovered(folded, place, above)).items():
            rule = self.rules[number]
            hits += [WordHit(rule, *span) for span in sorted(set(spans))[: None if len(rule.parts) == 1 else 1]]
        return sorted(hits, key=lambda hit: (hit.start, hit.end))

    def _uncovered(self, folded: str, place: Place, above: int) -> list[tuple[int, int, int, int]]:
        """The candidates that no guard phrase overlaps."""
        candidates: list[tuple[int, int, int, int]] = []
        covered = bytearray()  # 1 where a guard phrase stands
        for candidate in self._candidates(folded, place, above):
            number, _, start, end = candidate
            if not self.rules[number].guard:
                candidates.append(candidate)
                continue
            covered = covered or bytearray(len(folded))
            covered[start:end] = b"\1" * (end - start)
        return [one for one in candidates if covered.find(1, one[2], one[3]) < 0] if covered else candidates

    def _whole_rules(self, candidates: list[tuple[int, int, int, int]]) -> dict[int, list[tuple[int, int]]]:
        """Of each rule of which every part was found, where its first part stands."""
        found: dict[int, dict[int, list[tuple[int, int]]]] = {}
        for number, part, start, end in candidates:
            found.setdefault(number, {}).setdefault(part, []).append((start, end))
        return {number: parts[0] for number, parts in found.items() if len(parts) == len(self.rules[number].parts)}

    def _candidates(self, folded: str, place: Place, above: int) -> list[tuple[int, int, int, int]]:
        """(rule number, part, start, end) of every wanted part that stands in the text with its boundaries, and of
        every guard. Every reading is as long as the text, so that positions hold for each."""
        found: list[tuple[int, int, int, int]] = []
        automata = self._automata.get((place, above)) or self._made(place, above)
        if automata.plain is not None:
            _search(automata.plain, spaced(folded) if place is Place.URL else folded, folded, folded, found)
        if not folded.isascii():
            if automata.kana is not None:
                text = spaced(folded) if place is Place.URL else folded
                _search(automata.kana, fold_kana(text), folded, fold_kana(folded), found)
            if (long := long_marks(folded)) is not None:
                self._find_long(long, place, automata, found)
        disguised = self._disguised.get(place)
        if disguised is not None:
            wanted = (one for one in disguised.find(folded) if _wanted(self.rules[one[0]], place, above))
            found.extend(wanted)
        return found

    def _find_long(
        self, long: str, place: Place, automata: "_Automata", found: list[tuple[int, int, int, int]]
    ) -> None:
        text = spaced(long) if place is Place.URL else long
        if automata.plain is not None:
            _search(automata.plain, text, long, long, found)
        if automata.kana is not None:
            _search(automata.kana, fold_kana(text), long, fold_kana(long), found)

    def _made(self, place: Place, above: int) -> "_Automata":
        """Made when first asked for, which takes some milliseconds: few of the levels are in use."""
        wanted = [(number, rule) for number, rule in enumerate(self.rules) if rule.guard or _wanted(rule, place, above)]
        made = _Automata(_automaton(wanted, place, kana=False), _automaton(wanted, place, kana=True))
        self._automata[place, above] = made
        return made


def spaced(folded: str) -> str:
    """Folded text with the separators of URLs as blanks; as long as before."""
    if folded.isascii():
        return folded.encode("ascii").translate(_SEPARATOR_BYTES).decode("ascii")
    return folded.translate(BLANKS)


def _search(automaton: _Keys, text: str, folded: str, literal: str, found: list[tuple[int, int, int, int]]) -> None:
    """Add what stands in `text`, a reading of `folded`. `literal`: what is compared where a key says too little."""
    for last, (length, owners) in automaton.iter(text):
        start, end = last - length + 1, last + 1
        stands: bool | None = None  # looked at once for all owners: "movie" stands in many pairs
        for number, part, free, written in owners:
            if not free:
                if stands is None:
                    stands = has_boundaries(folded, start, end)
                if not stands:
                    continue
            if written is None or literal[start:end] == written:
                found.append((number, part, start, end))


def _wanted(rule: WordRule, place: Place, above: int) -> bool:
    return bool(rule.places & place) and (rule.rating is None or rule.rating > above)


_PLUS = re.compile(r"(?:^|\s)\+(?=\s|$)")
BLANKS = str.maketrans(dict.fromkeys(SEPARATORS, " "))
_SEPARATOR_BYTES = bytes.maketrans(SEPARATORS.encode(), b" " * len(SEPARATORS))


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


@dataclass(frozen=True, slots=True)
class _Automata:
    """For one place and one level. `kana` holds nothing but parts with kana or kanji, so that no ASCII text need be
    looked for in it."""

    plain: _Keys | None
    kana: _Keys | None


def _automaton(wanted: Iterable[tuple[int, WordRule]], place: Place, *, kana: bool) -> _Keys | None:
    """Key -> its length and its owners: (rule number, part, whether it needs no boundary, how it must be written where
    that is more than its key says)."""
    owners: dict[str, list[tuple[int, int, bool, str | None]]] = {}
    for number, rule in wanted:
        for part_number, part in enumerate(rule.parts):
            if (rule.kana and not part.isascii()) is not kana:
                continue
            literal = fold_kana(part) if kana else part
            key = spaced(literal) if place is Place.URL else literal
            written = literal if key != literal else None
            owners.setdefault(key, []).append((number, part_number, rule.guard or rule.sub, written))
    if not owners:
        return None
    return Keys({key: (len(key), tuple(value)) for key, value in owners.items()})

"""The obvious twin of each fast index: a few lines nobody needs to believe, compared with it in the tests."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

from sfs.match.disguise import MAX_GAP
from sfs.match.disguised import Wanted, stands_apart, stands_whole
from sfs.match.entry import Entry, Unit
from sfs.match.index import Hit, entry_matches
from sfs.match.phrases import Part, Phrase
from sfs.match.runs import has_boundaries
from sfs.match.words import BLANKS, Place, WordHit, WordRule
from sfs.text.fold import fold, fold_kana, long_marks
from sfs.text.readings import pairs_of_query
from sfs.text.url import Url


def match_plain(entries: Iterable[tuple[Entry, int]], url: Url) -> list[Hit]:
    """Every entry tried on the URL."""
    tried = [Hit(entry, line, entry_matches(entry, url)) for entry, line in entries]
    return [hit for hit in tried if hit.forms]


def keys_match_plain(entry: Entry, keys: Iterable[str], url: Url) -> bool:
    """Whether a URL has the path of an entry and, among others, the pairs of its query with these keys."""
    if not entry_matches(replace(entry, unit=Unit.PAGE), url):
        return False
    said = [set(pair) for pair in pairs_of_query(url.sent.query or "")]
    asked = [set(pair) for pair in pairs_of_query(entry.forms[0].query or "") if pair[0].partition("=")[0] in keys]
    return all(any(pair & one for one in said) for pair in asked)


def find_plain(rules: Iterable[WordRule], text: str, place: Place, above: int = 0) -> set[WordRule]:
    """Every rule's every part tried at every position of the folded text, of its readings and in every disguise."""
    folded = fold(text)
    rules = list(rules)
    readings = [folded, long_marks(folded) or folded]
    if place is Place.URL:
        readings += [reading.translate(BLANKS) for reading in readings]
    guards = [span for rule in rules if rule.guard for span in _spans(rule, rule.parts[0], readings)]
    found = set()
    for rule in rules:
        if rule.guard or not rule.places & place or (rule.rating is not None and rule.rating <= above):
            continue
        spans = [[s for s in _spans(rule, part, readings) if not _cancelled(s, guards)] for part in rule.parts]
        if all(spans):
            found.add(rule)
    return found


def find_phrases_plain(phrases: Iterable[Phrase], folded: str) -> tuple[Phrase, ...]:
    """Every phrase's every part tried at every position."""
    phrases = list(phrases)
    guards = [span for phrase in phrases if phrase.guard for span in _part_spans(phrase, phrase.parts[0], folded)]

    def ends(phrase: Phrase, part: Part) -> list[int]:
        return [
            end
            for start, end in _part_spans(phrase, part, folded)
            if not _cancelled((start, end), guards)
            and (not part.starts or has_boundaries(folded[:end], start, end))
            and (not part.ends or has_boundaries(folded, 0, end))
        ]

    def stands(phrase: Phrase) -> bool:
        near = len(folded) if phrase.near is None else phrase.near
        choices = product(*(ends(phrase, part) for part in phrase.parts))
        return any(max(chosen) - min(chosen) <= near for chosen in choices)

    return tuple(phrase for phrase in phrases if not phrase.guard and stands(phrase))


def first_hits(hits: Iterable[WordHit]) -> set[WordRule]:
    """The rules of some hits, to compare with `find_plain`."""
    return {hit.rule for hit in hits}


def _spans(rule: WordRule, part: str, readings: list[str]) -> list[tuple[int, int]]:
    spans = [span for folded in readings for span in _plain_spans(rule, part, folded)]
    if rule.disguised:
        spans += _disguised_spans(rule, part, readings[0])
    return spans


def _plain_spans(rule: WordRule, part: str, folded: str) -> list[tuple[int, int]]:
    text, key = (fold_kana(folded), fold_kana(part)) if rule.kana else (folded, part)
    starts = [i for i in range(len(text)) if text.startswith(key, i)]
    spans = [(i, i + len(key)) for i in starts]
    return spans if rule.guard or rule.sub else [s for s in spans if has_boundaries(folded, *s)]


def _disguised_spans(rule: WordRule, part: str, folded: str) -> list[tuple[int, int]]:
    wanted = Wanted(0, 0, part, rule.sub, rule.kana, rule.leet, rule.spaced, rule.masked)
    spans = []
    for start in range(len(folded)):
        for places in _walks(folded, (start,), len(part)):
            end = places[-1] + 1
            chars = "".join(folded[at] for at in places)
            if end - start > len(part):
                stands = stands_apart(wanted, folded, chars, start, end)
            else:
                stands = chars != part and stands_whole(wanted, folded, start, end)
            if stands:
                spans.append((start, end))
    return spans


def _walks(folded: str, places: tuple[int, ...], left: int) -> Iterator[tuple[int, ...]]:
    """Every way to take `left` letters from the last place on, one after another or over gaps."""
    if left == 1:
        yield places
        return
    here = places[-1] + 1
    for following in range(here, min(here + MAX_GAP + 1, len(folded))):
        if following == here or _is_gap(folded, here, following):
            yield from _walks(folded, (*places, following), left - 1)


def _is_gap(folded: str, start: int, end: int) -> bool:
    """Whether folded[start:end] is nothing but signs, between letters that may be set apart."""
    signs, before, after = folded[start:end], folded[start - 1], folded[end]
    if any(char.isalnum() or char in "、。" or re.match(r"[^\W_]", char) for char in signs):
        return False
    if not (_is_japanese(before) or _is_latin(before)) or not (_is_japanese(after) or _is_latin(after)):
        return False
    if not (_is_latin(before) and _is_latin(after)):
        return True
    alone_before = start < 2 or not _is_latin(folded[start - 2])
    return alone_before and (end + 1 >= len(folded) or not _is_latin(folded[end + 1]))


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _is_japanese(char: str) -> bool:
    return (
        char in "々ー" or "\u3041" <= char <= "\u3096" or "\u30a1" <= char <= "\u30fa" or "\u3400" <= char <= "\u9fff"
    )


def _part_spans(phrase: Phrase, part: Part, folded: str) -> list[tuple[int, int]]:
    text, key = (fold_kana(folded), fold_kana(part.text)) if phrase.kana else (folded, part.text)
    return [(i, i + len(key)) for i in range(len(text)) if text.startswith(key, i)]


def _cancelled(span: tuple[int, int], guards: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in guards)

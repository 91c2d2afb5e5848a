"""The obvious twin of each fast index: a few lines nobody needs to believe, compared with it in the tests."""

from collections.abc import Iterable

from sfs.match.entry import Entry
from sfs.match.index import Hit, entry_matches
from sfs.match.runs import has_boundaries
from sfs.match.words import Place, WordHit, WordRule
from sfs.text.fold import fold, fold_kana
from sfs.text.url import Url


def match_plain(entries: Iterable[tuple[Entry, int]], url: Url) -> list[Hit]:
    """Every entry tried on the URL."""
    tried = [Hit(entry, line, entry_matches(entry, url)) for entry, line in entries]
    return [hit for hit in tried if hit.forms]


def find_plain(rules: Iterable[WordRule], text: str, place: Place, above: int = 0) -> set[WordRule]:
    """Every rule's every part tried at every position of the folded text."""
    folded = fold(text)
    rules = list(rules)
    guards = [span for rule in rules if rule.guard for span in _spans(rule, rule.parts[0], folded)]
    found = set()
    for rule in rules:
        if rule.guard or not rule.places & place or (rule.rating is not None and rule.rating <= above):
            continue
        spans = [[s for s in _spans(rule, part, folded) if not _cancelled(s, guards)] for part in rule.parts]
        if all(spans):
            found.add(rule)
    return found


def first_hits(hits: Iterable[WordHit]) -> set[WordRule]:
    """The rules of some hits, to compare with `find_plain`."""
    return {hit.rule for hit in hits}


def _spans(rule: WordRule, part: str, folded: str) -> list[tuple[int, int]]:
    text, key = (fold_kana(folded), fold_kana(part)) if rule.kana else (folded, part)
    starts = [i for i in range(len(text)) if text.startswith(key, i)]
    spans = [(i, i + len(key)) for i in starts]
    return spans if rule.guard or rule.sub else [s for s in spans if has_boundaries(folded, *s)]


def _cancelled(span: tuple[int, int], guards: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in guards)

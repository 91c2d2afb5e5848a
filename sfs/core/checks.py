"""The checks, one small function each: a Verdict, a Need, or None for "no opinion". Their order, with reasons, is the
table in decide.py; what they look at is prepared in case.py. Here those of our own pages, help lines and ratings; own
entries, lists and words have files of their own: entry_checks.py, list_checks.py, word_checks.py."""

from datetime import datetime
from functools import lru_cache

from sfs.core.case import Case
from sfs.core.facts import Fact, Need
from sfs.core.levels import LEVELS, Unrated
from sfs.core.ruleset import Axis
from sfs.core.verdict import Action, Scope, Verdict
from sfs.match.index import Hit

Answer = Verdict | Need | None


def own(case: Case) -> Answer:
    """SFS's own pages."""
    if case.url.host not in case.ruleset.own_hosts:
        return None
    return case.allow("own", "own", scope=Scope.HOST, record=False)


def help_lines(case: Case) -> Answer:
    """Help lines and image-removal schemes: shown to everybody, recorded nowhere."""
    if not case.is_help_host:
        return None
    return case.allow("help", "help", record=False, scope=Scope.URL)


def rating(case: Case) -> Answer:
    """The page's rating: own, of bureaus, of category lists; above the level it blocks."""
    if case.answer is None:
        return Need(Fact.LABELS, case.url)
    level = case.policy.level
    value, label = case.rating
    if value is not None and label is not None and value > level:
        reason = "own-rating" if label.owner is not None else "engine-rating" if label.engine else "label-rating"
        return case.block("rating", reason, rating=value, source=_said(label.source, label.place), **_until(case))
    own_rating = label is not None and label.owner is not None
    for lst, hit in case.list_hits:
        if lst.rating is not None and lst.rating > level and not own_rating:
            source = line_of(lst.name, hit)
            return case.block("rating", "category-rating", rating=lst.rating, source=source)
    if case.answer.away and value is None and case.is_document and case.policy.bureau_away is Unrated.BLOCK:
        return case.block("rating", "bureau-away")
    return None


def self_label(case: Case) -> Answer:
    """What the page says of itself can only raise."""
    return labelled(case) if response_counts(case) else None


def labelled(case: Case) -> Answer:
    """As self_label, also where another row will close the page anyway."""
    if not case.policy.self_labels or not has_response(case):
        return None
    page = case.facts.page
    if page is None:
        return None if case.facts.page_asked else Need(Fact.PAGE, case.url)
    worst = max(page.self_labels, key=lambda label: label.rating, default=None)
    if worst is None or worst.rating <= case.policy.level:
        return None
    return case.block("self-label", "self-label", rating=worst.rating, source=_said(worst.kind, worst.text))


def unrated(case: Case) -> Answer:
    """A document nobody has rated: the policy's word. One whose head never ended is blocked at 0 and 1."""
    if not case.is_document or case.rating[0] is not None or (case.list_hits and case.opened):
        return None
    if case.policy.unrated is Unrated.BLOCK:
        return case.block("unrated", "unrated")
    if case.facts.page is not None and case.facts.page.cut and case.policy.level <= 1:
        return case.block("unrated", "cut")
    return None


def shown(case: Case) -> Verdict:
    """No row had anything against it."""
    value = case.rating[0]
    if value is None:
        reason = "unrated-shown" if case.is_document else "part-shown"
        if not case.labels:
            return unlabeled(reason, case.policy.level, case.policy.valid_until)
        return case.allow("unrated", reason, **_until(case))
    return case.allow("rating", "rated-shown", rating=value, **_until(case))


@lru_cache(maxsize=256)  # the answer to nearly every request
def unlabeled(reason: str, level: int, valid_until: datetime | None) -> Verdict:
    """What is shown because nobody said anything of it."""
    return Verdict(Action.ALLOW, "unrated", reason, level, valid_until=valid_until)


def response_counts(case: Case) -> bool:
    """Whether anything a response says could block: not by name, where none is seen; not at level 4; and not where
    row 12 blocks anyway, so that nothing need be fetched."""
    return has_response(case) and not case.unrated_is_blocked


def has_response(case: Case) -> bool:
    """Whether there is a response of which anything is judged."""
    return not case.url.name_only and case.is_document and case.policy.level < 4


def list_blocks(case: Case, rating: int | None, axis: Axis | None) -> bool:
    """Whether a list closes what stands on it, at the level of this policy."""
    level = case.policy.level
    if axis is Axis.SECURITY:
        return True
    if axis is Axis.CIRCUMVENTION:
        return LEVELS[level].circumvention
    return rating is not None and rating > level


def _until(case: Case) -> dict[str, object]:
    """What rests on labels holds no longer than they do."""
    ends = [label.until for label in case.labels if label.until is not None]
    if case.policy.valid_until is not None:
        ends.append(case.policy.valid_until)
    return {"valid_until": min(ends)} if ends else {}


def line_of(name: str, hit: Hit) -> str:
    """The line of a list, as a verdict names its source."""
    return f"{name}:{hit.line} {hit.entry.text}"


def _said(source: str, place: str | None) -> str:
    if place is None or place.startswith(f"{source}:"):  # a file names itself in its place
        return place or source
    return f"{source}: {place}" if place else source

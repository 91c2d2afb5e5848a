"""The text of a page as facts and as a score: which weighted phrases stand in what a reader sees and in its scripts.

Finding them takes the bytes and what a policy looks for; the facts hold the phrases alone, never a word of the page.
Scoring them is arithmetic: what a level counts follows from ratings and weights.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sfs.core.facts import Body
from sfs.core.levels import LEVELS
from sfs.core.page import Headers, content_type_of, is_json, may_be_text
from sfs.core.policy import Policy
from sfs.core.ruleset import Ruleset
from sfs.match.phrases import Phrase, PhraseIndex
from sfs.text.charset import decode_html
from sfs.text.fold import fold
from sfs.text.visible import page_text, unescaped

MAX_BODY: Final = 2 * 1024 * 1024  # bytes of a page, decompressed, whose text is read
MAX_RATING: Final = LEVELS[-1].level
MAX_RELIEF: Final = 100  # what phrases of health, school and law take away at most: they must not open any page
SCRIPT_FACTOR: Final = 2  # limits are so many times higher for what scripts hold: a program may list words it bars
SHOWN: Final = 3  # phrases that a verdict names


@dataclass(frozen=True, slots=True)
class Score:
    """`points` of the phrases that suggest a rating above the level, less what takes away. `phrases`: what counted,
    the heaviest first."""

    points: int
    phrases: tuple[Phrase, ...]

    @property
    def lines(self) -> str:
        """Where the heaviest phrases are listed: never their words, nor any of the page."""
        places = [str(phrase.where) for phrase in self.phrases if phrase.where is not None]
        more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
        return ", ".join(places[:SHOWN]) + more


def body_from(headers: Headers, body: bytes, policy: Policy, ruleset: Ruleset) -> Body:
    """The phrases in the text of a response: plain text or JSON by its type, else HTML. `body` is decompressed, and
    read up to 2 MiB. Takes a second for the largest, and lets other threads run meanwhile."""
    visible, script = texts_of(body, content_type_of(headers))
    return Body(_found(fold(visible), policy, ruleset), _found(fold(script), policy, ruleset))


def texts_of(body: bytes, content_type: str | None) -> tuple[str, str]:
    """What a reader sees of a response, and what its scripts hold."""
    text = decode_html(body[:MAX_BODY], content_type).text
    if not may_be_text(content_type):
        return page_text(text)
    return (unescaped(text) if is_json(content_type) else text), ""


def score(phrases: Iterable[Phrase], level: int) -> Score:
    """What these phrases add up to for a level: a lower level never has fewer points."""
    found = tuple(dict.fromkeys(phrases))
    above = sorted((p for p in found if p.rating is not None and p.rating > level), key=lambda p: -p.weight)
    relief = -sum(phrase.weight for phrase in found if phrase.weight < 0)
    return Score(sum(phrase.weight for phrase in above) - min(relief, MAX_RELIEF), tuple(above))


def rating_of(phrases: Iterable[Phrase], level: int, limit: int) -> int | None:
    """The rating above the level that these phrases suggest: the highest of which those of at least that rating reach
    the limit. None where they do not reach it at all."""
    found = tuple(phrases)
    return max((r for r in range(level + 1, MAX_RATING + 1) if score(found, r - 1).points >= limit), default=None)


def _found(folded: str, policy: Policy, ruleset: Ruleset) -> tuple[Phrase, ...]:
    indexes: list[PhraseIndex] = [ruleset.phrases]
    if policy.phrases is not None:
        indexes.insert(0, policy.phrases)
    return tuple(phrase for index in indexes for phrase in index.find(folded))

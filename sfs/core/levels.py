"""The levels as data: what each shows, and what follows from it where the configuration says nothing.

design, section 2. `sfs levels`, the help page and the defaults of a policy are all made from this table.
"""

from dataclasses import dataclass
from enum import StrEnum


class Unrated(StrEnum):
    """What happens to a document nobody has rated."""

    SHOW = "show"
    BLOCK = "block"


class Strictness(StrEnum):
    """SafeSearch of search engines and the restricted mode of YouTube."""

    OFF = "off"
    MODERATE = "moderate"
    STRICT = "strict"


class Bypass(StrEnum):
    """Pages that carry other pages (translators, archives, readers): blocked, opened and judged, or judged
    against the lists alone."""

    BLOCK = "block"
    UNWRAP = "unwrap"
    LISTS = "lists"


@dataclass(frozen=True, slots=True)
class Level:
    """One line of the table. `ages` of the readers it is for; pics/safetyonline.py has the lowest of each as AGES."""

    level: int
    ages: str
    unrated: Unrated
    safesearch: Strictness
    youtube: Strictness
    bypass: Bypass
    bureau_away: Unrated
    on_error: Unrated  # what a check that raises means
    circumvention: bool  # whether proxies, VPN sites and the like are blocked
    body_limit: int  # points of phrases (core/body.py) from which the text of a page is too much


_SHOW, _BLOCK = Unrated.SHOW, Unrated.BLOCK
_OFF, _MODERATE, _STRICT = Strictness.OFF, Strictness.MODERATE, Strictness.STRICT

LEVELS = (
    Level(0, "to 5", _BLOCK, _STRICT, _STRICT, Bypass.BLOCK, _BLOCK, _BLOCK, True, 60),
    Level(1, "6 to 11", _SHOW, _STRICT, _STRICT, Bypass.UNWRAP, _SHOW, _BLOCK, True, 100),
    Level(2, "12 to 17", _SHOW, _STRICT, _MODERATE, Bypass.UNWRAP, _SHOW, _BLOCK, True, 120),
    Level(3, "adults, without the extreme", _SHOW, _OFF, _OFF, Bypass.UNWRAP, _SHOW, _SHOW, False, 150),
    Level(4, "adults, no rating limit", _SHOW, _OFF, _OFF, Bypass.LISTS, _SHOW, _SHOW, False, 1000),
)

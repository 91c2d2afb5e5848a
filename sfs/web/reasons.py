"""Why a page is not shown: the keys of the sentences a reader gets. A sentence never holds the word that was found."""

from collections.abc import Mapping
from typing import Final

from sfs.web.texts import Texts

# Those of blocks first, then those of pages that are shown: `sfs explain` has them too.
REASONS: Final = (
    "own-block",
    "own-final",
    "mandatory",
    "security",
    "circumvention",
    "address-url",
    "wrapper",
    "only-allowed",
    "search-words",
    "rating",
    "own-rating",
    "label-rating",
    "engine-rating",
    "category-rating",
    "bureau-away",
    "url-words",
    "self-label",
    "metadata-words",
    "body-words",
    "unrated",
    "cut",
    "error",
    "bad-request",
    "port",
    "address",
    "loop",
    "other",
    "own",
    "help",
    "help-words",
    "own-allow",
    "rated-shown",
    "unrated-shown",
    "part-shown",
    "shown",
)

LEVELS: Final = range(5)  # SafetyOnline2: 0 to 4
ADULT_LEVEL: Final = 3  # design: from this level on the reader is an adult, whom "for older readers" does not fit

_TITLES: Final[Mapping[str, str]] = {
    "search-words": "title_search",
    "security": "title_danger",
    **dict.fromkeys(("bureau-away", "cut", "error"), "title_trouble"),
    **dict.fromkeys(("bad-request", "port", "address", "loop"), "title_address"),
}

_ASKS: Final[Mapping[str, str]] = {
    "own-final": "final",
    "security": "danger",
    **dict.fromkeys(("bureau-away", "cut", "error"), "again"),
    **dict.fromkeys(("bad-request", "loop"), "address"),
}


def known_reason(reason: str) -> str:
    """`reason`, or `other` where the catalogues have no sentence for it."""
    return reason if reason in REASONS else "other"


def reason_key(reason: str, level: int | None, texts: Texts) -> str:
    """Key of the sentence for `reason`; at levels for adults the one written for them, where there is one."""
    adult = f"reason-adult.{reason}"
    if is_adult(level) and texts.has(adult):
        return adult
    return f"reason.{known_reason(reason)}"


def on_scale(value: int | None) -> int | None:
    """A level or a rating, None for what is none."""
    return value if value in LEVELS else None


def is_adult(level: int | None) -> bool:
    return level is not None and level >= ADULT_LEVEL


def title_key(reason: str) -> str:
    """Key of the heading of a block page."""
    return "block." + _TITLES.get(reason, "title")


def ask_title_key(reason: str) -> str:
    """Key of the heading over what a reader can do."""
    if reason == "security":
        return "ask.title_danger"
    return "ask.title_search" if reason == "search-words" else "ask.title"


def ask_key(reason: str, level: int | None = None) -> str:
    """Key of what a reader can do: ask for a release, try again, look at the address."""
    return "ask." + _ASKS.get(reason, "release_adult" if is_adult(level) else "release")

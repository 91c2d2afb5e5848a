"""A rating that somebody states of a URL, as the core takes it: on our scale, whoever said it in whatever form."""

from dataclasses import dataclass
from datetime import datetime

from sfs.match.index import ALL_FORMS


@dataclass(frozen=True, slots=True)
class Label:
    """`rating` 0 to 4. `source` is who says it, `place` where it stands written. `generic`: true of every URL that
    begins with its prefix, of `path` below the host; otherwise of one page. `owner` is the rank of the owner of the
    policy who stated it (0 the nearest), None for a bureau or a rating file. `forms`: which forms of the URL it
    covers, as in sfs/match/index.py. `rank` orders the generic labels of one source: the longer prefix is higher."""

    rating: int
    source: str
    place: str | None = None
    generic: bool = False
    path: str = "/"
    owner: int | None = None
    forms: int = ALL_FORMS
    rank: tuple[int, ...] = ()
    on: datetime | None = None
    until: datetime | None = None
    engine: bool = False  # of a search engine whose own filter cannot be forced: what it may find, not what it is

    @property
    def page_level(self) -> bool:
        """Whether it speaks of this page rather than of its host (design, section 3)."""
        return self.owner is not None or not self.generic or self.path not in ("", "/")


@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """What the sources of labels answered of one URL. `away`: a bureau that should know did not answer."""

    labels: tuple[Label, ...] = ()
    away: bool = False


NOT_LABELED = LabelAnswer()

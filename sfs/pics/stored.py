"""A label as a bureau keeps it: one statement of one rating service about one URL, or about all that begin with it."""

from dataclasses import dataclass
from datetime import datetime

from sfs.pics.values import Ratings


@dataclass(frozen=True, slots=True)
class StoredLabel:
    """`service` is the URL that names the rating service, `for_` the URL or prefix, both in canonical spelling.
    `below`, of a generic label whose `for_` is a whole host: true of the names below that host too, as the entries of
    public lists are. `by`: the rater. `on` and `until` are aware, whole seconds. `source`: the list or file that it
    was imported from; None where somebody rated by hand. Spec: PICS Labels 1.1, "Semantics of PICS Labels"."""

    service: str
    for_: str
    ratings: Ratings
    generic: bool = False
    below: bool = False
    by: str | None = None
    on: datetime | None = None
    until: datetime | None = None
    comment: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a label's history. `label` None: it was withdrawn. `serial` grows with each change of a store, so
    that a mirror or a cache can ask for what came after the last one it saw. `at`: when, aware; `who`: the user or
    program."""

    serial: int
    at: datetime
    who: str
    service: str
    for_: str
    generic: bool
    label: StoredLabel | None


@dataclass(frozen=True, slots=True)
class StoredService:
    """A rating service whose labels are kept. `uri` names it; `rat`: its description (application/pics-service) as it
    was given, None where there is none. `position`: its place in the order of the services, from 0."""

    uri: str
    name: str
    rat: str | None
    position: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the labels that were given: of URLs that had none, of URLs whose label changed, and those that
    said what was known."""

    new: int = 0
    changed: int = 0
    same: int = 0

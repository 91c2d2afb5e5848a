"""What every label of one import has in common, and what a reader of files gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sfs.lists.notes import Note
from sfs.pics.safetyonline import CATEGORY, SERVICE
from sfs.pics.stored import StoredLabel
from sfs.pics.values import Ratings

type Noting = Callable[[Note], None]


class Read(NamedTuple):
    """A label and the line of `file`, from 1, that it stands in. `of_list`: a list of names says it, of all its lines
    the same."""

    label: StoredLabel
    file: str
    line: int
    of_list: bool = False


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a label gets where its file does not say: service and rater. `source`: what the import is called; it stands
    in each label, so that a later one can replace it. `keep_source`: a source that the file names itself stays."""

    service: str = SERVICE
    by: str | None = None
    source: str | None = None
    keep_source: bool = True


def rated(rating: int) -> Ratings:
    """The ratings of SafetyOnline2 for one number, 0 to 4."""
    return ((CATEGORY, rating),)

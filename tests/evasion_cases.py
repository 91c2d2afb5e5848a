"""The evasion tables: spellings of what is listed that must not open, and look-alikes that must not close.

Another filter can be run over the same tables: `evasions()`, `neighbours()`, and `listed()` for what to block. The
tables are the .tsv files of tests/vectors/evasions. In the columns of URLs and sources a backslash is written \\\\, and
what cannot be seen as \\t, \\xNN, \\uNNNN (the escapes of a Python string).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "vectors" / "evasions"
NEIGHBOURS = FOLDER / "neighbours.tsv"
WORD = "word:"  # what begins an entry that is a word, not a line of a list


@dataclass(frozen=True)
class Evasion:
    """One spelling. `entry`: the line of a list, or WORD and a word. `by`: the check that blocks it, or `refused` for
    what no proxy may pass on. `source`: a vector file's row, owner/repository#thread, an RFC's section, a transform."""

    entry: str
    url: str
    by: str
    source: str
    note: str
    place: str

    @property
    def outside(self) -> bool:
        """Whether somebody else has written this spelling down."""
        return not self.source.startswith("transform")


@dataclass(frozen=True)
class Neighbour:
    """A URL that looks like what is listed as `entry`, and is not."""

    entry: str
    url: str
    source: str
    note: str
    place: str


def evasions() -> Iterator[Evasion]:
    """Every row of every table but that of neighbours."""
    for path in sorted(FOLDER.glob("*.tsv")):
        if path != NEIGHBOURS:
            for place, (entry, url, by, source, note) in _rows(path, 5):
                yield Evasion(entry, _plain(url), by, _plain(source), note, place)


def neighbours() -> Iterator[Neighbour]:
    """The look-alikes that were written by hand; tests/spellings.py makes more of them."""
    for place, (entry, url, source, note) in _rows(NEIGHBOURS, 4):
        yield Neighbour(entry, _plain(url), _plain(source), note, place)


@lru_cache(maxsize=1)
def listed() -> tuple[str, ...]:
    """What the tables take as listed, as lines of a list."""
    return tuple(dict.fromkeys(row.entry for row in evasions() if not row.entry.startswith(WORD)))


def words() -> tuple[str, ...]:
    """The words that the tables take as listed."""
    return tuple(dict.fromkeys(row.entry.removeprefix(WORD) for row in evasions() if row.entry.startswith(WORD)))


def configuration(level: int) -> dict:
    """A configuration of ours that lists all of it. Documents without a rating are shown: else they hide what opens."""
    return {
        "level": level,
        "unrated": "show",
        "https": "inspect",
        "block": list(listed()),
        "keywords": {3: list(words())},
    }


def _rows(path: Path, columns: int) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            cells = line.split("\t")
            assert len(cells) == columns, f"{path.name}:{number}: {len(cells)} cells"
            yield f"{path.name}:{number}", cells


def _plain(cell: str) -> str:
    return cell.encode("ascii").decode("unicode_escape")

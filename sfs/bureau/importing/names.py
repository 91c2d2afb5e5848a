"""Lists of names as labels: any format of `sfs.lists`, with one rating for all its lines.

    example.com          generic, and of the names below it too
    =www.example.com     generic, of this host alone
    example.com/kids/    generic for the path; a second label for the path without its last slash
    example.com/a.html   this page
    example.com/s?q=x    this page with this query

Exceptions say that a list does not speak of a name. A label cannot say that, so a name that one of the exceptions
covers gets none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sfs.bureau.importing.meaning import Meaning, Noting, Read
from sfs.errors import Where
from sfs.lists.files import Reading
from sfs.lists.notes import LEFT, PART, Note, Notes
from sfs.match.entry import Entry, Unit
from sfs.pics.stored import StoredLabel
from sfs.pics.values import Ratings
from sfs.text.url import parents

_OF_A_TREE = (True, True)
_OF_A_HOST = (True, False)


@dataclass(slots=True)
class Survey:
    """What is to be known of a list before its first label is kept. `count`: its entries; `lines`: all of its lines;
    `spared`: the names of its exceptions, each with whether the names below it are meant too."""

    count: int = 0
    lines: int = 0
    spared: dict[str, bool] = field(default_factory=dict)

    def trees(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As `Sink` says."""

    def hosts(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As `Sink` says."""

    def entry(self, entry: Entry, line: int) -> None:
        """As `Sink` says."""

    def spare(self, entry: Entry, line: int) -> None:
        """As `Sink` says."""
        if entry.unit <= Unit.HOST:
            self.spared[entry.host] = entry.unit is Unit.TREE or self.spared.get(entry.host, False)

    def spares(self, host: str) -> bool:
        """Whether an exception covers a host."""
        return host in self.spared or any(self.spared.get(name, False) for name in parents(host))


def survey_list(path: Path, format_: str, shown: str) -> Survey:
    """Read a list once for what is to be known of it. RuleError where it is no list of this format."""
    survey = Survey()
    reading = Reading(shown, format_, survey)
    for _ in reading.steps(path):
        pass
    survey.count, survey.lines = reading.count, reading.lines
    return survey


def read_names(
    path: Path, format_: str, shown: str, ratings: Ratings, meaning: Meaning, survey: Survey, noting: Noting
) -> Iterator[Read]:
    """The labels of a list in the order of its lines, about a megabyte of it in memory at a time."""
    sink = _LabelSink(ratings, meaning, survey if survey.spared else None)
    reading = Reading(shown, format_, sink, Notes(noting))
    for _ in reading.steps(path):
        for label, line in sink.labels:
            place = reading.where(line)
            yield Read(label, place.file, place.line or 0, of_list=True)
        for why, entry, line in sink.left:
            kind = PART if "port" in why or "scheme" in why else LEFT
            noting(Note(kind, why, reading.where(line), entry.text[:200]))
        sink.labels.clear()
        sink.left.clear()
    if survey.spared:
        why = "exceptions: names without a label"
        noting(Note(LEFT, why, Where(shown), ", ".join(list(survey.spared)[:5])[:200]))


@dataclass(slots=True)
class _LabelSink:
    """What was read and not yet handed on."""

    ratings: Ratings
    meaning: Meaning
    survey: Survey | None
    labels: list[tuple[StoredLabel, int]] = field(default_factory=list)
    left: list[tuple[str, Entry, int]] = field(default_factory=list)

    def trees(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As `Sink` says."""
        self._take(names, lines, _OF_A_TREE)

    def hosts(self, names: Sequence[str], lines: Sequence[int]) -> None:
        """As `Sink` says."""
        self._take(names, lines, _OF_A_HOST)

    def entry(self, entry: Entry, line: int) -> None:
        """As `Sink` says."""
        if self.survey is not None and self.survey.spares(entry.host):
            return
        if entry.scheme is not None:
            self.left.append(("one scheme alone is meant: a label is about http and https", entry, line))
        if entry.port is not None and entry.unit is Unit.TREE:
            self.left.append(("names below it on one port: labels have no such thing", entry, line))
        for for_, generic, below in prefixes_of(entry):
            self._label(for_, generic, below, line)

    def spare(self, entry: Entry, line: int) -> None:
        """As `Sink` says."""

    def _take(self, names: Sequence[str], lines: Sequence[int], meant: tuple[bool, bool]) -> None:
        for name, line in zip(names, lines, strict=True):
            if self.survey is None or not self.survey.spares(name):
                self._label(f"http://{name}", *meant, line)

    def _label(self, for_: str, generic: bool, below: bool, line: int) -> None:
        meaning = self.meaning
        label = StoredLabel(
            meaning.service, for_, self.ratings, generic, below, meaning.by, None, None, None, meaning.source
        )
        self.labels.append((label, line))


def prefixes_of(entry: Entry) -> list[tuple[str, bool, bool]]:
    """What labels say the same as an entry: `for`, generic, below."""
    host = f"[{entry.host}]" if ":" in entry.host else entry.host
    origin = f"http://{host}" + (f":{entry.port}" if entry.port is not None else "")
    if entry.unit is Unit.TREE:
        return [(origin, True, entry.port is None)]
    if entry.unit is Unit.HOST:
        return [(origin, True, False)]
    form = entry.forms[0]
    if entry.unit is Unit.EXACT:
        return [(f"{origin}{form.path}?{form.query}", False, False)]
    if entry.unit is Unit.PAGE:  # with any query
        return [(f"{origin}{form.path}", False, False), (f"{origin}{form.path}?", True, False)]
    bare = form.path[:-1]
    return [(f"{origin}{form.path}", True, False), *([(f"{origin}{bare}", False, False)] if bare else [])]

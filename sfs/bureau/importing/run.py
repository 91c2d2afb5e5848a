"""An import: the labels of its parts, given to the store a transaction at a time.

A label that somebody gave by hand stays where a file has another: whoever looked at the page knows better. Of two
lists with one name the higher rating stays, whichever came first; a file of labels says it page by page, and counts
where it is the later one.

Each transaction is small, so that readers and other writers of the store come in between, and behind each the journal
says how far the import came.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol

from sfs.bureau.importing.journal import Journal
from sfs.bureau.importing.meaning import Meaning, Noting, Read
from sfs.bureau.importing.plan import RAT, Part
from sfs.bureau.importing.seen import Seen, place_of
from sfs.bureau.importing.services import Scales, add_description, read_description
from sfs.errors import LabelError, SfsError, Where
from sfs.lists.notes import BAD, LEFT, Note
from sfs.pics.stored import Counts, StoredLabel
from sfs.pics.values import highest
from sfs.sources.categories import Category
from sfs.sources.labels import LabelStore

BATCH: Final = 4000  # labels of one transaction: about 0.2 s
MAX_SERVICES: Final = 100  # that one import may add
MOST_GONE: Final = 0.5  # of the labels of a source; a new file that lacks more is no newer version of it


class Watching(Protocol):
    """Is told how far an import is."""

    def __call__(self, done: int, name: str) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What became of an import. `by_hand`: labels that were not taken since somebody had rated, `stricter`:
    since another list rates higher; `twice`: names of
    lists that stood in one with a higher rating too; `before`: labels that an earlier run had given; `withdrawn`: of
    the same source, since the new files lack them; `services`: descriptions."""

    new: int = 0
    changed: int = 0
    same: int = 0
    by_hand: int = 0
    stricter: int = 0
    twice: int = 0
    before: int = 0
    withdrawn: int = 0
    services: int = 0

    def add(self, counts: Counts) -> None:
        """Count what the store took."""
        self.new += counts.new
        self.changed += counts.changed
        self.same += counts.same


@dataclass(slots=True)
class Import:
    """What is imported into which store. `who` stands in the history."""

    store: LabelStore
    parts: Sequence[Part]
    meaning: Meaning
    categories: Mapping[str, Category]
    who: str
    noting: Noting
    watching: Watching = lambda done, name: None
    batch: int = BATCH
    outcome: Outcome = field(default_factory=Outcome)
    _services: dict[str, bool] = field(default_factory=dict)
    _scales: Scales = field(default_factory=lambda: Scales(()))

    def run(self, journal: Journal, *, replace: bool = False, accept_smaller: bool = False) -> Outcome:
        """Give the store what the parts hold; with `replace` withdraw what it has of the same source and they lack.
        SfsError where the store cannot be written, and where too much would be withdrawn: then nothing is."""
        for part in self.parts:
            if part.format == RAT:
                described, text = read_description(part.path, part.name)
                add_description(self.store, described, text, Where(part.name), self.noting)
                self.outcome.services += 1
        self._scales = Scales(self.store.services())
        lists = sum(part.is_list for part in self.parts)
        with Seen() as seen:
            self._give(self._wanted(seen, remember=replace, several=lists > 1), journal)
            if replace:
                self._withdraw(seen, accept_smaller)
        journal.close()
        return self.outcome

    def _wanted(self, seen: Seen, *, remember: bool, several: bool) -> Iterator[Read]:
        """The labels of all parts; of a name in several lists the one with the highest rating, which comes first."""
        for part in self.parts:
            for read in part.labels(self.meaning, self.categories, self.noting):
                if remember or (several and part.is_list):
                    try:
                        first = seen.add(place_of(read.label))
                    except LabelError as fault:
                        self._note(read, fault)
                        continue
                    if not first and part.is_list:
                        self.outcome.twice += 1
                        continue
                yield read

    def _give(self, reads: Iterator[Read], journal: Journal) -> None:
        batch: list[Read] = []
        done, before = 0, journal.done
        self.outcome.before = before
        for read in reads:
            done += 1
            if done <= before:
                continue
            batch.append(read)
            if len(batch) >= self.batch:
                self._rate(batch)
                journal.write(done, self.store.serial())
                self.watching(done, read.file)
                batch.clear()
        self._rate(batch)
        self.watching(done, "")

    def _rate(self, batch: Sequence[Read]) -> None:
        """Give the store what of a batch is for it. One label that cannot be kept costs itself: the others are found
        by halving."""
        try:
            self._take([read for read in batch if self._is_allowed(read)])
        except LabelError as fault:
            if len(batch) == 1:
                self._note(batch[0], fault)
                return
            half = len(batch) // 2
            self._rate(batch[:half])
            self._rate(batch[half:])

    def _take(self, batch: list[Read]) -> None:
        kept = self.store.kept([read.label for read in batch])
        by_hand = stricter = 0
        wanted: list[StoredLabel] = []
        for read, old in zip(batch, kept, strict=True):
            if old is not None and old.source is None and read.label.source is not None:
                by_hand += 1
            elif old is not None and read.of_list and old.source != read.label.source and _is_stricter(old, read.label):
                stricter += 1
            else:
                wanted.append(read.label)
        if wanted:
            self.outcome.add(self.store.rate(wanted, who=self.who))
        self.outcome.by_hand += by_hand
        self.outcome.stricter += stricter

    def _is_allowed(self, read: Read) -> bool:
        uri = read.label.service
        if uri not in self._services:
            known = self.store.service(uri) is not None
            if not known and sum(self._services.values()) >= MAX_SERVICES:
                why = f"more than {MAX_SERVICES} new rating services"
                self.noting(Note(LEFT, why, Where(read.file, read.line), uri[:200]))
                return False
            try:
                if not known:
                    self.store.add_service(uri)
            except SfsError as fault:
                self._note(read, fault)
                return False
            self._services[uri] = not known
        refused = self._scales.fault_of(read.label)
        if refused is not None:
            what, where = "a rating that its service does not allow", Where(read.file, read.line)
            self.noting(Note(BAD, what, where, read.label.for_[:200], refused[:300]))
        return refused is None

    def _note(self, read: Read, fault: SfsError) -> None:
        code = fault.code if isinstance(fault, LabelError) else "service"
        where = Where(read.file, read.line)
        self.noting(
            Note(BAD, f"a label that cannot be kept ({code})", where, read.label.for_[:200], fault.what, fault.mend)
        )

    def _withdraw(self, seen: Seen, accept_smaller: bool) -> None:
        had = gone = 0
        for label in self.store.each():
            if label.source == self.meaning.source:
                had += 1
                if place_of(label) not in seen:
                    seen.note_gone(label)
                    gone += 1
        if gone > MOST_GONE * had and not accept_smaller:
            what = f"{gone:,} of {had:,} labels of {self.meaning.source!r} are not in the new files: none was withdrawn"
            raise SfsError(what, None, "see that the files are whole; if so, say --accept-smaller")
        gone_now = seen.gone()
        while some := list(islice(gone_now, self.batch)):
            self.outcome.withdrawn += self.store.withdraw_all(some, who=self.who)


def _is_stricter(old: StoredLabel, new: StoredLabel) -> bool:
    """Whether a label has a higher rating of SafetyOnline2 than another."""
    return max(highest(value) for _, value in old.ratings) > max(highest(value) for _, value in new.ratings)

"""The decision log of several processes. A worker hands its records to the hub, the hub writes them and says which it
has written. What a hub that ended had not said of, its worker writes itself, but lines that the file already has; what
it had counted of mandatory lists the next hub is told."""

import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sfs.core.verdict import Verdict
from sfs.proxy.workers.records import record_of, said_of_record
from sfs.sources import decisions
from sfs.sources.config import Config
from sfs.sources.decisions import MAX_DAY, Decision, last_lines
from sfs.sources.hourly import hour_of
from sfs.sources.journal import Journal, Record, counted_name

MAX_TOLD: Final = 5000  # records that a hub has not written yet; the worker writes what comes beyond that
MAX_COUNTED: Final = 10_000  # lists and hours that no hub has written yet
LAST: Final = 2.0  # seconds that a worker which ends waits for the hub to write what it was told
SEARCHED: Final = 4 << 20  # bytes of the end of a file, where these are looked for: more than a few workers tell


class ToldJournal(Journal):
    """A worker's. `told(kind, ...)`: hand it to the hub, False where there is none; `there`: whether there is one. On
    the loop, but `close`."""

    def __init__(self, told: Callable[..., bool], there: Callable[[], bool], config: Config) -> None:
        self._told, self._there = told, there
        self._numbers = itertools.count(1)
        self._waiting: deque[tuple[int, Record]] = deque()  # the hub has them, and has not said that they are written
        self._none_waits = threading.Event()
        self._none_waits.set()
        self._doubtful: set[str] = set()  # lines that a hub which ended may have written
        self._blocked: Counter[tuple[str, str]] = Counter()  # by hour and list: not yet written by the hub
        super().__init__(config.state / "log", config.retention)

    def note(self, record: Record) -> None:
        number = next(self._numbers)
        if len(self._waiting) < MAX_TOLD and self._told("record", number, said_of_record(record)):
            self._waiting.append((number, record))
            self._none_waits.clear()
        else:
            super().note(record)

    def count(self, verdict: Verdict, at: datetime) -> None:
        if (name := counted_name(verdict)) is None:
            return
        row = hour_of(at), name
        if row not in self._blocked and len(self._blocked) >= MAX_COUNTED:
            del self._blocked[min(self._blocked)]
        self._blocked[row] += 1
        self._told("counts", [[*row, 1]])

    def written(self, number: int) -> None:
        """The hub has written all records up to this one."""
        while self._waiting and self._waiting[0][0] <= number:
            self._waiting.popleft()
        if not self._waiting:
            self._none_waits.set()

    def hours_written(self, hour: str) -> None:
        """The hub has written what was counted before this hour."""
        for row in [row for row in self._blocked if row[0] < hour]:
            del self._blocked[row]

    def hub_came(self) -> None:
        """It knows nothing of what was counted until now."""
        if self._blocked:
            self._told("counts", [[*row, count] for row, count in self._blocked.items()])

    def hub_ended(self) -> None:
        """Write what it has not said of. To be called once it is gone and writes no more."""
        left = [record for _, record in self._waiting]
        self._waiting.clear()
        self._doubtful.update(record.line() for record in left)
        for record in left:
            super().note(record)
        self._none_waits.set()

    def close(self) -> None:
        """As Journal has it, in a thread; the loop goes on meanwhile, as the hub is waited for, or its end."""
        self._none_waits.wait(LAST)
        if not self._there():  # to write them
            self.add_counts([(*row, count) for row, count in self._blocked.items()])
        super().close()

    def _write(self, records: list[Record]) -> None:
        if self._doubtful:
            lines = {record.line() for record in records} & self._doubtful
            ends = [last_lines(path, SEARCHED) for _, path in decisions.days(self._folder)[:2]]  # of midnight in either
            there = lines & {line.decode("ascii", "replace") for end in ends for line in end}
            self._doubtful -= lines
            records = [record for record in records if record.line() not in there]
        if records:
            super()._write(records)


@dataclass(frozen=True, slots=True)
class _Told(Record):
    """A record and who told it."""

    worker: int
    number: int


class WholeJournal(Journal):
    """The hub's. `hear`: wait until it is known here what workers have told; in a thread. `say(worker, kind, ...)`, to
    all of them where it is None: from any thread."""

    def __init__(self, hear: Callable[[], None], say: Callable[..., None], config: Config) -> None:
        self._hear, self._say = hear, say
        self._hour = ""
        super().__init__(config.state / "log", config.retention)

    def take(self, worker: int, number: int, said: list[Any]) -> None:
        """A record that a worker told; ValueError where it is none."""
        record = record_of(said)
        self.note(_Told(record.time, record.group, record.host, record.verdict, record.code, worker, int(number)))

    def recent(self, limit: int) -> tuple[Decision, ...]:
        self._hear()
        return super().recent(limit)

    def today(self, limit: int = MAX_DAY) -> tuple[Decision, ...]:
        self._hear()
        return super().today(limit)

    def find(self, code: str) -> Decision | None:
        self._hear()
        return super().find(code)

    def _records_done(self, records: list[Record]) -> None:
        last = {record.worker: record.number for record in records if isinstance(record, _Told)}
        for worker, number in last.items():
            self._say(worker, "written", number)

    def _hours_done(self, hour: str) -> None:
        if hour != self._hour:
            self._hour = hour
            self._say(None, "hours_written", hour)

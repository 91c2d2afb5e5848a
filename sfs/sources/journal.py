"""The decision log: JSON lines under STATE/log, one file a day, 0600, gone after `retention` (design, section 8).

A record holds time, group, host, check and code (null where the page was shown); no path, no query, no search word,
no client address. Help hosts and help words never reach this file: such a verdict has `record` False and is turned
away at the door. Blocking (mandatory lists, profile isp) is counted by the hour, rounded, and nothing else is kept.

Why a request was blocked, and by which line of which list, stays in memory alone, for the last of them: the file holds
no more than it did.
"""

import errno
import json
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sfs.core.verdict import Verdict
from sfs.sources import decisions
from sfs.sources.decisions import Decision
from sfs.sources.hourly import Hourly, Row, hour_of

log = logging.getLogger(__name__)

MAX_WAITING = 10_000  # records; a disk slower than that loses the newest, the proxy never waits
FLUSH_EVERY = 0.25  # seconds without a new record...
FLUSH_LATEST = 0.75  # ...or since the first that waits: a crash may lose the last second (design, section 8)
BATCH = 100  # records written at once
COUNTS_EVERY = 60.0  # seconds between looks whether an hour is over
MAX_UNWRITTEN = 10_000  # counts that wait for a disk that is full: a list and an hour each
MAX_TAIL = 500  # blocked requests whose reason and source are kept in memory, so that a code can be explained


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the log."""

    time: datetime
    group: str
    host: str
    verdict: Verdict
    code: str | None

    def line(self) -> str:
        """The record as JSON; everything from outside is escaped by JSON itself, ASCII only."""
        return json.dumps(
            {
                "time": self.time.isoformat(timespec="seconds"),
                "group": self.group,
                "host": self.host[:253],
                "check": self.verdict.check,
                "code": self.code,
            }
        )


class Journal:
    """Writes in a thread of its own. `wants` says whether a verdict may be kept at all; `note` keeps it."""

    def __init__(self, folder: Path, retention: timedelta) -> None:
        self._folder = folder
        self._retention = retention
        self._queue: queue.Queue[Record | None] = queue.Queue(MAX_WAITING)
        self._hourly = Hourly()
        self._lock = threading.Lock()
        self._lost = 0
        self._unwritten: tuple[Row, ...] = ()  # counts that the disk did not take
        self._tail: deque[Record] = deque(maxlen=MAX_TAIL)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @staticmethod
    def wants(verdict: Verdict, record: str) -> bool:
        """Whether the record setting of a policy lets this verdict be written with its host."""
        if not verdict.record or verdict.check == "mandatory" or record == "nothing":
            return False
        return verdict.blocked or record == "visits"

    def note(self, record: Record) -> None:
        """Keep a record; returns at once."""
        if record.code is not None and self.wants(record.verdict, "blocked"):
            self._tail.append(record)
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            with self._lock:
                self._lost += 1

    def recent(self, limit: int) -> tuple[Decision, ...]:
        """The last blocked requests of today, the newest first, at most `limit`. Reads a file: for a thread."""
        return self._of_today(limit, decisions.FEW_BYTES)

    def today(self, limit: int = decisions.MAX_DAY) -> tuple[Decision, ...]:
        """The blocked requests of today, the newest first; of a day with very many the last. For a thread."""
        return self._of_today(limit, decisions.DAY_BYTES)

    def find(self, code: str) -> Decision | None:
        """The blocked request that has this code, None where no record has it. Reads files: for a thread."""
        for record in self._kept():
            if record.code == code:
                return _decision(record)
        return decisions.find(self._folder, code, self._oldest())

    def _of_today(self, limit: int, size: int) -> tuple[Decision, ...]:
        today = datetime.now().astimezone().date()
        found = {d.code: d for d in decisions.read_day(self._file(today), size)}
        found |= {r.code: _decision(r) for r in self._kept() if r.code and r.time.astimezone().date() == today}
        return tuple(sorted(found.values(), key=lambda decision: decision.time, reverse=True)[:limit])

    def _kept(self) -> tuple[Record, ...]:
        """What memory holds within the retention."""
        while True:
            try:
                records = tuple(self._tail)
            except RuntimeError:  # the proxy has just added one
                continue
            oldest = datetime.now(UTC) - self._retention
            return tuple(record for record in records if record.time >= oldest)

    def _oldest(self) -> date:
        return (datetime.now().astimezone() - self._retention).date()

    def _file(self, day: date) -> Path:
        return self._folder / f"decisions-{day:%Y-%m-%d}.jsonl"

    def count(self, verdict: Verdict, at: datetime) -> None:
        """Count a block of a mandatory list: by list and hour, nothing else."""
        if (name := counted_name(verdict)) is not None:
            with self._lock:
                self._hourly.count(name, hour_of(at))

    def add_counts(self, rows: Iterable[Row]) -> None:
        """Count what another process has counted, not rounded."""
        with self._lock:
            for hour, name, count in rows:
                self._hourly.count(name, hour, count)

    def last_hour(self, names: Iterable[str]) -> dict[str, int]:
        """What mandatory lists with these names blocked in the last whole hour (sources/hourly.py). Writes a file: for
        a thread."""
        try:
            self._write_counts(all_hours=False)
        except OSError as fault:
            log.error("counts: %s", fault.strerror)
        with self._lock:
            return self._hourly.last(names, datetime.now(UTC))

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._queue.put(None)
        self._thread.join(timeout=5)
        try:
            self._write_counts(all_hours=True)
        except OSError as fault:
            log.error("counts: %s", fault.strerror)

    def _run(self) -> None:
        swept: date | None = None
        while True:
            if swept != (today := datetime.now().astimezone().date()):
                swept = today
                self._forget()
            batch = self._batch()
            records = [record for record in batch if record is not None]
            try:
                if records:
                    self._write(records)
                self._write_counts(all_hours=False)
            except OSError as fault:
                log.error("decision log: %s; %d records lost", fault.strerror, len(records))
            self._records_done(records)
            with self._lock:
                lost, self._lost = self._lost, 0
            if lost:
                log.error("decision log: the disk is too slow; %d records lost", lost)
            if None in batch:
                return

    def _batch(self) -> list[Record | None]:
        """What came in after the first record until none came for a while; None in it means the end."""
        batch: list[Record | None] = []
        try:
            batch.append(self._queue.get(timeout=COUNTS_EVERY))
            end = time.monotonic() + FLUSH_LATEST
            while len(batch) < BATCH and batch[-1] is not None:
                batch.append(self._queue.get(timeout=max(0.0, min(FLUSH_EVERY, end - time.monotonic()))))
        except queue.Empty:
            pass
        return batch

    def _records_done(self, records: list[Record]) -> None:
        """These are on the disk, or lost. In the thread that writes."""

    def _hours_done(self, hour: str) -> None:
        """What was counted before this hour is on the disk. From any thread."""

    def _write(self, records: list[Record]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _append(self._file(records[0].time.date()), "".join(record.line() + "\n" for record in records))

    def _write_counts(self, *, all_hours: bool) -> None:
        now = datetime.now(UTC)
        with self._lock:
            rows = self._unwritten + self._hourly.take(now, all_hours=all_hours)
            self._unwritten = ()
        lines = [{"hour": hour, "list": name, "blocked": count} for hour, name, count in rows]
        try:
            if lines:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _append(self._folder / "counts.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        except OSError:
            with self._lock:
                self._unwritten = (*rows, *self._unwritten)[-MAX_UNWRITTEN:]
            raise
        self._hours_done(hour_of(now))

    def _forget(self) -> None:
        """Remove the files of days past the retention."""
        oldest = self._oldest()
        for day, path in decisions.days(self._folder):
            if day < oldest:
                path.unlink(missing_ok=True)


def counted_name(verdict: Verdict) -> str | None:
    """The list under which a verdict is counted, None where it is not."""
    if verdict.blocked and verdict.check == "mandatory" and verdict.record:
        return (verdict.source or "").rpartition(" ")[0]
    return None


def _decision(record: Record) -> Decision:
    verdict, code = record.verdict, record.code or ""
    return Decision(
        record.time, record.group, record.host, verdict.check, code, verdict.reason, verdict.source, verdict.level
    )


def _append(path: Path, text: str) -> None:
    """In one piece: another worker may write to the same file, and no line of one stands in a line of the other. Where
    a full disk has cut the last line that one is ended first."""
    data = text.encode("ascii")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                data = b"\n" + data
        if file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

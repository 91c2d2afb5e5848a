"""The decision log read back: for the page of the administrator. What writes it is journal.py.

A line that cannot be read is passed over: the last one may be half written, and a person may have edited the file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

FEW_BYTES: Final = 64 * 1024  # of the end of a file, where the last few are wanted: about 400 records
DAY_BYTES: Final = 1024 * 1024  # of the end of a file, where the whole day is wanted: about 6,000 records
MAX_DAY: Final = 2000  # records of a day that a page works with
MAX_LINE: Final = 4096  # bytes; a record has under 500
SEARCH_BYTES: Final = 64 * 1024 * 1024  # of all files together, when a code is looked for


@dataclass(frozen=True, slots=True)
class Decision:
    """One blocked request. `reason`, `source` and `level` are known only while memory holds them: the file has them
    not, and they are None after a restart."""

    time: datetime
    group: str
    host: str
    check: str
    code: str
    reason: str | None = None
    source: str | None = None
    level: int | None = None


def days(folder: Path) -> list[tuple[date, Path]]:
    """The files of the log with their days, the newest first; no files where there is no folder."""
    found = []
    for path in folder.glob("decisions-*.jsonl"):
        try:
            found.append((datetime.strptime(path.stem, "decisions-%Y-%m-%d").date(), path))
        except ValueError:
            continue
    return sorted(found, reverse=True)


def read_day(path: Path, size: int) -> Iterator[Decision]:
    """The blocked requests in the last `size` bytes of a file, in its order; none where it cannot be read."""
    for line in last_lines(path, size):
        if (decision := parse_decision(line)) is not None:
            yield decision


def last_lines(path: Path, size: int) -> list[bytes]:
    """The lines in the last `size` bytes of a file, without their ends; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            start = file.seek(max(0, end - size))
            data = file.read(size)
    except OSError:
        return []
    lines = data.split(b"\n")
    return lines[1:] if start else lines  # the first is cut where the reading began inside the file


def find(folder: Path, code: str, oldest: date) -> Decision | None:
    """The blocked request with this code in the files since `oldest`, the newest file first."""
    needle, left = json.dumps(code).encode("ascii"), SEARCH_BYTES
    for day, path in days(folder):
        if day < oldest or left <= 0:
            break
        try:
            with path.open("rb") as file:
                while left > 0 and (line := file.readline(MAX_LINE)):
                    left -= len(line)
                    if needle in line and (decision := parse_decision(line)) is not None and decision.code == code:
                        return decision
        except OSError:
            continue
    return None


def parse_decision(line: bytes) -> Decision | None:
    """The blocked request that a line records; None for a page that was shown and for anything else."""
    if not line.strip() or len(line) > MAX_LINE:
        return None
    try:
        value: Any = json.loads(line)
        time = datetime.fromisoformat(value["time"])
        texts = tuple(value[key] for key in ("group", "host", "check", "code"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if time.tzinfo is None or not all(isinstance(text, str) for text in texts):
        return None
    return Decision(time, *texts)

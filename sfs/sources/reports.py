"""What readers say of pages ("closed, but should be open"; "open, but should be closed"), until somebody has looked.

One file, JSON lines, 0600: a line is a report, or the id of one that is done. A line is on the disk before `add` comes
back; a crash can cost at most the line it fell into, which is passed over at the next start. Where lines have been
done with, the file is written anew now and then. `add` and `done` write: never on the proxy's loop.
"""

import json
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, get_args

from sfs.errors import SfsError, Where
from sfs.lists.private import write_private

Kind = Literal["blocked", "shown"]

MAX_WAITING: Final = 1000  # reports; more than anybody reads
MAX_ADDRESS: Final = 500  # characters
MAX_NOTE: Final = 500  # characters
MAX_GROUP: Final = 100  # characters
MAX_LINE: Final = 16_384  # bytes; all fields at their longest, each character escaped, have under 14,000
MAX_FILE: Final = 32 << 20  # bytes that are read at the start
STALE: Final = 200  # lines that say nothing any more before the file is written anew
_KINDS: Final = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `group`: the name of the reader's policy, never who. `kind`: wrongly `blocked` or wrongly `shown`;
    `address`: a host, or a URL as the reader gave it; `code`: of the block page, where there was one."""

    id: str
    time: datetime
    group: str
    kind: Kind
    address: str
    note: str = ""
    code: str | None = None


def new_report(time: datetime, group: str, kind: Kind, address: str, note: str = "", code: str | None = None) -> Report:
    """A report with an id of its own; texts are cut to their bounds."""
    return Report(secrets.token_hex(8), time, group[:MAX_GROUP], kind, address[:MAX_ADDRESS], note[:MAX_NOTE], code)


class Reports:
    """The reports of one file; may be used from any thread. The file is read when it is first asked for. A report
    that waits already with the same words is not kept twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._waiting: dict[str, Report] | None = None
        self._stale = 0
        self._torn = False  # the file's last line did not end: the next one begins on a line of its own

    def add(self, report: Report) -> None:
        """Keep a report; it is on the disk then. SfsError where MAX_WAITING wait already or the disk takes no more:
        then nothing was kept."""
        with self._lock:
            waiting = self._load()
            if any(_same(report, other) for other in waiting.values()):
                return
            if len(waiting) >= MAX_WAITING:
                raise SfsError(f"{MAX_WAITING} reports wait already", mend="look through them on the page of reports")
            self._append(_line(report))
            waiting[report.id] = report

    def waiting(self) -> tuple[Report, ...]:
        """All that nobody has done with, oldest first. SfsError where the file cannot be read."""
        with self._lock:
            return tuple(self._load().values())

    def full(self) -> bool:
        """Whether no more are taken. SfsError where the file cannot be read."""
        return len(self.waiting()) >= MAX_WAITING

    def done(self, id_: str) -> bool:
        """Forget a report; False where there is none of this id. SfsError where that cannot be written."""
        with self._lock:
            waiting = self._load()
            if id_ not in waiting:
                return False
            self._append(json.dumps({"done": id_}))
            del waiting[id_]
            self._stale += 2
            if not waiting or self._stale >= STALE:
                self._compact(waiting)
            return True

    def _load(self) -> dict[str, Report]:
        if self._waiting is None:
            data = _read(self._path)
            waiting, lines = _replay(data)
            self._stale = lines - len(waiting)
            self._torn = bool(data) and not data.endswith(b"\n")
            if self._stale or self._torn:
                self._compact(waiting)
            self._waiting = waiting
        return self._waiting

    def _append(self, line: str) -> None:
        raw = (("\n" if self._torn else "") + line + "\n").encode("ascii")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                self._torn = True  # until the whole line is there
                if os.write(descriptor, raw) != len(raw):
                    raise OSError(28, "No space left on device")
                os.fsync(descriptor)
                self._torn = False
            finally:
                os.close(descriptor)
        except OSError as fault:
            raise SfsError(
                f"cannot be written: {fault.strerror}", Where(str(self._path)), "check the folder and the free space"
            ) from None

    def _compact(self, waiting: Mapping[str, Report]) -> None:
        """Write the file anew with what still waits. Where that fails the long file does as well."""
        try:
            write_private(self._path, "".join(_line(report) + "\n" for report in waiting.values()))
        except SfsError:
            return
        self._stale, self._torn = 0, False


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE)
    except FileNotFoundError:
        return b""
    except OSError as fault:
        raise SfsError(f"cannot be read: {fault.strerror}", Where(str(path)), "check who owns it") from None


def _replay(data: bytes) -> tuple[dict[str, Report], int]:
    """The reports that still wait, and how many lines there are. A line that cannot be read is passed over."""
    waiting: dict[str, Report] = {}
    lines = data.splitlines()
    for line in lines:
        values = _object(line)
        if "done" in values:
            waiting.pop(str(values["done"]), None)
        elif (report := _report(values)) is not None and len(waiting) < MAX_WAITING:
            waiting[report.id] = report
    return waiting, len(lines)


def _object(line: bytes) -> dict[str, object]:
    if len(line) > MAX_LINE:
        return {}
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _report(values: Mapping[str, object]) -> Report | None:
    id_, time, kind = values.get("id"), values.get("time"), values.get("kind")
    group, address, note = values.get("group"), values.get("address"), values.get("note")
    code = values.get("code")
    if not (isinstance(id_, str) and isinstance(time, str) and kind in _KINDS and isinstance(group, str)):
        return None
    if not (isinstance(address, str) and isinstance(note, str) and (code is None or isinstance(code, str))):
        return None
    try:
        day = datetime.fromisoformat(time)
    except ValueError:
        return None
    return Report(id_, day, group, "blocked" if kind == "blocked" else "shown", address, note, code)


def _line(report: Report) -> str:
    """ASCII only: everything from outside is escaped by JSON itself."""
    return json.dumps(
        {
            "id": report.id,
            "time": report.time.isoformat(timespec="seconds"),
            "group": report.group,
            "kind": report.kind,
            "address": report.address,
            "note": report.note,
            "code": report.code,
        }
    )


def _same(one: Report, other: Report) -> bool:
    return (one.group, one.kind, one.address, one.note) == (other.group, other.kind, other.address, other.note)

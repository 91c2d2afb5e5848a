"""What is changed on the page of the administrator: STATE/changes.yaml, a layer of the configuration, with undo.

Each change is checked as a whole configuration before it is written; one that would be none is refused and nothing
changes. Before the file is replaced, what it said goes to STATE/changes/NNNNNN.yaml with a line that says what was
changed: undo puts that back. A crash between the two leaves a copy of what holds, which the next look removes.

A pause is no change to undo: it ends by itself, and an undo leaves it as it is.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from sfs.errors import SfsError, Where
from sfs.lists.private import write_private
from sfs.match.entry import parse_entry
from sfs.sources.config import CHANGES
from sfs.sources.yaml_nodes import load_plain

KEPT: Final = 50  # changes that can be undone
MAX_ENTRIES: Final = 5000  # of a list that is clicked together
LEAST_PAUSE, MOST_PAUSE = timedelta(minutes=1), timedelta(hours=12)
MAX_SHOWN: Final = 200  # characters of a value in the history
_NUMBERED: Final = re.compile(r"[0-9]{6}\.yaml")
_HEAD: Final = "# Written by SFS, from the page of its administrator. This layer lies above the configuration file.\n"
_UNDO: Final = "# before: "


@dataclass(frozen=True, slots=True)
class Change:
    """One change: its number, when (UTC), what (a key: level, allow, block, forget, or a setting), the value as text
    and who made it."""

    number: int
    time: datetime
    what: str
    value: str
    by: str

    @property
    def mark(self) -> str:
        """What tells this change from all others: a number is given again once its change is undone."""
        return f"{self.number}-{self.time:%Y%m%dT%H%M%S.%f}"


class OtherChange(SfsError):
    """The last change is not the one that was to be undone."""


class Changes:
    """The changes in one state folder. `check` is given the file of a candidate and raises SfsError where the whole
    configuration with it is none. May be used from several threads and processes."""

    def __init__(self, folder: Path, check: Callable[[Path], object]) -> None:
        self._file = folder / CHANGES
        self._folder = folder / "changes"
        self._check = check
        self._lock = threading.Lock()

    def values(self) -> dict[str, Any]:
        """The layer as it is written; {} where nothing was changed. SfsError where the file cannot be read."""
        return dict(_parsed(self._file))

    def set_level(self, level: int, *, by: str) -> Change:
        """Everybody's level. SfsError for no level."""
        return self.set("level", level, by=by)

    def set(self, key: str, value: object, *, by: str) -> Change:
        """One setting; None takes it back to what lies below. SfsError where it cannot stand."""
        with self._held():
            values = self.values()
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
            return self._put(values, key, "" if value is None else str(value), by)

    def allow(self, text: str, *, by: str) -> Change:
        """Show an entry. SfsError where the text is none."""
        return self._list("allow", "block", text, by)

    def block(self, text: str, *, by: str) -> Change:
        """Do not show an entry. SfsError where the text is none."""
        return self._list("block", "allow", text, by)

    def forget(self, text: str, *, by: str) -> Change:
        """Take an entry out of what was allowed or blocked here. SfsError where it is in neither."""
        with self._held():
            values = self.values()
            if not _without(values, "allow", text) | _without(values, "block", text):
                raise SfsError(f"{text[:MAX_SHOWN]!r} is not among the sites chosen here", mend="load the page again")
            return self._put(values, "forget", text, by)

    def pause(self, minutes: int, *, now: datetime, by: str, group: str | None = None) -> datetime:
        """Let everything through that is not dangerous or forbidden, for everybody or a group; when that ends.
        SfsError for a time out of bounds."""
        if not LEAST_PAUSE <= timedelta(minutes=minutes) <= MOST_PAUSE:
            raise SfsError(f"a pause of {minutes} minutes", mend="choose 1 minute to 12 hours")
        until = (now.astimezone(UTC) + timedelta(minutes=minutes)).replace(microsecond=0)
        pause = {"until": until.isoformat()} | ({} if group is None else {"group": group})
        self._pauses(now, group, [pause])
        return until

    def end_pause(self, *, now: datetime, by: str, group: str | None = None) -> None:
        """Filter again at once."""
        self._pauses(now, group, [])

    def undo(self, *, by: str, mark: str | None = None) -> Change | None:
        """Put back what held before the last change; that change, or None where there is nothing to undo. `mark`: of
        the change that is meant; OtherChange where it is not the last one."""
        with self._held():
            last = self._last()
            if mark is not None and (last is None or last[1].mark != mark):
                raise OtherChange("that is not the last change", mend="look at the last change again")
            if last is None:
                return None
            file, change = last
            values = _parsed(file)
            pauses = self.values().get("pauses")
            kept = {key: value for key, value in values.items() if key != "pauses"}
            self._write(kept if pauses is None else kept | {"pauses": pauses})
            file.unlink(missing_ok=True)
            return change

    def history(self, limit: int = 20) -> tuple[Change, ...]:
        """The changes that can be undone, the newest first."""
        found = (change for file in reversed(self._files()) if (change := _change_of(file)) is not None)
        return tuple(change for change, _ in zip(found, range(limit), strict=False))

    def _list(self, key: str, other: str, text: str, by: str) -> Change:
        text = text.strip()
        if parse_entry(text, Where(key)) is None:
            raise SfsError("no site is named", mend="write an address, as example.com")
        with self._held():
            values = self.values()
            _without(values, other, text)
            _without(values, key, text)
            entries = values.setdefault(key, [])
            if len(entries) >= MAX_ENTRIES:
                raise SfsError(f"{MAX_ENTRIES} sites are chosen here", mend="put them into a list (`lists`)")
            entries.append(text)
            return self._put(values, key, text, by)

    def _pauses(self, now: datetime, group: str | None, more: list[dict[str, str]]) -> None:
        with self._held():
            values = self.values()
            kept = [row for row in values.get("pauses", ()) if row.get("group") != group and _lasts(row, now)]
            values["pauses"] = kept + more
            if not values["pauses"]:
                del values["pauses"]
            self._write(values)

    def _put(self, values: dict[str, Any], what: str, value: str, by: str) -> Change:
        before = self.values()
        last = self._last()
        number = 1 if last is None else last[1].number + 1
        change = Change(number, datetime.now(UTC), what, value[:MAX_SHOWN], by)
        said = {"number": number, "time": change.time.isoformat(), "what": what, "value": change.value, "by": by}
        copy = self._folder / f"{number:06}.yaml"
        self._checked(values)
        write_private(copy, f"{_UNDO}{json.dumps(said)}\n{_dumped(before)}")
        write_private(self._file, _HEAD + _dumped(values))
        for old in self._files()[:-KEPT]:
            old.unlink(missing_ok=True)
        return change

    def _write(self, values: dict[str, Any]) -> None:
        self._checked(values)
        write_private(self._file, _HEAD + _dumped(values))

    def _checked(self, values: dict[str, Any]) -> None:
        candidate = self._file.with_name(".changes-candidate.yaml")
        write_private(candidate, _dumped(values))
        try:
            self._check(candidate)
        finally:
            candidate.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.yaml") if _NUMBERED.fullmatch(path.name))

    def _last(self) -> tuple[Path, Change] | None:
        """The newest change and the file of what held before it. One that changed nothing was cut off by a crash."""
        now = _without_pauses(self.values())
        for file in reversed(self._files()):
            change = _change_of(file)
            with suppress(SfsError):
                if change is not None and _without_pauses(_parsed(file)) != now:
                    return file, change
            file.unlink(missing_ok=True)
        return None

    @contextmanager
    def _held(self) -> Iterator[None]:
        """One change at a time, here and in other processes."""
        with self._lock:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                with suppress(ImportError):  # no such locks on Windows, where one process is the rule
                    import fcntl

                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)


def _parsed(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = load_plain(path)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SfsError("not a mapping", Where(str(path)), "delete the file: what was changed on the page is lost then")
    return dict(value)


def _dumped(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False) if values else ""


def _change_of(file: Path) -> Change | None:
    """What the first line of a copy says; None where it is damaged."""
    try:
        with file.open(encoding="utf-8") as lines:
            said = json.loads(lines.readline(4096).removeprefix(_UNDO))
        time = datetime.fromisoformat(said["time"])
        return Change(int(said["number"]), time, str(said["what"]), str(said["value"]), str(said["by"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _without(values: dict[str, Any], key: str, text: str) -> bool:
    """Take an entry out of a list of the layer; whether it was there."""
    entries = values.get(key, [])
    kept = [item for item in entries if (item.get("entry") if isinstance(item, dict) else item) != text]
    if kept:
        values[key] = kept
    else:
        values.pop(key, None)
    return len(kept) < len(entries)


def _without_pauses(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "pauses"}


def _lasts(row: object, now: datetime) -> bool:
    try:
        return isinstance(row, dict) and datetime.fromisoformat(str(row.get("until"))) > now
    except (ValueError, TypeError):
        return False

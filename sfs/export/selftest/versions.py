"""Which version of a list has to be in force, and how old it is. Of a file only the first line is read: it names no
entry."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sfs.export import outputs
from sfs.export.selftest.asking import ask_serial
from sfs.export.selftest.findings import Finding, Kind
from sfs.export.selftest.plan import AskedList
from sfs.export.selftest.verdicts import Expected
from sfs.export.transfer import read_key

MAX_HEAD: Final = 500  # bytes of a first line
TIMES: Final = (3.0, 5.0, 8.0)  # seconds to wait for the primary, one after the other
_BY_DAY: Final = re.compile(r"(20[0-9]{2})([01][0-9])([0-3][0-9])[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Versions:
    """What is known of a list before anybody is asked. `age`: None where nothing tells it. `at_list`, `at_primary`:
    what is wrong there."""

    expected: Expected
    age: timedelta | None
    at_list: tuple[Finding, ...] = ()
    at_primary: tuple[Finding, ...] = ()


async def versions(tested: AskedList, now: datetime) -> Versions:
    """What has to be in force. SfsError for a key that is none."""
    found: list[Finding] = []
    expected, age = Expected(tested.serial), None
    if tested.file is not None:
        expected, age = _of_file(tested, tested.file, now)
        if expected.serial is None:
            found.append(Finding(Kind.NO_VERSION, tested.zone, "its file cannot be read or is none of this list"))
    at_primary: tuple[Finding, ...] = ()
    if tested.primary is not None:
        expected, at_primary = await _of_primary(tested, expected)
    if age is None and expected.serial is not None:
        age = _age_by_day(expected.serial, now)
    if tested.max_age is not None and (age is None or age > tested.max_age):
        old = "its age is not known" if age is None else f"{_days(age)} old"
        found.append(Finding(Kind.OLD_LIST, tested.zone, f"{old}, more than {_days(tested.max_age)} are too much"))
    return Versions(expected, age, tuple(found), at_primary)


async def _of_primary(tested: AskedList, expected: Expected) -> tuple[Expected, tuple[Finding, ...]]:
    assert tested.primary is not None and tested.key_file is not None
    key, serial = read_key(tested.key_file, ""), None
    for seconds in TIMES:
        serial = await ask_serial(tested.zone, tested.primary, key, seconds)
        if serial is not None:
            break
    if serial is None:
        return expected, (Finding(Kind.NO_ANSWER, tested.zone, "does not tell the serial to the key of transfers"),)
    if expected.serial is None:
        return Expected(serial), ()
    if serial in (expected.serial, expected.before):
        return expected, ()
    kind = Kind.STALE if serial < expected.serial else Kind.NEWER
    return expected, (Finding(kind, tested.zone, f"has serial {serial}, expected is {expected.serial}"),)


def _of_file(tested: AskedList, file: Path, now: datetime) -> tuple[Expected, timedelta | None]:
    """The serial of a file, and of the one of before while the new one is on its way. The file is touched by each
    export, also where nothing changed; when it was put there is known by the name that the one of before got."""
    serial, previous = _serial(file, tested.zone), outputs.previous_of(file)
    if serial is None:
        return Expected(None), None
    before = None
    age = now - datetime.fromtimestamp(os.stat(file).st_mtime, UTC)
    if previous.is_file() and now - datetime.fromtimestamp(os.stat(previous).st_ctime, UTC) < tested.arrives:
        before = _serial(previous, tested.zone)
    return Expected(serial, before), age


def _serial(file: Path, zone: str) -> int | None:
    try:
        with file.open("rb") as opened:
            head = outputs.head_of(opened.read(MAX_HEAD).decode("utf-8", "replace"))
    except OSError:
        return None
    return None if head is None or head[1] != zone else head[2]


def _age_by_day(serial: int, now: datetime) -> timedelta | None:
    """The age of a serial that was made of a day, as those of SFS are."""
    found = _BY_DAY.fullmatch(str(serial))
    if found is None:
        return None
    try:
        return now - datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC)
    except ValueError:
        return None


def _days(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"

"""Where outputs of mandatory lists go, and which version stands there: compared before it is replaced, replaced whole,
and put back in one step.

Beside OUT stands OUT.previous. Both have a serial, which only ever grows, also when the version of before comes back:
a secondary takes nothing older than what it has.
"""

import os
import re
import stat
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from sfs.errors import SfsError, Where
from sfs.lists.mandatory import Purpose
from sfs.lists.private import write_atomically
from sfs.lists.shrinking import is_shrunk

MAX_OUTPUT: Final = 2_000_000_000  # bytes
MAX_SERIAL: Final = 4_294_967_295  # RFC 1982, 32 bits
FURTHEST: Final = 2_147_483_647  # RFC 1982: what is further above is older, to whoever fetches a zone
FREE_CHANGES: Final = 100  # lines that may change, however short a list is
MOST_CHANGED: Final = 0.2  # of the lines; more is a list that went wrong until somebody looked
_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_HEAD: Final = re.compile(r"\A(?:;|#|--|//) SFS, ([a-z-]+) list (\S+), serial ([0-9]{1,10})$", re.MULTILINE)
# Where a serial stands: the head, the SOA of a zone, the canary.
_SERIAL: Final = re.compile(
    r"(?:\A(?:;|#|--|//) SFS, .*, serial |^@ IN SOA \S+ \S+ |^.*\bserial )([0-9]{1,10})\b", re.M
)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an output, by its text."""

    text: str
    purpose: str
    zone: str
    serial: int

    @property
    def lines(self) -> Counter[str]:
        """Its lines without those that change with the serial alone."""
        return Counter(_SERIAL.sub("", self.text).splitlines())


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two versions, as lines; `whole`: lines of the old one."""

    removed: tuple[str, ...]
    added: tuple[str, ...]
    whole: int

    @property
    def size(self) -> int:
        """How many lines changed."""
        return len(self.removed) + len(self.added)


def read_version(path: Path) -> Version | None:
    """The version at `path`; None where there is none. SfsError for a file that SFS did not write."""
    try:
        if not path.exists():
            return None
        if not path.is_file() or path.stat().st_size > MAX_OUTPUT:
            raise SfsError("no output of SFS", Where(str(path)), "name another file")
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as fault:
        raise SfsError(f"cannot be read: {fault.strerror}", Where(str(path)), "look who may read it") from None
    head = head_of(text)
    if head is None or head[0] not in {str(one) for one in Purpose}:
        raise SfsError("no output of SFS", Where(str(path)), "name another file, or move this one away")
    return Version(text, *head)


def head_of(text: str) -> tuple[str, str, int] | None:
    """The purpose, the zone and the serial that the first line of an output says; None where it says none."""
    found = _HEAD.search(text)
    return None if found is None else (found[1], found[2], int(found[3]))


def next_serial(before: int, at: date) -> int:
    """A serial greater than `before`, by the day and, where `at` is a time, the quarter of an hour: 2026112801. So it
    grows too where a machine that kept its files in memory was started again: resolvers that went on have the serials
    of before, and take no lower one. SfsError past the last there is."""
    if before >= MAX_SERIAL:
        raise SfsError(f"no serial above {before}", mend="write it to another place, as a new zone")
    quarter = at.hour * 4 + at.minute // 15 if isinstance(at, datetime) else 0
    return max(int(f"{at:%Y%m%d}01") + quarter, before + 1)


def check_serial(serial: int, before: int) -> None:
    """SfsError where those who have a version with the serial `before` would not take one with `serial`."""
    if serial <= before:
        raise SfsError(f"serial {serial} is not above {before}", mend="leave --serial out")
    if serial - before > FURTHEST:
        what = f"serial {serial} is so far above {before} that resolvers take it for an older one"
        raise SfsError(what, mend=f"{before + FURTHEST} is the highest that they take next")


def difference(before: Version, text: str) -> Difference:
    """What of the lines changes from a version to a text."""
    old, new = before.lines, Counter(_SERIAL.sub("", text).splitlines())
    return Difference(tuple((old - new).elements()), tuple((new - old).elements()), old.total())


def check_change(found: Difference, *, empty: bool = False) -> None:
    """SfsError where more changes than a day brings. `empty`: nothing of the list is left, however short it was."""
    if empty and found.size:
        raise SfsError("nothing of the list would be left", mend="look at it with --diff, then say --accept-change")
    if too_many(len(found.removed), len(found.added), found.whole):
        what = f"{len(found.removed):,} lines would go and {len(found.added):,} come, of {found.whole:,}"
        raise SfsError(what, mend="look at it with --diff, then say --accept-change")


def too_many(went: int, came: int, whole: int) -> bool:
    """Whether a list of `whole` lines that lost `went` and got `came` looks like one that was cut or mistaken."""
    return went + came > max(FREE_CHANGES, MOST_CHANGED * whole) or is_shrunk(whole, whole - went + came)


def check_count(count: int, most: int) -> None:
    """SfsError where a list has more entries than it is thought to have."""
    if count > most:
        mend = f"is it the right list? then say --most {count}"
        raise SfsError(f"{count:,} entries, where {most:,} are the most", mend=mend)


def put(path: Path, text: str) -> None:
    """Put `text` in the place of `path`, whole or not at all, and what was there beside it. The group of the folder may
    read it: resolvers run as users of their own."""

    def ready(new: Path) -> None:
        _let_group_read(new)
        keep_previous(path)

    try:
        write_atomically(path, text.encode("utf-8", "surrogateescape"), ready)
    except OSError as fault:
        what = f"cannot be written: {fault.strerror}"
        raise SfsError(what, Where(str(path)), "check the folder and the free space") from None


def keep_previous(path: Path) -> None:
    """Let the version at `path` stand beside it too. The one of before goes in the same step, so that a command that is
    ended, or a disk that is full, leaves one to go back to."""
    if not path.exists():
        return
    previous = previous_of(path)
    link = previous.with_name(f".{previous.name}.new")
    link.unlink(missing_ok=True)
    os.link(path, link)
    os.replace(link, previous)
    link.unlink(missing_ok=True)  # it stays where both are one file already


def touch(path: Path) -> None:
    """Let a file say by its time that the list was looked at, though nothing of it changed."""
    with suppress(OSError):
        os.utime(path)


def roll_back(path: Path, at: date) -> int:
    """Put the version of before back in force, under a new serial, which comes back; the one that was in force is the
    previous one then, so that a second call undoes the first."""
    now, before = read_version(path), read_version(previous_of(path))
    if now is None or before is None:
        raise SfsError("no version of before", Where(str(previous_of(path))), "export writes one at the second time")
    serial = next_serial(max(now.serial, before.serial), at)
    put(path, _SERIAL.sub(lambda found: found[0][: -len(found[1])] + str(serial), before.text))
    return serial


def previous_of(path: Path) -> Path:
    """Where the version of before stands."""
    return path.with_name(f"{path.name}.previous")


def check_secret_file(path: Path, mounts: str | None = None) -> None:
    """SfsError where a confidential list would come onto a disk. `mounts`: the text of /proc/self/mountinfo."""
    folder = path.absolute().parent
    if not in_memory(folder, mounts):
        raise SfsError("a confidential list goes to no disk", Where(str(folder)), _MEND)


def check_secret_stream(descriptor: int, mounts: str | None = None) -> None:
    """SfsError where a confidential list would be written to a terminal or a disk."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return
    if stat.S_ISREG(mode) and _kind_of(os.fstat(descriptor).st_dev, mounts) in _MEMORY:
        return
    raise SfsError("a confidential list goes to a pipe or into memory alone", mend=_MEND)


_MEND: Final = "write it to a tmpfs, as /run, or into the pipe of the program that takes it"


def in_memory(folder: Path, mounts: str | None = None) -> bool:
    """Whether a folder stands on a file system that is in memory alone (it may still be swapped)."""
    try:
        return _kind_of(folder.stat().st_dev, mounts) in _MEMORY
    except OSError:
        return False


def _kind_of(device: int, mounts: str | None) -> str:
    """The kind of the file system with this device number; '' where that is not known. proc(5), mountinfo."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    number = f"{os.major(device)}:{os.minor(device)}"
    kinds = set()
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        if fields.split()[2:3] == [number]:
            kinds.add(rest.split()[0] if rest.split() else "")
    return kinds.pop() if len(kinds) == 1 else ""


def _let_group_read(path: Path) -> None:
    folder = path.parent.stat()
    with suppress(OSError):  # not ours to give away: then the group stays who it was
        os.chown(path, -1, folder.st_gid)
    os.chmod(path, 0o640)

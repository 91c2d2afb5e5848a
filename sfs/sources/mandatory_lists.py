"""The mandatory lists of a configuration: sealed ones, and plain ones in the format that they are said to have.
Whatever is wrong with one, no message holds what stands in it."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.files import ListFile, read_list
from sfs.lists.list_key import read_list_key
from sfs.lists.sealed_file import MAGIC, open_sealed
from sfs.lists.shrinking import is_shrunk
from sfs.sources.subscriptions import ListSource

_START: Final = 512  # bytes of a file that say what it is


def read_mandatory_list(source: ListSource, path: Path) -> ListFile:
    """The list in a file. RuleError where the file as a whole cannot be used."""
    if source.key is not None:
        sealed = open_sealed(path, read_list_key(source.key))
        head = sealed.head
        serial = str(head.serial) if head.serial else ""
        file = ListFile(sealed.index, head.entries, (), 0, sealed.checksum, sealed.changed)
        return replace(file, serial=serial, purpose=str(head.purpose))
    start = _start(path)
    if start.startswith(MAGIC):
        raise RuleError(
            "a sealed list without its key", Where(str(path)), "name the key's file beside it, as key: FILE"
        )
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        # It says more of an entry than a line of a list can, and its purpose may be a secret one.
        mend = "`sfs lists seal` makes of it what the proxy takes"
        raise RuleError("a mandatory list that is not sealed", Where(str(path)), mend)
    try:
        file = read_list(path, source.format)
    except RuleError as fault:
        where = fault.where or Where(str(path))
        raise RuleError(f"no list in the format {source.format}", where, "`sfs lists check` says why") from None
    return replace(file, skipped=tuple(_without_text(fault) for fault in file.skipped))


def check_shrunk(before: int, now: int, path: Path) -> None:
    """RuleError where a list that holds lost so much that its file is being written, or was cut: what opens then opens
    for everybody. Who starts the filter takes it as it is."""
    if (before and not now) or is_shrunk(before, now):
        mend = "put the whole list there; or, if that is right, start the filter again"
        raise RuleError(f"a mandatory list that shrank from {before:,} entries to {now:,}", Where(str(path)), mend)


def _without_text(fault: RuleError) -> RuleError:
    return RuleError("a line that is no entry", fault.where, "`sfs lists check` says why")


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_START)
    except OSError:
        return b""  # a folder has a format of its own; what cannot be read is said by who reads it

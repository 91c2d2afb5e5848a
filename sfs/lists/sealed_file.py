"""A sealed list as a file: what `sfs lists seal` writes and the proxy loads.

    SFS sealed list 1            the version
    {"list": ..., ...}           the head, one line of JSON: no entry, and nothing that an entry can be told from
    directory, digests, rows     match/sealed.py; numbers are little-endian
    32 bytes                     a checksum of all before, with the key: nobody changes the file without it

All of it is read, not mapped: whoever copies over the file would end a process that has it mapped. Each worker has a
copy.
"""

import json
import sys
from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from sfs.errors import RuleError, Where
from sfs.lists.list_key import ListKey
from sfs.lists.mandatory import Purpose
from sfs.lists.private import keep_no_core
from sfs.match.sealed import DIGEST, MAX_BITS, ROW, SALT, Digests, SealedIndex, Table

MAGIC: Final = b"SFS sealed list 1\n"
MAX_HEAD: Final = 2000  # bytes
MAX_FILE: Final = 1 << 30  # bytes
_CHECKSUM: Final = 32  # bytes
_AGAIN: Final = "seal the list again with `sfs lists seal`"


@dataclass(frozen=True, slots=True)
class Head:
    """What a sealed list says of itself. `name` and `serial`: of the list that was sealed; `key`: what tells keys
    apart, and tells nothing of them; `rows`: how many; `bits`: of the directory."""

    name: str
    purpose: Purpose
    serial: int
    entries: int
    rows: int
    bits: int
    salt: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class SealedList:
    """A sealed list, read. `checksum`: in hex; `changed`: when the file was."""

    head: Head
    table: Table = field(repr=False)
    index: SealedIndex = field(repr=False)
    checksum: str
    changed: datetime


def write_sealed(
    name: str, purpose: Purpose, serial: int, entries: int, table: Table, key: ListKey, salt: bytes
) -> bytes:
    """The bytes of a sealed list."""
    head = {
        "list": name[:80],
        "purpose": purpose,
        "serial": serial,
        "entries": entries,
        "rows": len(table.digests) // DIGEST,
        "bits": table.bits,
        "salt": salt.hex(),
        "key": key_mark(key).hex(),
    }
    body = b"".join(
        (MAGIC, json.dumps(head).encode(), b"\n", _little(table.directory).tobytes(), table.digests, table.rows)
    )
    return body + _checksum(key, body)


def open_sealed(path: Path, key: ListKey) -> SealedList:
    """The sealed list in a file. RuleError where it is none, was damaged, or was sealed with another key. This process
    leaves no image of its memory behind from now on."""
    keep_no_core()
    data, changed = _read(path)
    head, at = _head(data, path)
    if not compare_digest(head.key, key_mark(key)):
        raise RuleError("sealed with another key", Where(str(path)), f"name that key, or {_AGAIN}")
    body, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if not compare_digest(checksum, _checksum(key, body)):
        raise RuleError("a sealed list that was damaged", Where(str(path)), _AGAIN)
    digests_at = at + 4 * ((1 << head.bits) + 1)
    rows_at = digests_at + head.rows * DIGEST
    if len(body) != rows_at + head.rows * ROW.size:
        raise RuleError("a sealed list that was cut", Where(str(path)), _AGAIN)
    directory = array("I")
    directory.frombytes(data[at:digests_at])
    table = Table(head.bits, _little(directory), data[digests_at:rows_at], data[rows_at : len(body)])
    index = SealedIndex(table, Digests(key.secret, head.salt), head.entries)
    return SealedList(head, table, index, checksum.hex(), changed)


def look_at(path: Path) -> Head | None:
    """What a sealed list says of itself, unproved; None for another file. RuleError for one that was damaged."""
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC) + MAX_HEAD)
    except OSError:
        return None
    return _head(start, path)[0] if start.startswith(MAGIC) else None


def key_mark(key: ListKey) -> bytes:
    """What tells this key from others and tells nothing of it."""
    return blake2b(key=key.secret, person=b"sfs sealed mark1", digest_size=8).digest()


def _checksum(key: ListKey, body: bytes) -> bytes:
    return blake2b(body, key=key.secret, person=b"sfs sealed file1", digest_size=_CHECKSUM).digest()


def _read(path: Path) -> tuple[bytes, datetime]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as fault:
        raise RuleError(f"cannot be read: {fault.strerror}", Where(str(path)), "look who may read it") from None
    if len(data) > MAX_FILE:
        raise RuleError(f"a sealed list of more than {MAX_FILE} bytes", Where(str(path)), "split the list")
    return data, changed


def _head(data: bytes, path: Path) -> tuple[Head, int]:
    """The head, and where what follows it begins."""
    if not data.startswith(MAGIC):
        raise RuleError("no sealed list", Where(str(path)), "make one with `sfs lists seal`")
    end = data.find(b"\n", len(MAGIC), len(MAGIC) + MAX_HEAD)
    try:
        said = json.loads(data[len(MAGIC) : end] if end > 0 else b"")
        head = _head_from(said)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RuleError("a sealed list whose head cannot be read", Where(str(path)), _AGAIN) from None
    return head, end + 1


def _head_from(said: Any) -> Head:
    serial, entries, rows, bits = numbers = [said[key] for key in ("serial", "entries", "rows", "bits")]
    salt, key = bytes.fromhex(said["salt"]), bytes.fromhex(said["key"])
    right = all(type(number) is int and 0 <= number < 1 << 32 for number in numbers) and bits <= MAX_BITS
    if not right or len(salt) != SALT or not isinstance(said["list"], str):
        raise ValueError
    return Head(said["list"][:80], Purpose(said["purpose"]), serial, entries, rows, bits, salt, key)


def _little(numbers: "array[int]") -> "array[int]":
    """Numbers as the file has them, from those of this machine, and back."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers

"""The key of sealed lists: 32 random bytes in a file that its owner alone may read. Who has it can ask of any URL
whether it is listed; without it a sealed list tells nothing but its size."""

import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sfs.errors import SfsError, Where
from sfs.lists.private import alone_in, make_private, write_private

NAME: Final = "isp.key"  # in the folder of our own data, unless another file is named
SIZE: Final = 32  # bytes
_LINE: Final = re.compile(rb"sfs-list-key-1:([0-9a-f]{64})\s*")


@dataclass(frozen=True, slots=True)
class ListKey:
    """A key. It stands in no repr, so in no traceback."""

    secret: bytes = field(repr=False)


def make_key(path: Path) -> ListKey:
    """A new key in a new file, 0600. SfsError where there is a file already: a key that is gone opens nothing again."""
    key = ListKey(secrets.token_bytes(SIZE))
    folder = path.absolute().parent
    try:
        make_private(folder)
    except OSError as fault:
        raise SfsError(f"cannot be written: {fault.strerror}", Where(str(path)), "check the folder") from None
    with alone_in(folder):
        if path.exists():
            raise SfsError("there is a file already", Where(str(path)), "use it, or name another one")
        # Whole or not at all: half a key would be in the way of the next one.
        write_private(path, b"sfs-list-key-1:" + key.secret.hex().encode() + b"\n")
    return key


def read_list_key(path: Path) -> ListKey:
    """The key in a file. SfsError where there is none, or where others may read it."""
    where = Where(str(path))
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(200)
    except FileNotFoundError:
        raise SfsError("there is no key", where, f"make one with `sfs isp key -o {path}`, or name its file") from None
    except OSError as fault:
        raise SfsError(f"the key cannot be read: {fault.strerror}", where, "look who may read it") from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise SfsError("a key that others may read", where, f"chmod 600 {path}")
    found = _LINE.fullmatch(data)
    if found is None:
        raise SfsError("no key of sealed lists", where, "`sfs isp key` makes one")
    return ListKey(bytes.fromhex(found[1].decode()))

"""Writing a file of ours so that a crash leaves the old one or the new one, never a part of it."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from sfs.errors import SfsError, Where


def write_private(path: Path, data: str | bytes) -> None:
    """Put `data` in the place of `path`, readable for its owner alone; folders that are missing are made so too.
    SfsError where the folder cannot be written or the disk is full; then the old file is there as before."""
    raw = data.encode() if isinstance(data, str) else data
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    except OSError as fault:
        raise _fault(path, fault) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as fault:
        with suppress(OSError):
            os.unlink(name)
        raise _fault(path, fault) from None
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """The new name is on the disk as well; systems that open no folders do without."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _fault(path: Path, fault: OSError) -> SfsError:
    return SfsError(f"cannot be written: {fault.strerror}", Where(str(path)), "check the folder and the free space")

"""Files and folders of ours, for their owner alone, written so that a crash leaves the old one or the new one."""

import ctypes
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sfs.errors import SfsError, Where

_SET_DUMPABLE: Final = 4  # prctl(2)


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, 0700. OSError where that cannot be done."""
    if not folder.is_dir():
        if folder.parent != folder:
            make_private(folder.parent)  # `parents=True` would leave these open to everybody
        folder.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, data: str | bytes) -> None:
    """Put `data` in the place of `path`, 0600; folders that are missing are made, 0700. SfsError where the folder
    cannot be written or the disk is full; then the old file is there as before."""
    try:
        make_private(path.parent)
        write_atomically(path, data.encode() if isinstance(data, str) else data)
    except OSError as fault:
        what = f"cannot be written: {fault.strerror}"
        raise SfsError(what, Where(str(path)), "check the folder and the free space") from None


def write_atomically(path: Path, data: bytes, ready: Callable[[Path], None] = lambda new: None) -> None:
    """As `write_private`, into a folder that is there; OSError where it fails. `ready` is called with the new file when
    it is whole, just before it takes the place."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        ready(Path(name))
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    with suppress(OSError):  # the new name as well; systems that open no folders do without
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other command of ours writes into a folder that is there, and keep others waiting. Two that read
    one version and write the next would give two lists one serial, and nobody could tell them apart."""
    descriptor = -1
    try:
        with suppress(ImportError, OSError):  # another system, or a folder that cannot be opened: writing says why
            import fcntl

            descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def keep_no_core() -> None:
    """Let a crash of this process leave no image of its memory behind, where the system can be told so."""
    try:
        import resource
    except ImportError:  # another system
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        # Cores that go through a pipe heed no limit, but this; and nobody but root may look into the process.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)

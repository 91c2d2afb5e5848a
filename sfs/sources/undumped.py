"""Whether the system may keep an image of this process."""

import ctypes
import sys
from contextlib import suppress
from typing import Final

_SET_DUMPABLE: Final = 4  # prctl(2)


def stay_undumped() -> None:
    """Let no crash of this process, nor of those that it forks from now on, leave an image of its memory, and nobody
    but root look into it. A limit of 0 (RLIMIT_CORE) is not heeded where images go through a pipe, as to a collector of
    crashes: core(5). On other systems than Linux nothing happens."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)

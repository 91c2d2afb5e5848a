"""What the commands see to before they hold a confidential list: where it may go, and that no crash keeps it."""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from sfs.export import outputs
from sfs.lists.mandatory import Purpose

_SET_DUMPABLE: Final = 4  # prctl(2): 0 also where cores go through a pipe, which heeds no limit


def keep_no_core() -> None:
    """A crash of this process leaves no image of its memory, and nobody but root may look into it."""
    with suppress(ImportError):  # another system
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def check_output(purpose: Purpose, out: Path | None) -> None:
    """SfsError where a list would come from memory onto a disk or a screen. `out`: None for standard output."""
    if not purpose.confidential:
        return
    if out is None:
        outputs.check_secret_stream(sys.stdout.fileno())
    else:
        outputs.check_secret_file(out)

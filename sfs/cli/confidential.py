"""Where a confidential list may come from and go: no command reads one off a disk, or writes one onto a disk or a
screen. Where it is refused nothing of it is written anywhere."""

import sys
from pathlib import Path
from typing import IO, Any

from sfs.errors import SfsError, Where
from sfs.export import outputs
from sfs.lists.mandatory import Purpose


def check_input(purpose: Purpose, file: IO[Any], name: str) -> None:
    """SfsError where a list that is open as `file` lies on a disk, in clear: then it is in its backups too, and
    what is deleted there can be read for years. `name`: as the message calls it."""
    if not purpose.confidential:
        return
    try:
        outputs.check_secret_stream(file.fileno())
    except SfsError:
        raise on_disk(name) from None


def on_disk(name: str) -> SfsError:
    """The fault of a confidential list that lies on a disk."""
    mend = "take it off there, and hand it over by a pipe or on a tmpfs, as /run"
    return SfsError("a confidential list that lies on a disk", Where(name), mend)


def check_output(purpose: Purpose, out: Path | None) -> None:
    """SfsError where a list would come from memory onto a disk or a screen. `out`: None for standard output."""
    if not purpose.confidential:
        return
    if out is None:
        outputs.check_secret_stream(sys.stdout.fileno())
    else:
        outputs.check_secret_file(out)

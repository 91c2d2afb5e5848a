"""Where a confidential list may go: no command writes one onto a disk or a screen."""

import sys
from pathlib import Path

from sfs.export import outputs
from sfs.lists.mandatory import Purpose


def check_output(purpose: Purpose, out: Path | None) -> None:
    """SfsError where a list would come from memory onto a disk or a screen. `out`: None for standard output."""
    if not purpose.confidential:
        return
    if out is None:
        outputs.check_secret_stream(sys.stdout.fileno())
    else:
        outputs.check_secret_file(out)

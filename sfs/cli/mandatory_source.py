"""Where commands get a mandatory list from: a file, or standard input; a confidential one from no disk."""

import sys
from pathlib import Path

from sfs.errors import SfsError, Where
from sfs.export import outputs
from sfs.lists.mandatory import MandatoryList, Purpose
from sfs.lists.mandatory_file import read_mandatory
from sfs.lists.sealed_file import look_at


def read_source(file: Path, purpose: Purpose | None) -> MandatoryList:
    """The list in a file, - for standard input. `purpose`: of plain entries. SfsError where it cannot be read, where it
    is sealed, and where it is confidential and comes from a disk."""
    if str(file) == "-":
        found = read_mandatory(sys.stdin.buffer, "standard input", purpose)
        on_disk = _is_on_disk(sys.stdin.fileno())
    else:
        if look_at(file) is not None:
            raise SfsError("a sealed list, which has no entries", Where(str(file)), "take the list it was made of")
        try:
            with file.open("rb") as opened:
                found = read_mandatory(opened, str(file), purpose)
                on_disk = _is_on_disk(opened.fileno())
        except OSError as fault:
            raise SfsError(f"cannot be read: {fault.strerror}", Where(str(file)), "look who may read it") from None
    if found.purpose.confidential and on_disk:
        mend = "take it off there, and hand it over by a pipe or on a tmpfs, as /run"
        raise SfsError("a confidential list that lies on a disk", Where(str(file)), mend)
    return found


def _is_on_disk(descriptor: int) -> bool:
    try:
        outputs.check_secret_stream(descriptor)
    except SfsError:
        return True
    return False

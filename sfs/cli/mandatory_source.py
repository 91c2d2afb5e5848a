"""Where commands get a mandatory list from: a file, or standard input; a confidential one from no disk."""

import sys
from pathlib import Path

from sfs.cli.confidential import check_input
from sfs.errors import SfsError, Where
from sfs.lists.mandatory import MandatoryList, Purpose
from sfs.lists.mandatory_file import read_mandatory
from sfs.lists.sealed_file import look_at


def read_source(file: Path, purpose: Purpose | None) -> MandatoryList:
    """The list in a file, - for standard input. `purpose`: of plain entries. SfsError where it cannot be read, where it
    is sealed, and where it is confidential and comes from a disk."""
    if str(file) == "-":
        found = read_mandatory(sys.stdin.buffer, "standard input", purpose)
        check_input(found.purpose, sys.stdin, "standard input")
        return found
    if look_at(file) is not None:
        raise SfsError("a sealed list, which has no entries", Where(str(file)), "take the list it was made of")
    try:
        with file.open("rb") as opened:
            found = read_mandatory(opened, str(file), purpose)
            check_input(found.purpose, opened, str(file))
            return found
    except OSError as fault:
        raise SfsError(f"cannot be read: {fault.strerror}", Where(str(file)), "look who may read it") from None

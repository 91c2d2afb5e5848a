"""Telling a server that its file is new: SIGHUP, which the four that carry lists by files take so."""

import os
import signal
from pathlib import Path
from typing import Final

from sfs.errors import SfsError, Where

SERVERS: Final = frozenset({"named", "knotd", "unbound", "squid"})
_MOST: Final = 20  # bytes of a process id


def check_server(pid_file: Path) -> int:
    """The process id in a file. SfsError where no such server runs under it: a number that is left over from a server
    of before may be anybody's by now, and most programs end by this signal. SfsError too where it is not ours to tell:
    that is known before its file is written."""
    try:
        with pid_file.open("rb") as file:
            number = int(file.read(_MOST))
        name = Path(f"/proc/{number}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except (OSError, ValueError):
        raise SfsError(
            "no process id of a server that runs", Where(str(pid_file)), "start it, or name its file"
        ) from None
    if number < 2 or name not in SERVERS:
        mend = f"this signal is for {', '.join(sorted(SERVERS))}; tell others by their own command"
        raise SfsError(f"the process {number} is none of them", Where(str(pid_file)), mend)
    _tell(number, 0, pid_file)
    return number


def reload(pid_file: Path) -> None:
    """Have the server load its files. SfsError as `check_server`."""
    _tell(check_server(pid_file), signal.SIGHUP, pid_file)


def _tell(number: int, what: int, pid_file: Path) -> None:
    try:
        os.kill(number, what)
    except OSError as fault:
        raise SfsError(
            f"cannot be told: {fault.strerror}", Where(str(pid_file)), "do it as its user or as root"
        ) from None

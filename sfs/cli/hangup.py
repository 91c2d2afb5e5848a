"""SIGHUP: a service is told by it to load everything anew, a terminal that closes ends what was started in it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable


def on_hangup(reload: Callable[[], None]) -> None:
    """Call `reload` at SIGHUP, from the loop that is running; end as by SIGTERM where the terminal went away. Who was
    started with nohup ends by no terminal. Nothing where the system knows no such signal."""
    if sys.platform == "win32":
        return
    had = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()

    def hangup() -> None:
        if had and not _has_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            reload()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup)


def _has_terminal() -> bool:
    with contextlib.suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
        return True
    return False

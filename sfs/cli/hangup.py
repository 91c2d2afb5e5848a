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
    left = terminal_left()

    def hangup() -> None:
        if left():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            reload()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup)


def terminal_left() -> Callable[[], bool]:
    """A look, to be taken at SIGHUP, whether the terminal that there is now has gone away."""
    had = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()
    return lambda: had and not _has_terminal()


def _has_terminal() -> bool:
    with contextlib.suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
        return True
    return False

"""SIGUSR2: the program that is on the disk now takes over (proxy/handover.py). Here for one process; with workers the
supervisor does it."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable

from sfs.errors import SfsError
from sfs.proxy.handover import WITHIN, Successor

log = logging.getLogger("sfs.upgrade")

REAP = 1.0  # seconds after its last word that a process has ended


def on_upgrade(start: Callable[[], Successor], leave: Callable[[], None]) -> None:
    """At SIGUSR2, from the loop that is running: `start` the new program, and `leave` once it serves. Nothing where the
    system knows no such signal."""
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, _Upgrade(start, leave).begin)


def not_yet() -> None:
    """Have SIGUSR2 do nothing until there is something to hand over; by itself it ends a program."""
    if sys.platform != "win32":
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)


class _Upgrade:
    """One at a time."""

    def __init__(self, start: Callable[[], Successor], leave: Callable[[], None]) -> None:
        self._start, self._leave = start, leave
        self._successor: Successor | None = None
        self._left = False

    def begin(self) -> None:
        if self._successor is not None or self._left:
            log.warning("an upgrade is under way already")
            return
        try:
            successor = self._start()
        except SfsError as fault:
            log.warning("no upgrade: %s", fault)
            return
        self._successor = successor
        loop = asyncio.get_running_loop()
        late = loop.call_later(WITHIN, successor.end, signal.SIGKILL)
        loop.add_reader(successor.channel, self._heard, successor, late)

    def _heard(self, successor: Successor, late: asyncio.TimerHandle) -> None:
        if (serves := successor.serves()) is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(successor.channel)
        late.cancel()
        self._successor = None
        log.info("%s", successor.said(serves=serves))
        if serves:
            self._left = True
            self._leave()
        else:
            loop.call_later(REAP, _reap, successor.pid)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return

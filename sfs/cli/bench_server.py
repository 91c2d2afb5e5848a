"""Servers that `sfs bench` starts beside itself, and the cores that they and the load have."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sfs.errors import SfsError

START: Final = 120.0  # seconds until a server must be ready
_READY: Final = re.compile(r"ready on \S*:(\d+)")


@contextmanager
def cores() -> Iterator[tuple[set[int] | None, set[int] | None]]:
    """The core of the load, which this process has meanwhile, and that of the servers under it; None where there are
    not two."""
    found = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(found) < 2:
        yield None, None
        return
    os.sched_setaffinity(0, {found[-1]})
    try:
        yield {found[-1]}, {found[0]}
    finally:
        os.sched_setaffinity(0, found)


@contextmanager
def server(module: Sequence[str], cores: set[int] | None) -> Iterator[tuple[int, int]]:
    """A module as a child on these cores, that prints "ready on HOST:PORT": its port and its process id."""
    child = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", *module],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, cores),
    )
    try:
        watch = threading.Timer(START, child.kill)
        watch.start()
        assert child.stdout is not None
        found = next((found for line in child.stdout if (found := _READY.search(line))), None)
        watch.cancel()
        if found is None:
            raise SfsError("the server did not start", mend=f"try {' '.join(module)}")
        yield int(found[1]), child.pid
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()

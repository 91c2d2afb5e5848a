"""A new filter when a file changes, or when SIGHUP comes: whole, or not at all.

A file that is still being written is not read: nothing is loaded until two looks at the files (sources/watched.py) say
the same, and what changed while it was loaded is loaded again before it holds."""

import gc
import threading
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from sfs.errors import SfsError
from sfs.sources.filter import Filter
from sfs.sources.live import Live
from sfs.sources.watched import files_of

EVERY: Final = 1.0  # seconds between two looks: 0.3 ms of work
MAX_FILES: Final = 10_000
TRIES: Final = 5  # loads before what always changes is left for the next look
type Stamp = tuple[tuple[str, int, int, int], ...]


def stamp_of(files: Iterable[Path]) -> Stamp:
    """Which version of each file is there; a file that is missing is a version too."""
    stamp = []
    for path in islice(files, MAX_FILES):
        try:
            status = path.stat()
            stamp.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            stamp.append((str(path), 0, 0, 0))
    return tuple(sorted(stamp))


class Watch:
    """Reloads `live` in a thread of its own. `load`: makes a filter in place of the old one; SfsError where that fails.
    `say`: told of each reload and of each that failed."""

    def __init__(
        self, filter_: Filter, load: Callable[[Filter], Filter], say: Callable[[str], object], every: float = EVERY
    ) -> None:
        self._load, self._say, self._every = load, say, every
        self.live = Live(filter_, self._settled)
        self._wake = threading.Event()
        self._asked = self._closed = False
        self._held = self._seen = stamp_of(files_of(filter_))
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def ask(self) -> None:
        """Load anew at once, whatever changed. May be called by a signal."""
        self._asked = True
        self._wake.set()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wake.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._every)
            self._wake.clear()
            if not self._closed:
                self._look()

    def _look(self) -> None:
        try:
            before, self._seen = self._seen, stamp_of(files_of(self.live.filter))
            asked, self._asked = self._asked, False
            if not asked and (self._seen == self._held or self._seen != before):
                return  # nothing changed, or it is still changing
            self._held = self._seen
            self.live.reload()
        except SfsError as fault:
            self._say(f"sfs squid: the old filter stays: {fault}")
        except Exception as fault:  # a fault of ours ends neither the thread nor the filter
            self._say(f"sfs squid: the old filter stays: {type(fault).__name__}")
        else:
            gc.collect()
            gc.freeze()
            self._say("sfs squid: a new filter holds")

    def _settled(self, old: Filter) -> Filter:
        """The filter that the files mean, of files that did not change while they were read."""
        for _ in range(TRIES):
            fresh = self._load(old)
            self._held, before = stamp_of(files_of(fresh)), self._held
            if self._held == before:
                return fresh
        raise SfsError("the files change faster than they are read", mend="replace a file by renaming a new one")

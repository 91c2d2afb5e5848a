"""What a filter was made of, watched: a file that changes, or SIGHUP, puts a new filter in force.

The files are looked at by their time and size, a hundred of them in under a millisecond each second: that works on
every system and every file system, network ones and mounts of containers too, where notifications get lost, and needs
no further package. A change counts once it holds for two looks, so that nothing half written is read.
"""

import logging
import os
import threading
from typing import Final

from sfs.errors import SfsError
from sfs.sources.filter import Filter
from sfs.sources.live import Live
from sfs.sources.watched import files_of

log = logging.getLogger(__name__)

EVERY: Final = 1.0  # seconds between two looks
SETTLE: Final = 0.2  # seconds between them while something changes
PATIENCE: Final = 25  # looks at a file that changes all the time; then it is read as it is
MOST_FILES: Final = 10_000  # that are looked at

type _Seen = dict[str, tuple[int, int, int, int]]


class Watcher:
    """Reloads `live` when a file of its filter changed, or when asked. Idle until `start`."""

    def __init__(self, live: Live, every: float = EVERY) -> None:
        self._live, self._every = live, every
        self._wake = threading.Event()
        self._asked = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._seen = _look(live.filter)

    def start(self) -> None:
        """Begin to look; once. What changed since this was made counts."""
        self._thread.start()

    def ask(self) -> None:
        """Have everything loaded anew, changed or not. It waits for nothing, so that a loop may call it."""
        self._asked = True
        self._wake.set()

    def close(self) -> None:
        """End the thread; a reload that is under way ends first."""
        self._closed = True
        self._wake.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._every)
            self._wake.clear()
            try:
                self._turn()
            except Exception as fault:
                log.exception("files could not be watched: %s", type(fault).__name__)

    def _turn(self) -> None:
        """One look, and a reload where one is due."""
        seen = _look(self._live.filter)
        for _ in range(PATIENCE):
            if self._closed or (seen == self._seen and not self._asked):
                break
            before = seen
            self._wake.wait(SETTLE)
            seen = _look(self._live.filter)
            if seen == before:
                break
        if self._closed or (seen == self._seen and not self._asked):
            return
        asked, self._asked, self._seen = self._asked, False, seen
        self._reload(asked=asked)
        # The new filter may stand on other files. Of those that were looked at before the old look counts: what
        # changed while it was loaded is loaded again.
        self._seen = {path: seen.get(path, found) for path, found in _look(self._live.filter).items()}

    def _reload(self, *, asked: bool) -> None:
        try:
            self._live.reload()
        except SfsError as fault:
            log.warning("what was changed is not in force: %s", fault)
            return
        if asked and not self._live.told:
            log.info("reloaded: nothing changed")


def _look(filter_: Filter) -> _Seen:
    """The files of a filter as they are now; those that are missing are left out."""
    seen: _Seen = {}
    for path in files_of(filter_):
        try:
            found = os.stat(path)
        except OSError:
            continue
        seen[str(path)] = (found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns)
        if len(seen) >= MOST_FILES:
            break
    return seen

"""The filter in force, and the swap to a new one. A request keeps the filter it began with."""

import logging
import threading
from collections.abc import Callable

from sfs.errors import SfsError
from sfs.sources.difference import differences
from sfs.sources.filter import Filter

log = logging.getLogger(__name__)


class Live:
    """Holds one Filter. `filter` may be read from any thread; `reload` builds the next one and swaps the reference."""

    def __init__(self, filter_: Filter, load: Callable[[Filter], Filter]) -> None:
        self.filter = filter_
        self.fault: SfsError | None = None  # why the last reload failed; None after one that did not
        self.reloads = self.failures = 0  # that put a new filter in force, and that did not
        self.told: tuple[str, ...] = ()  # what the last reload changed, as it was logged
        self._load = load
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Filter], None]] = []

    def reload(self) -> Filter:
        """Build the filter anew and put it in force; the new one. SfsError where that fails: the old one stays, and
        `fault` keeps the reason. What changed is logged. Reads files: never called on the proxy's loop."""
        with self._lock:
            before = self.filter
            try:
                fresh = self._load(before)
            except SfsError as fault:
                self.fault = fault
                self.failures += 1
                raise
            self.filter, self.fault = fresh, None
            self.reloads += 1
        for listener in tuple(self._listeners):
            listener(fresh)
        self.told = differences(before, fresh)
        for line in self.told:
            log.info("reloaded: %s", line)
        return fresh

    def on_change(self, listener: Callable[[Filter], None]) -> None:
        """Call `listener` with each new filter, in the thread that reloads."""
        self._listeners.append(listener)

"""Keeping lists fresh while the proxy runs: a thread that starts `sfs lists update --due` when something is due.

The work itself (fetching, unpacking, compiling a million names) is done in a process of its own, at low priority: its
memory and its time are never the proxy's. The proxy reads the new list from disk when the process has ended.
"""

import contextlib
import logging
import random
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sfs.errors import SfsError
from sfs.lists import store
from sfs.lists.store import ListState
from sfs.lists.update import due_at, file_changed, is_damaged, waits_after_failure
from sfs.sources.choice import levels_in_use, lists_in_use, stored, wanted
from sfs.sources.filter import Filter
from sfs.sources.live import Live

log = logging.getLogger(__name__)

FIRST: Final = 60.0  # seconds after the start; readers come first
LEAST: Final = 600.0  # seconds between two runs, however much is due
MOST: Final = 6 * 3600.0  # seconds between two looks at what is due; a clock may be set, a machine may sleep
JITTER: Final = 0.25  # of a wait, more or less: a million filters must not ask at one moment
LONGEST: Final = 3 * 3600.0  # seconds that a run may take before it is ended
MAX_SAID: Final = 4096  # bytes of what a run says that are kept


def update_command(path: Path | None, given: Mapping[str, object], state: Path) -> tuple[str, ...]:
    """The command that fetches the lists of this configuration in a process of its own. `path`: the configuration
    file; `given`: the options of the command line, of which level and profile count; `state`: the state folder."""
    command = [sys.executable, "-P", "-m", "sfs", "lists", "update", "--state", str(state.absolute())]
    if path is not None:
        command += ["--config", str(path.absolute())]
    for key in ("level", "profile"):
        if given.get(key) is not None:
            command += [f"--{key}", str(given[key])]
    return tuple(command)


class Refresher:
    """Starts `command` (`update_command`) when lists are due, and reloads `live` after it. Idle until `start`.

    `first`: seconds until the first look. `least`, `most`: seconds between two looks; `jitter` of a wait is random."""

    def __init__(
        self,
        live: Live,
        command: Sequence[str],
        *,
        first: float = FIRST,
        least: float = LEAST,
        most: float = MOST,
        jitter: float = JITTER,
    ) -> None:
        self._live, self._command = live, tuple(command)
        self._first, self._least, self._most, self._jitter = first, least, most, jitter
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._asked = False  # somebody pressed the button: fetch everything, due or not
        self._running = False
        self._closed = False
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="refresh", daemon=True)
        live.on_change(self._changed)

    def start(self) -> None:
        """Begin to look; once."""
        self._thread.start()

    @property
    def updating(self) -> bool:
        """Whether lists are fetched right now, or are about to be."""
        with self._lock:
            return self._running or self._asked

    def update_now(self) -> bool:
        """Begin to fetch all lists in use in the background; False where that runs already, or after `close`."""
        with self._lock:
            if self._running or self._asked or self._closed:
                return False
            self._asked = True
        self._wake.set()
        return True

    def close(self) -> None:
        """End the thread, and a run that is under way; what was in force stays."""
        with self._lock:
            self._closed = True
            child = self._child
        self._wake.set()
        if child is not None:
            with contextlib.suppress(OSError):
                child.terminate()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=10)

    def _changed(self, filter_: Filter) -> None:
        """After a reload: a level may bring lists that never came. Looked at by the thread, since files are read."""
        if threading.current_thread() is not self._thread:
            self._wake.set()

    def _run(self) -> None:
        wait = self._first * (1 + random.random() * self._jitter)  # noqa: S311 - no secret
        if self._damaged():
            wait = 0.0  # what was there protects nobody
        while True:
            self._wake.wait(wait)
            self._wake.clear()
            with self._lock:
                if self._closed:
                    return
                everything = self._asked
            try:
                wait = self._look(everything=everything)
            except Exception as fault:
                log.exception("lists could not be refreshed: %s", type(fault).__name__)
                wait = self._most
            finally:
                with self._lock:
                    self._asked = self._asked and not everything

    def _look(self, *, everything: bool) -> float:
        """Run what is to be run; how long to wait until the next look."""
        before = self._states()
        if everything or self._seconds(before) <= 0:
            with self._lock:
                self._running = True
            try:
                self._update(() if everything else ("--due",))
                after = self._states()
                if after != before:
                    self._reload()
            finally:
                with self._lock:
                    self._running = False
            return self._spread(max(self._seconds(after), self._least))
        return self._spread(self._seconds(before))

    def _states(self) -> tuple[ListState, ...]:
        """What is known of the lists that may be fetched without a question, or are big files."""
        config = self._live.filter.config
        sources = stored(lists_in_use(config, levels_in_use(self._live.filter.policies)))
        return store.states(config.state, wanted(sources, config.state))

    def _seconds(self, states: tuple[ListState, ...]) -> float:
        """Until the next list is due; 0 for at once."""
        now = datetime.now(UTC)
        folder = self._live.filter.config.state
        waits = [_wait(folder, state, now) for state in states]
        return min([wait for wait in waits if wait is not None], default=self._most)

    def _damaged(self) -> bool:
        """Whether a list that came once could not be opened."""
        report = self._live.filter.report
        return any(state.version is not None and state.name in report.missing for state in report.states)

    def _spread(self, wait: float) -> float:
        """A wait within the bounds, a little random."""
        wait = min(max(wait, 1.0), self._most)
        return wait * (1 + (random.random() - 0.5) * self._jitter)  # noqa: S311 - no secret

    def _update(self, more: Sequence[str]) -> None:
        with self._lock:
            if self._closed:
                return
            child = subprocess.Popen(  # noqa: S603 - our own command
                [*self._command, *more, "--background"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            self._child = child
        try:
            said = _said(child)
            code = child.wait()
        finally:
            with self._lock:
                self._child = None
        if code not in (0, 1) and not self._closed:  # 1: a list failed, which its own state says
            log.warning("lists could not be fetched: %s", said.decode("utf-8", "replace").strip()[-1000:] or code)

    def _reload(self) -> None:
        try:
            self._live.reload()
        except SfsError as fault:
            log.warning("fetched lists are not in force: %s", fault)


def _wait(folder: Path, state: ListState, now: datetime) -> float | None:
    """Seconds until a list is due, None for a file that is as it was compiled. One that is damaged in the store is due
    at once, unless it failed lately."""
    at = due_at(state)
    late = None if at is None else max(0.0, (at - now).total_seconds())
    if waits_after_failure(state, now):
        return late
    if is_damaged(folder, state):
        return 0.0
    if state.path is None:
        return late or 0.0
    return 0.0 if file_changed(state) else None


def _said(child: "subprocess.Popen[bytes]") -> bytes:
    """What a run says, the end of it; a run that takes too long is ended."""
    assert child.stderr is not None
    timer = threading.Timer(LONGEST, child.kill)
    timer.daemon = True
    timer.start()
    said = b""
    try:
        while piece := child.stderr.read1(MAX_SAID):  # type: ignore[attr-defined]
            said = (said + piece)[-MAX_SAID:]
    finally:
        timer.cancel()
        child.stderr.close()
    return said

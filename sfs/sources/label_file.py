"""The store of labels on this machine as a source: what `sfs bureau rate` and `import` put into STATE/labels.db counts
from the next request on. Where there is no such file, looking whether there is one is all it costs.

Look-ups are made where they are asked for: they read a few pages of a file that another process may write meanwhile,
and never wait for it. A store that is locked, damaged or gone is a bureau that is away: the policy says what then."""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sfs.core.label import NOT_LABELED, Label, LabelAnswer
from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.errors import SfsError
from sfs.pics.options import Options
from sfs.pics.safetyonline import MAX_RATING, system_of
from sfs.pics.stored import StoredLabel
from sfs.sources.bureau_answer import core_label, rated_prefix
from sfs.sources.labels import LabelStore
from sfs.text.url import Url, parse_url

log = logging.getLogger(__name__)

LOOK: Final = 0.02  # seconds between two looks whether the file is there: making a store takes longer
AGAIN: Final = 1.0  # seconds until a store that could not be opened is tried again
_AWAY: Final = LabelAnswer(away=True)


class LabelFile:
    """May be asked from several threads. `asked`: look-ups in the file, about; `faults` counts what could not be
    read."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.asked = 0
        self.faults: Counter[str] = Counter()
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0
        self._file: tuple[int, int] | None = None
        self._store: LabelStore | None = None
        self._services: tuple[str, ...] = ()
        self._away = False

    @property
    def there(self) -> bool:
        """Whether there is a store that can be read."""
        return self._store is not None

    def look(self) -> None:
        """See whether the file is there, which `ask` does as well from time to time."""
        self._look(self._clock())

    def rest(self) -> None:
        """Close the file until it is asked for again: SQLite takes no open one over a fork."""
        with self._lock:
            self._let_go(away=False)
            self._next = 0.0

    def ask(self, url: Url, policy: Policy) -> LabelAnswer:
        """The labels in force for `url`, of each service one; away where the store cannot be read."""
        now = self._clock()
        if now >= self._next:
            self._look(now)
        if self._store is None:
            return _AWAY if self._away else NOT_LABELED
        if policy.level == MAX_RATING and policy.unrated is Unrated.SHOW:
            return NOT_LABELED  # no label closes a page, and none is needed to open one
        return self._find(self._store, url)

    def _find(self, store: LabelStore, url: Url) -> LabelAnswer:
        self.asked += 1
        try:
            found = store.find([url], self._services, datetime.now(UTC), generic_only=url.name_only)
        except SfsError as fault:
            self._failed(fault)
            return _AWAY
        labels = [label for (stored,) in found if stored is not None and (label := self._label(stored, url))]
        return LabelAnswer(tuple(labels)) if labels else NOT_LABELED

    def _label(self, stored: StoredLabel, url: Url) -> Label | None:
        # One that holds below its host is found for a host there: then it is about that one.
        below = stored.below and parse_url(stored.for_).host != url.host
        options = Options(
            by=stored.by,
            for_=url.origin if below else stored.for_,
            generic=stored.generic,
            on=stored.on,
            until=stored.until,
        )
        rated = rated_prefix(stored.service, stored.ratings, options, url.text)
        return None if rated is None else core_label(rated, self.path.name, url)

    def _look(self, now: float) -> None:
        """See whether the file is there, and still the same."""
        with self._lock:
            self._next = now + LOOK
            try:
                there = os.stat(self.path)
            except OSError:
                self._let_go(away=False)
                return
            file = there.st_dev, there.st_ino
            try:
                if self._store is None or file != self._file:
                    self._let_go(away=True)
                    self._store = LabelStore.open(self.path, create=False, busy=0.0)
                    self._file, self._away = file, False
                services = (service.uri for service in self._store.services())
                self._services = tuple(uri for uri in services if system_of(uri) is not None)
            except SfsError as fault:
                self._failed(fault)
                self._next = now + AGAIN

    def _failed(self, fault: SfsError) -> None:
        self.faults[fault.what] += 1
        if self.faults[fault.what] == 1:
            log.warning("%s", fault)

    def _let_go(self, *, away: bool) -> None:
        store, self._store, self._away = self._store, None, away
        if store is not None:
            store.close()

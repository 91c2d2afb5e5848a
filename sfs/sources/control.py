"""What the pages of an administrator work on, as one value, so that they need to know no proxy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sfs.lists.store import ListState
from sfs.sources.changes import Changes
from sfs.sources.journal import Journal
from sfs.sources.live import Live
from sfs.sources.reports import Reports
from sfs.sources.trust import Trust


@dataclass(frozen=True, slots=True)
class Control:
    """`lists`: the state of every subscribed list, read from disk, so not for the proxy's loop. `update_lists`: begin
    to fetch them in the background; False where that runs already. `proxy`: HOST:PORT of the proxy as a device of
    the house reaches it. `certificate`: the CA's certificate, PEM. `link_command`: what to type on this machine for a
    link that sets the password."""

    live: Live
    changes: Changes
    journal: Journal
    trust: Trust
    reports: Reports
    lists: Callable[[], tuple[ListState, ...]]
    update_lists: Callable[[], bool]
    updating: Callable[[], bool]
    proxy: Callable[[], str]
    certificate: Callable[[], Path | None]
    link_command: Callable[[], str]

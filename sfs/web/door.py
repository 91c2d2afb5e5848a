"""All that decides who comes in, as one value: accounts, sessions, links, waits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time

from sqlalchemy import Engine

from sfs.web.accounts import Accounts
from sfs.web.links import Links
from sfs.web.passwords import warm
from sfs.web.sessions import Sessions
from sfs.web.store import open_store
from sfs.web.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Door:
    """Shared by every listener of a process. Whatever touches the database runs in a thread."""

    engine: Engine
    accounts: Accounts
    sessions: Sessions
    links: Links
    throttle: Throttle

    def setup_link(self) -> str | None:
        """The token of a new setup link while nobody can log in as an administrator; else None."""
        return None if self.accounts.has_administrator() else self.links.make()

    def close(self) -> None:
        """Close the database."""
        self.engine.dispose()


def open_door(where: Path | str, clock: Callable[[], float] = time, steady: Callable[[], float] = monotonic) -> Door:
    """The accounts in the file `where` (STATE/accounts.db) or at a database URL; SfsError where they cannot be
    opened. `clock` gives seconds since 1970, `steady` seconds that only grow."""
    engine = open_store(where)
    warm()
    return Door(engine, Accounts(engine, clock), Sessions(engine, clock), Links(engine, clock), Throttle(steady))

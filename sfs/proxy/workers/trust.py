"""Which devices are trusted, the same in every process that serves a port: what one learns is told, and learned there
by the same steps. The times are each one's own, apart by what a message takes."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sfs.sources.trust import SEEN_STEP, Trust
from sfs.sources.trust_file import MAX_CLIENTS, Known, client_of, row_of
from sfs.sources.trust_merge import both

_STEPS: Final = frozenset(("proved", "withdraw", "seen", "refused", "silent", "forget", "forget_pin"))


class ToldTrust(Trust):
    """`tell("trust", step, ...)` is called with each step that changes something."""

    def __init__(self, path: Path | None, tell: Callable[..., object]) -> None:
        self._tell = tell
        super().__init__(path)

    def proved(self, client: str) -> bool:
        self._tell("trust", "proved", client)
        return super().proved(client)

    def withdraw(self, client: str) -> None:
        self._tell("trust", "withdraw", client)
        super().withdraw(client)

    def seen(self, client: str, host: str = "") -> None:
        if self._says_something(client, host):
            self._tell("trust", "seen", client, host)
            super().seen(client, host)

    def refused(self, client: str, host: str) -> None:
        self._tell("trust", "refused", client, host)
        super().refused(client, host)

    def silent(self, client: str, host: str) -> None:
        self._tell("trust", "silent", client, host)
        super().silent(client, host)

    def forget(self, client: str) -> None:
        self._tell("trust", "forget", client)
        super().forget(client)

    def forget_pin(self, client: str, host: str) -> None:
        self._tell("trust", "forget_pin", client, host)
        super().forget_pin(client, host)

    def take(self, step: str, *values: str) -> None:
        """Learn what another process told."""
        if step in _STEPS:
            getattr(super(), step)(*values)

    def rows(self) -> Iterator[dict[str, Any]]:
        """All that is known, a client each, as `learn` takes it: what the file has, and the last minutes."""
        with self._lock:
            rows = [
                row_of(name, known) | {"refusals": list(known.refusals), "silences": dict(known.silences)}
                for name, known in self._clients.items()
            ]
        yield from rows

    def learn(self, row: dict[str, Any]) -> None:
        """Take in what another process knows of a client: of each thing that both know the newer. One that cannot be
        read is passed over."""
        try:
            name, known = str(row["client"]), client_of(row)
            known.refusals = [(float(at), str(host)) for at, host in row["refusals"]]
            known.silences = {str(host): [float(at) for at in times] for host, times in row["silences"].items()}
        except (AttributeError, ValueError, KeyError, TypeError):
            return
        with self._changing():
            if (mine := self._clients.get(name)) is not None:
                self._clients[name] = both(mine, known)
            elif len(self._clients) < MAX_CLIENTS:
                self._clients[name] = known

    def _took_in(self, before: Mapping[str, Known]) -> None:
        with self._lock:
            now = {name: row_of(name, known) for name, known in self._clients.items()}
        for name, row in now.items():
            if name not in before or row_of(name, before[name]) != row:
                self._tell("device", row | {"refusals": [], "silences": {}})
        for name in before.keys() - now.keys():
            self._tell("trust", "forget", name)

    def _says_something(self, client: str, host: str) -> bool:
        """Whether a request of this client changes anything; nearly none does."""
        with self._lock:
            known = self._trusting(client)
            return known is not None and (host in known.silences or self._clock() - known.seen >= SEEN_STEP)

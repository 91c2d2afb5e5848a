"""The last names refused to each client, for /why: browsers show nothing of a refused CONNECT.

In memory only, ten names a client, ten minutes, never help hosts, not in profile isp (design, section 6)."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from cachetools import TTLCache

MAX_CLIENTS = 4096
MAX_NAMES = 10
KEPT = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused name."""

    time: datetime
    host: str
    reason: str


class Refused:
    """By client address. A client that is not refused anything for ten minutes is forgotten."""

    def __init__(self) -> None:
        self._clients: TTLCache[str, deque[Refusal]] = TTLCache(MAX_CLIENTS, KEPT)

    def note(self, client: str, refusal: Refusal) -> None:
        """Remember a refusal; the same name again moves to the front."""
        names = self._clients.get(client) or deque(maxlen=MAX_NAMES)
        for old in [old for old in names if old.host == refusal.host]:
            names.remove(old)
        names.appendleft(refusal)
        self._clients[client] = names

    def of(self, client: str, now: datetime) -> tuple[Refusal, ...]:
        """The names refused to this client within ten minutes, newest first."""
        return tuple(x for x in self._clients.get(client, ()) if (now - x.time).total_seconds() < KEPT)

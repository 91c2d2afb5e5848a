"""Waits after wrong passwords, by account and by client address, in memory.

A wait grows with each wrong try and never beyond 15 minutes; tries during it neither count nor lengthen it, so nobody
can keep it up for ever by knocking. The account's wait does not hold an address that has logged in to it before: who
guesses from elsewhere slows himself and strangers down, not the owner's own devices. A setup link passes any wait.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

FREE: Final = {"address": 5, "account": 20}  # wrong tries without a wait: typing errors, and those of a whole class
FIRST: Final = 5.0  # seconds; doubled with each further wrong try
LONGEST: Final = 900.0
FORGET: Final = 3600.0  # seconds after the last try
MAX_KEYS: Final = 10_000
LOOKED_AT: Final = 32  # of the keys tried longest ago, when one has to go
MAX_KNOWN: Final = 1000

_HOME: Final = (ipaddress.IPv6Network("fc00::/7"), ipaddress.IPv6Network("fe80::/10"))  # RFC 4193, RFC 4291

Key = tuple[str, str]


@dataclass(slots=True)
class _Tries:
    wrong: int
    last: float
    until: float


class Throttle:
    """Counts tries; safe in any thread. `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[Key, _Tries] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def charge(self, address: str, account: str) -> float:
        """Seconds to wait, or 0.0: go on. A try is counted as wrong before it is made, so that a hundred at once are
        a hundred; `forgive` takes it back. `account`: what names are compared by (accounts.name_key)."""
        now, place = self._clock(), _place(address)
        keys: list[Key] = [("address", place)]
        with self._lock:
            if (place, account) not in self._known:
                keys.append(("account", account))
            wait = max(self._wait(key, now) for key in keys)
            if wait > 0:
                return wait
            for key in keys:
                self._count(key, now)
            return 0.0

    def forgive(self, address: str, account: str) -> None:
        """The password was right: the address is known for this account now, and its wrong tries are forgotten. Those
        of the account lose only this one: a right login tells nothing about who guesses elsewhere."""
        place = _place(address)
        with self._lock:
            self._tries.pop(("address", place), None)
            tries = self._tries.get(("account", account))
            if tries is not None and (place, account) not in self._known:
                tries.wrong, tries.until = max(0, tries.wrong - 1), 0.0
            self._known[place, account] = None
            self._known.move_to_end((place, account))
            while len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)

    def _wait(self, key: Key, now: float) -> float:
        tries = self._tries.get(key)
        return max(0.0, tries.until - now) if tries else 0.0

    def _count(self, key: Key, now: float) -> None:
        tries = self._tries.get(key)
        if tries is None or now - tries.last > FORGET:
            tries = self._tries[key] = _Tries(0, now, now)
        tries.wrong, tries.last = tries.wrong + 1, now
        over = tries.wrong - FREE[key[0]]
        if over >= 0:
            tries.until = now + min(LONGEST, FIRST * 2.0 ** min(over, 10))
        self._tries.move_to_end(key)
        # Of the oldest the one with the fewest tries: made-up names and addresses do not wash out who guesses.
        while len(self._tries) > MAX_KEYS:
            del self._tries[min(islice(self._tries, LOOKED_AT), key=lambda key: self._tries[key].wrong)]


def _place(address: str) -> str:
    """What counts as one client: an address, or the /64 that one IPv6 client on the internet has to itself. At home a
    /64 is everybody: there a child who guesses would make the parent wait."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    if any(parsed in network for network in _HOME):
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))

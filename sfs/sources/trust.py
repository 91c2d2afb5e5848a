"""Which devices proved that they trust SFS's certificate, and which sites refuse it there: STATE/trust.json.

Design, section 6. A client that proved trust is inspected, until it was not seen for seven days or three sites were
refused within a minute. That happens where devices with the certificate and others share an address (or where many
programs of a device refuse it): the client is *shared* then, judged by name, and can prove trust again after an hour.
A site that is refused is judged by name for that client from the next connection on, for two weeks.

A client is an address, with the login where that is known, so a new login begins without trust. Here are no names
that a device asked for, but those it refused the certificate for.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from sfs.errors import SfsError
from sfs.sources.trust_file import (
    AGAIN_AFTER,
    MAX_ALL_PINS,
    MAX_CLIENTS,
    MAX_PINS,
    MAX_WATCHED,
    Known,
    Reason,
    TrustFile,
    dumped,
)
from sfs.sources.trust_merge import merged

log = logging.getLogger("sfs.trust")

TRUST_FILE: Final = "trust.json"  # in the state folder
UNSEEN: Final = 7 * 86_400.0  # seconds until trust ends by itself
REFUSED_WITHIN: Final = 60.0  # seconds within which...
REFUSED_HOSTS: Final = 3  # ...so many sites that are refused end trust
SILENT_WITHIN: Final = 600.0
SILENT_TIMES: Final = 3  # connections to one site that were opened and left without a word
PINNED: Final = 14 * 86_400.0
SEEN_STEP: Final = 3600.0  # a device is written again when it was last seen so much later
SAVE_AFTER: Final = 1.0  # seconds that changes are collected before they are written
FOLLOWS: Final = 240.0  # seconds from the start within which a program that this one took over from may still write
LOOK_AGAIN: Final = 5.0  # seconds between two looks at what it wrote

type State = Literal["trusted", "not yet", "shared"]


@dataclass(frozen=True, slots=True)
class Device:
    """A client that is inspected. Times are UTC."""

    client: str
    since: datetime
    seen: datetime


@dataclass(frozen=True, slots=True)
class Pin:
    """A site that is judged by name for this client. `reason`: `refused` (its certificate was) or `silent`."""

    client: str
    host: str
    since: datetime
    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Shared:
    """A client that proved trust and then refused the certificate; judged by name. It may prove trust again at
    `until`."""

    client: str
    since: datetime
    until: datetime


class Trust:
    """May be used from any thread; no call waits for the disk but `close`. `clock`: seconds since 1970. `path` None
    keeps everything in memory."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._file = TrustFile(path) if path is not None else None
        self._ca = ""
        self._clock = clock
        self._lock = threading.Condition()
        self._clients: dict[str, Known] = {}
        self._changed = self._closing = False
        self._thread: threading.Thread | None = None
        if self._file is not None:
            self._ca, self._clients = self._file.load()
            self._thread = threading.Thread(target=self._run, name="trust", daemon=True)
            self._thread.start()

    # For the proxy

    def use_ca(self, ca: str) -> None:
        """Name the CA in force (sources/https.py, ca_id). Where the file speaks of another one, nobody has proved
        anything of this one yet, and what refused the other may take it."""
        with self._changing():
            if self._ca not in ("", ca):
                self._clients.clear()
            self._ca = ca

    def trusted(self, client: str) -> bool:
        """Whether this client is to be inspected."""
        with self._lock:
            return self._trusting(client) is not None

    def state(self, client: str) -> State:
        """What the help page says of this client."""
        with self._lock:
            if self._trusting(client) is not None:
                return "trusted"
            known = self._clients.get(client)
            return "shared" if known is not None and known.lost is not None else "not yet"

    def proved(self, client: str) -> bool:
        """The client loaded what it could not have without the certificate; whether it is trusted now. It is not
        where it lost trust less than an hour ago."""
        with self._changing() as now:
            known = self._clients.get(client)
            if known is None:
                known = self._new(client)
            elif known.since is None and _age(now, known.wait) < 0:
                return False
            if self._trusting(client) is None:
                known.since = now
            known.seen, known.lost, known.wait = now, None, 0.0
            known.refusals.clear()
            return True

    def withdraw(self, client: str) -> None:
        """The client opened the check host as a page. Where it has proved nothing it went on through a warning, and
        its proofs say nothing for an hour. Trust that it has stays: with the certificate there is no warning, so a
        child could have himself judged by name as often as he types that address, and nobody would see it."""
        with self._changing() as now:
            if self._trusting(client) is not None:
                return
            known = self._clients.get(client)
            if known is None:
                known = self._new(client)
            known.since, known.wait = None, now + AGAIN_AFTER

    def seen(self, client: str, host: str = "") -> None:
        """A request came out of a connection that was opened for this client."""
        with self._lock:
            known, now = self._trusting(client), self._clock()
            if known is None:
                return
            known.silences.pop(host, None)
            if _age(now, known.seen) >= SEEN_STEP:
                known.seen = now
                self._touch()

    def refused(self, client: str, host: str) -> None:
        """The client refused the certificate for this host. Clients without trust teach nothing."""
        with self._changing() as now:
            known = self._trusting(client)
            if known is None:
                return
            self._pin(known, host, "refused", now)
            known.refusals = [(at, name) for at, name in known.refusals if _age(now, at) < REFUSED_WITHIN]
            known.refusals = [(at, name) for at, name in known.refusals if name != host]
            known.refusals.append((now, host))
            if len(known.refusals) >= REFUSED_HOSTS:
                known.since, known.lost, known.wait = None, now, now + AGAIN_AFTER
                known.refusals.clear()
                known.silences.clear()

    def silent(self, client: str, host: str) -> None:
        """The client took the certificate and left at once, without a request, or left while it looked at it."""
        with self._changing() as now:
            known = self._trusting(client)
            if known is None:
                return
            times = [at for at in known.silences.pop(host, ()) if _age(now, at) < SILENT_WITHIN]
            times.append(now)
            if len(times) >= SILENT_TIMES:
                self._pin(known, host, "silent", now)
                return
            while len(known.silences) >= MAX_WATCHED:
                del known.silences[next(iter(known.silences))]
            known.silences[host] = times

    def pinned(self, client: str, host: str) -> bool:
        """Whether this host is judged by name for this client."""
        with self._lock:
            known = self._clients.get(client)
            pin = known.pins.get(host) if known is not None else None
            return pin is not None and self._clock() < pin[1]

    # For the page of the administrator

    def devices(self) -> tuple[Device, ...]:
        """The clients that are inspected, the last seen first."""
        with self._lock:
            now = self._clock()
            rows = [
                Device(name, _utc(known.since), _utc(known.seen))
                for name, known in self._clients.items()
                if known.since is not None and _age(now, known.seen) < UNSEEN
            ]
        return tuple(sorted(rows, key=lambda row: row.seen, reverse=True))

    def shared(self) -> tuple[Shared, ...]:
        """The clients that lost trust by what they refused, the last first."""
        with self._lock:
            rows = [
                Shared(name, _utc(known.lost), _utc(known.wait))
                for name, known in self._clients.items()
                if known.lost is not None and known.since is None
            ]
        return tuple(sorted(rows, key=lambda row: row.since, reverse=True))

    def pins(self) -> tuple[Pin, ...]:
        """The sites that are judged by name for a client, the newest first."""
        with self._lock:
            now = self._clock()
            rows = [
                Pin(name, host, _utc(since), _utc(until), reason)
                for name, known in self._clients.items()
                for host, (since, until, reason) in known.pins.items()
                if now < until
            ]
        return tuple(sorted(rows, key=lambda row: row.since, reverse=True))

    def forget(self, client: str) -> None:
        """Know nothing of this client any more: by name until it proves trust."""
        with self._changing():
            self._clients.pop(client, None)

    def forget_pin(self, client: str, host: str) -> None:
        """Try again to inspect this host for this client."""
        with self._changing():
            if (known := self._clients.get(client)) is not None:
                known.pins.pop(host, None)
                known.silences.pop(host, None)

    def close(self) -> None:
        """Write what waits and end the thread."""
        with self._lock:
            self._closing = True
            self._lock.notify()
        if self._thread is not None:
            self._thread.join(timeout=5)

    # Inside

    def _trusting(self, client: str) -> Known | None:
        """The client where it has trust; that of one who was not seen for long ends here."""
        known = self._clients.get(client)
        if known is None or known.since is None:
            return None
        if _age(self._clock(), known.seen) < UNSEEN:
            return known
        known.since = None
        self._touch()
        return None

    def _new(self, client: str) -> Known:
        if len(self._clients) >= MAX_CLIENTS:  # those without trust go first, then who was not seen for longest
            oldest = min(self._clients, key=lambda name: (self._clients[name].since or 0.0, self._clients[name].seen))
            del self._clients[oldest]
        known = self._clients[client] = Known()
        return known

    def _pin(self, known: Known, host: str, reason: Reason, now: float) -> None:
        known.pins = {name: pin for name, pin in known.pins.items() if now < pin[1] and name != host}
        full = sum(len(other.pins) for other in self._clients.values()) >= MAX_ALL_PINS
        while known.pins and (full or len(known.pins) >= MAX_PINS):
            full = False
            del known.pins[min(known.pins, key=lambda name: known.pins[name][0])]
        known.pins[host] = (now, now + PINNED, reason)

    @contextmanager
    def _changing(self) -> Iterator[float]:
        with self._lock:
            yield self._clock()
            self._touch()

    def _touch(self) -> None:
        self._changed = True
        self._lock.notify()

    def _run(self) -> None:
        follows = time.monotonic() + FOLLOWS
        while True:
            with self._lock:
                looks = LOOK_AGAIN if time.monotonic() < follows else None
                changed = self._lock.wait_for(lambda: self._changed or self._closing, timeout=looks)
                self._lock.wait_for(lambda: self._closing, timeout=SAVE_AFTER if changed else 0)
                closing = self._closing
            self._save()
            if closing:
                return

    def _save(self) -> None:
        """Write what changed here; take in what another process wrote."""
        assert self._file is not None
        try:
            with self._file.alone():
                found = self._file.written_by_another()
                (then, base), (ca, theirs) = found or (("", {}), ("", {}))
                with self._lock:
                    mine = self._clients
                    if found and ca == self._ca:
                        self._clients = merged(base, mine, theirs)
                    changed, self._changed = self._changed, False
                    text = dumped(self._clients, self._ca) if changed else ""
                # One that has begun by another CA since then is newer: nothing here is true of that CA.
                if changed and (not found or ca in (self._ca, then)):
                    self._file.write(text)
        except SfsError as fault:
            log.error("what devices proved is not kept: %s", fault)
            return
        if found:
            self._took_in(mine)

    def _took_in(self, before: Mapping[str, Known]) -> None:
        """Another process wrote the file; these were the clients by then. Who keeps them elsewhere too says so here."""


def _age(now: float, at: float) -> float:
    return now - at  # below zero where the clock was set back: then nothing ends before its time


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

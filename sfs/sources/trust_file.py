"""STATE/trust.json: what devices proved and which sites refuse the certificate there, as JSON. Bounded, and read as if
anybody had written it."""

import json
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from sfs.lists.private import alone_in, write_private

log = logging.getLogger("sfs.trust")

MAX_CLIENTS: Final = 4096
MAX_PINS: Final = 256  # a client
MAX_ALL_PINS: Final = 65_536
MAX_WATCHED: Final = 64  # sites a client fell silent at, kept for ten minutes
AGAIN_AFTER: Final = 3600.0  # seconds until a client that lost trust may prove it again
MAX_NAME: Final = 512  # characters of a client or a host
MAX_TIME: Final = 100_000_000_000.0  # seconds since 1970: the year 5138
MAX_FILE: Final = 64 << 20  # bytes

_DAMAGE: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # what reading it may raise

type Reason = Literal["refused", "silent"]
type Said = tuple[str, dict[str, "Known"]]  # the CA that the file speaks of, and its clients


@dataclass(slots=True)
class Known:
    """One client. Times are seconds since 1970."""

    since: float | None = None  # when it proved trust; None: it has none
    seen: float = 0.0
    lost: float | None = None  # when it lost trust by what it refused
    wait: float = 0.0  # no proof is taken before
    pins: dict[str, tuple[float, float, Reason]] = field(default_factory=dict)  # host -> since, until, reason
    refusals: list[tuple[float, str]] = field(default_factory=list)  # of the last minute; not in the file
    silences: dict[str, list[float]] = field(default_factory=dict)  # of the last ten minutes; not in the file


def dumped(clients: Mapping[str, Known], ca: str) -> str:
    """The file's text."""
    rows = [row_of(name, known) for name, known in clients.items()]
    return json.dumps({"version": 1, "ca": ca, "clients": rows}) + "\n"


def row_of(name: str, known: Known) -> dict[str, Any]:
    """One client as JSON has it."""
    pins = [[host, *pin] for host, pin in known.pins.items()]
    return {
        "client": name,
        "since": known.since,
        "seen": known.seen,
        "lost": known.lost,
        "wait": known.wait,
        "pins": pins,
    }


class TrustFile:
    """The file as this process knows it. Another may write it too, for a time: see `trust_merge`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text: str | None = None
        self._seen: tuple[int, ...] | None = None

    def load(self) -> Said:
        """Nothing where there is no file, or a damaged one, which is said."""
        try:
            if self._path.exists():
                self._read()
            return _parsed(self._text)
        except (OSError, *_DAMAGE):
            log.error("%s cannot be read: devices have to prove again that they have the certificate", self._path.name)
            self._text = None
            return "", {}

    def written_by_another(self) -> tuple[Said, Said] | None:
        """What it said when it was last read or written here, and what another process has made of it; None where none
        has, or left nothing that can be read."""
        before = self._text
        try:
            if self._signature() == self._seen:
                return None
            self._read()
            return (_parsed(before), _parsed(self._text)) if self._text != before else None
        except (OSError, *_DAMAGE):
            self._text = before
            return None

    def write(self, text: str) -> None:
        """Put this in its place. SfsError where that fails."""
        write_private(self._path, text)
        self._text = text
        with suppress(OSError):
            self._seen = self._signature()

    def alone(self) -> AbstractContextManager[None]:
        """Keep others waiting that read and write it."""
        return alone_in(self._path.parent)

    def _read(self) -> None:
        seen = self._signature()
        if seen[0] > MAX_FILE:
            raise ValueError("too large")
        self._text, self._seen = self._path.read_text(encoding="utf-8"), seen

    def _signature(self) -> tuple[int, ...]:
        found = self._path.stat()
        return found.st_size, found.st_ino, found.st_mtime_ns


def _parsed(text: str | None) -> Said:
    if text is None:
        return "", {}
    said = json.loads(text)
    rows = said["clients"][:MAX_CLIENTS]
    return _text(said["ca"]), {_text(row["client"]): client_of(row) for row in rows}


def client_of(row: dict[str, Any]) -> Known:
    """A client out of its row; ValueError, KeyError or TypeError where it is none."""
    known = Known(_time_or_none(row["since"]), _time(row["seen"]), _time_or_none(row["lost"]), _time(row["wait"]))
    for host, since, until, reason in row["pins"][:MAX_PINS]:
        known.pins[_text(host)] = (_time(since), _time(until), "silent" if reason == "silent" else "refused")
    return known


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise ValueError
    return value


def _time(value: object) -> float:
    # Within what a datetime can hold; not NaN either, which no comparison ends.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_TIME:
        raise ValueError
    return float(value)


def _time_or_none(value: object) -> float | None:
    return None if value is None else _time(value)

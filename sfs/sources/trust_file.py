"""STATE/trust.json: what devices proved and which sites refuse the certificate there, as JSON. Bounded, and read as if
anybody had written it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

log = logging.getLogger("sfs.trust")

MAX_CLIENTS: Final = 4096
MAX_PINS: Final = 256  # a client
MAX_ALL_PINS: Final = 65_536
MAX_NAME: Final = 512  # characters of a client or a host
MAX_TIME: Final = 100_000_000_000.0  # seconds since 1970: the year 5138
MAX_FILE: Final = 64 << 20  # bytes

type Reason = Literal["refused", "silent"]


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


def loaded(path: Path) -> tuple[str, dict[str, Known]]:
    """The CA that the file speaks of and its clients; nothing where there is no file, or a damaged one, which is
    said."""
    try:
        if not path.exists():
            return "", {}
        if path.stat().st_size > MAX_FILE:
            raise ValueError("too large")
        said = json.loads(path.read_text(encoding="utf-8"))
        rows = said["clients"][:MAX_CLIENTS]
        return _text(said["ca"]), {_text(row["client"]): client_of(row) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        log.error("%s cannot be read: devices have to prove again that they have the certificate", path.name)
        return "", {}


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

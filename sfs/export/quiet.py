"""Lines with which a resolver keeps nothing of who asked for what: no log of questions, of refusals or of failures, no
table of the last or the most frequent questions, no cache on a disk, no image of its memory after a crash.

The answers of before stay in its cache, in memory, until they are too old: a resolver is nothing without.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

_UNIT: Final = "service: [Service] LimitCORE=0, as `systemctl edit` takes it; a crash must leave no image of the memory"
# What of BIND's own words speaks of its files and its state alone; all else may name a client and its question.
_OF_BIND_ALONE: Final = ("config", "general", "zoneload", "xfer-in")
CHANNEL: Final = "default_syslog"


def bind(cache: Path, channel: str = CHANNEL) -> Iterator[str]:
    """Lines for named.conf; the first, a comment, says what stands in `options`. `channel`: where BIND's words on its
    own state go."""
    yield "# options { querylog no; memstatistics no; };"
    yield f"# {_UNIT}"
    yield "logging {"
    yield "  category default { null; };"
    yield "  category unmatched { null; };"
    yield from (f"  category {name} {{ {channel}; }};" for name in _OF_BIND_ALONE)
    yield "};"


def unbound(cache: Path) -> Iterator[str]:
    """Lines for unbound.conf."""
    yield f"# {_UNIT}"
    yield "server:"
    yield "  verbosity: 0"
    yield "  val-log-level: 0"
    for name in ("queries", "replies", "tag-queryreply", "local-actions", "servfail"):
        yield f"  log-{name}: no"
    yield "  extended-statistics: no"
    yield "  statistics-interval: 0"


def knot(cache: Path) -> Iterator[str]:
    """Lines for kresd.conf. `cache`: a folder in memory: what Knot keeps of answers is a file, which stays."""
    yield f"-- {_UNIT}"
    yield "log_level('err')"
    yield "log_groups({})"
    # Both keep the most frequent questions.
    yield "for _, name in ipairs({ 'predict', 'stats' }) do pcall(modules.unload, name) end"
    yield "debugging.assertion_fork = 0"
    yield "cache.close()"
    yield f"cache.open(100 * MB, 'lmdb://{cache}')"


def pdns(cache: Path) -> Iterator[str]:
    """Lines for recursor.conf."""
    yield f"# {_UNIT}"
    yield "quiet=yes"
    yield "trace=no"
    yield "loglevel=3"
    yield "log-common-errors=no"
    yield "log-rpz-changes=no"
    yield "dnssec-log-bogus=no"
    yield "event-trace-enabled=0"
    yield "statistics-interval=0"
    # Else the last ten thousand questions and who asked them, for `rec_control top-remotes` and its like.
    yield "stats-ringbuffer-entries=0"


ENGINES: Final[Mapping[str, Callable[[Path], Iterator[str]]]] = {
    "bind": bind,
    "unbound": unbound,
    "knot": knot,
    "pdns": pdns,
}

"""Which lists are in use: those that the configuration names, and the default choice that its levels bring.

The default choice is made of the recommended rows of the catalogue whose meaning acts at some level in use. It is part
of what `sfs lists update` fetches, and nothing of it is fetched before somebody asked for it.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from sfs.core.identity import PolicyTable
from sfs.core.levels import LEVELS
from sfs.core.ruleset import Axis, CategoryList
from sfs.lists import store
from sfs.lists.store import ListState
from sfs.sources.config import Config
from sfs.sources.public_lists import catalogue
from sfs.sources.subscriptions import ListSource, source_of_row

ALL_LEVELS: Final = frozenset(row.level for row in LEVELS)
BIG: Final = 50_000  # lines of a local file from which on it is compiled instead of read at each start
_CHUNK: Final = 1 << 20


def levels_in_use(policies: PolicyTable) -> frozenset[int]:
    """The levels of all policies that look at more than mandatory lists."""
    return frozenset(policy.level for policy in policies.policies() if policy.checks is None)


def lists_in_use(config: Config, levels: Collection[int] = ALL_LEVELS) -> tuple[ListSource, ...]:
    """The lists of a configuration and, unless it says otherwise, the default choice for these levels."""
    if not config.default_lists:
        return config.lists
    named = {source.name for source in config.lists}
    rows = (row for row in catalogue().values() if row.recommended and row.name not in named)
    chosen = (replace(source_of_row(row), default=True) for row in rows)
    return (*config.lists, *(source for source in chosen if acts(source, levels)))


def acts(source: ListSource | CategoryList, levels: Collection[int]) -> bool:
    """Whether a list blocks anything at one of these levels, or opens anything at level 0."""
    if source.axis is Axis.SECURITY:
        return bool(levels)
    if source.axis is Axis.CIRCUMVENTION:
        return any(LEVELS[level].circumvention for level in levels)
    if source.opens:
        return 0 in levels
    return source.rating is not None and any(source.rating > level for level in levels)


def stored(sources: Collection[ListSource]) -> tuple[ListSource, ...]:
    """Those that the store holds: lists with an address, and big files. A mandatory list never: nothing of it is
    laid down anywhere. Reads the files."""
    return tuple(s for s in sources if s.url is not None or (s.path is not None and not s.mandatory and is_big(s.path)))


def wanted(sources: Collection[ListSource], state_dir: Path) -> tuple[ListSource, ...]:
    """Those of `sources` that may be fetched without a question: named by the owner, or asked for before."""
    return tuple(source for source in sources if not source.default or store.asked(state_dir))


def list_states(config: Config, levels: Collection[int] = ALL_LEVELS) -> tuple[ListState, ...]:
    """What is known of every list that the store holds. Reads files: never on the loop of the proxy."""
    return store.states(config.state, stored(lists_in_use(config, levels)))


def is_big(path: Path) -> bool:
    """Whether a file has so many lines that reading it at each start takes long."""
    try:
        if path.stat().st_size < BIG * 2:
            return False
        lines = 0
        with path.open("rb") as file:
            while lines <= BIG and (chunk := file.read(_CHUNK)):
                lines += chunk.count(b"\n")
    except OSError:
        return False
    return lines > BIG

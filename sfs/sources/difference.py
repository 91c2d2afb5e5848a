"""What a reload changed, as lines for the log: settings, words, groups, how many entries of each list came and went.

Counts and names only: an own entry, a member of a group or a line of a list says what somebody looks at. Of a mandatory
list nothing leaves but its id and serial.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any, Final

from sfs.lists.files import ListFile
from sfs.lists.store import ListState
from sfs.match.words import WordRule
from sfs.sources.config import Config, GroupConfig
from sfs.sources.entries import OwnEntry, OwnRating
from sfs.sources.filter import Filter

COUNTED: Final = 200_000  # entries of both sides that are compared here (0.2 s); the store counts those of longer lists
AT_START: Final = frozenset({"listen", "admin", "metrics", "state", "upstream_ca"})  # read once
_NOT_HERE: Final = frozenset({"layers", "profiles", "groups", "warnings", "file", "lists"})  # told apart, or no setting


def differences(old: Filter, new: Filter) -> tuple[str, ...]:
    """One line for each thing that `new` does otherwise; none where they do the same. Reads no file."""
    if old is new:
        return ()
    return (
        *_settings(old.config, new.config),
        *_groups(old.config, new.config),
        *_counted("words", old.ruleset.words.rules, new.ruleset.words.rules),
        *_lists(old, new),
        *_mandatory(old, new),
    )


def _settings(old: Config, new: Config) -> Iterator[str]:
    for field in fields(Config):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name in _NOT_HERE or before == after:
            continue
        if isinstance(before, tuple) and isinstance(after, tuple):
            yield from _counted(field.name, before, after)
            continue
        later = " (from the next start on)" if field.name in AT_START else ""
        yield f"{field.name}: {_shown(before)} -> {_shown(after)}{later}"


def _counted(name: str, before: Iterable[object], after: Iterable[object]) -> Iterator[str]:
    came, went = _came_and_went(map(_without_place, before), map(_without_place, after))
    if came or went:
        yield f"{name}: +{came:,} -{went:,}"


def _came_and_went(before: Iterable[object], after: Iterable[object]) -> tuple[int, int]:
    was, now = Counter(before), Counter(after)
    return (now - was).total(), (was - now).total()


def _without_place(item: object) -> object:
    """What an item says, wherever it stands: a line that moved is no change."""
    if isinstance(item, OwnEntry):
        return item.entry, item.mark
    if isinstance(item, OwnRating):
        return item.entry, item.rating
    if isinstance(item, WordRule):
        return tuple(getattr(item, field.name) for field in fields(item) if field.name != "where")
    return repr(item)


def _groups(old: Config, new: Config) -> Iterator[str]:
    was, now = ({group.name: _group(group) for group in config.groups} for config in (old, new))
    for name in sorted(was.keys() | now.keys()):
        if name not in was:
            yield f"group {name}: new"
        elif name not in now:
            yield f"group {name}: gone"
        elif was[name] != now[name]:
            yield f"group {name}: changed"


def _group(group: GroupConfig) -> object:
    said = [{key: _said(value.value) for key, value in layer.values.items()} for layer in group.layers]
    return group.clients, group.users, group.port, repr(group.schedule), said


def _said(value: Any) -> object:
    return [_without_place(item) for item in value] if isinstance(value, tuple | list) else repr(value)


def _lists(old: Filter, new: Filter) -> Iterator[str]:
    was, now = _files(old), _files(new)
    states = ({state.name: state for state in filter_.report.states} for filter_ in (old, new))
    old_states, new_states = states
    meanings = ({source.name: source for source in filter_.config.lists} for filter_ in (old, new))
    meant, means = meanings
    for name in sorted(was.keys() | now.keys()):
        if name not in was:
            yield f"list {name}: new, {len(now[name].index):,} entries"
        elif name not in now:
            yield f"list {name}: gone, {len(was[name].index):,} entries"
        else:
            changed = _list(was[name], now[name], old_states.get(name), new_states.get(name))
            if changed is not None:
                yield f"list {name}: {changed}"
            if name in meant and name in means and meant[name] != means[name]:
                yield f"list {name}: what is said of it changed"


def _files(filter_: Filter) -> Mapping[str, ListFile]:
    secret = {lst.id for lst in filter_.ruleset.mandatory}
    return {name: file for name, file in filter_.report.lists if name not in secret}


def _list(was: ListFile, now: ListFile, old: ListState | None, new: ListState | None) -> str | None:
    """How many entries came and went; of long lists that the store did not compare, only how many there are."""
    if was is now or was.sha256 == now.sha256:
        return None
    if old is not None and new is not None and new.before is not None and new.before == old.version != new.version:
        return f"+{new.came:,} -{new.went:,}"
    had, has = len(was.index), len(now.index)
    if had + has > COUNTED:
        return f"{had:,} -> {has:,} entries"
    came, went = _came_and_went(was.index.lines(), now.index.lines())
    return f"+{came:,} -{went:,}" if came or went else None


def _mandatory(old: Filter, new: Filter) -> Iterator[str]:
    was, now = ({lst.id: lst.serial for lst in filter_.ruleset.mandatory} for filter_ in (old, new))
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield f"mandatory list {name}: {was.get(name, 'none')} -> {now.get(name, 'none')}"


def _shown(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Path):
        return str(value)
    return "none" if value is None else str(value)

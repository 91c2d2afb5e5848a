"""The lists of a configuration as indexes: from the store where they lie compiled, else from their file.

A list that was fetched is mapped, not read: a million names cost a few pages of memory and no time at the start. What
is not in the store protects nobody and stops nothing: it is counted as missing, and the ready line says so.

A reload takes what did not change from the filter in force, so that it costs neither time nor memory. A long file of
the owner that did change is never read here then: the old list holds for the seconds until it is compiled apart
(refresh.py), or for good where what came cannot be used.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sfs.core.ruleset import CategoryList, MandatoryIndex
from sfs.errors import SfsError
from sfs.lists import store
from sfs.lists.compiled import CompiledIndex
from sfs.lists.files import ListFile, read_list
from sfs.lists.formats import FOLDERS, INCLUDING
from sfs.lists.store import ListState
from sfs.lists.update import cannot_be_used, file_changed
from sfs.sources.choice import ALL_LEVELS, is_big, lists_in_use
from sfs.sources.config import Config
from sfs.sources.mandatory_lists import check_shrunk, read_mandatory_list
from sfs.sources.subscriptions import ListSource

type Stamp = tuple[object, ...]  # what tells one state of a list from the next; its last part is where it comes from
type Kept = Mapping[str, tuple[Stamp, ListFile]]


@dataclass(slots=True)
class LoadedLists:
    """What was loaded. `files`: by name, as they act; `states`: of all lists that the store is to hold; `missing`:
    the names of those that never came, or are damaged; `waiting`: of those that hold as they were before until what
    came is compiled; `kept`: by name what the next load may take over."""

    lists: list[CategoryList] = field(default_factory=list)
    mandatory: list[MandatoryIndex] = field(default_factory=list)
    files: list[tuple[str, ListFile]] = field(default_factory=list)
    skipped: list[SfsError] = field(default_factory=list)
    states: list[ListState] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    kept: dict[str, tuple[Stamp, ListFile]] = field(default_factory=dict)


def load_lists(config: Config, levels: Collection[int] = ALL_LEVELS, kept: Kept | None = None) -> LoadedLists:
    """The lists in use at these levels. `kept`: of the load before. RuleError where a file that the configuration names
    cannot be used."""
    loaded = LoadedLists()
    for source in lists_in_use(config, levels):
        file = _stored(source, config, loaded, kept or {})
        if file is None and source.path is not None:
            file = _read(source, source.path, loaded, kept or {})
            loaded.skipped.extend(file.skipped)
        if file is None:
            loaded.missing.append(source.name)
            continue
        loaded.files.append((source.name, file))
        if source.mandatory:
            loaded.mandatory.append(_mandatory(source, file))
        else:
            loaded.lists.append(_category_list(source, file))
    return loaded


def _mandatory(source: ListSource, file: ListFile) -> MandatoryIndex:
    return MandatoryIndex(source.name, file.serial or file.sha256[:12], file.index, file.purpose)


def _stored(source: ListSource, config: Config, loaded: LoadedLists, kept: Kept) -> ListFile | None:
    """The compiled list; None where the store has none that fits."""
    if source.mandatory:
        return None
    state = store.state_of(config.state, source)
    place = str(source.path or source.url)
    old = kept.get(source.name)
    held = old if old is not None and old[0][-1] == place and not _was_changed(old[1]) else None
    if source.path is not None and (state.version is None or file_changed(state)):
        if not is_big(source.path):
            return None
        if held is not None:
            loaded.states.append(state)
            return _hold(source.name, held, loaded)
        if state.version is None or not cannot_be_used(state):
            return None  # the file itself is read: nothing is ever unprotected until it is compiled again
    loaded.states.append(state)
    stamp = ("version", str(config.state), state.key, state.version, place)
    file = held[1] if held is not None and held[0] == stamp else store.open_version(config.state, state)
    if file is None and held is not None and state.version is not None:
        return _hold(source.name, held, loaded)  # damaged on the disk; what is mapped is what was checked
    if file is not None:
        loaded.kept[source.name] = (stamp, file)
    return file


def _was_changed(file: ListFile) -> bool:
    return isinstance(file.index, CompiledIndex) and file.index.was_changed()


def _hold(name: str, held: tuple[Stamp, ListFile], loaded: LoadedLists) -> ListFile:
    loaded.waiting.append(name)
    loaded.kept[name] = held
    return held[1]


def _read(source: ListSource, path: Path, loaded: LoadedLists, kept: Kept) -> ListFile:
    """A list read from its file, or taken over where that is the same file still."""
    stamp = _stamp(source, path)
    old = kept.get(source.name)
    same = stamp is not None and old is not None and old[0] == stamp
    if old is not None and same:
        file = old[1]
    else:
        file = read_mandatory_list(source, path) if source.mandatory else read_list(path, source.format)
        if source.mandatory and source.key is None and old is not None:
            check_shrunk(old[1].count, file.count, path)
    if stamp is not None and stamp == _stamp(source, path):  # else it was changed while it was read
        loaded.kept[source.name] = (stamp, file)
    return file


def _stamp(source: ListSource, path: Path) -> Stamp | None:
    """None for a list of several files, of which one says nothing of the others."""
    if source.format in FOLDERS or source.format in INCLUDING:
        return None
    seen: list[object] = []
    try:
        for one in (path,) if source.key is None else (path, source.key):
            found = os.stat(one)
            seen += [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, str(one)]
    except OSError:
        return None
    return ("file", source.format, *seen[5:], *seen[:5])


def _category_list(source: ListSource, file: ListFile) -> CategoryList:
    return CategoryList(
        source.name, file.index, source.category, source.rating, source.axis, source.opens, source.final
    )

"""The lists of a configuration as indexes: from the store where they lie compiled, else from their file.

A list that was fetched is mapped, not read: a million names cost a few pages of memory and no time at the start. What
is not in the store protects nobody and stops nothing: it is counted as missing, and the ready line says so.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from sfs.core.ruleset import CategoryList, MandatoryList
from sfs.errors import SfsError
from sfs.lists import store
from sfs.lists.files import ListFile, read_list
from sfs.lists.store import ListState
from sfs.lists.update import file_changed
from sfs.sources.choice import ALL_LEVELS, lists_in_use
from sfs.sources.config import Config
from sfs.sources.subscriptions import ListSource


@dataclass(slots=True)
class LoadedLists:
    """What was loaded. `files`: by name, as they act; `states`: of all lists that the store is to hold; `missing`:
    the names of those that never came, or are damaged."""

    lists: list[CategoryList] = field(default_factory=list)
    mandatory: list[MandatoryList] = field(default_factory=list)
    files: list[tuple[str, ListFile]] = field(default_factory=list)
    skipped: list[SfsError] = field(default_factory=list)
    states: list[ListState] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def load_lists(config: Config, levels: Collection[int] = ALL_LEVELS) -> LoadedLists:
    """The lists in use at these levels. RuleError where a file that the configuration names cannot be used."""
    loaded = LoadedLists()
    for source in lists_in_use(config, levels):
        file = _stored(source, config, loaded)
        if file is None and source.path is not None:
            file = read_list(source.path, source.format)
            loaded.skipped.extend(file.skipped)
        if file is None:
            loaded.missing.append(source.name)
            continue
        loaded.files.append((source.name, file))
        if source.mandatory:
            loaded.mandatory.append(MandatoryList(source.name, file.sha256[:12], file.index))
        else:
            loaded.lists.append(_category_list(source, file))
    return loaded


def _stored(source: ListSource, config: Config, loaded: LoadedLists) -> ListFile | None:
    """The compiled list; None where the store has none that fits."""
    if source.mandatory:
        return None
    state = store.state_of(config.state, source)
    if source.path is not None and (state.version is None or file_changed(state)):
        return None  # the file itself is read: nothing is ever unprotected until it is compiled again
    loaded.states.append(state)
    return store.open_version(config.state, state)


def _category_list(source: ListSource, file: ListFile) -> CategoryList:
    return CategoryList(
        source.name, file.index, source.category, source.rating, source.axis, source.opens, source.final
    )

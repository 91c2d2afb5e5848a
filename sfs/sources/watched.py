"""Which files a filter was made of, for those who look whether one of them changed."""

from collections.abc import Iterator
from pathlib import Path

from sfs.lists import store
from sfs.sources.choice import levels_in_use, lists_in_use
from sfs.sources.config import CHANGES
from sfs.sources.filter import Filter
from sfs.sources.places import rules_dir
from sfs.sources.rules import keywords_dir


def files_of(filter_: Filter) -> Iterator[Path]:
    """The configuration, its profiles, what the page of the administrator changed, `rules/`, the words, and the lists
    in use with all files of a folder. Some may be missing, and a few come twice."""
    config = filter_.config
    versions = {state.name: state.version for state in filter_.report.states if state.version is not None}
    yield config.state / CHANGES
    if config.file is not None:
        yield config.file
    yield from config.profiles
    for source in lists_in_use(config, levels_in_use(filter_.policies)):
        if not source.mandatory:
            folder = store.list_dir(config.state, store.key_of(source.name))
            yield folder / store.STATE
            yield from _inside(folder / versions[source.name]) if source.name in versions else ()
        if source.path is not None:
            yield source.path
            yield from _inside(source.path)
        if source.key is not None:
            yield source.key
    rules = rules_dir()
    for folder in (rules, *sorted(path for path in rules.iterdir() if path.is_dir()), keywords_dir(config)):
        yield from _inside(folder)


def _inside(folder: Path) -> Iterator[Path]:
    """The files in a folder; none where it is no folder."""
    try:
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return

"""The compiled list in force, as tests look at it."""

from pathlib import Path

from sfs.lists import store
from sfs.lists.files import ListFile


def current(state_dir: Path, key: str) -> ListFile | None:
    """None where there is none, or it is damaged."""
    state = store.load_state(state_dir, key)
    return None if state is None else store.open_version(state_dir, state)

"""When a list lost so much that it is taken for one that was cut: one rule for whoever fetches it or hands it out."""

from typing import Final

FEW: Final = 10  # entries; of a shorter list one or two more or less say nothing


def is_shrunk(had: int, left: int) -> bool:
    """Whether a list that had so many entries, of which so many are left, waits until somebody says that this is
    right. Nothing left of a list is always too little; that each place says in its own words."""
    return had >= FEW and 2 * left < had

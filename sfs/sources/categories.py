"""What a category of a list means: rules/ratings/categories.yaml as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfs.core.ruleset import Axis
from sfs.errors import SfsError, Where
from sfs.sources.settings import mend_of_unknown
from sfs.sources.yaml_nodes import load_plain


@dataclass(frozen=True, slots=True)
class Category:
    """A rating, or an axis, or neither: then it is known and means nothing. `refused`: never to be loaded."""

    rating: int | None = None
    axis: Axis | None = None
    opens: bool = False
    refused: bool = False


def load_categories(path: Path) -> Mapping[str, Category]:
    """The categories by name. SfsError where the file cannot be used."""
    tree = load_plain(path)
    if not isinstance(tree, dict) or not isinstance(tree.get("categories"), dict):
        raise SfsError("no categories", Where(str(path)), "write categories: and below it name: {rating: 0 to 4}")
    found = {name: _category(name, row, path) for name, row in tree["categories"].items()}
    for key, category in (("unrated", Category()), ("refused", Category(refused=True))):
        names = tree.get(key) or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise SfsError(f"{key} is not a list of names", Where(str(path)), "begin each line with a dash: - ")
        for name in names:
            if name in found:
                raise SfsError(f"category {name!r} stands twice", Where(str(path)), "give it one meaning")
            found[name] = category
    return found


def category_named(name: str, categories: Mapping[str, Category], where: Where) -> Category:
    """The category that a list names; SfsError for one that is not known or not to be loaded."""
    category = categories.get(name)
    if category is None:
        mend = f"{mend_of_unknown(name, categories, old=False)}; or give the list a rating itself"
        raise SfsError(f"no category {name[:80]!r}", where, mend)
    if category.refused:
        raise SfsError(f"the category {name!r} is not for filters", where, "delete this list")
    return category


def _category(name: str, row: Any, path: Path) -> Category:
    known = {"rating", "block", "opens"}
    mend = "write name: {rating: 0 to 4} or name: {block: security} or {block: circumvention}"
    if not isinstance(row, dict) or not row.keys() <= known or ("rating" in row) == ("block" in row):
        raise SfsError(f"category {name!r} has no single meaning", Where(str(path)), mend)
    rating, axis, opens = row.get("rating"), row.get("block"), row.get("opens", False)
    right_rating = rating is None or (type(rating) is int and 0 <= rating <= 4)
    if not right_rating or axis not in (None, *Axis) or not isinstance(opens, bool):
        raise SfsError(f"category {name!r} cannot be read", Where(str(path)), mend)
    return Category(rating, None if axis is None else Axis(axis), opens)

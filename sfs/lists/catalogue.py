"""The catalogue of public lists: what a row of rules/lists/catalogue.yaml says, as values. Reading the file is the work
of sources/subscriptions.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sfs.errors import SfsError, UrlError, Where
from sfs.text.url import parse_url

MAX_ROWS: Final = 2000
_KEEPER_KEYS: Final = {"name", "homepage", "licence", "note", "verified", "lists"}
_TEXTS: Final = ("name", "url", "format", "category")  # every row has these
_ROW_KEYS: Final = {*_TEXTS, "member", "size", "recommended", "sha256_url", "verified"}
_FILE: Final = Where("rules/lists/catalogue.yaml")


@dataclass(frozen=True, slots=True)
class Row:
    """A public list. `member`: the file in its archive, None for a list that fills it. `size`: entries, about.
    `verified`: whether its address was tried. `recommended`: part of the default choice. `sha256_url`: where its
    keeper publishes the SHA-256 of the file."""

    name: str
    url: str
    format: str
    category: str
    size: int
    keeper: str
    homepage: str
    licence: str
    member: str | None = None
    sha256_url: str | None = None
    verified: bool = False
    recommended: bool = False


def catalogue_from(tree: object) -> Mapping[str, Row]:
    """The rows by name, in their order. SfsError, naming the row, for what cannot be read."""
    keepers = tree.get("keepers") if isinstance(tree, dict) else None
    if not isinstance(keepers, dict):
        raise SfsError("no keepers", _FILE, "write keepers: and below it NAME: {name: ..., lists: [...]}")
    found: dict[str, Row] = {}
    for key, keeper in keepers.items():
        if not isinstance(keeper, dict) or not keeper.keys() <= _KEEPER_KEYS:
            raise SfsError(f"keeper {key!r} cannot be read", _FILE, f"its keys are {', '.join(sorted(_KEEPER_KEYS))}")
        for row in _rows(str(key), keeper):
            if row.name in found:
                raise SfsError(f"the list {row.name!r} stands twice", _FILE, "give one of them another name")
            found[row.name] = row
            if len(found) > MAX_ROWS:
                raise SfsError(f"more than {MAX_ROWS} lists", _FILE, "delete what nobody takes")
    return found


def _rows(key: str, keeper: dict[str, Any]) -> list[Row]:
    shared = {name: keeper.get(name) for name in ("name", "homepage", "licence")}
    if not all(isinstance(value, str) and value for value in shared.values()):
        raise SfsError(f"keeper {key!r} lacks name, homepage or licence", _FILE, "write all three")
    rows = keeper.get("lists")
    if not isinstance(rows, list):
        raise SfsError(f"keeper {key!r} has no lists", _FILE, "write lists: and below it one row a line")
    return [_row(row, keeper) for row in rows]


def _row(row: Any, keeper: dict[str, Any]) -> Row:
    mend = "write {name: ..., url: ..., format: ..., category: ..., size: ...}"
    if not isinstance(row, dict) or not row.keys() <= _ROW_KEYS:
        raise SfsError(f"a row with keys that are not known: {str(row)[:100]}", _FILE, mend)
    name = str(row.get("name"))[:80]
    texts = [row.get(key) for key in _TEXTS]
    if not all(isinstance(value, str) and value for value in texts):
        raise SfsError(f"the list {name!r} lacks name, url, format or category", _FILE, mend)
    size, flags = row.get("size"), [row.get(k, keeper.get(k, False)) for k in ("verified", "recommended")]
    more = [row.get(key) for key in ("member", "sha256_url")]
    if type(size) is not int or size < 0 or not all(isinstance(flag, bool) for flag in flags):
        raise SfsError(f"the list {name!r} has no size, or a flag that is none", _FILE, mend)
    if not all(value is None or isinstance(value, str) for value in more):
        raise SfsError(f"the list {name!r} has a member or sha256_url that is no text", _FILE, mend)
    if not all(_is_web(url) for url in (row["url"], row.get("sha256_url")) if url is not None):
        raise SfsError(f"the list {name!r} has no address", _FILE, "write https://host/path")
    return Row(
        *(row["name"], row["url"], row["format"], row["category"], size),
        keeper=keeper["name"],
        homepage=keeper["homepage"],
        licence=keeper["licence"],
        member=row.get("member"),
        sha256_url=row.get("sha256_url"),
        verified=flags[0],
        recommended=flags[1],
    )


def _is_web(url: str) -> bool:
    try:
        return url.startswith(("http://", "https://")) and bool(parse_url(url).host)
    except UrlError:
        return False

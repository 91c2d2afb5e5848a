"""The catalogue of public lists that comes with SFS, read from rules/lists/catalogue.yaml once."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from sfs.lists.catalogue import Row, catalogue_from
from sfs.sources import places
from sfs.sources.yaml_nodes import load_plain


def catalogue() -> Mapping[str, Row]:
    """The rows by name, in their order; none where the file is missing. SfsError where it cannot be used."""
    path = places.rules_dir() / "lists" / "catalogue.yaml"
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError:
        return MappingProxyType({})


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Mapping[str, Row]:
    return MappingProxyType(dict(catalogue_from(load_plain(path))))

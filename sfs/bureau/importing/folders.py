"""Folders of categories, as UT1 and squidGuard keep them: in each a file domains, a file urls, or both.

    blacklists/gambling/domains        the category gambling
    blacklists/sex/lingerie/urls       the category sex/lingerie
    blacklists/adult/domains.gz        packed, or cut in parts: domains.00 domains.01, domains.gz.aa domains.gz.ab

A folder that is a link to another of them is a second name of it, and read once.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.archive import unpack

MAX_FOLDERS: Final = 10_000
MAX_DEPTH: Final = 8
_PART: Final = re.compile(r"(domains|urls)(\.gz)?(?:[._-]?(?:part)?[._-]?(?:[0-9]{1,4}|[a-z]{2}))?(\.gz)?")


@dataclass(frozen=True, slots=True)
class CategoryFolder:
    """A folder with a list. `name`: its path below the folder that was named, as its keeper calls the category;
    `parts`: its files by what they hold, domains or urls."""

    path: Path
    name: str
    parts: Mapping[str, tuple[Path, ...]]


def category_folders(top: Path) -> tuple[list[CategoryFolder], list[Path]]:
    """Every folder with a list, `top` itself or below it, by name; and the links that were not followed. SfsError
    where there is none, or more than anybody keeps."""
    own = parts_in(top)
    if own:
        return [CategoryFolder(top, top.resolve().name, own)], []
    found: list[CategoryFolder] = []
    links: list[Path] = []
    for number, folder in enumerate(_folders(top, links)):
        if number >= MAX_FOLDERS:
            raise SfsError(f"more than {MAX_FOLDERS} folders", Where(str(top)), "name the folder of the lists")
        parts = parts_in(folder)
        if parts:
            found.append(CategoryFolder(folder, folder.relative_to(top).as_posix(), parts))
    if not found:
        raise RuleError("no folder in it holds domains or urls", Where(str(top)), "name the folder of the lists")
    return found, links


def parts_in(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of a list in a folder, in the order in which they are read."""
    parts: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _PART.fullmatch(path.name)
        if match is not None and path.is_file():
            parts.setdefault(match[1], []).append(path)
    # One that is whole stands beside its parts, or packed beside itself, where a mirror kept both.
    return {name: tuple(paths[:1] if paths[0].name == name else paths) for name, paths in sorted(parts.items())}


def plain_folder(folder: CategoryFolder, work: Path) -> Path:
    """The folder with plain files: itself, or one that is made in `work`, unpacked and put together. SfsError for what
    is damaged or too large."""
    if all([path.name for path in paths] == [name] for name, paths in folder.parts.items()):
        return folder.path
    made = work / re.sub(r"[^A-Za-z0-9]+", "-", folder.name)[:80]
    made.mkdir(parents=True, exist_ok=True)
    for name, paths in folder.parts.items():
        joined = made / f"{name}.joined"
        with joined.open("wb") as out:
            for path in paths:
                with path.open("rb") as file:
                    shutil.copyfileobj(file, out)
        try:
            unpack(joined, made / f"{name}.out").rename(made / name)
        except SfsError as fault:
            raise SfsError(fault.what, Where(str(paths[0])), fault.mend) from None
    return made


def _folders(top: Path, links: list[Path]) -> Iterator[Path]:
    for place, folders, _ in os.walk(top):
        here = Path(place)
        linked = [name for name in folders if (here / name).is_symlink()]
        links += [here / name for name in linked]
        deep = len(here.relative_to(top).parts) >= MAX_DEPTH
        folders[:] = [] if deep else sorted(set(folders) - set(linked))
        if here != top:
            yield here

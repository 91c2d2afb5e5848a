"""Files that a list names: looked for in its own folder alone, each read once in one way, so that none is read for
ever and none leads out of the folder."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.lines import Include, LineFormat

MAX_FILES: Final = 5000  # v2fly's largest list is made of about 1,000


@dataclass(slots=True)
class Includes:
    """The files of a list that begins with `first`. `waiting`: those that are still to be read."""

    first: Path
    root: Path = field(init=False)
    waiting: list[tuple[Path, LineFormat]] = field(default_factory=list)
    _seen: set[tuple[Path, LineFormat]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.root = self.first.resolve().parent

    def start(self, lines: LineFormat) -> None:
        """Note that the first file is read."""
        self._seen.add((self.first.resolve(), lines))

    def add(self, include: Include, where: Where) -> bool:
        """Have a file read later; False where it was read already, or will be. RuleError where there is none in the
        folder, or where they are too many."""
        path = self._inside(include.name)
        if path is None:
            what = f"there is no file {include.name[:80]!r} in the folder of the list"
            raise RuleError(what, where, "put it beside the list; nothing outside of its folder is read")
        if (path, include.lines) in self._seen:
            return False
        if len(self._seen) >= MAX_FILES:
            raise RuleError(f"a list of more than {MAX_FILES} files", where, "join some of them")
        self._seen.add((path, include.lines))
        self.waiting.append((path, include.lines))
        return True

    def shown(self, path: Path) -> str:
        """An included file as it stands in the folder."""
        return str(path.relative_to(self.root))

    def _inside(self, name: str) -> Path | None:
        """The file of that name. Of an absolute path the longest end that stands in the folder: a folder of lists is
        moved as a whole, and its lines keep the place where it stood."""
        parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", ".")]
        if not parts or ".." in parts or len(parts) > 32:
            return None
        for start in range(len(parts)):
            try:
                path = self.root.joinpath(*parts[start:]).resolve()
                if path.is_relative_to(self.root) and path.is_file():
                    return path
            except (OSError, ValueError, RuntimeError):
                return None
        return None

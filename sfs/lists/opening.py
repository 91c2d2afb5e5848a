"""The files of a list, opened: what is no list at all is refused by its first bytes."""

from io import BufferedReader
from os import fstat
from pathlib import Path
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.formats import FOLDERS, format_named
from sfs.lists.formats.guess import is_web_page
from sfs.lists.lines import LineFormat

MAX_FILE: Final = 200 * 1024 * 1024  # bytes: ten million names
_PACKED: Final = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
}


def files_of(path: Path, format: str, shown: Where, only: tuple[str, ...] = ()) -> list[tuple[Path, LineFormat]]:
    """The files of a list, each with the format of its lines. `only` as `format_named`; RuleError for a folder that
    holds none of them."""
    line_format = format_named(format, only)
    names = FOLDERS.get(format)
    if names is None or not path.is_dir():
        return [(path, line_format)]
    folder = path
    if not any((folder / name).is_file() for name in names):
        inside = [child for child in sorted(path.iterdir()) if child.is_dir()]
        folder = inside[0] if len(inside) == 1 else folder
    found: list[tuple[Path, LineFormat]] = [
        (folder / name, lines) for name, lines in names.items() if (folder / name).is_file()
    ]
    if not found or (format == "squidguard" and not any(file.name in ("domains", "urls") for file, _ in found)):
        holds = "domains and urls" if format == "squidguard" else ", ".join(names)
        raise RuleError(f"no such list: a folder without {holds}", shown, "name the folder that holds them")
    return found


def opened(path: Path, name: str) -> BufferedReader:
    """A file, open for reading; RuleError for what is none, or too large. `name`: how errors name it."""
    shown = Where(name)
    try:
        if not path.is_file():  # a pipe would never end
            raise RuleError("there is no such file", shown, "check the path")
        file = path.open("rb")
    except OSError as fault:
        mend = "check the path and who may read it"
        raise RuleError(f"cannot be read: {fault.strerror}", shown, mend) from None
    size = fstat(file.fileno()).st_size
    if size > MAX_FILE:
        file.close()
        raise RuleError(f"a list of {size} bytes", shown, f"at most {MAX_FILE} are read: split it")
    return file


def check_start(start: bytes, name: str) -> None:
    """RuleError where the first bytes of a file are plainly something else than a list."""
    shown = Where(name, 1, 1)
    if is_web_page(start):
        mend = "open its address in a browser: it may have moved, or ask for a login"
        raise RuleError("this is a web page, not a list", shown, mend)
    packed = next((name for magic, name in _PACKED.items() if start.startswith(magic)), None)
    if packed is not None:
        raise RuleError(f"this is packed with {packed}", shown, "unpack it first")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RuleError("this is UTF-16, not UTF-8", shown, "save it as UTF-8")
    if b"\0" in start[:4096]:
        raise RuleError("this is not text", shown, "name a list of lines")

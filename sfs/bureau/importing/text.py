"""Files of text, line by line, with a bound on each line: in UTF-8 (with or without a mark) or in CP932, which Japanese
spreadsheets write. A line that cannot be text is noted, and the next one is read."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sfs.bureau.importing.meaning import Noting
from sfs.errors import RuleError, Where
from sfs.lists.notes import BAD, Note, shown

MAX_LINE: Final = 65_536  # bytes
_CHUNK: Final = 1 << 20
_MARK: Final = b"\xef\xbb\xbf"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")


class Line(NamedTuple):
    """One line with its end. `number` counts from 1."""

    number: int
    text: str


def encoding_of(path: Path, name: str) -> str:
    """utf-8 or cp932, whichever most lines are written in. RuleError for UTF-16."""
    start = _start(path)
    if start.startswith(_WIDE):
        raise RuleError("this is UTF-16, not UTF-8", Where(name, 1, 1), "save it as UTF-8")
    if start.startswith(_MARK) or _is_all_utf8(path):
        return "utf-8"
    # Nearly any bytes are text in CP932, and hardly any Japanese of CP932 is right in UTF-8: that one tells.
    right = wrong = 0
    with path.open("rb") as file:
        while data := file.readline(MAX_LINE):
            if not data.isascii():
                right, wrong = (right + 1, wrong) if _is_utf8(data) else (right, wrong + 1)
    return "utf-8" if right >= wrong else "cp932"


def lines_of(path: Path, name: str, noting: Noting, longest: int = MAX_LINE) -> Iterator[Line]:
    """The lines of a file that are text, of `longest` bytes at most. OSError where it cannot be read; RuleError as
    `encoding_of`."""
    encoding = encoding_of(path, name)
    with path.open("rb") as file:
        number = 0
        while data := file.readline(longest + 1):
            number += 1
            if number == 1:
                data = data.removeprefix(_MARK)
            if len(data) > longest:
                noting(_too_long(data, Where(name, number, longest + 1), longest))
                while data and not data.endswith(b"\n"):
                    data = file.readline(_CHUNK)
                continue
            text = _decoded(data, encoding, Where(name, number), noting)
            if text is not None:
                yield Line(number, text)


def _decoded(data: bytes, encoding: str, where: Where, noting: Noting) -> str | None:
    """The text of a line; None where it is none, which is noted with its column."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as fault:
        column = len(data[: fault.start].decode(encoding, "replace")) + 1
        mend = "save the file as UTF-8"
        noting(Note(BAD, "bytes that are neither UTF-8 nor CP932", _at(where, column), shown(data), mend=mend))
        return None
    if "\0" in text:
        place = _at(where, text.index("\0") + 1)
        noting(Note(BAD, "a NUL, which is in no text", place, shown(data), mend="save the file as UTF-8"))
        return None
    return text


def _at(where: Where, column: int) -> Where:
    return Where(where.file, where.line, column)


def _too_long(data: bytes, where: Where, longest: int) -> Note:
    return Note(BAD, f"a line of more than {longest:,} bytes", where, shown(data[:400]), mend="split it")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _is_all_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

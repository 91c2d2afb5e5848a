"""Reading a tar from first byte to last, as it comes out of its packing.

Own reader, since all here is bounded: names, headers, members. Spec: POSIX.1-2024, pax, "ustar Interchange Format" and
"pax Header Block"; GNU tar's L and K members for long names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sfs.errors import SfsError, Where

BLOCK: Final = 512
MAX_HEADER: Final = 65_536  # bytes of one extended header
MAX_DIGITS: Final = 20  # of a size in one
_FILE, _LINK, _SYMLINK = "0", "1", "2"
type Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive. `name`: its path in parts; `target`: where a link leads, None for a file; `plain`:
    whether it is a regular file, whose `size` bytes come next."""

    name: Name
    size: int
    plain: bool
    target: Name | None = None


class Source:
    """Pieces of bytes, to be read in any size."""

    def __init__(self, pieces: Iterator[bytes], where: Where) -> None:
        self.where = where
        self._pieces = pieces
        self._data = b""
        self._at = 0

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end; they stay."""
        while len(self._data) - self._at < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._data, self._at = self._data[self._at :] + piece, 0
        return self._data[self._at : self._at + size]

    def read(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes, in pieces. SfsError where the end comes first."""
        while size:
            piece = self.peek(1) and self._data[self._at : self._at + size]
            if not piece:
                raise SfsError("cut: the end of the archive is missing", self.where, "fetch it again")
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def rest(self) -> Iterator[bytes]:
        """All that is left."""
        yield self._data[self._at :]
        self._data, self._at = b"", 0
        yield from self._pieces


def is_tar(start: bytes) -> bool:
    """Whether the first block of a file is the header of a tar."""
    return len(start) >= BLOCK and any(start[:BLOCK]) and _sums(start[:BLOCK])


def members(source: Source) -> Iterator[Member]:
    """The members, in order. After a plain one its bytes are to be read: `size`, and then `skip_padding`. SfsError
    for what is cut or damaged."""
    name: str | None = None
    target: str | None = None
    size: int | None = None
    while any(header := b"".join(source.read(BLOCK))):
        if not _sums(header):
            raise SfsError("damaged: a header of the archive is wrong", source.where, "fetch it again")
        kind, length = chr(header[156] or ord("0")), _number(header[124:136], source.where)
        if kind in "xLK":
            data = _extended(source, length)
            if kind == "L":
                name = _text(data)
            elif kind == "K":
                target = _text(data)
            else:
                said = _pax(data)
                name, target = said.get("path", name), said.get("linkpath", target)
                size = _pax_size(said.get("size", ""), size)
            continue
        length = length if size is None else size
        written = name if name is not None else _written_name(header)
        link = target if target is not None else _text(header[157:257])
        name = target = size = None
        yield from _member(source, kind, written, link, 0 if kind in "123456" else length)
    for _ in source.rest():  # so that what packs it proves whole as well
        pass


def skip_padding(source: Source, size: int) -> None:
    """Read what stands between a member of `size` bytes and the next header."""
    for _ in source.read(-size % BLOCK):
        pass


def parts_of(path: str) -> Name:
    """A path in parts, without empty ones and dots; what climbs stays, as .., and names nothing."""
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _member(source: Source, kind: str, written: str, link: str, size: int) -> Iterator[Member]:
    name = parts_of(written)
    if kind == _FILE and not written.endswith("/"):
        yield Member(name, size, plain=True)
        return
    if kind == _LINK:
        yield Member(name, 0, False, parts_of(link))
    elif kind == _SYMLINK:
        yield Member(name, 0, False, _joined(name[:-1], link))
    else:
        yield Member(name, 0, False)
    for _ in source.read(size + -size % BLOCK):
        pass


def _joined(folder: Name, link: str) -> Name:
    """Where a link leads, inside the archive: () for one that leaves it."""
    if link.startswith("/"):
        return ()
    parts = list(folder)
    for part in parts_of(link):
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            return ()
    return tuple(parts)


def _extended(source: Source, length: int) -> bytes:
    if length > MAX_HEADER:
        raise SfsError(f"a header of {length} bytes in the archive", source.where, f"at most {MAX_HEADER} are read")
    data = b"".join(source.read(length))
    skip_padding(source, length)
    return data


def _sums(header: bytes) -> bool:
    """Whether the checksum of a header is right: the sum of its bytes, the sum itself taken as blanks."""
    digits = header[148:156].strip(b" \0")
    if not digits or not all(48 <= digit <= 55 for digit in digits):
        return False
    return int(digits, 8) == sum(header) - sum(header[148:156]) + 8 * 32


def _number(field: bytes, where: Where) -> int:
    if field[0] == 0x80:  # GNU: a number too large for octal digits
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not all(48 <= digit <= 55 for digit in digits):
        raise SfsError("damaged: a size in the archive is no number", where, "fetch it again")
    return int(digits or b"0", 8)


def _written_name(header: bytes) -> str:
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{_text(header[:100])}" if prefix else _text(header[:100])


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", errors="surrogateescape")


def _pax_size(text: str, size: int | None) -> int | None:
    """The size that a record says; `size` where it says none. More digits than any file has are no number."""
    return int(text) if len(text) <= MAX_DIGITS and text.isascii() and text.isdecimal() else size


def _pax(data: bytes) -> dict[str, str]:
    """Records of `length key=value`, a line each; what is none ends them."""
    found = {}
    while data:
        digits, _, _ = data[:8].partition(b" ")
        if not digits.isdigit() or not len(digits) < int(digits) <= len(data):
            break
        record, data = data[len(digits) + 1 : int(digits) - 1], data[int(digits) :]
        key, _, value = record.partition(b"=")
        found[_text(key)] = _text(value)
    return found

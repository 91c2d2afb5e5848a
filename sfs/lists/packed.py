"""Bytes that come out of a packed file, a bounded piece at a time.

Each packing can make a gigabyte of a kilobyte: none of them is asked for more than a piece.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, Protocol

import zstandard

from sfs.errors import SfsError, Where

PIECE: Final = 1 << 18  # bytes, of what comes out at once
MAX_STREAMS: Final = 10_000  # packed one behind the other in one file
MAX_MEMORY: Final = 1 << 27  # bytes that unpacking one file may take: xz -9 takes 65 MiB
MAGIC: Final = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # one that is empty
}
_FAULTS: Final = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError, MemoryError)


class _Unpacker(Protocol):
    """One packed stream."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What comes out when `data` goes in, in pieces."""


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._stream.eof:
            yield self._stream.decompress(data, PIECE)
            data = self._stream.unconsumed_tail


class _Bounded:
    """bz2 and lzma: they keep what they were not yet asked for."""

    def __init__(self, stream: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._stream = stream

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data, PIECE)
        while not (self._stream.eof or self._stream.needs_input):
            yield self._stream.decompress(b"", PIECE)


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor(max_window_size=MAX_MEMORY).decompressobj()
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data + self._rest

    def feed(self, data: bytes) -> Iterator[bytes]:
        # It takes no bound on what comes out: so little goes in that it is 32 MiB at most (4 bytes for 128 KiB).
        for at in range(0, len(data), 1024):
            if self._stream.eof:
                self._rest = data[at:]
                break
            yield self._stream.decompress(data[at : at + 1024])


_UNPACKERS: Final[dict[str, Callable[[], _Unpacker]]] = {
    "gzip": _Gzip,
    "xz": lambda: _Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_MEMORY)),
    "bzip2": lambda: _Bounded(bz2.BZ2Decompressor()),
    "zstd": _Zstd,
}


def packing_of(start: bytes) -> str | None:
    """gzip, xz, bzip2, zstd or zip, by the first bytes of a file; None for what is not packed."""
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def unpacked(file: BinaryIO, packing: str, where: Where) -> Iterator[bytes]:
    """What comes out of `file`, in pieces, to the end of its last stream. SfsError where it is cut or damaged."""
    data, stream, streams = b"", None, 0
    try:
        while data or (data := file.read(PIECE)):
            if stream is None:
                stream, streams = _UNPACKERS[packing](), streams + 1
            yield from filter(None, stream.feed(data))
            data = stream.unused_data.lstrip(b"\0") if stream.eof else b""  # zeros behind the end are padding
            if stream.eof:
                stream = None
            if streams > MAX_STREAMS:
                raise SfsError(f"more than {MAX_STREAMS} files packed in one", where, "pack it as one")
    except _FAULTS:
        raise SfsError(f"damaged: this is no whole file of {packing}", where, "fetch it again") from None
    if stream is not None:
        raise SfsError(f"cut: the end of the {packing} file is missing", where, "fetch it again")

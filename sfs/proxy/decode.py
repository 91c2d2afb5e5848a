"""Content decoding that stops: what a browser would show of a compressed body, up to a limit and never far beyond it.

1.6 KB of brotli can hold 1 GB. So each engine is asked for a bounded piece at a time, and thrown away with its window
as soon as the limit is reached, a coding turns out broken, or more input came than an honest body of that size needs.
"""

import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]  # ships no types
import zstandard

ACCEPTED: Final = "gzip, deflate, br, zstd"  # what can be decoded here, as it stands in Accept-Encoding

MAX_CODINGS: Final = 2  # "gzip, br" is seen in the wild; more is nobody's honest page
MAX_MEMBERS: Final = 64  # gzip members; browsers read the first alone. An empty one costs 20 bytes and an engine
MAX_WINDOW: Final = 8 << 20  # zstd window, bytes. RFC 9659: at most 8 MB for this content coding
SLACK: Final = 64 << 10  # input allowed beyond the limit: headers, incompressible data; empty blocks are endless
PIECE: Final = 1 << 10  # input handed over at once: where a body turns bad, the text of at most one piece is lost
MAX_HEADER: Final = 256  # characters of a Content-Encoding value that are read

_KNOWN: Final = frozenset({"x-gzip", "identity", *ACCEPTED.split(", ")})
_ERRORS: Final = (zlib.error, brotli.error, zstandard.ZstdError)


class _Engine(Protocol):
    done: bool  # the coded stream has ended; what follows is not part of the body

    def push(self, data: bytes) -> None: ...

    def pull(self, most: int) -> bytes:
        """Return some bytes, about `most` (64 KB more at the worst), or b"" when more input is needed."""


class _Zlib:
    """gzip with its members, or deflate. RFC 9110 8.4.1: "deflate" is zlib, but servers also send it raw."""

    def __init__(self, gzip: bool) -> None:
        self.done = False
        self._gzip = gzip
        self._members = 0
        self._left = b""  # input not used yet
        self._first: bytes | None = b""  # all input, while zlib may still prove to be raw; None once that is settled
        self._engine = zlib.decompressobj(31) if gzip else None
        self._pending = False  # the last piece was full: the engine may hold more without input

    def push(self, data: bytes) -> None:
        self._left += data
        if self._first is not None:
            self._first += data

    def pull(self, most: int) -> bytes:
        while (self._left or self._pending) and not self.done:
            if self._engine is None and not self._start():
                return b""
            if part := self._step(most):
                return part
        return b""

    def _start(self) -> bool:
        """Choose the engine: False while there is too little input to tell."""
        if len(self._left) < 2:
            return False
        if not self._gzip:
            method, check = self._left[0], self._left[:2]
            zlib_head = method & 15 == 8 and int.from_bytes(check) % 31 == 0  # RFC 1950 2.2
            self._engine = zlib.decompressobj(15 if zlib_head else -15)
            self._first = self._first if zlib_head else None
        elif self._left.startswith(b"\x1f\x8b") and self._members < MAX_MEMBERS:
            self._engine = zlib.decompressobj(31)
        else:
            self.done = True  # padding or rubbish after the last member
        return not self.done

    def _step(self, most: int) -> bytes:
        assert self._engine is not None
        before = self._engine.copy()
        try:
            part = self._engine.decompress(self._left, most)
        except zlib.error:
            if self._gzip or self._first is None:
                return self._good_part(before, most)
            # It looked like zlib and is not: browsers then try it raw, so that must be looked at too.
            self._engine, self._left, self._first = zlib.decompressobj(-15), self._first, None
            return b""
        self._left = self._engine.unconsumed_tail
        self._pending = len(part) >= most
        if part or (self._first is not None and len(self._first) > PIECE):
            self._first = None
        if self._engine.eof:
            self._left, self._pending = self._engine.unused_data, False
            self._engine, self._members = None, self._members + 1
            self.done = not self._gzip
        return part

    def _good_part(self, engine: "zlib._Decompress", most: int) -> bytes:
        """What comes before the fault, then the fault. zlib drops it, but browsers look at no checksum: they show a
        page whose last bytes are wrong."""
        part = b""
        while self._left and len(part) < most:
            try:
                part += engine.decompress(self._left[:1])
            except zlib.error:
                break
            self._left = self._left[1:]
        if not part:
            raise zlib.error("bad data")
        self._engine = engine
        return part


class _Brotli:
    def __init__(self) -> None:
        self.done = False
        self._engine = brotli.Decompressor()
        self._left = b""

    def push(self, data: bytes) -> None:
        self._left += data

    def pull(self, most: int) -> bytes:
        # `process` fills whole blocks of 32 KB and more. An engine that still holds output takes no new input.
        data = b""
        if self._engine.can_accept_more_data():
            data, self._left = self._left, b""
        part: bytes = self._engine.process(data, output_buffer_limit=min(most, 32 << 10))
        self.done = self._engine.is_finished()
        return part


class _Dry(Exception):
    """No input now. A source that returned b"" instead would end the stream."""


class _Zstd:
    """zstd with its frames. `read1` loses nothing when its source raises: it returns before it reads again."""

    def __init__(self) -> None:
        self.done = False
        self._left = b""
        engine = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        self._reader = engine.stream_reader(self, read_across_frames=True, closefd=False)  # type: ignore[arg-type]  # any object with read()

    def read(self, _size: int = -1) -> bytes:
        if not self._left:
            raise _Dry
        data, self._left = self._left, b""
        return data

    def push(self, data: bytes) -> None:
        self._left += data

    def pull(self, most: int) -> bytes:
        try:
            return self._reader.read1(most)
        except _Dry:
            return b""


def accepted(value: str) -> str:
    """An Accept-Encoding for upstream: of what the browser takes that which can be decoded here, and never more: a
    browser without zstd would be shown rubbish."""
    return _kept_accepted(value) if len(value) <= MAX_HEADER else _accepted(value)


def _accepted(value: str) -> str:
    kept = [part.strip() for part in value.split(",") if part.partition(";")[0].strip().lower() in _KNOWN]
    return ", ".join(kept) or "identity"


_kept_accepted = lru_cache(maxsize=256)(_accepted)  # the same of all browsers of a kind


def _engine(coding: str) -> _Engine:
    match coding:
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
        case _:
            return _Zlib(gzip=coding != "deflate")


def _codings(value: str | None) -> list[str] | None:
    """Return the codings to undo, last applied first; None when one is unknown or there are too many."""
    if value is None:
        return []
    if len(value) > MAX_HEADER:
        return None
    names = [name.strip().lower() for name in value.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if len(names) > MAX_CODINGS or any(name not in ("gzip", "x-gzip", "deflate", "br", "zstd") for name in names):
        return None
    return names[::-1]


class BoundedDecoder:
    """Decodes a body chunk by chunk, `limit` bytes in all at most.

    `encodings` is the Content-Encoding header's value (several fields joined with ", "), or None. A coding nobody here
    knows is `broken` from the start, and its bytes are given as they came: browsers show them so.
    Memory: one engine and its window for each coding, about `limit` at most, freed when `full` or `broken`.
    """

    def __init__(self, encodings: str | None, limit: int) -> None:
        codings = _codings(encodings)
        self._broken = codings is None
        self._limit = self._room = limit
        self._engines = [_engine(coding) for coding in codings or []]
        self._taken = [0 for _ in self._engines]
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether `limit` bytes have been given; later input is not looked at."""
        return self._room <= 0

    @property
    def broken(self) -> bool:
        """Whether the body cannot be decoded (further): bad data, an unknown coding, far too much input."""
        return self._broken

    def feed(self, chunk: bytes) -> bytes:
        """Return what this chunk adds, often b"". Never raises; after `full`, `broken` or `finish` gives b"" for free,
        but for an unknown coding, which is passed on up to the limit."""
        out: list[bytes] = []
        if not (self.full or self._closed):
            try:
                self._run(0, chunk, out)
            except _ERRORS:
                self._broken = True
                self._close()
        if self.full:
            self._close()
        return b"".join(out)

    def finish(self) -> bytes:
        """Return what is left at the end of the body (a body cut short is not `broken`), and free the engines."""
        rest = self.feed(b"")
        self._close()
        return rest

    def _close(self) -> None:
        self._closed = True
        self._engines.clear()

    def _run(self, at: int, data: bytes, out: list[bytes]) -> None:
        """Send data through the engines from number `at` on."""
        if at == len(self._engines):
            part = data[: self._room]
            self._room -= len(part)
            out.append(part)
            return
        engine = self._engines[at]
        for piece in _pieces(data):
            if self.full or engine.done:
                return
            self._taken[at] += len(piece)
            if self._taken[at] > self._limit + SLACK:
                raise zlib.error("more input than a body of this size needs")
            engine.push(piece)
            while not self.full and (part := engine.pull(self._limit)):
                self._run(at + 1, part, out)


def _pieces(data: bytes) -> Iterator[bytes]:
    yield from (data[i : i + PIECE] for i in range(0, max(len(data), 1), PIECE))

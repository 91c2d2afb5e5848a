"""Messages between two of our processes over a socket that they inherited: JSON arrays, one a line."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

MAX_LINE: Final = 1 << 20  # bytes; what is known of one device has at most a quarter
MAX_UNSENT: Final = 64 << 20  # bytes that wait for a peer; what is told beyond that is lost
_PIECE: Final = 1 << 18  # bytes that are read at once

type Took = Callable[[str, list[Any]], None]


class Peer:
    """One end. `took(kind, values)`: a message came. `gone()`: the other end has ended, or speaks no sense; once. Both
    are called on the loop that runs when this is made; `send` may be called from any thread."""

    def __init__(self, sock: socket.socket, took: Took, gone: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._took, self._gone = took, gone
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._unsent, self._read = bytearray(), bytearray()
        self._open = True
        self._loop.add_reader(sock, self._readable)

    def send(self, kind: str, *values: Any) -> bool:
        """Send a message; it is in the other's hands, or will be. False where that cannot be."""
        line = json.dumps((kind, *values), separators=(",", ":")).encode("ascii") + b"\n"
        with self._lock:
            if not self._open or len(line) > MAX_LINE or len(self._unsent) + len(line) > MAX_UNSENT:
                return False
            waiting = bool(self._unsent)
            self._unsent += line
            if not waiting:
                self._flush()
                if self._unsent:
                    with contextlib.suppress(RuntimeError):  # the loop is closed: so is everything
                        self._loop.call_soon_threadsafe(self._watch)
        return True

    def close(self) -> None:
        """End. On the loop; `gone` is not called any more."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def _flush(self) -> None:
        try:
            del self._unsent[: self._sock.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()  # the reader finds out and says so

    def _watch(self) -> None:
        with self._lock:
            if self._open and self._unsent:
                self._loop.add_writer(self._sock, self._writable)

    def _writable(self) -> None:
        with self._lock:
            if self._open:
                self._flush()
                if not self._unsent:
                    self._loop.remove_writer(self._sock)

    def _readable(self) -> None:
        try:
            piece = self._sock.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        *lines, rest = (bytes(self._read) + piece).split(b"\n")
        self._read = bytearray(rest)
        try:
            for line in lines:
                self._take(line)
        except ValueError:
            piece = b""
        if not piece or len(self._read) > MAX_LINE:
            self.close()
            self._gone()

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except RecursionError:
            raise ValueError from None
        if not isinstance(message, list) or not message or not isinstance(message[0], str):
            raise ValueError
        self._took(message[0], message[1:])

"""What a child and the supervisor say to each other: single bytes over a socket of the two alone, some with a socket.

When the supervisor is gone, however it ended, the child sees its end of the socket and ends as well."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from enum import Enum
from typing import Final

from sfs.sources.machine import never_blocks

MAX_FDS: Final = 1


class Word(Enum):
    """From a child: `READY` (it listens), `RELOADED` (the hub has put a new filter in force), `PAGE` (with a socket on
    which the hub's page of the administrator listens). To a child: `MEET` (with a socket: the hub, or for the hub a
    worker), `GO` (all workers listen), `RELOAD`, `STOP`, `LEAVE` (stop without haste: others serve already)."""

    READY = b"R"
    RELOADED = b"L"
    PAGE = b"P"
    MEET = b"M"
    GO = b"G"
    STOP = b"S"
    RELOAD = b"H"
    LEAVE = b"V"


def say(sock: socket.socket, word: Word, given: socket.socket | None = None) -> None:
    """Say a word, and hand over a socket with it; nothing where the other has ended."""
    with contextlib.suppress(OSError):
        if given is None:
            sock.send(word.value)
        else:
            socket.send_fds(sock, [word.value], [given.fileno()])


def hear(sock: socket.socket) -> tuple[Word | None, socket.socket | None]:
    """The next word and the socket that came with it; None where the other has ended. BlockingIOError where nothing is
    there yet."""
    try:
        data, fds, _, _ = socket.recv_fds(sock, 1, MAX_FDS)
    except BlockingIOError:
        raise
    except OSError:
        return None, None
    given = never_blocks(socket.socket(fileno=fds[0])) if fds else None
    for fd in fds[1:]:
        os.close(fd)
    try:
        return Word(data), given
    except ValueError:
        if given is not None:
            given.close()
        return None, None


def listen(sock: socket.socket, heard: Callable[[Word | None, socket.socket | None], None]) -> None:
    """Have `heard` called, on the loop that runs, with each word of the supervisor; with None once it is gone."""
    sock.setblocking(False)
    loop = asyncio.get_running_loop()

    def readable() -> None:
        with contextlib.suppress(BlockingIOError):
            word, given = hear(sock)
            if word is None:
                loop.remove_reader(sock)
            heard(word, given)

    loop.add_reader(sock, readable)

"""An upgrade without a gap: the program that is on the disk now takes over the listening sockets of the one that runs.

    old: starts the new one, and hands it its sockets and its keys over a socket of the two alone
    new: loads everything, listens on these sockets too, and says so; until then the old one goes on as if nothing were
    old: takes no more connections, finishes what is under way and ends; a new one that ended instead is told in the log

Both have the same sockets meanwhile, so nobody is refused: whoever takes a connection answers it.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sfs.errors import SfsError
from sfs.sources.machine import never_blocks
from sfs.sources.values import Listen

CHANNEL: Final = "SFS_HANDOVER"  # an environment variable: the number of the socket that leads to the old program
WITHIN: Final = 120.0  # seconds that the new program may take until it serves
MAX_SOCKETS: Final = 64
MAX_TOLD: Final = 65_536  # bytes
_SERVES: Final = b"S"

type Sockets = Mapping[tuple[str, int], Sequence[socket.socket]]


@dataclass(slots=True)
class Taken:
    """What the old program handed over. `proxy`, `page`: what listens, by host and port; `key`: as Shared has it."""

    proxy: dict[tuple[str, int], tuple[socket.socket, ...]]
    page: dict[tuple[str, int], tuple[socket.socket, ...]]
    key: bytes
    _channel: socket.socket = field(repr=False)

    @property
    def listen(self) -> tuple[Listen, ...]:
        """Where the proxy listens."""
        return tuple(Listen(host, port) for host, port in self.proxy)

    def serves(self) -> None:
        """Say that this program serves; the old one leaves then."""
        with contextlib.suppress(OSError):
            self._channel.send(_SERVES)
        self._channel.close()


def take_over() -> Taken | None:
    """What another program hands over; None where nobody started this one to that end. SfsError where what it says
    makes no sense."""
    number = os.environ.pop(CHANNEL, "")
    if not number:
        return None
    with contextlib.ExitStack() as held:
        try:
            channel = held.enter_context(socket.socket(fileno=int(number)))
            channel.set_inheritable(False)
            channel.settimeout(WITHIN)
            text, numbers = _received(channel)
            sockets = [never_blocks(held.enter_context(socket.socket(fileno=fd))) for fd in numbers]
            told = json.loads(text)
            proxy, page, key = _placed(told["proxy"], sockets), _placed(told["page"], sockets), told["key"]
            taken = Taken(proxy, page, bytes.fromhex(key), channel)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as fault:
            raise SfsError(f"what {CHANNEL} names hands nothing over: {type(fault).__name__}") from None
        held.pop_all()  # all of it stays open
        return taken


def _received(channel: socket.socket) -> tuple[bytes, list[int]]:
    """What the old program says, up to the end of its line, and the descriptors that come with it."""
    text, numbers = b"", list[int]()
    while not text.endswith(b"\n") and len(text) <= MAX_TOLD:
        piece, more, _, _ = socket.recv_fds(channel, MAX_TOLD, MAX_SOCKETS)
        text, numbers = text + piece, numbers + more
        if not piece:
            break
    return text, numbers


def _placed(
    places: list[tuple[str, int, int]], sockets: list[socket.socket]
) -> dict[tuple[str, int], tuple[socket.socket, ...]]:
    """By place the sockets that it has; they stand in the order of the places."""
    return {(host, port): tuple(sockets.pop(0) for _ in range(count)) for host, port, count in places}


class Successor:
    """The new program, from its start until it serves, has ended, or took too long (`until`, by time.monotonic).
    SfsError where it cannot be started, or there are too many sockets."""

    def __init__(self, command: Sequence[str], proxy: Sockets, page: Sockets, key: bytes) -> None:
        told = {"key": key.hex(), "proxy": _counted(proxy), "page": _counted(page)}
        numbers = [sock.fileno() for sockets in (proxy, page) for some in sockets.values() for sock in some]
        if len(numbers) > MAX_SOCKETS:
            raise SfsError(f"{len(numbers)} addresses are listened on, and at most {MAX_SOCKETS} handed over")
        self.channel, theirs = socket.socketpair()
        self.until = time.monotonic() + WITHIN
        with theirs:
            try:
                theirs.set_inheritable(True)
                self.pid = _started(command, theirs.fileno())
                socket.send_fds(self.channel, [json.dumps(told).encode() + b"\n"], numbers)
            except OSError as fault:
                self.channel.close()
                raise SfsError(f"the new program cannot be started: {fault.strerror}") from None
        self.channel.setblocking(False)

    def serves(self) -> bool | None:
        """What it says, where `channel` can be read: True, or False where it has ended; None for nothing yet."""
        try:
            return self.channel.recv(1) == _SERVES
        except BlockingIOError:
            return None
        except OSError:
            return False

    def end(self, number: int = signal.SIGTERM) -> None:
        """Have it end; SIGKILL for one that took too long. Its children end with it."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, number)

    def said(self, *, serves: bool) -> str:
        """What became of it, for the log. Where it serves, systemd is told so."""
        self.channel.close()
        if not serves:
            return "no upgrade: the new program ended before it served, and said why above; this one goes on"
        tell_systemd(f"MAINPID={self.pid}")
        return f"upgrade: process {self.pid} serves now, this one finishes what is under way"


def _counted(sockets: Sockets) -> list[tuple[str, int, int]]:
    return [(host, port, len(some)) for (host, port), some in sockets.items()]


def _started(command: Sequence[str], channel: int) -> int:
    """Start a program that has this descriptor and nothing else of ours; its process id."""
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)  # it asks nobody at a terminal
    environment = os.environ | {CHANNEL: str(channel)}
    return os.posix_spawn(command[0], list(command), environment, file_actions=[nothing])


def this_command(*more: str) -> tuple[str, ...]:
    """How this program was started, to start what is on the disk now in the same way; `more` stands behind."""
    return (sys.executable, *sys.orig_argv[1:], *more)


def tell_systemd(text: str) -> None:
    """Tell it how things are, where it started this program. Spec: sd_notify(3)."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if place.startswith(("/", "@")):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(text.encode(), place.replace("@", "\0", 1) if place[0] == "@" else place)

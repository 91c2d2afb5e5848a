"""Single values of a configuration: a node becomes a level, a word of a choice, an address, a time, a path.

Each function gives the value or raises an SfsError with the place and what may stand there. What is read in parts
(lists, mappings) collects its faults in a Reader instead, so that one bad part does not hide the next.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from sfs.core.identity import Network, plain_network
from sfs.errors import SfsError, Where
from sfs.sources.settings import mend_of_unknown
from sfs.sources.yaml_nodes import ListNode, MapNode, Node, Scalar
from sfs.text.address import parse_address

MAX_TEXT: Final = 8192  # characters of one value; the longest that means something is a URL
LEVELS: Final = ("0", "1", "2", "3", "4")
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([a-z]{1,12})")
_UNITS: Final = {"ms": 0.001, "s": 1, "second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_PORT: Final = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Listen:
    """An address and port to take connections at; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True)
class Reader:
    """Reads one file. `base`: the folder that relative paths in it start from."""

    base: Path
    faults: list[SfsError] = field(default_factory=list)
    warnings: list[SfsError] = field(default_factory=list)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """What goes wrong inside is one more fault; the next part is read all the same."""
        try:
            yield
        except SfsError as fault:
            self.faults.append(fault)

    def fault(self, what: str, where: Where, mend: str) -> None:
        """One more fault."""
        self.faults.append(SfsError(what, where, mend))


def text_of(node: Node, what: str) -> str:
    """The text of one value; `what` names it in the error."""
    if not isinstance(node, Scalar):
        shape = "a list" if isinstance(node, ListNode) else "a mapping"
        mend = "put it in quotes if it begins with [ or {; else write one value"
        raise SfsError(f"{shape} where {what} should stand", node.where, mend)
    if is_empty(node) or not node.text.strip():
        raise SfsError(f"nothing where {what} should stand", node.where, f"write {what}, or delete the line")
    if len(node.text) > MAX_TEXT:
        raise SfsError(f"a value of {len(node.text)} characters", node.where, f"at most {MAX_TEXT}")
    return node.text.strip()


def is_empty(node: Node) -> bool:
    """Whether nothing stands there: null, ~ or no value at all."""
    return isinstance(node, Scalar) and node.value is None


def items_of(node: Node, what: str) -> tuple[Node, ...]:
    """The items of a list; a single value is a list of one, nothing is an empty list."""
    if isinstance(node, ListNode):
        return node.items
    if isinstance(node, MapNode):
        raise SfsError(f"a mapping where {what} should stand", node.where, "begin each line with a dash: - ")
    return () if is_empty(node) else (node,)


def pairs_of(node: Node, what: str) -> tuple[tuple[Scalar, Node], ...]:
    """Keys and values of a mapping; nothing is an empty one."""
    if isinstance(node, MapNode):
        return node.pairs
    if is_empty(node):
        return ()
    raise SfsError(f"no mapping where {what} should stand", node.where, "write key: value")


def fields_of(node: MapNode, reader: Reader, known: Iterable[str], what: str, old: bool = False) -> dict[str, Node]:
    """The values of a mapping by key, those that are empty left out; a key that is not known is a fault."""
    names = tuple(known)
    found: dict[str, Node] = {}
    for key, value in node.pairs:
        if key.text not in names:
            mend = mend_of_unknown(key.text, names, old)
            reader.fault(f"{what} knows no key {key.text[:80]!r}", key.where, mend)
        elif not is_empty(value):
            found[key.text] = value
    return found


def level_of(node: Node, what: str = "a level") -> int:
    """0 to 4."""
    text = text_of(node, what)
    if text not in LEVELS:
        raise SfsError(f"{text[:80]!r} is not {what}", node.where, "write 0, 1, 2, 3 or 4 (`sfs levels` explains)")
    return int(text)


def flag_of(node: Node) -> bool:
    """True or False."""
    text = text_of(node, "true or false")
    if text not in ("true", "false"):
        raise SfsError(f"{text[:80]!r} is neither true nor false", node.where, "write true or false")
    return text == "true"


def number_of(node: Node, least: int, most: int) -> int:
    """A whole number within bounds."""
    text = text_of(node, "a number")
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        mend = f"write a whole number from {least} to {most}"
        raise SfsError(f"{text[:80]!r} is not a number from {least} to {most}", node.where, mend)
    return int(text)


def choice_of[T: StrEnum](node: Node, words: type[T]) -> T:
    """One of the words of an enum."""
    allowed = ", ".join(words)
    text = text_of(node, f"one of {allowed}")
    if text not in list(words):
        raise SfsError(f"{text[:80]!r} is not one of {allowed}", node.where, f"write {allowed}")
    return words(text)


def name_of(node: Node, what: str) -> str:
    """A name that people give: one line of at most 80 characters."""
    text = text_of(node, what)
    if len(text) > 80 or not text.isprintable():
        raise SfsError(f"{what} is too long or holds odd characters", node.where, "one line of at most 80 characters")
    return text


def port_of(text: str, where: Where, least: int = 1) -> int:
    """A port number from `least` to 65535."""
    if not _PORT.fullmatch(text) or not least <= int(text) <= 65535:
        raise SfsError(f"{text[:80]!r} is not a port", where, f"write a number from {least} to 65535")
    return int(text)


def listen_of(node: Node) -> Listen:
    """An address and a port, as 127.0.0.1:8080, localhost:8080 or [::1]:8080."""
    text = text_of(node, "an address and a port")
    host, colon, port = text.rpartition(":")
    mend = "write address:port, as 127.0.0.1:8080 or [::1]:8080"
    if not colon or not host or (":" in host) != (host.startswith("[") and host.endswith("]")):
        raise SfsError(f"{text[:80]!r} is not an address and a port", node.where, mend)
    address = parse_address("127.0.0.1" if host == "localhost" else host)
    if address is None or "%" in host:
        what = f"{host[:80]!r} is not an IP address"
        raise SfsError(what, node.where, f"a name can change hands: {mend}")
    return Listen(str(address), port_of(port, node.where, least=0))


def loopback_of(node: Node) -> Listen:
    """As `listen_of`, on loopback: what is told there has no password."""
    listen = listen_of(node)
    address = parse_address(listen.host)
    if address is None or not address.is_loopback:
        mend = (
            "write 127.0.0.1:port or [::1]:port; what collects the figures runs on this machine, or comes by a tunnel"
        )
        raise SfsError(f"{listen.host} is not loopback", node.where, mend)
    if not listen.port:
        raise SfsError("a port that the system chooses is known to nobody", node.where, "name one, as 127.0.0.1:9464")
    return listen


def network_of(node: Node) -> Network:
    """The address or network of clients, as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32."""
    text = text_of(node, "an address or network")
    mend = "write an IP address or a network, as 192.0.2.7 or 192.0.2.0/24"
    try:
        return plain_network(ip_network(text[:100]))
    except ValueError:
        pass
    try:
        network = ip_network(text[:100], strict=False)
    except ValueError:
        raise SfsError(f"{text[:80]!r} is neither an address nor a network", node.where, mend) from None
    address = text.partition("/")[0]
    what = f"{text!r} names an address and a network at once"
    raise SfsError(what, node.where, f"write {address} for the one, {network} for the network")


def duration_of(node: Node, least: timedelta, most: timedelta) -> timedelta:
    """A time as "7 days", "12 hours" or "500 ms", within bounds."""
    text = text_of(node, "a time").lower()
    mend = f"write a number and a unit, as 7 days, 12 hours or 2 seconds; from {_span(least)} to {_span(most)}"
    match = _DURATION.fullmatch(text)
    unit = None if match is None else _UNITS.get(match[2], _UNITS.get(match[2].removesuffix("s")))
    if match is None or unit is None:
        raise SfsError(f"{text[:80]!r} is not a time", node.where, mend)
    seconds = float(match[1]) * unit
    if not least.total_seconds() <= seconds <= most.total_seconds():
        raise SfsError(f"{text!r} is too {'short' if seconds < least.total_seconds() else 'long'}", node.where, mend)
    return timedelta(seconds=seconds)


def path_of(node: Node, base: Path) -> Path:
    """A path; ~ is the home of the user, a relative path starts from `base`."""
    text = text_of(node, "a path")
    if "\0" in text:
        raise SfsError("a path with a NUL", node.where, "delete it")
    try:
        return base / Path(text).expanduser()
    except RuntimeError:  # ~nobody
        raise SfsError(f"{text[:80]!r}: there is no such user", node.where, "write the path without ~") from None


def file_of(node: Node, base: Path) -> Path:
    """The path of a file that is there."""
    path = path_of(node, base)
    if not is_file(path):
        raise SfsError(f"there is no file {str(path)[:300]!r}", node.where, "check the path and who may read it")
    return path


def is_file(path: Path) -> bool:
    """Whether a file is there; a path that no system takes is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def each[T](node: Node, reader: Reader, what: str, read: Callable[[Node], T]) -> tuple[T, ...]:
    """The items of a list, each read apart; those with faults are left out."""
    found: list[T] = []
    for item in items_of(node, what):
        with reader.collect():
            found.append(read(item))
    return tuple(found)


def _span(time: timedelta) -> str:
    seconds = time.total_seconds()
    for unit in ("day", "hour", "minute", "second"):
        number = seconds / _UNITS[unit]
        if number >= 1:
            return f"{number:g} {unit}{'' if number == 1 else 's'}"
    return f"{seconds * 1000:g} ms"


def scalar(text: str, where: Where) -> Scalar:
    """Text from elsewhere than a file, as a node."""
    return Scalar(text, text, where, quoted=True)

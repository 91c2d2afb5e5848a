"""Other spellings of a URL, made by chance: chains of transforms, each of which leaves the page the same.

A URL is taken apart into pieces, one for each character of host, path and query, so that a transform never spells a
character that another one has already spelled. The same seed makes the same chains.
"""

import ipaddress
import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
NAMES = ("x", "a1", "foo-bar", "Index.html", "~user", "0")


@dataclass
class Pieces:
    """A URL in pieces. `user` ends in @, `port` begins with :, `query` with ?, `end` with #; each may be empty."""

    scheme: str
    host: list[str]
    path: list[str]
    query: list[str]
    port: str = ""
    user: str = ""
    slashes: str = "//"
    end: str = ""
    free_scheme: bool = True
    address: bool = False  # the host is one
    charset: str = "utf-8"  # of the path; one path has one, and overlong sequences are a kind of UTF-8

    @property
    def text(self) -> str:
        """The URL."""
        before = f"{self.scheme}:{self.slashes}{self.user}{''.join(self.host)}{self.port}"
        return f"{before}{''.join(self.path)}{''.join(self.query)}{self.end}"


type Transform = Callable[[Pieces, random.Random], None]


def pieces_of(url: str, *, free_scheme: bool = True) -> Pieces:
    """A URL that is spelled plainly: scheme://host[:port]/path[?query]."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    path, mark, query = path.partition("?")
    host, colon, port = authority.rpartition(":") if not authority.endswith("]") else (authority, "", "")
    if not colon or not port.isdigit():
        host, colon, port = authority, "", ""
    pieces = Pieces(scheme, list(host), [*slash, *path], [mark, *query] if mark else [], colon + port)
    pieces.free_scheme, pieces.address = free_scheme, _address(pieces) is not None
    return pieces


def _address(pieces: Pieces) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address("".join(pieces.host).strip("[]"))
    except ValueError:
        return None


def _some(tokens: list[str], rng: random.Random, fits: Callable[[str], bool], spell: Callable[[str], str]) -> list[str]:
    """The pieces that fit respelled, each with an even chance, one of them in any case."""
    places = [at for at, token in enumerate(tokens) if len(token) == 1 and fits(token)]
    chosen = {at for at in places if rng.random() < 0.5} or set(places[:1])
    return [spell(token) if at in chosen else token for at, token in enumerate(tokens)]


# The host


def capitals(pieces: Pieces, rng: random.Random) -> None:
    pieces.host = _some(pieces.host, rng, str.isalpha, str.upper)
    pieces.scheme = pieces.scheme.upper() if rng.random() < 0.3 else pieces.scheme


def final_dot(pieces: Pieces, rng: random.Random) -> None:
    if "[" not in pieces.host and pieces.host[-1] != ".":
        # With two dots behind it an address is none, for a browser and for a resolver.
        pieces.host = [*pieces.host, "." * (1 if pieces.address else rng.randint(1, 2))]


def encoded_host(pieces: Pieces, rng: random.Random) -> None:
    if "[" not in pieces.host:
        pieces.host = _some(pieces.host, rng, lambda c: c not in "[]\t", _escape)


def wide_host(pieces: Pieces, rng: random.Random) -> None:
    if "[" not in pieces.host:
        pieces.host = _some(pieces.host, rng, lambda c: c.isascii() and c.isalnum(), lambda c: chr(ord(c) + 0xFEE0))


def other_dots(pieces: Pieces, rng: random.Random) -> None:
    if "[" not in pieces.host:
        pieces.host = _some(pieces.host, rng, lambda c: c == ".", lambda _: rng.choice("\u3002\uff0e\uff61"))


def invisible(pieces: Pieces, rng: random.Random) -> None:
    if "[" not in pieces.host:
        at = rng.randrange(1, len(pieces.host))
        mark = rng.choice(("\u200b", "\u00ad", "\u2060", "\ufeff", "%E2%80%8B", "%c2%ad"))
        pieces.host = [*pieces.host[:at], mark, *pieces.host[at:]]


def white_space_in_host(pieces: Pieces, rng: random.Random) -> None:
    at = rng.randrange(1, len(pieces.host))
    pieces.host = [*pieces.host[:at], rng.choice("\t"), *pieces.host[at:]]


def address_spelling(pieces: Pieces, rng: random.Random) -> None:
    address = _address(pieces)
    if isinstance(address, ipaddress.IPv4Address):
        pieces.host = list(_spelled_v4(int(address), rng))
    elif address is not None:
        full = address.exploded
        pieces.host = list(f"[{rng.choice((full, full.upper(), address.compressed.upper()))}]")


def _spelled_v4(number: int, rng: random.Random) -> str:
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    dotted = str(ipaddress.IPv4Address(number))
    if rng.random() < 0.4:
        inside = rng.choice((f"{high}:{low}", dotted))
        return f"[{rng.choice(('::ffff:', '64:ff9b::', '::', '::ffff:0:', '64:FF9B:1:2::'))}{inside}]"
    count = rng.randint(1, 4)
    octets = number.to_bytes(4)
    values = [*octets[: count - 1], int.from_bytes(octets[count - 1 :])]
    zeros = "0" * rng.randint(0, 3)
    return ".".join(rng.choice((str(v), f"0{zeros}{v:o}", f"0x{zeros}{v:x}", f"0X{v:X}")) for v in values)


# Before and behind the host


def default_port(pieces: Pieces, rng: random.Random) -> None:
    number = PORTS[pieces.scheme.lower()]
    if not pieces.port:
        pieces.port = rng.choice((":" + number, ":000" + number, ":"))


def user(pieces: Pieces, rng: random.Random) -> None:
    names = (
        "u@",
        "u:p@",
        "@",
        ":@",
        "open.test@",
        "open.test:80@",
        "a%40b@",
        "open.test%2F@",
        "a@b@",
        ";x=1@",
        "&q=2@",
    )
    pieces.user = pieces.user or rng.choice(names)


def other_scheme(pieces: Pieces, rng: random.Random) -> None:
    if pieces.free_scheme and (not pieces.port or pieces.port[1:] not in ("", "80", "443", "00080", "000443")):
        pieces.scheme = rng.choice(("http", "https", "ws", "wss", "HTTP"))


def other_slashes(pieces: Pieces, rng: random.Random) -> None:
    pieces.slashes = rng.choice(("\\\\", "/\\", "///", "/", "////", "\\/", "//\t"))


def fragment(pieces: Pieces, rng: random.Random) -> None:
    pieces.end = pieces.end or rng.choice(("#", "#x", "#/../", "#?", "#@open.test/"))


# The path


def encoded_path(pieces: Pieces, rng: random.Random) -> None:
    pieces.path = _some(pieces.path, rng, lambda c: c.isalnum() or c in "-._~", _escape)


def encoded_slash(pieces: Pieces, rng: random.Random) -> None:
    first, rest = pieces.path[:1], pieces.path[1:]
    other = ["%2f", "%2F", "%5c", "%252F", "\\", "//", "%u002f", "/%2f", "/.%2f"]
    other += ["%c0%af"] if pieces.charset == "utf-8" else []
    respelled = first + _some(rest, rng, lambda c: c == "/", lambda _: rng.choice(other))
    # A slash behind a parameter stays: encoded, it would belong to the parameter, which servers cut off with it.
    kept = {at for at in range(1, len(pieces.path)) if pieces.path[at - 1].lower().startswith((";", "%3b"))}
    pieces.path = [pieces.path[at] if at in kept else token for at, token in enumerate(respelled)]


def encoded_again(pieces: Pieces, rng: random.Random) -> None:
    def again(token: str) -> str:
        return token.replace("%", "%25") if len(token) > 1 and "%" in token and rng.random() < 0.7 else token

    pieces.path = [again(token) for token in pieces.path]
    pieces.query = [again(token) for token in pieces.query]


def dot_segments(pieces: Pieces, rng: random.Random) -> None:
    name = rng.choice(NAMES)
    ups = ["..", "%2e%2e", ".%2E", "%252e.", "%u002e%u002e", "..;", "..;x=1"]
    up = rng.choice(ups + (["%c0%ae."] if pieces.charset == "utf-8" else []))
    pieces.path = _some(pieces.path, rng, lambda c: c == "/", lambda _: rng.choice(("/./", "/%2e/", f"/{name}/{up}/")))


def more_slashes(pieces: Pieces, rng: random.Random) -> None:
    pieces.path = _some(pieces.path, rng, lambda c: c == "/", lambda _: "/" * rng.randint(2, 4))


def parameters(pieces: Pieces, rng: random.Random) -> None:
    more = rng.choice((";x", ";x=1", ";jsessionid=0A;y", "%3bx", ";"))
    places = [at for at, token in enumerate(pieces.path) if at and token[0] == "/" and pieces.path[at - 1][-1] != "/"]
    if pieces.path and pieces.path[-1][-1] != "/":
        places.append(len(pieces.path))
    if places:
        at = rng.choice(places)
        pieces.path = [*pieces.path[:at], more, *pieces.path[at:]]


def overlong(pieces: Pieces, rng: random.Random) -> None:
    if pieces.charset != "utf-8":
        return

    def spell(char: str) -> str:
        code = ord(char)
        two = f"%{0xC0 | code >> 6:02x}%{0x80 | code & 63:02x}"
        return rng.choice((two, f"%E0%{0x80 | code >> 6:02X}%{0x80 | code & 63:02X}"))

    pieces.path = _some(pieces.path, rng, lambda c: c.isascii() and (c.isalnum() or c in ".-_"), spell)


def u_escapes(pieces: Pieces, rng: random.Random) -> None:
    pieces.path = _some(pieces.path, rng, str.isalnum, lambda c: f"%u{ord(c):04x}")


def nul_behind(pieces: Pieces, rng: random.Random) -> None:
    if pieces.path and pieces.path[-1] != "/":
        pieces.path = [*pieces.path, "%00" + rng.choice(("", ".png", "x"))]


def white_space_in_path(pieces: Pieces, rng: random.Random) -> None:
    at = rng.randrange(len(pieces.path) + 1)
    pieces.path = [*pieces.path[:at], *("\t" if at else ""), *pieces.path[at:]]


def other_charset(pieces: Pieces, rng: random.Random) -> None:
    pieces.charset = rng.choice(("cp932", "euc_jp"))
    pieces.path = [token if token.isascii() else quote(token.encode(pieces.charset)) for token in pieces.path]


def apart(pieces: Pieces, rng: random.Random) -> None:
    pieces.path = [unicodedata.normalize("NFD", token) for token in pieces.path]


# The query


def encoded_query(pieces: Pieces, rng: random.Random) -> None:
    pieces.query = pieces.query[:1] + _some(pieces.query[1:], rng, lambda c: c.isalnum() or c in "=&", _escape)


def blanks(pieces: Pieces, rng: random.Random) -> None:
    pieces.query = pieces.query[:1] + ["%20" if token == "+" else token for token in pieces.query[1:]]


def _escape(char: str) -> str:
    return "".join(f"%{byte:02x}" for byte in char.encode())


PARSED: tuple[Transform, ...] = (white_space_in_host, white_space_in_path, other_slashes)
"""What a browser's parser takes and what never stands in a request: white space, slashes the other way."""

SENT: tuple[Transform, ...] = (
    *(capitals, final_dot, encoded_host, wide_host, other_dots, invisible, address_spelling, default_port, user),
    *(other_scheme, fragment, encoded_path, encoded_slash, encoded_again, dot_segments, more_slashes, parameters),
    *(overlong, u_escapes, nul_behind, other_charset, apart, encoded_query, blanks),
)

_FIRST = {address_spelling: 0, other_charset: 1, apart: 2}  # these need all characters as they are
_LAST = {encoded_again: 9}


def respelled(pieces: Pieces, rng: random.Random, transforms: tuple[Transform, ...]) -> tuple[str, tuple[str, ...]]:
    """A URL after two to four transforms, and their names in order."""
    chain = rng.sample(transforms, rng.randint(2, 4))
    chain.sort(key=lambda one: _FIRST.get(one, _LAST.get(one, 5)))
    for transform in chain:
        transform(pieces, rng)
    return pieces.text, tuple(transform.__name__ for transform in chain)

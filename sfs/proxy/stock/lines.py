"""The first line of a request to a proxy, as nearly all are written, read in one match.

Stock takes the target apart twice, once with urllib and international names. What is not plain here (another method, a
user, an address in brackets, a name with other letters, a bare proxy request) is left to it."""

import re
from typing import Any, Final

from mitmproxy.net.http.http1 import read

_LABEL: Final = rb"(?!xn--)[a-z0-9_-]{1,63}"
_LINE: Final = re.compile(
    rb"(GET|HEAD|POST) (https?)://((" + _LABEL + rb"(?:\." + _LABEL + rb"){0,3})(?::([1-9][0-9]{0,4}))?)"
    rb"(/[!-~]*+) (HTTP/1\.[01])"
)
_PORTS: Final = {b"http": 80, b"https": 443}
type Line = tuple[str, int, bytes, bytes, bytes, bytes, bytes]

_stock_read: Any = read._read_request_line


def read_line(line: bytes) -> Line:
    """As _read_request_line: host, port, method, scheme, authority, path and version. ValueError where it is none."""
    plain = _LINE.fullmatch(line)
    if plain is not None:
        method, scheme, authority, host, digits, path, version = plain.groups()
        port = int(digits) if digits else _PORTS[scheme]
        if port < 65_536:
            return host.decode("ascii"), port, method, scheme, authority, path, version
    other: Line = _stock_read(line)
    return other


def install() -> None:
    """Put ours in stock's place."""
    read._read_request_line = read_line

"""The first line of a request to a proxy, as nearly all are written, read in one match.

Stock takes the target apart twice, once with urllib and international names. What is not plain here (another method, a
user, an address in brackets, a name with other letters, a bare proxy request) is left to it.

Stock sends a version on as it came, and takes "HTTP/2.0" in a line for HTTP/2, whose rules are others. Here a later
HTTP/1 is HTTP/1.1, which this proxy speaks (RFC 9110 2.5, RFC 9112 2.3), and a request in anything else is refused. A
server may name any version: what it says is read as browsers read it, and sent on as HTTP/1."""

import re
from typing import Any, Final

from mitmproxy.net.http.http1 import read

_LABEL: Final = rb"(?!xn--)[a-z0-9_-]{1,63}"
_LINE: Final = re.compile(
    rb"(GET|HEAD|POST) (https?)://((" + _LABEL + rb"(?:\." + _LABEL + rb"){0,3})(?::([1-9][0-9]{0,4}))?)"
    rb"(/[!-~]*+) (HTTP/1\.[01])"
)
_PORTS: Final = {b"http": 80, b"https": 443}
OTHER_VERSION: Final = "a version of HTTP other than 1"
type Line = tuple[str, int, bytes, bytes, bytes, bytes, bytes]

_stock_read: Any = read._read_request_line
_stock_status: Any = read._read_response_line


def read_line(line: bytes) -> Line:
    """As _read_request_line: host, port, method, scheme, authority, path and version. ValueError where it is none."""
    plain = _LINE.fullmatch(line)
    if plain is not None:
        method, scheme, authority, host, digits, path, version = plain.groups()
        port = int(digits) if digits else _PORTS[scheme]
        if port < 65_536:
            return host.decode("ascii"), port, method, scheme, authority, path, version
    other: Line = _stock_read(line)
    if not other[6].startswith(b"HTTP/1."):
        raise ValueError(OTHER_VERSION)
    return (*other[:6], _spoken(other[6]))


def read_status(line: bytes) -> tuple[bytes, int, bytes]:
    """As _read_response_line: version, status and reason. ValueError where it is none."""
    version, status, reason = _stock_status(line)
    return _spoken(version), status, reason


def _spoken(version: bytes) -> bytes:
    """The version of HTTP/1 that this one is read as: as browsers do, so that they and we see the same page."""
    if version.startswith((b"HTTP/0.", b"HTTP/1.0")):
        return b"HTTP/1.0"
    return b"HTTP/1.1"


def install() -> None:
    """Put ours in stock's place."""
    read._read_request_line = read_line
    read._read_response_line = read_status

"""What a text that is refused as a URL would name, for those who look it up: `sfs explain` prints it beside "refused".

Lists and logs of others hold URLs that no browser opens: percent signs, blanks or control bytes in the host, a whole
URL encoded once more. They are refused in a request, whatever they mean. The line made here follows the rules that such
lists are written by (Safe Browsing, "Canonicalization"), so that a row and a refused request can be held side by side.
"""

import re
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from sfs.text.url import DEFAULT_PORTS, MAX_DECODING_ROUNDS, MAX_URL, SCHEMES, clean_path

_PARTS: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?@]*@)?([^/?]+)([^?]*)(\?.*)?", re.DOTALL)
_PORT: Final = re.compile(rb":([0-9]*)\Z")
# All that is printed but # and %; what is decoded to a fixed point holds a percent sign only where none was meant.
_KEPT: Final = bytes(code for code in range(0x21, 0x7F) if code not in b"#%")


def named_by(text: str | bytes) -> str | None:
    """The canonical line of a URL that parse_url refuses, http where no scheme is written; None where it names no host
    of a scheme that carries pages, is too long, or is encoded for ever."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_URL:
        return None
    plain = _decoded(data.translate(None, b"\t\r\n").strip(b" ").partition(b"#")[0])
    if plain is None:
        return None
    found = _PARTS.fullmatch(plain if b"://" in plain else b"http://" + plain)
    scheme = SCHEMES.get(found[1].decode("ascii").lower()) if found else None
    if found is None or scheme is None:
        return None
    host, port = _host_and_port(found[2])
    if not host:
        return None
    path = clean_path((found[3] or b"/").decode("latin-1")).encode("latin-1")
    shown = f":{port}" if port is not None and port != DEFAULT_PORTS[scheme] else ""
    return f"{scheme}://{_escaped(host)}{shown}{_escaped(path)}{_escaped(found[4] or b'')}"


def _decoded(data: bytes) -> bytes | None:
    for _ in range(MAX_DECODING_ROUNDS):
        decoded = unquote_to_bytes(data)
        if decoded == data:
            return data
        data = decoded
    return data if unquote_to_bytes(data) == data else None


def _host_and_port(authority: bytes) -> tuple[bytes, int | None]:
    """The host in small letters without dots that mean nothing, and its port."""
    found = _PORT.search(authority)
    host = re.sub(rb"\.{2,}", b".", authority[: found.start()] if found else authority).strip(b".").lower()
    digits = found[1][:6] if found else b""
    return host, int(digits) if digits else None


def _escaped(data: bytes) -> str:
    return quote_from_bytes(data, safe=_KEPT)

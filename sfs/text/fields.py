"""The fields of a query and of what a form or a script sends with it, as bytes under their names in lower case.

A body is read by what it looks like as much as by its type: scripts send JSON as text or as an urlencoded form, so that
a browser asks no leave of the server first. All reading is bounded, and whatever cannot be read has no fields.

    query, urlencoded     a=1&b=2; ";" parts fields on some servers, so both readings count
    multipart/form-data   each part that is no file
    text/plain            a=1 on a line of its own
    JSON                  each text and number under the nearest name above it; also where a field's value is JSON"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

# Padding hides nothing: what is past a bound is one more value, under REST.
MAX_PAIRS: Final = 500  # fields of one query that are told apart
REST: Final = "\0rest"
MAX_FORM: Final = 256 * 1024  # bytes
MAX_INSIDE: Final = 8  # values of one request that are read as JSON
MAX_NODES: Final = 20_000  # of one JSON text

_UNICODE_ESCAPES = re.compile(rb"(?:%u[0-9A-Fa-f]{4})+")
_BOUNDARY = re.compile(r"""boundary="?([^\s";,]{1,200})""", re.I)
_PART_NAME = re.compile(rb'content-disposition:[^\r\n]{0,200}?[;\s]name="?([^"\r\n;]{0,200})', re.I)
_PART_FILE = re.compile(rb"content-disposition:[^\r\n]{0,500}?[;\s]filename\*?=", re.I)

Pair = tuple[bytes, bytes]


@dataclass(slots=True)
class Fields:
    """What a request says in fields, taken apart once, at the first who wants it. `kind`: the Content-Type of `form`;
    none stands for an urlencoded form."""

    query: bytes
    form: bytes = b""
    kind: str = ""
    _pairs: dict[str, list[bytes]] | None = field(default=None)

    def pairs(self) -> dict[str, list[bytes]]:
        """Values as bytes under their names in lower case. Never raises."""
        if self._pairs is None:
            self._pairs = {}
            query, form = _urlencoded(self.query[:MAX_FORM]), _body(self.form[:MAX_FORM], self.kind)
            for name, value in (*query, *form, *_inside(query + form)):
                self._pairs.setdefault(name.decode("latin-1").lower(), []).append(value)
        return self._pairs


def unquoted(raw: bytes) -> bytes:
    """Percent signs and plus signs read once, and %u of old scripts."""
    if b"%u" in raw:
        raw = _UNICODE_ESCAPES.sub(_utf8_of_units, raw)
    return unquote_to_bytes(raw.replace(b"+", b" "))


def _body(form: bytes, kind: str) -> list[Pair]:
    if not form:
        return []
    lower = kind.lower()
    if "multipart/" in lower:
        return _multipart(form, kind)
    if "json" in lower:
        return _json(form)
    pairs = _urlencoded(form)
    if form.lstrip()[:1] in (b"{", b"["):
        pairs += _json(form)
    return pairs + _lines(form) if "text/plain" in lower else pairs


def _urlencoded(raw: bytes) -> list[Pair]:
    parts = [part for part in raw.split(b"&") if part]
    # Some servers take ";" for "&"; most take it for itself. Both readings count.
    inner = [part for whole in parts[:MAX_PAIRS] for part in whole.split(b";")[1:]]
    apart = (part.partition(b"=") for part in parts[:MAX_PAIRS] + inner[:MAX_PAIRS])
    pairs = [(unquoted(name), unquoted(value)) for name, _, value in apart]
    return pairs + _rest(unquoted(b"&".join(parts[MAX_PAIRS:] + inner[MAX_PAIRS:])))


def _rest(left: bytes) -> list[Pair]:
    return [(REST.encode(), left)] if left else []


def _lines(form: bytes) -> list[Pair]:
    """HTML, "text/plain" forms: nothing is encoded."""
    lines = form.splitlines()
    apart = (line.partition(b"=") for line in lines[:MAX_PAIRS])
    return [(name.strip(), value) for name, equals, value in apart if equals] + _rest(b"\n".join(lines[MAX_PAIRS:]))


def _inside(pairs: list[Pair]) -> Iterator[Pair]:
    """What stands in values that are JSON: scripts send JSON in a field of a query, of a form, of JSON."""
    found = [value for name, value in pairs if value[:1] in (b"{", b"[") and name != REST.encode()]
    for number, value in enumerate(found):
        if number >= MAX_INSIDE:
            break
        more = _json(value)
        yield from more
        found.extend(inner for name, inner in more if inner[:1] in (b"{", b"[") and name != REST.encode())


def _multipart(form: bytes, kind: str) -> list[Pair]:
    """RFC 7578. Files are passed over; a part without an end is a part."""
    boundary = _BOUNDARY.search(kind)
    if boundary is None:
        return []
    parts = form.split(b"--" + boundary[1].encode("latin-1", "replace"), MAX_PAIRS + 1)
    pairs = _rest(b"".join(parts[MAX_PAIRS + 1 :]))
    for part in parts[1 : MAX_PAIRS + 1]:
        head, blank, value = part.partition(b"\r\n\r\n")
        if not blank:
            head, _, value = part.partition(b"\n\n")
        name = _PART_NAME.search(head[:2000])
        if name is not None and not _PART_FILE.search(head[:2000]):
            pairs.append((name[1], value.removesuffix(b"\n").removesuffix(b"\r")))
    return pairs


def _json(text: bytes) -> list[Pair]:
    pairs: list[Pair] = []
    waiting: list[tuple[str, object]] = [("", _parsed(text))]
    for _ in range(MAX_NODES):
        if not waiting or len(pairs) >= MAX_PAIRS:
            break
        name, node = waiting.pop()
        if isinstance(node, dict):
            waiting.extend((str(key), value) for key, value in reversed(node.items()))
        elif isinstance(node, list):
            waiting.extend((name, value) for value in reversed(node))
        elif isinstance(node, str):
            pairs.append((name.encode("utf-8", "replace"), node.encode("utf-8", "replace")))
        elif isinstance(node, float | int) and not isinstance(node, bool):
            pairs.append((name.encode("utf-8", "replace"), repr(node).encode()))
    return pairs + _rest(text if waiting else b"")


def _parsed(text: bytes) -> object:
    try:
        return json.JSONDecoder().raw_decode(text.decode("utf-8", "replace").lstrip("\ufeff \t\r\n"))[0]
    except (ValueError, RecursionError):  # no JSON; a number of thousands of digits; too deep
        return None


def _utf8_of_units(found: re.Match[bytes]) -> bytes:
    units = bytes.fromhex(found[0].replace(b"%u", b"").decode("ascii"))
    return units.decode("utf-16-be", "replace").encode().replace(b"%", b"%25").replace(b"+", b"%2B")

"""What a head says of the message behind it: its fields, how long its body is, whether the connection ends with it.

Stock reads that anew each time it is asked: the length of a body five times for one request, whether the connection
ends four times. Here it is looked up in the table of the fields (fields.py), which is made as the head is read. What is
not plain (chunks, HEAD, a length with a sign, two fields of a name) is left to stock."""

import re
from typing import Any, Final

from mitmproxy.http import Headers, Message, Request, Response
from mitmproxy.net.http import http1, validate
from mitmproxy.net.http.http1 import read

from sfs.proxy.stock.fields import table_of
from sfs.proxy.stock.names import uses_only

# What stock's functions do, by the names that they use: where they do more, they are left as they are.
_FIELDS: Final = ("ValueError", "strip", "split", "append", "Headers")
_SIZE: Final = (
    *("headers", "method", "upper", "status_code", "get", "validate", "parse_transfer_encoding", "typing"),
    *("assert_never", "parse_content_length"),
)
_CLOSE: Final = ("get_header_tokens",)
_CHECK: Final = (
    *("headers", "fields", "_valid_header_name", "match", "ValueError", "lower", "append", "len", "is_http11"),
    *("http_version", "isinstance", "Response", "status_code", "parse_transfer_encoding", "Request", "typing"),
    *("assert_never", "parse_content_length"),
)
_NAME: Final = rb"^[!#$%&'*+\-.^_`|~0-9a-zA-Z]+$"  # of a field, to stock

_NAMES: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]++(?:\n[!#$%&'*+\-.^_`|~0-9a-z]++)*+")
_MOST_DIGITS: Final = 18
_PLAIN_METHODS: Final = frozenset({b"GET", b"POST"})
_KEPT: Final = ("HTTP/1.1", b"HTTP/1.1", "HTTP/2.0", b"HTTP/2.0")  # stay open unless they say otherwise

_stock_fields: Any = read._read_headers
_stock_size: Any = read.expected_http_body_size
_stock_close: Any = read.connection_close
_checks_known: Final = uses_only(validate.validate_headers, _CHECK) and validate._valid_header_name.pattern == _NAME


def read_fields(lines: list[bytes]) -> Headers:
    """As _read_headers: the fields of these lines. ValueError where one is none."""
    fields: list[tuple[bytes, bytes]] = []
    table: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not name or not colon or name[0] in b" \t":
            made: Headers = _stock_fields(lines)
            return made
        value = value.strip()
        fields.append((name, value))
        key = name.lower()
        if key in table:
            table[key].append(value)
        else:
            table[key] = [value]
    headers = Headers.__new__(Headers)  # its __init__ looks whether these are what they are
    kept = headers.__dict__
    kept["fields"] = kept["_read"] = tuple(fields)
    kept["_table"] = table
    return headers


def expected_size(request: Request, response: Response | None = None) -> int | None:
    """As expected_http_body_size: bytes of the body, None for chunks, -1 for all until the end. ValueError where it
    does not say."""
    if response is None:
        table = table_of(request.data.headers)
    elif response.data.status_code >= 200 and request.data.method in _PLAIN_METHODS:
        if response.data.status_code in (204, 304):
            return 0
        table = table_of(response.data.headers)
    else:
        return _stock_size(request, response)  # type: ignore[no-any-return]
    if b"transfer-encoding" in table:
        return _stock_size(request, response)  # type: ignore[no-any-return]
    lengths = table.get(b"content-length")
    if lengths is None:
        return 0 if response is None else -1
    length = lengths[0]
    if len(lengths) == 1 and length.isdigit() and len(length) <= _MOST_DIGITS and (length[0] != 48 or length == b"0"):
        return int(length)
    return _stock_size(request, response)  # type: ignore[no-any-return]


def closes(http_version: str | bytes, headers: Headers) -> bool:
    """As connection_close: whether the connection ends with this message."""
    said = table_of(headers).get(b"connection")
    if said is None:
        return http_version not in _KEPT
    if len(said) == 1 and said[0] in (b"keep-alive", b"close"):
        return said[0] == b"close"
    return _stock_close(http_version, headers)  # type: ignore[no-any-return]


def check_fields(message: Message) -> None:
    """As validate_headers: ValueError where a name or the length of the body is not what it may be."""
    table = table_of(message.data.headers)
    names = b"\n".join(table)
    lengths = table.get(b"content-length", ())
    if (
        not _checks_known
        or b"transfer-encoding" in table
        or len(lengths) > 1
        or names.count(b"\n") != len(table) - 1
        or not _NAMES.fullmatch(names)
    ):
        validate.validate_headers(message)
    elif lengths:
        validate.parse_content_length(lengths[0])


def install() -> None:
    """Put these in the place of stock's, where those are the ones this was read against."""
    if uses_only(_stock_fields, _FIELDS):
        read._read_headers = read_fields  # type: ignore[assignment]  # a list is what it is given
    if uses_only(_stock_size, _SIZE):
        http1.expected_http_body_size = expected_size
    if uses_only(_stock_close, _CLOSE):
        http1.connection_close = closes

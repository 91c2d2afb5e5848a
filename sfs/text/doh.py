"""Whether a request is DNS over HTTPS, whatever host answers it: told by its shape (RFC 8484).

Each request at the levels that close ways around asks. For nearly all of them the answer is a search for "dns" in the
path and the query."""

import binascii
from typing import Final
from urllib.parse import unquote

MEDIA_TYPE: Final = "application/dns-message"  # RFC 8484, section 6
_SEGMENT: Final = "dns-query"  # RFC 8484, section 4.1.1: the path of its examples, and of nearly every service
_FIELD: Final = "dns"  # RFC 8484, section 4.1: the variable of the URI template
_NAME: Final = "name"  # the field of services that answer in JSON, at the same path
_HEADER: Final = 12  # bytes; RFC 1035, section 4.1.1
_MAX_NAME: Final = 255  # bytes; RFC 1035, section 2.3.4
_MAX_LABEL: Final = 63
_FIXED: Final = 4  # bytes of QTYPE and QCLASS
_START: Final = (_HEADER + _MAX_NAME + _FIXED + 2) // 3 * 4  # letters of base64 that hold the first question


def is_doh(path: str, query: str | None, content_type: str = "") -> bool:
    """Whether this asks a name server, `path` and `query` in one form of a canonical URL: by the type of its body, by
    a field with a DNS message in it, or by the last segment of its path with any question in a field; the path alone
    asks nothing, and may be a page about it. Never raises; takes time in proportion to the URL."""
    if content_type and content_type.partition(";")[0].strip().lower() == MEDIA_TYPE:
        return True
    if not query:
        return False
    usual = "dns" in (lowered := path.lower()) and lowered.rstrip("/").rpartition("/")[2] == _SEGMENT
    if not usual and "dns" not in query.lower():
        return False
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if usual and value and name.lower() in (_FIELD, _NAME):
            return True
        if name.lower() == _FIELD and is_question(unquote(value[: 3 * _START])):
            return True
    return False


def is_question(text: str) -> bool:
    """Whether `text` is a DNS query in base64url (RFC 4648, section 5), with or without padding: a header that asks,
    and a first question whose name is well formed."""
    letters = text[:_START].rstrip("=").replace("-", "+").replace("_", "/")
    letters = letters[:-1] if len(letters) % 4 == 1 else letters
    try:
        data = binascii.a2b_base64(letters + "=" * (-len(letters) % 4), strict_mode=True)
    except ValueError:
        return False
    if len(data) < _HEADER or data[2] & 0xF8 or not data[4] | data[5]:  # an answer, another opcode, no question
        return False
    at = _HEADER
    while at < len(data) and data[at]:
        if data[at] > _MAX_LABEL:
            return False
        at += 1 + data[at]
    return at - _HEADER < _MAX_NAME and at + 1 + _FIXED <= len(data)

"""DNS over HTTPS by its shape: a browser that asks another resolver through the proxy learns where closed sites are.

Spec: RFC 8484, sections 4.1 and 6; RFC 1035, section 4.1.1 (the header of a message)."""

import re
from base64 import urlsafe_b64decode
from binascii import Error
from typing import Final
from urllib.parse import unquote

MEDIA_TYPE: Final = "application/dns-message"
MAX_MESSAGE: Final = 2048  # characters of a coded question; a name has 253 at most
_HEADER: Final = 12  # bytes
_CODED: Final = re.compile(r"[A-Za-z0-9_-]{22,}={0,2}")


def asks_dns(path: str, query: str | None, content_type: str = "") -> bool:
    """Whether a request asks for a name: by the path that resolvers have, by a coded question in `dns`, or by the media
    type of what it sends. `path` and `query` as sent."""
    if content_type[:100].strip().lower().partition(";")[0].rstrip() == MEDIA_TYPE:
        return True
    if path.rstrip("/").rpartition("/")[2].lower() == "dns-query":
        return True
    if query is None or "dns=" not in query.lower():
        return False
    fields = (part.partition("=") for part in query.split("&"))
    return any(name.lower() == "dns" and _is_question(unquote(value)) for name, _, value in fields)


def _is_question(value: str) -> bool:
    """A message with a header and one question, as base64url."""
    if len(value) > MAX_MESSAGE or not _CODED.fullmatch(value):
        return False
    try:
        message = urlsafe_b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4))
    except (Error, ValueError):
        return False
    questions, answers = int.from_bytes(message[4:6]), int.from_bytes(message[6:8])
    return len(message) > _HEADER + 4 and not message[2] & 0x80 and questions == 1 and answers == 0

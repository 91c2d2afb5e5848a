"""The line that a load balancer puts in front of a connection: for whom it was made.

Spec: HAProxy, "The PROXY protocol", versions 1 and 2 (doc/proxy-protocol.txt, section 2)."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from sfs.errors import SfsError

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"  # section 2.2: what version 2 begins with
HEAD: Final = 16  # bytes of version 2 before the addresses
MAX_LINE: Final = 107  # bytes of version 1, its end with it (section 2.1)
MAX_REST: Final = 2048  # bytes of version 2 behind its head; 64 KiB can be said, nobody does
_LINE: Final = re.compile(rb"PROXY TCP([46]) ([0-9a-fA-F.:]{2,39}) ([0-9a-fA-F.:]{2,39}) ([0-9]{1,5}) ([0-9]{1,5})\r\n")
_LENGTHS: Final = {0x11: 12, 0x21: 36}  # TCP over IPv4, over IPv6: bytes of addresses and ports


def client_of_line(line: bytes) -> tuple[str, int] | None:
    """Address and port of a line of version 1, None where it says UNKNOWN. SfsError for what is no such line."""
    if line.startswith(b"PROXY UNKNOWN") and line.endswith(b"\r\n") and len(line) <= MAX_LINE:
        return None
    found = _LINE.fullmatch(line)
    if found is None or len(line) > MAX_LINE or int(found[4]) > 65535:
        raise _wrong()
    try:
        addresses = [ip_address(text.decode("ascii")) for text in (found[2], found[3])]
    except ValueError:
        raise _wrong() from None
    if any(address.version != int(found[1]) for address in addresses):
        raise _wrong()
    return str(addresses[0]), int(found[4])


def rest_of_head(head: bytes) -> int:
    """How many bytes follow the head of version 2. SfsError for what is no such head, or announces too much."""
    length = int.from_bytes(head[14:16], "big")
    if len(head) != HEAD or not head.startswith(SIGNATURE) or head[12] not in (0x20, 0x21) or length > MAX_REST:
        raise _wrong()
    return length


def client_of_head(head: bytes, rest: bytes) -> tuple[str, int] | None:
    """Address and port of version 2, None where the balancer speaks for itself or of no address. SfsError as above."""
    if rest_of_head(head) != len(rest):
        raise _wrong()
    if head[12] == 0x20 or head[13] == 0:  # LOCAL: it looks whether we live; UNSPEC
        return None
    wanted = _LENGTHS.get(head[13])
    if wanted is None or len(rest) < wanted:
        raise _wrong()
    if wanted == 12:
        return str(IPv4Address(rest[:4])), int.from_bytes(rest[8:10], "big")
    return str(IPv6Address(rest[:16])), int.from_bytes(rest[32:34], "big")


def _wrong() -> SfsError:
    return SfsError(
        "a connection from `front` does not begin as the PROXY protocol says", mend="write send-proxy there"
    )

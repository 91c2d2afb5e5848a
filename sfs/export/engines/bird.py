"""Routes for BIRD 2: the addresses of a list lead nowhere. Each has the community no-export (RFC 1997), since a route
that leaks is somebody else's outage."""

from collections.abc import Iterator
from typing import Final

from sfs.export.order import CANARY_ADDRESSES, Engine, Order, Sifted
from sfs.lists.mandatory import MandatoryEntry, Method
from sfs.text.url import is_address

_NO_EXPORT: Final = "bgp_community.add((65535, 65281));"


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The lines, to be named with `include` in bird.conf."""
    name = f"sfs_{order.purpose.replace('-', '_')}"
    yield order.head("#")
    for version, width in ((4, 32), (6, 128)):
        yield f"protocol static {name}{version} {{"
        yield f"  ipv{version};"
        for host in sorted({*sifted.hosts, CANARY_ADDRESSES[version == 6]}):
            if (":" in host) == (version == 6):
                yield f"  route {host}/{width} prohibit {{ {_NO_EXPORT} }};"
        yield "}"


def _left_out(one: MandatoryEntry, order: Order) -> str:
    if not is_address(one.entry.host):
        return "a name, and addresses alone are seen"
    return "a scheme or port, and routes have none" if one.entry.scheme or one.entry.port is not None else ""


def _cannot(order: Order) -> str:
    return "clients for whom the list does not hold" if order.exempt else ""


ENGINE: Final = Engine("bird", Method.ADDRESS, _left_out, write, cannot=_cannot, needs_stop=False)

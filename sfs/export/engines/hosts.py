"""A hosts file: names alone, nothing below them, no other types than addresses. It lies open on every machine."""

from collections.abc import Iterator
from typing import Final

from sfs.export.order import Engine, Order, Sifted, a_name
from sfs.lists.mandatory import MandatoryEntry, Method
from sfs.match.entry import Unit

_NOWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - written, not bound


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The lines."""
    yield order.head("#")
    addresses = [str(ip) for ip in order.stop] or list(_NOWHERE)
    for name in sorted({*sifted.hosts, *sifted.trees}):
        yield from (f"{ip} {name}" for ip in addresses)


def _partly(one: MandatoryEntry, order: Order) -> str:
    return "the name itself, without those below it" if one.entry.unit is Unit.TREE else ""


def _cannot(order: Order) -> str:
    return "clients for whom the list does not hold" if order.exempt else ""


ENGINE: Final = Engine("hosts", Method.DNS, a_name, write, _partly, _cannot, secret=False, below=False)

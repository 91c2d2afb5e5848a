"""Lines for dnsmasq, `conf-file=`. They stand in /etc in clear, so no confidential list is written so."""

from collections.abc import Iterator
from typing import Final

from sfs.export.order import Engine, Order, Sifted, a_name
from sfs.lists.canary import serial_name, serial_text
from sfs.lists.mandatory import CANARY, MandatoryEntry, Method
from sfs.match.entry import Unit


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The lines."""
    yield order.head("#")
    yield from (f"txt-record={name},{serial_text(order.serial)}" for name in (CANARY, serial_name(order.zone)))
    for name in (*sifted.trees, CANARY):
        # local= keeps questions for other types at home; with address= alone they go on to the upstream.
        yield f"local=/{name}/"
        yield from (f"address=/{name}/{ip}" for ip in (*order.stop4, *order.stop6))


def _left_out(one: MandatoryEntry, order: Order) -> str:
    if reason := a_name(one, order):
        return reason
    return "one name without those below it: a line of dnsmasq covers both" if one.entry.unit is Unit.HOST else ""


def _cannot(order: Order) -> str:
    return "clients for whom the list does not hold" if order.exempt else ""


ENGINE: Final = Engine("dnsmasq", Method.DNS, _left_out, write, cannot=_cannot, secret=False)

"""Lines for unbound.conf: a zone of its own for each name. An RPZ (rpz.py) loads faster and can be transferred; these
lines need no module and take clients out by a view."""

from collections.abc import Iterator
from typing import Final

from sfs.export.order import TTL, Engine, Order, Sifted, a_name
from sfs.lists.canary import serial_name, serial_text
from sfs.lists.mandatory import CANARY, MandatoryEntry, Method
from sfs.match.entry import Unit

_VIEW: Final = "sfs-exempt"


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The lines, to be named with `include:` outside of all clauses."""
    yield order.head("#")
    yield "server:"
    for network in order.exempt:
        yield f'  access-control-view: {network} "{_VIEW}"'
    data = [f"A {ip}" for ip in order.stop4] + [f"AAAA {ip}" for ip in order.stop6]
    for name in sifted.hosts if data else ():  # else the canary, and always_nxdomain would close all below it
        # What is below a transparent zone's data is resolved, and other types of the name itself are empty.
        yield f'  local-zone: "{name}." transparent'
        yield from (f'  local-data: "{name}. {TTL} {one}"' for one in data)
        if name == CANARY:
            yield _told(name, order)
    for name in sifted.trees:
        yield f'  local-zone: "{name}." {"redirect" if data else "always_nxdomain"}'
        yield from (f'  local-data: "{name}. {TTL} {one}"' for one in data)
    yield f'  local-zone: "{serial_name(order.zone)}." static'
    yield _told(serial_name(order.zone), order)
    if order.exempt:
        yield "view:"
        yield f'  name: "{_VIEW}"'
        yield "  view-first: no"
        # A view without zones of its own takes the global ones.
        yield '  local-zone: "exempt.sfs.example." static'


def _told(name: str, order: Order) -> str:
    return f"  local-data: '{name}. {TTL} TXT \"{serial_text(order.serial)}\"'"


def _left_out(one: MandatoryEntry, order: Order) -> str:
    if reason := a_name(one, order):
        return reason
    if one.entry.unit is Unit.HOST and not order.stop:
        return "one name without those below it, which has no such answer here: name a stop page, or use rpz"
    return ""


ENGINE: Final = Engine("unbound", Method.DNS, _left_out, write)

"""A response policy zone, for BIND, Unbound, PowerDNS Recursor and Knot Resolver.

Addresses of the stop page stand in it, no CNAME: a resolver would have to resolve its target, and the name that is
asked for would be written into the logs there. Each tree has two names, itself and *. What is listed in a zone has no
other data than what stands here, so MX, TXT and HTTPS answers are empty.
Spec: "DNS Response Policy Zones (RPZ)", draft-vixie-dnsop-dns-rpz.
"""

from collections.abc import Iterator
from typing import Final

from sfs.export.order import TTL, Engine, Order, Sifted, a_name
from sfs.lists.canary import canary_tree, serial_name, serial_text
from sfs.lists.mandatory import CANARY, MandatoryEntry, Method
from sfs.match.entry import Unit
from sfs.text.address import Network

MAX_NAME: Final = 253
# Secondaries look every 5 minutes where no NOTIFY comes, and keep the last good list for 4 weeks.
# (SOA: refresh, retry, expire, negative TTL.)
HEAD_OF_ZONE: Final = f"""\
$TTL {TTL}
@ IN SOA localhost. nobody.invalid. {{serial}} 300 60 2419200 60
@ IN NS localhost."""


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The zone file."""
    yield order.head(";")
    yield f"$ORIGIN {order.zone}."
    yield from HEAD_OF_ZONE.format(serial=order.serial).splitlines()
    for network in order.exempt:
        yield f"{client_name(network)} CNAME rpz-passthru."
    data = [f"A {ip}" for ip in order.stop4] + [f"AAAA {ip}" for ip in order.stop6] or ["CNAME ."]
    for name in sifted.hosts:
        yield from (f"{name} {one}" for one in data)
        if name == CANARY and order.stop:
            yield f'{name} TXT "{serial_text(order.serial)}"'
    # Below the canary stands its serial, so a * further up does not cover it (RFC 4592, closest encloser).
    for name in sorted({*sifted.trees, canary_tree(order.zone)}):
        yield from (f"{name} {one}" for one in data)
        yield from (f"*.{name} {one}" for one in data)
    yield f'{serial_name(order.zone)} TXT "{serial_text(order.serial)}"'


def client_name(network: Network) -> str:
    """The owner name that stands for clients of a network, as 24.0.2.0.192.rpz-client-ip."""
    if network.version == 4:
        parts = str(network.network_address).split(".")
    else:
        # "zz" is the longest run of zeros, as in the shortest way to write the address (RFC 5952).
        short = str(network.network_address)
        parts = [part for part in short.replace("::", ":zz:").split(":") if part]
    return ".".join([str(network.prefixlen), *reversed(parts), "rpz-client-ip"])


def _left_out(one: MandatoryEntry, order: Order) -> str:
    if reason := a_name(one, order):
        return reason
    if one.entry.host.rpartition(".")[2].startswith("rpz-"):
        # As rpz-client-ip: no name then, but what the answer, or who asks, has to be.
        return "a name that means something else in a zone"
    room = MAX_NAME - len(order.zone) - 1 - 2 * (one.entry.unit is Unit.TREE)
    return "a name too long to stand below the zone" if len(one.entry.host) > room else ""


ENGINE: Final = Engine("rpz", Method.DNS, _left_out, write)

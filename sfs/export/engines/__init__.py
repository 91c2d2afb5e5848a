"""The programs that carry mandatory lists, by the names of `sfs lists export --format`."""

from typing import Final

from sfs.export.engines import bird, dnsmasq, hosts, knot, nftables, pac, pdns, rpz, squid, unbound
from sfs.export.order import Engine

ENGINES: Final[dict[str, Engine]] = {
    one.ENGINE.name: one.ENGINE for one in (rpz, unbound, knot, pdns, dnsmasq, squid, nftables, bird, pac, hosts)
}

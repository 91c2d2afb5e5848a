"""A table for nftables with the IP addresses of a list. Only entries that are addresses: what a name resolves to is
shared with others, and whoever is listed chooses it."""

from collections.abc import Iterator
from typing import Final

from sfs.export.order import CANARY_ADDRESSES, Engine, Order, Sifted
from sfs.lists.mandatory import MandatoryEntry, Method
from sfs.text.url import is_address


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The file for `nft -f`. It replaces what it loaded before, at once, and touches no other table."""
    table = f"sfs-{order.purpose}"
    whole = {False: [CANARY_ADDRESSES[0]], True: [CANARY_ADDRESSES[1]]}
    for name in sifted.hosts:
        whole[":" in name].append(name)
    ports: dict[bool, list[str]] = {False: [], True: []}
    for one in sifted.others:
        ports[":" in one.entry.host].append(f"{one.entry.host} . {one.entry.port}")
    yield order.head("#")
    yield f"table inet {table} {{}}"
    yield f"delete table inet {table}"
    yield f"table inet {table} {{"
    for six, kind in ((False, "ipv4_addr"), (True, "ipv6_addr")):
        version = 6 if six else 4
        yield from set_lines(f"listed{version}", kind, whole[six])
        yield from set_lines(f"ports{version}", f"{kind} . inet_service", ports[six])
    exempt = [f"    ip{'6' if one.version == 6 else ''} saddr {one} return" for one in order.exempt]
    for hook in ("forward", "output"):
        yield f"  chain {hook}-listed {{"
        yield f"    type filter hook {hook} priority filter; policy accept;"
        yield from exempt
        yield from (f"    {line}" for line in _RULES)
        yield "  }"
    yield "}"


def set_lines(name: str, kind: str, elements: list[str]) -> Iterator[str]:
    """A set of a table; without elements an empty one."""
    yield f"  set {name} {{"
    yield f"    type {kind}"
    if elements:
        yield "    elements = {"
        yield from (f"      {one}," for one in elements)
        yield "    }"
    yield "  }"


# Answered, not dropped: whoever asks learns at once that it is closed.
_RULES: Final = (
    "ip daddr @listed4 meta l4proto tcp reject with tcp reset",
    "ip6 daddr @listed6 meta l4proto tcp reject with tcp reset",
    "ip daddr @listed4 reject with icmpx type admin-prohibited",
    "ip6 daddr @listed6 reject with icmpx type admin-prohibited",
    "ip daddr . tcp dport @ports4 reject with tcp reset",
    "ip6 daddr . tcp dport @ports6 reject with tcp reset",
)


def _left_out(one: MandatoryEntry, order: Order) -> str:
    if not is_address(one.entry.host):
        return "a name, and addresses alone are seen"
    return "a scheme, and packets have none" if one.entry.scheme is not None else ""


ENGINE: Final = Engine("nftables", Method.ADDRESS, _left_out, write, needs_stop=False)

"""The questions for one resolver: for each list, on each way, the canaries in every type, and what must open."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sfs.export.selftest.plan import AskedList, Resolver, Transport, Way
from sfs.lists.canary import canary_tree, neighbours, serial_name
from sfs.text.address import Address

ADDRESSES: Final = ("A", "AAAA")
TYPES: Final = (*ADDRESSES, "HTTPS", "MX", "TXT")
ALL_TYPES: Final = (*TYPES, "CNAME", "ANY")


class Role(StrEnum):
    """What a question is for."""

    SERIAL = "serial"
    APEX = "apex"
    BELOW = "below"
    CASE = "case"
    SIGNED = "signed"  # with signatures asked for: RFC 3225
    NEIGHBOUR = "neighbour"
    OPEN = "open"
    ALIAS = "alias"
    EXEMPT = "exempt"


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `source`: the address of this machine that asks; None for any."""

    zone: str
    role: Role
    name: str
    type: str
    way: Way
    source: Address | None = None


def questions(resolver: Resolver, tested: AskedList) -> Iterator[Question]:
    """All questions for a list. Over UDP all of them, over TCP most; over the other ways those that tell whether the
    list is there, and whole: each costs a handshake."""
    zone, tree = tested.zone, canary_tree(tested.zone)
    for way in resolver.ways:
        yield Question(zone, Role.SERIAL, serial_name(zone), "TXT", way)
        few = way.extra or way.transport.encrypted
        whole = way.transport is Transport.UDP and not few
        kinds = ALL_TYPES if whole else ADDRESSES if few else TYPES
        yield from (Question(zone, Role.APEX, tree, kind, way) for kind in kinds)
        if way.extra:
            continue
        for name in (f"www.{tree}", f"a.b.{tree}"):
            yield from (Question(zone, Role.BELOW, name, kind, way) for kind in (TYPES if whole else ADDRESSES))
        if few:
            continue
        # A stub that mixes capitals into its questions (draft-vixie-dnsext-dns0x20) gets the same answer.
        yield from (Question(zone, Role.CASE, _mixed(tree), kind, way) for kind in ADDRESSES)
        yield from (Question(zone, Role.SIGNED, tree, kind, way) for kind in ADDRESSES)
        for name in neighbours(zone):
            yield from (Question(zone, Role.NEIGHBOUR, name, kind, way) for kind in ADDRESSES)
        yield from (Question(zone, Role.OPEN, name, "A", way) for name in tested.open)
        if tested.alias:
            yield from (Question(zone, Role.ALIAS, tested.alias, kind, way) for kind in ADDRESSES)
        if resolver.exempt_from is not None and resolver.exempt_from.version == way.address.version:
            for name, kind in ((serial_name(zone), "TXT"), (tree, "A")):
                yield Question(zone, Role.EXEMPT, name, kind, way, resolver.exempt_from)


def _mixed(name: str) -> str:
    return "".join(letter.upper() if number % 2 else letter for number, letter in enumerate(name))

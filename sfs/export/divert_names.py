"""What a name server says of the hosts of a list: both families, asked several times, in threads, each question with
its bound. Needs dnspython (extra isp)."""

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from sfs.errors import SfsError
from sfs.export.divert import Told
from sfs.export.transfer import Peer
from sfs.text.address import Address, parse_address

MAX_HOSTS: Final = 20_000  # of one run
THREADS: Final = 16
TRIES: Final = 2
TIMEOUT: Final = 3.0  # seconds that a question may take
MAX_SECONDS: Final = 900.0  # of a run
ROUNDS: Final = 3  # how often each name is asked
MAX_CHAIN: Final = 16  # names that one leads to (CNAME)
MAX_RECORDS: Final = 200  # addresses of one answer that are looked at; more are refused by any limit
_FAMILIES: Final = (dns.rdatatype.A, dns.rdatatype.AAAA)


def ask_all(hosts: Collection[str], servers: Iterable[Peer], rounds: int = ROUNDS) -> Mapping[str, Told]:
    """What the name servers say of each host, the first of them that answers; past MAX_SECONDS the rest is silent. No
    answer is kept anywhere: each round is asked anew. SfsError where no name server answers at all."""
    servers = tuple(servers)
    if _reply(dns.message.make_query(dns.name.root, dns.rdatatype.SOA), servers) is None:
        names = ", ".join(f"{one.address}@{one.port}" for one in servers)
        raise SfsError(
            f"no answer from {names}", mend="name your resolver with --resolver, and let this machine ask it"
        )
    ask = partial(_ask, servers=servers, rounds=rounds, until=monotonic() + MAX_SECONDS)
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(hosts, pool.map(ask, hosts), strict=True))


def _ask(host: str, servers: tuple[Peer, ...], rounds: int, until: float) -> Told:
    found: list[frozenset[Address]] = []
    leads_to: set[str] = set()
    silent = False
    for _ in range(rounds):
        addresses: set[Address] = set()
        for family in _FAMILIES:
            said = None if silent or monotonic() > until else _answer(host, family, servers)
            if said is None:
                silent = True
                continue
            addresses |= said[0]
            leads_to |= said[1]
        found.append(frozenset(addresses))
        if silent:
            break  # a name server that is silent is not asked again and again
    return Told(tuple(found), frozenset(leads_to), silent)


def _answer(
    host: str, family: dns.rdatatype.RdataType, servers: tuple[Peer, ...]
) -> tuple[set[Address], set[str]] | None:
    """The addresses of a name and the names that it leads to; None where nobody answers."""
    try:
        name = dns.name.from_text(host)
    except dns.exception.DNSException:  # a label that is too long: no name server knows it
        return set(), set()
    reply = _reply(dns.message.make_query(name, family), servers)
    if reply is None:
        return None
    return (set(), set()) if reply.rcode() == dns.rcode.NXDOMAIN else _read(reply, name, family)


def _reply(query: dns.message.Message, servers: tuple[Peer, ...]) -> dns.message.Message | None:
    """The first answer that says something: that there is such a name, or none."""
    for server in servers * TRIES:
        try:
            reply, _ = dns.query.udp_with_fallback(query, str(server.address), TIMEOUT, server.port)
        except (dns.exception.DNSException, OSError, ValueError):
            continue
        if reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return reply
    return None


def _read(
    reply: dns.message.Message, name: dns.name.Name, family: dns.rdatatype.RdataType
) -> tuple[set[Address], set[str]]:
    """What an answer says of the name that was asked: along its chain of CNAMEs, and nothing beside it."""
    leads_to: set[str] = set()
    for _ in range(MAX_CHAIN):
        addresses: set[Address] = set()
        following: dns.name.Name | None = None
        for rrset in reply.answer:
            if rrset.name != name:
                continue
            if rrset.rdtype == family:
                texts = (rdata.to_text() for rdata in list(rrset)[:MAX_RECORDS])
                addresses |= {address for text in texts if (address := parse_address(text)) is not None}
            elif rrset.rdtype == dns.rdatatype.CNAME:
                following = rrset[0].target
        if addresses or following is None:
            return addresses, leads_to
        name = following
        leads_to.add(name.to_text(omit_final_dot=True).lower())
    return set(), leads_to

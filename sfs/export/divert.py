"""Which addresses may be led to a second stage that looks at whole URLs, because a page behind them is listed.

A listed site chooses the addresses of its name. One that answers with the address of a large service would pull that
service into the proxy, for everybody. So an answer is a claim, and each address is held against:

    its kind       the public Internet, or nothing
    never          networks that are never diverted (rules/never-divert.txt, the owner's)
    large sites    their addresses, asked for in the same run, with what lies beside them
    how many       an address is taken from short and steady answers alone

What is left is a plan. Inside the limits it may go by itself; all else waits for somebody who signs with a name. Values
alone: divert_names.py asks, divert_files.py writes.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from sfs.errors import SfsError
from sfs.lists.mandatory import MandatoryEntry, Method, Purpose, Report
from sfs.match.entry import Entry, Unit
from sfs.sources.large import LargeSites
from sfs.text.address import Address, Kind, Network, address_class, parse_address, readings
from sfs.text.url import is_address

PORT: Final = 80  # plain HTTP; over HTTPS no second stage sees a URL
KEPT: Final = timedelta(days=7)  # for which an address stays while names do not answer
BESIDE: Final = {4: 24, 6: 48}  # bits; what lies in one such network belongs to one owner
_SAMPLES: Final = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)


@dataclass(frozen=True, slots=True)
class Limits:
    """`most`: addresses in all, whoever approves them; `per_host`: of one name; `new`: that come in one run without a
    person; `gone`: which part of those in force may go so."""

    most: int = 1000
    per_host: int = 8
    new: int = 20
    gone: float = 0.2


@dataclass(frozen=True, slots=True)
class Told:
    """What a name server said of a name, asked several times: the addresses each time, the names that it leads to;
    `silent`: it gave no answer at least once."""

    rounds: tuple[frozenset[Address], ...] = field(repr=False)
    leads_to: frozenset[str] = field(default=frozenset(), repr=False)
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    """What an address is held against. `beside_large`: networks of BESIDE bits with addresses of very large sites,
    `unknown`: how many of those gave no answer."""

    never: tuple[Network, ...]
    large: LargeSites
    beside_large: frozenset[Network]
    purpose: Purpose
    unknown: int = 0

    def refuses(self, address: Address) -> str:
        """Why an address is not diverted; '' where it may be."""
        if readings(address) != (address,):
            return "an address that stands for another one"
        kind = address_class(address)
        sample = self.purpose is Purpose.TEST and any(address in one for one in _SAMPLES)
        if kind is not Kind.PUBLIC and not sample:
            return f"an address that is no site's: {kind}"
        if any(address in network for network in self.never):
            return "an address that is never diverted"
        return "an address beside a very large site's" if beside(address) in self.beside_large else ""


@dataclass(frozen=True, slots=True)
class Diverted:
    """What is in force. `seen`: by address, the last day when a name led there."""

    serial: int = 0
    seen: Mapping[Address, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be in force: `seen` as above; `because`: by address that is new, the lines of the list; `gone`: how
    many went; `waits`: why a person has to look, () where none has to."""

    purpose: Purpose
    serial: int
    seen: Mapping[Address, date]
    because: Mapping[Address, tuple[str, ...]]
    gone: tuple[Address, ...]
    waits: tuple[str, ...]


def targets_of(entries: Iterable[MandatoryEntry], name: str, report: Report) -> dict[str, list[str]]:
    """The hosts with pages that a second stage can see, each with its lines; all else goes to the report."""
    targets: dict[str, list[str]] = {}
    for one in entries:
        place = f"{name}:{one.line}"
        if reason := _left_out(one):
            report.add(f"left out: {reason}", place)
        else:
            targets.setdefault(one.entry.host, []).append(place)
    return targets


def _left_out(one: MandatoryEntry) -> str:
    if not one.of_pages:
        return "a whole name or address, which resolvers and firewalls close"
    if Method.URL not in one.methods:
        return "its methods leave this out"
    if one.entry.scheme == "https":
        return "a page over HTTPS: only its name is seen"
    return "" if one.entry.port in (None, PORT) else "a port that is not diverted"


def beside(address: Address) -> Network:
    """The network of an address's owner, about."""
    return ipaddress.ip_network((address, BESIDE[address.version]), strict=False)


def addresses_of(told: Told, guard: Guard, limits: Limits) -> Iterator[tuple[Address | None, str]]:
    """What follows from answers: addresses with '', or with the reason why they are not taken; None with a reason for
    all of them."""
    if any(_is_large(name, guard.large) for name in told.leads_to):
        yield None, "a name that leads to a very large site"
        return
    found = frozenset().union(*told.rounds)
    if not found:
        yield None, "no answer" if told.silent else "no address"
        return
    if len(found) > limits.per_host:
        yield None, f"more than {limits.per_host} addresses"
        return
    for version in (4, 6):
        rounds = [{one for one in part if one.version == version} for part in told.rounds]
        # A site on turns answers with some of its addresses each time; one that flees shares none with the last time.
        if any(rounds) and not told.silent and not set.intersection(*rounds):
            yield None, f"IPv{version} addresses that change from one question to the next"
            return
    yield from ((address, guard.refuses(address)) for address in sorted(found, key=_order))


def _order(address: Address) -> tuple[int, int]:
    return address.version, int(address)


def _is_large(host: str, large: LargeSites) -> bool:
    return Entry(Unit.HOST, host) in large


def plan_of(
    targets: Mapping[str, list[str]],
    told: Mapping[str, Told],
    guard: Guard,
    limits: Limits,
    now: Diverted,
    serial: int,
    today: date,
    report: Report,
) -> Plan:
    """The plan that follows from answers; what is refused goes to the report, by the lines of the list. SfsError
    for more addresses than there may be."""
    because: dict[Address, list[str]] = {}
    silent = False
    for host, lines in targets.items():
        for address, reason in _claims(host, told, guard, limits):
            if not reason and address is not None:
                because.setdefault(address, []).extend(lines)
                continue
            for line in lines:
                report.add(f"not diverted: {reason}", line)
        silent = silent or (host in told and told[host].silent)
    seen = dict.fromkeys(because, today)
    if silent:  # what does not answer today is no reason to open what it led to yesterday
        kept = {one: day for one, day in now.seen.items() if today - day <= KEPT and not guard.refuses(one)}
        seen = kept | seen
    if len(seen) > limits.most:
        raise SfsError(
            f"{len(seen):,} addresses, more than {limits.most:,}", mend="is it the right list? then say --most"
        )
    new = {one: tuple(lines) for one, lines in because.items() if one not in now.seen}
    gone = tuple(one for one in now.seen if one not in seen)
    return Plan(guard.purpose, serial, seen, new, gone, tuple(_waits(new, gone, now, limits, guard.unknown)))


def _claims(host: str, told: Mapping[str, Told], guard: Guard, limits: Limits) -> Iterable[tuple[Address | None, str]]:
    if _is_large(host, guard.large):
        return [(None, "a very large site")]
    if is_address(host):
        address = parse_address(host)
        return [] if address is None else [(address, guard.refuses(address))]
    return addresses_of(told[host], guard, limits)


def _waits(
    new: Mapping[Address, tuple[str, ...]],
    gone: tuple[Address, ...],
    now: Diverted,
    limits: Limits,
    unknown: int,
) -> Iterator[str]:
    if not now.serial:
        yield "the first run: nothing is in force yet"
    if len(new) > limits.new:
        yield f"{len(new):,} new addresses, more than {limits.new:,}"
    if gone and len(gone) > limits.gone * len(now.seen):
        yield f"{len(gone):,} of {len(now.seen):,} addresses go"
    if unknown:
        yield f"{unknown:,} very large sites gave no answer, so nothing was held against their addresses"

"""A plan to divert as files: the plan itself, which waits for a person; what is in force; and what nftables and BIRD
load. All of them stand in one folder, which for a confidential list is in memory."""

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from sfs.errors import SfsError, Where
from sfs.export import outputs
from sfs.export.divert import PORT, Diverted, Guard, Plan
from sfs.export.engines.nftables import set_lines
from sfs.lists.mandatory import Purpose
from sfs.lists.private import write_private
from sfs.sources.large import load_large
from sfs.text.address import Address, Network

PLAN: Final = "plan.json"
STATE: Final = "state.json"
NFTABLES: Final = "divert.nft"
BIRD: Final = "divert.bird"
MARK: Final = 0x5F5  # of packets; what leads them on is the router's own rule
MAX_AGE: Final = timedelta(days=1)  # of a plan: names lead elsewhere tomorrow
MAX_FILE: Final = 64 << 20  # bytes
_NO_EXPORT: Final = "bgp_community.add((65535, 65281));"  # RFC 1997


@dataclass(frozen=True, slots=True)
class Way:
    """How packets are led on: by a mark, and to these next hops of BIRD."""

    mark: int = MARK
    next_hops: tuple[Address, ...] = ()


def write_plan(folder: Path, plan: Plan, way: Way, now: Diverted, made: datetime) -> str:
    """Lay a plan down to be looked at; its id."""
    said = {
        "purpose": plan.purpose,
        "serial": plan.serial,
        "follows": now.serial,
        "made": made.isoformat(timespec="seconds"),
        "waits": list(plan.waits),
        "mark": way.mark,
        "next_hops": [str(one) for one in way.next_hops],
        "new": {str(one): list(lines) for one, lines in plan.because.items()},
        "gone": [str(one) for one in plan.gone],
        "addresses": {str(one): day.isoformat() for one, day in plan.seen.items()},
    }
    text = json.dumps(said, indent=1)
    plan_id = _id_of(text)
    write_private(folder / PLAN, text + "\n")
    return plan_id


def read_plan(folder: Path, plan_id: str, never: tuple[Network, ...], now: datetime) -> tuple[Plan, Way]:
    """The plan that was looked at, and how packets are led on. SfsError where another one lies there, where it is old,
    where something else came into force since, or where an address of it is not to be diverted any more."""
    where = Where(str(folder / PLAN))
    text = _text(folder / PLAN, "no plan waits", "`sfs isp divert` makes one").rstrip("\n")
    if _id_of(text) != plan_id:
        raise SfsError("another plan waits here", where, f"look at it, then approve {_id_of(text)}")
    try:
        said = json.loads(text)
        plan, way = _plan_from(said), Way(int(said["mark"]), tuple(map(ipaddress.ip_address, said["next_hops"])))
        age, follows = now - datetime.fromisoformat(said["made"]), int(said["follows"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SfsError("a plan that cannot be read", where, "make it anew") from None
    if not timedelta(0) <= age <= MAX_AGE:
        raise SfsError("a plan that is older than a day", where, "make it anew: names may lead elsewhere now")
    if follows != read_state(folder, plan.purpose).serial:
        raise SfsError("something else came into force since the plan was made", where, "make it anew")
    guard = Guard(never, load_large(), frozenset(), plan.purpose)
    if any(guard.refuses(one) for one in plan.seen):
        raise SfsError("the plan has an address that is not to be diverted any more", where, "make it anew")
    return plan, way


def _plan_from(said: Mapping[str, Any]) -> Plan:
    because = {ipaddress.ip_address(one): tuple(map(str, lines)) for one, lines in said["new"].items()}
    gone = tuple(map(ipaddress.ip_address, said["gone"]))
    return Plan(Purpose(said["purpose"]), int(said["serial"]), _days(said["addresses"]), because, gone, ())


def _days(said: Mapping[str, str]) -> dict[Address, date]:
    return {ipaddress.ip_address(one): date.fromisoformat(day) for one, day in said.items()}


def read_state(folder: Path, purpose: Purpose) -> Diverted:
    """What is in force; nothing before the first time. SfsError where it is of another purpose, or cannot be read."""
    path = folder / STATE
    if not path.exists():
        return Diverted()
    try:
        said = json.loads(_text(path, "cannot be read", "move it away, and begin anew"))
        found, of = Diverted(int(said["serial"]), _days(said["addresses"])), Purpose(said["purpose"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SfsError("no state of ours", Where(str(path)), "move it away, and begin anew") from None
    if of is not purpose:
        raise SfsError(
            f"the purpose there is {of}, which cannot become {purpose}", Where(str(path)), "name another folder"
        )
    return found


def put_in_force(folder: Path, plan: Plan, way: Way, by: str, at: datetime) -> None:
    """Write what nftables and BIRD load, then the state, which is what the next run is held against. `by`: who
    approved it, '' where it went by itself."""
    addresses = sorted(plan.seen, key=lambda one: (one.version, int(one)))
    outputs.put(folder / NFTABLES, "".join(f"{line}\n" for line in nftables(plan, addresses, way)))
    if way.next_hops:
        outputs.put(folder / BIRD, "".join(f"{line}\n" for line in bird(plan, addresses, way)))
    write_state(folder, plan, by, at)
    (folder / PLAN).unlink(missing_ok=True)


def write_state(folder: Path, plan: Plan, by: str, at: datetime) -> None:
    """Write down what is in force, and since when on whose word."""
    said = {
        "purpose": plan.purpose,
        "serial": plan.serial,
        "approved": by or "by itself",
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "addresses": {str(one): day.isoformat() for one, day in plan.seen.items()},
    }
    write_private(folder / STATE, json.dumps(said, indent=1) + "\n")


def nftables(plan: Plan, addresses: Iterable[Address], way: Way) -> Iterator[str]:
    """A table for `nft -f` that marks packets of plain HTTP to these addresses and does nothing else with them, so that
    the address of the client stays."""
    table = f"sfs-divert-{plan.purpose}"
    addresses = tuple(addresses)
    yield f"# SFS, {plan.purpose} list divert, serial {plan.serial}"
    yield f"table inet {table} {{}}"
    yield f"delete table inet {table}"
    yield f"table inet {table} {{"
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        yield from set_lines(f"divert{version}", kind, [str(one) for one in addresses if one.version == version])
    yield "  chain to-second-stage {"
    yield "    type filter hook prerouting priority mangle; policy accept;"
    yield f"    ip daddr @divert4 tcp dport {PORT} meta mark set {way.mark:#x}"
    yield f"    ip6 daddr @divert6 tcp dport {PORT} meta mark set {way.mark:#x}"
    yield "  }"
    yield "}"


def bird(plan: Plan, addresses: Iterable[Address], way: Way) -> Iterator[str]:
    """Routes to the second stage, to be named with `include` in bird.conf. Each has the community no-export: a route
    that leaks pulls the world's traffic to a site into this proxy."""
    name = f"sfs_divert_{plan.purpose.replace('-', '_')}"
    addresses = tuple(addresses)
    yield f"# SFS, {plan.purpose} list divert, serial {plan.serial}"
    for hop in way.next_hops:
        yield f"protocol static {name}{hop.version} {{"
        yield f"  ipv{hop.version};"
        for one in addresses:
            if one.version == hop.version:
                yield f"  route {one}/{one.max_prefixlen} via {hop} {{ {_NO_EXPORT} }};"
        yield "}"


def _id_of(text: str) -> str:
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _text(path: Path, what: str, mend: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE).decode()
    except (OSError, UnicodeDecodeError):
        raise SfsError(what, Where(str(path)), mend) from None

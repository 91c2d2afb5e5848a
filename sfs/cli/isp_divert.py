"""`sfs isp divert`: the addresses that are led to a second stage for pages over plain HTTP, planned, held against
limits, and put in force by a person or, inside the limits, by itself."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sfs.cli.mandatory_source import read_source
from sfs.errors import SfsError
from sfs.export import outputs
from sfs.export.divert import Guard, Limits, Plan, beside, plan_of, targets_of
from sfs.export.divert_files import (
    BIRD,
    MARK,
    NFTABLES,
    STATE,
    Way,
    put_in_force,
    read_plan,
    read_state,
    write_plan,
    write_state,
)
from sfs.export.transfer import Peer, parse_peer
from sfs.lists.mandatory import Purpose, Report, in_force, one_purpose
from sfs.lists.private import keep_no_core, make_private
from sfs.sources.large import load_large
from sfs.sources.never_divert import load_never_divert
from sfs.text.address import Address, Network, written_address
from sfs.text.url import is_address

if TYPE_CHECKING:
    from sfs.export.divert import Told

INSTALL: Final = "pip install 'sfs-filter[isp]'"
MAX_SERVERS: Final = 4
MAX_NAME: Final = 80  # characters of who approves
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command("divert")
@click.argument("lists", nargs=-1, metavar="LIST...", type=click.Path(path_type=Path))
@click.option("-o", "folder", type=_FOLDER, required=True, help="For the plan and the files.")
@click.option("--resolver", "servers", multiple=True, metavar="ADDRESS[@PORT]", help="Who is asked: your own resolver.")
@click.option("--never", "own", multiple=True, type=_FILE, help="Your networks that are never diverted, one a line.")
@click.option("--next-hop", "hops", multiple=True, metavar="ADDRESS", help="Of routes for BIRD; one of each version.")
@click.option("--mark", type=click.IntRange(1, 0xFFFFFFFF), default=MARK, show_default=True, help="Of packets.")
@click.option("--most", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Addresses in all.")
@click.option("--per-host", type=click.IntRange(1, 100), default=8, show_default=True, help="Addresses of one name.")
@click.option("--most-new", type=click.IntRange(0), default=20, show_default=True, help="New ones without a person.")
@click.option("--by-itself", is_flag=True, help="Put in force what is inside the limits; else every plan waits.")
@click.option("--approve", "plan_id", metavar="PLAN", help="Put the plan that waits in force.")
@click.option("--by", "name", metavar="NAME", help="Who approves.")
def divert(
    lists: tuple[Path, ...],
    folder: Path,
    servers: tuple[str, ...],
    own: tuple[Path, ...],
    hops: tuple[str, ...],
    mark: int,
    most: int,
    per_host: int,
    most_new: int,
    by_itself: bool,
    plan_id: str | None,
    name: str | None,
) -> int:
    """Find the addresses of sites with listed pages (lists, - for standard input), hold each against what is never
    diverted, and write a plan. Exit 1 where the plan waits: look at it in plan.json, then --approve PLAN --by NAME."""
    keep_no_core()
    never = load_never_divert(own)
    now = datetime.now(UTC)
    if plan_id is not None:
        return _approve(folder, plan_id, never, name, lists, now)
    if not lists or not servers or len(servers) > MAX_SERVERS:
        raise SfsError(
            "a list and a resolver are needed", mend=f"say LIST and --resolver ADDRESS, {MAX_SERVERS} at most"
        )
    way = Way(mark, _hops(hops))
    limits = Limits(most, per_host, most_new)
    report = Report()
    purpose, targets = _targets(lists, now.date(), report)
    if purpose.confidential:
        outputs.check_secret_file(folder / STATE)
    _make(folder)
    state = read_state(folder, purpose)
    told, guard = _ask(targets, tuple(map(parse_peer, servers)), never, purpose)
    serial = outputs.next_serial(state.serial, now.date())
    plan = plan_of(targets, told, guard, limits, state, serial, now.date(), report)
    for line in report.text():
        click.echo(line, err=True)
    if not plan.because and not plan.gone and state.serial:
        same = Plan(purpose, state.serial, plan.seen, {}, (), ())
        write_state(folder, same, "nothing changed", now)
        click.echo(f"{len(plan.seen):,} addresses, as before")
        return 0
    if by_itself and not plan.waits:
        put_in_force(folder, plan, way, "", now)
        _say(plan, folder, "in force", way)
        return 0
    made = write_plan(folder, plan, way, state, now)
    _say(plan, folder, f"plan {made} waits", way)
    for reason in plan.waits:
        click.echo(f"  {reason}")
    return 1


def _approve(
    folder: Path, plan_id: str, never: tuple[Network, ...], name: str | None, lists: tuple[Path, ...], now: datetime
) -> int:
    if lists:
        raise SfsError("--approve takes no list", mend="the plan has what it needs")
    who = (name or "").strip()
    if not who or len(who) > MAX_NAME or not who.isprintable():
        raise SfsError("nobody approves it", mend=f"say --by NAME, up to {MAX_NAME} characters")
    plan, way = read_plan(folder, plan_id, never, now)
    if plan.purpose.confidential:
        outputs.check_secret_file(folder / STATE)
    put_in_force(folder, plan, way, who, now)
    _say(plan, folder, f"in force, approved by {who}", way)
    return 0


def _targets(lists: tuple[Path, ...], today: date, report: Report) -> tuple[Purpose, dict[str, list[str]]]:
    found = [read_source(name, None) for name in lists]
    purpose = one_purpose(found)
    targets: dict[str, list[str]] = {}
    for one in found:
        kept, said = in_force(one, today, load_large().__contains__)
        report.join(said)
        for host, lines in targets_of(kept, one.place, report).items():
            targets.setdefault(host, []).extend(lines)
    return purpose, targets


def _ask(
    targets: Collection[str], servers: tuple[Peer, ...], never: tuple[Network, ...], purpose: Purpose
) -> "tuple[Mapping[str, Told], Guard]":
    """What name servers say of the hosts, and the guard with what they say of very large sites."""
    try:
        from sfs.export.divert_names import MAX_HOSTS, ask_all
    except ModuleNotFoundError as fault:
        raise SfsError(f"asking name servers needs more packages: {fault.name} is missing", mend=INSTALL) from None
    if len(targets) > MAX_HOSTS:
        raise SfsError(f"{len(targets):,} hosts", mend=f"a run asks for {MAX_HOSTS:,} at most: split the list")
    large = load_large()
    sites = [name for one in large.names for name in (one, f"www.{one}")]
    of_large = ask_all(sites, servers, rounds=1)
    networks = frozenset(beside(address) for told in of_large.values() for part in told.rounds for address in part)
    unknown = sum(told.silent for told in of_large.values())
    return ask_all([host for host in targets if not is_address(host)], servers), Guard(
        never, large, networks, purpose, unknown
    )


def _hops(texts: tuple[str, ...]) -> tuple[Address, ...]:
    found = [written_address(text) for text in texts]
    hops = tuple(one for one in found if one is not None)
    if len(hops) < len(texts) or len({one.version for one in hops}) < len(hops):
        raise SfsError("--next-hop takes addresses", mend="name one IPv4 and one IPv6 address at most")
    return hops


def _make(folder: Path) -> None:
    try:
        make_private(folder.absolute())
    except OSError as fault:
        raise SfsError(f"{folder} cannot be made: {fault.strerror}", mend="name another folder") from None


def _say(plan: Plan, folder: Path, what: str, way: Way) -> None:
    files = f"{folder / NFTABLES}" + (f", {folder / BIRD}" if way.next_hops else "")
    counts = f"{len(plan.seen):,} addresses, {len(plan.because):,} new, {len(plan.gone):,} gone"
    click.echo(f"{what}: {counts}" + (f"; {files}" if what.startswith("in force") else ""))

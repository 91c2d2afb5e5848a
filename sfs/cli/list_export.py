"""`sfs lists export, rollback`: a list as its entries, or as what another program loads."""

import ipaddress
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import click

from sfs.cli.common import config_options
from sfs.cli.confidential import check_output, on_disk
from sfs.cli.list_files import STATE, config_of, in_force_list, lines_of, put_entries, source_named
from sfs.cli.list_loading import Source, write_loading
from sfs.cli.list_seal import roll_back_sealed
from sfs.cli.mandatory_source import read_source
from sfs.errors import SfsError, Where
from sfs.export import outputs
from sfs.export.engines import ENGINES
from sfs.export.order import Engine, Order, sift
from sfs.export.reload import check_server, reload
from sfs.export.told import told_by
from sfs.export.transfer import check_zone
from sfs.lists.mandatory import MandatoryEntry, MandatoryList, Purpose, Report, in_force, one_purpose
from sfs.lists.mandatory_file import read_mandatory
from sfs.lists.private import alone_in, keep_no_core
from sfs.sources.config import load_config
from sfs.sources.large import load_large
from sfs.text.address import Address, Network, written_address

MOST: Final = 1_000_000  # entries of one output, unless more is asked for
MAX_STOP: Final = 8
MAX_EXEMPT: Final = 256
_BIND: Final = "bind"
_PURPOSE: Final = click.Choice([str(one) for one in Purpose])
STANDARD_OUTPUT: Final = Path("-")  # as other programs call it, and no file of that name
OUT: Final = click.Path(dir_okay=False, path_type=Path)
_RELOAD: Final = click.option(
    "--reload",
    "pid_files",
    type=OUT,
    multiple=True,
    metavar="PID-FILE",
    help="Tell the server whose process id this file has (named, knotd, unbound, squid). May be given again.",
)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What an output in the format of another program needs."""
    for option in (
        click.option("--format", "engine", type=click.Choice([*ENGINES, _BIND]), help="For which program."),
        click.option("-o", "out", type=OUT, help="Where to write it, whole or not at all; else it is printed."),
        click.option("--purpose", type=_PURPOSE, help="Of lists of plain entries. Default: policy."),
        click.option("--stop", multiple=True, metavar="ADDRESS", help="Of the stop page. May be given again."),
        click.option("--nxdomain", is_flag=True, help="No stop page: names do not exist."),
        click.option("--exempt", multiple=True, metavar="NETWORK", help="Clients for whom the list does not hold."),
        click.option("--proxy", metavar="HOST:PORT", default="", help="That shows the stop page, for pac."),
        click.option("--zone", metavar="NAME", help="What the list is called there. Default: PURPOSE.rpz."),
        click.option("--diff", is_flag=True, help="Write nothing; say what would change. Exit 1 where something does."),
        click.option("--against", type=OUT, help="The version in force. Default: what stands at -o."),
        click.option("--most", type=click.IntRange(1), default=MOST, show_default=True, help="Entries at most."),
        click.option(
            "--accept-change",
            is_flag=True,
            help="Take what looks like a mistake: over a fifth changed, over half of a short list gone.",
        ),
        click.option("--serial", type=click.IntRange(1, 4294967295), help="Of this version. Default: by the day."),
        click.option("--zone-file", type=OUT, help="Of --format rpz: print how bind, unbound, knot or pdns loads it."),
        click.option("--primary", metavar="ADDRESS@PORT", help="The same for bind and pdns: who hands the zone out."),
        click.option("--key-file", type=OUT, help="The key of transfers."),
        _RELOAD,
    ):
        function = option(function)
    return function


@click.command("export")
@click.argument("lists", nargs=-1, required=True, metavar="LIST...")
@_options
@config_options
@STATE
def export(lists: tuple[str, ...], engine: str | None, **arguments: Any) -> int:
    """Write a list in use, one entry a line; exceptions begin with !. With --format: one or more lists (a name, a file,
    - for standard input) as what another program loads. Mandatory lists are never printed as entries."""
    own = {key: arguments.pop(key) for key in [*arguments] if key not in ("config", "level", "profile", "state")}
    if own["out"] == STANDARD_OUTPUT:
        own["out"] = None
    if engine is None:
        _check_plain(lists, own)
        put_entries(config_of(arguments), lists[0], own["out"])
        return 0
    keep_no_core()  # before anything is read: the purpose stands in the list
    if own["pid_files"] and own["out"] is None:
        raise SfsError("--reload without a file that is new", mend="say -o too")
    found = [_read(name, arguments, own["purpose"]) for name in lists]
    purpose = one_purpose(found)
    own["told"] = told_by(load_config(arguments["config"])) if arguments["config"] else ""
    source = Source(own["zone_file"], own["primary"], own["key_file"])
    if engine == _BIND or source:
        zone = check_zone(own["zone"] or f"{purpose}.rpz")
        write_loading(engine, purpose, zone, source, tuple(_networks(own["exempt"])), own["told"], own["out"])
        return 0
    out: Path | None = own["out"]
    if out is None:
        return _write(ENGINES[engine], purpose, found, own)
    with alone_in(out.absolute().parent):
        return _write(ENGINES[engine], purpose, found, own)


@click.command("rollback")
@click.argument("out", type=OUT)
@_RELOAD
def rollback(out: Path, pid_files: tuple[Path, ...]) -> None:
    """Put the version of before back at OUT, under a new serial (a sealed list as it was). A second time takes that
    back."""
    keep_no_core()
    sealed = roll_back_sealed(out)
    if sealed is not None:
        click.echo(f"{out}: the version of before is back, serial {sealed}", err=True)
        return
    with alone_in(out.absolute().parent):
        version = outputs.read_version(out)
        if version is not None:
            check_output(Purpose(version.purpose), out)
        for pid_file in pid_files:
            check_server(pid_file)
        serial = outputs.roll_back(out, datetime.now(UTC))
    click.echo(f"{out}: the version of before is back, serial {serial}", err=True)
    for pid_file in pid_files:
        reload(pid_file)


def _check_plain(lists: tuple[str, ...], own: Mapping[str, Any]) -> None:
    """SfsError where something is said that entries alone have no use for."""
    if len(lists) != 1:
        raise SfsError("several lists without --format", mend="name one, or say --format")
    for key, value in own.items():
        if key != "out" and value and (key, value) != ("most", MOST):
            option = "--reload" if key == "pid_files" else f"--{key.replace('_', '-')}"
            raise SfsError(f"{option} without --format", mend="say --format, or leave it out: entries are written then")


def _write(engine: Engine, purpose: Purpose, found: list[MandatoryList], own: Mapping[str, Any]) -> int:
    now = datetime.now(UTC)
    out: Path | None = own["out"]
    _check_secret(engine, purpose, out, own["diff"])
    there = _before(out, purpose)
    before = there if own["against"] is None else _before(own["against"], purpose)
    report = Report()
    kept = [_in_force(one, now.date(), report) for one in found]
    outputs.check_count(sum(map(len, kept)), own["most"])
    had = [one.serial for one in (there, before) if one is not None]
    serial = own["serial"] or outputs.next_serial(max([*had, *(one.serial for one in found)]), now)
    if had:
        outputs.check_serial(serial, had[0])
    if len(kept) > 1:
        kept = [tuple(replace(one, list=of.place) for one in part) for of, part in zip(found, kept, strict=True)]
    order = _order(engine, purpose, tuple(one for part in kept for one in part), serial, own)
    sifted = sift(engine, order, report, found[0].place)
    text = "".join(f"{line}\n" for line in engine.write(order, sifted))
    for line in report.text():
        click.echo(line, err=True)
    return _deliver(text, before, out, purpose, serial, sifted.empty, own)


def _in_force(one: MandatoryList, today: date, report: Report) -> tuple[MandatoryEntry, ...]:
    kept, said = in_force(one, today, load_large().__contains__)
    report.join(said)
    return kept


def _deliver(
    text: str,
    before: outputs.Version | None,
    out: Path | None,
    purpose: Purpose,
    serial: int,
    empty: bool,
    own: Mapping[str, Any],
) -> int:
    if empty:
        click.echo("nothing of the list stands in this output", err=True)
    if before is not None:
        change = outputs.difference(before, text)
        if own["diff"]:
            return _say_difference(change, purpose)
        if not change.size and out is not None:
            outputs.touch(out)
            click.echo(f"{out}: nothing changed, serial {before.serial}", err=True)
            return 0
        if not own["accept_change"]:
            outputs.check_change(change, empty=empty)
    elif own["diff"]:
        raise SfsError("no version to compare with", mend="name it with -o or --against")
    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return 0
    for pid_file in own["pid_files"]:
        check_server(pid_file)
    outputs.put(out, text)
    click.echo(f"{out}: serial {serial}; back with `sfs lists rollback {out}`", err=True)
    for pid_file in own["pid_files"]:
        reload(pid_file)
    return 0


def _say_difference(change: outputs.Difference, purpose: Purpose) -> int:
    if not purpose.confidential:
        for sign, lines in (("-", change.removed), ("+", change.added)):
            for line in lines:
                click.echo(f"{sign}{line}")
    click.echo(f"{len(change.removed):,} lines go, {len(change.added):,} come, of {change.whole:,}", err=True)
    return 1 if change.size else 0


def _order(
    engine: Engine, purpose: Purpose, entries: tuple[MandatoryEntry, ...], serial: int, own: Mapping[str, Any]
) -> Order:
    stop = tuple(_addresses(own["stop"]))
    if engine.needs_stop and bool(stop) == own["nxdomain"]:
        raise SfsError("what is answered?", mend="say --stop ADDRESS of the stop page, or --nxdomain, one of them")
    exempt = tuple(_networks(own["exempt"]))
    zone = check_zone(own["zone"] or f"{purpose}.rpz")
    order = Order(purpose, zone, serial, entries, stop, exempt, _proxy(own["proxy"]), own["told"])
    if cannot := engine.cannot(order):
        raise SfsError(f"{engine.name} cannot be told: {cannot}", mend="leave it out, or take another program")
    return order


def _before(path: Path | None, purpose: Purpose) -> outputs.Version | None:
    version = None if path is None else outputs.read_version(path)
    if version is not None and version.purpose != purpose:
        what = f"the output there has the purpose {version.purpose}, which cannot become {purpose}"
        raise SfsError(what, Where(str(path)), "write it to another place")
    return version


def _read(name: str, arguments: Mapping[str, object], purpose: str | None) -> MandatoryList:
    said = None if purpose is None else Purpose(purpose)
    path = Path(name)
    if path == STANDARD_OUTPUT or path.is_file():
        return read_source(path, said)
    config = config_of(arguments)
    try:
        source = source_named(config, name, shown=False)
    except SfsError:
        what = f"there is no file {name!r}, and no list of that name in use"
        raise SfsError(what, mend="`sfs lists stats` prints their names") from None
    if source.key is not None:
        raise SfsError(f"the list {name!r} is sealed", mend="export from the list that it was made of")
    if source.path is not None and source.format == "entries":
        return read_source(source.path, said)
    if said is not None and said.confidential:  # compiled, it lies in the store, on a disk
        raise on_disk(name)
    with in_force_list(config, source) as file:
        lines = list(lines_of(file))
    if any(line.startswith("!") for line in lines):
        raise SfsError(f"the list {name!r} has exceptions", mend="write a list of your own without them")
    return read_mandatory((line.encode() for line in lines), name, said)


def _check_secret(engine: Engine, purpose: Purpose, out: Path | None, diff: bool) -> None:
    if purpose.confidential and not engine.secret:
        secret = ", ".join(one.name for one in ENGINES.values() if one.secret)
        raise SfsError(f"a confidential list is never written as {engine.name}", mend=f"take one of {secret}")
    if out is not None or not diff:
        check_output(purpose, out)


def _addresses(texts: Iterable[str]) -> Iterable[Address]:
    found = [written_address(text) for text in texts]
    if None in found or len(found) > MAX_STOP:
        raise SfsError("--stop takes addresses", mend=f"write up to {MAX_STOP} IPv4 and IPv6 addresses")
    return (one for one in found if one is not None)


def _networks(texts: tuple[str, ...]) -> Iterable[Network]:
    if len(texts) > MAX_EXEMPT:
        raise SfsError(f"more than {MAX_EXEMPT} networks", mend="join them")
    for text in texts:
        try:
            network = ipaddress.ip_network(text)
            if network.version == 6 and network.network_address.ipv4_mapped is not None:
                raise ValueError  # seen by no resolver: they know these clients by IPv4
            yield network
        except ValueError:
            raise SfsError(f"--exempt {text[:80]!r} is no network", mend="write it as 192.0.2.0/24") from None


def _proxy(text: str) -> str:
    host, _, port = text.rpartition(":")
    right = host and all(c.isalnum() or c in "-.[]:" for c in host) and port.isascii() and port.isdigit()
    if text and not (right and 0 < int(port[:6]) < 65536):
        raise SfsError(f"--proxy {text[:80]!r} is no proxy", mend="write it as 192.0.2.1:8080")
    return text

"""`sfs lists seal`: a mandatory list as keyed digests, which is all that a proxy needs of it."""

import gc
import secrets
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import click

from sfs.cli.mandatory_source import read_source
from sfs.errors import SfsError, Where
from sfs.export import outputs
from sfs.export.transfer import check_zone
from sfs.lists.canary import canary_tree
from sfs.lists.list_key import NAME, ListKey, read_list_key
from sfs.lists.mandatory import MandatoryEntry, MandatoryList, Purpose, Report, in_force
from sfs.lists.private import alone_in, keep_no_core, make_private, write_atomically
from sfs.lists.sealed_file import SealedList, look_at, open_sealed, write_sealed
from sfs.lists.sealing import Sealing, changed_rows
from sfs.match.sealed import SALT, Digests, Table
from sfs.sources.large import load_large
from sfs.sources.places import default_state_dir

MOST: Final = 1_000_000  # entries, unless more is asked for
_PATH: Final = click.Path(dir_okay=False, path_type=Path)


@click.command("seal")
@click.argument("file", metavar="LIST", type=click.Path(path_type=Path))
@click.option("-o", "out", type=_PATH, required=True, help="Where to write it, whole or not at all.")
@click.option("--key", "key_file", type=_PATH, help=f"Of `sfs isp key`. Default: {NAME} in the user's data folder.")
@click.option("--purpose", type=click.Choice([str(one) for one in Purpose]), help="Of a list of plain entries.")
@click.option("--zone", metavar="NAME", help="What the list is called in resolvers. Default: PURPOSE.rpz.")
@click.option("--most", type=click.IntRange(1), default=MOST, show_default=True, help="Entries at most.")
@click.option(
    "--accept-change",
    is_flag=True,
    help="Take what looks like a mistake: over a fifth changed, over half of a short list gone.",
)
def seal(
    file: Path,
    out: Path,
    key_file: Path | None,
    purpose: str | None,
    zone: str | None,
    most: int,
    accept_change: bool,
) -> None:
    """Make a mandatory list (a file, - for standard input) into one that holds no entry: only what the proxy needs to
    tell whether a URL is listed. A confidential list comes from a pipe or a tmpfs."""
    keep_no_core()
    gc.disable()  # a hundred thousand entries are kept until the end; looking for those that are not costs a third
    key = read_list_key(key_file or default_state_dir() / NAME)
    found = read_source(file, None if purpose is None else Purpose(purpose))
    canaries = canary_tree(check_zone(zone or f"{found.purpose}.rpz"))
    kept, report = in_force(found, datetime.now(UTC).date(), load_large().__contains__)
    outputs.check_count(len(kept), most)
    for line in report.text():
        click.echo(line, err=True)
    with alone_in(out.absolute().parent):
        _write(out, key, found, kept, canaries, accept_change)


def _write(
    out: Path, key: ListKey, found: MandatoryList, kept: tuple[MandatoryEntry, ...], canaries: str, accept_change: bool
) -> None:
    before = _before(out, key, found.purpose)
    # The salt stays while the list does, so that versions can be compared.
    salt = secrets.token_bytes(SALT) if before is None else before.head.salt
    sealing = Sealing(Digests(key.secret, salt))
    report = Report()
    sealing.add(kept, report, found.place)
    sealing.add_canaries(canaries)
    table = sealing.table()
    for line in report.text():
        click.echo(line, err=True)
    if before is not None and table == before.table:
        click.echo(f"{out}: nothing changed", err=True)
        return
    serial = _serial(found.serial, before, datetime.now(UTC).date())
    if before is not None and not accept_change:
        _check_change(before, table, sealing.count)
    put_sealed(out, write_sealed(found.name, found.purpose, serial, sealing.count, table, key, salt))
    click.echo(f"{out}: {sealing.count:,} entries, serial {serial}; back with `sfs lists rollback {out}`", err=True)


def put_sealed(out: Path, data: bytes) -> None:
    """Put a sealed list in the place of `out`, 0600, whole or not at all; what was there stands beside it then."""
    try:
        make_private(out.absolute().parent)
        write_atomically(out, data, lambda new: outputs.keep_previous(out))
    except OSError as fault:
        what = f"cannot be written: {fault.strerror}"
        raise SfsError(what, Where(str(out)), "check the folder and the free space") from None


def roll_back_sealed(out: Path) -> int | None:
    """Put the sealed list of before back; its serial. None where there stands no sealed list. It is changed by nobody
    without the key, so it comes back as it was."""
    if look_at(out) is None:
        return None
    with alone_in(out.absolute().parent):
        return _back(out, outputs.previous_of(out))


def _back(out: Path, previous: Path) -> int:
    before = look_at(previous)
    if before is None:
        raise SfsError(
            "no version of before", Where(str(previous)), "`sfs lists seal` keeps one from the second time on"
        )
    put_sealed(out, previous.read_bytes())
    return before.serial


def _serial(serial: int, before: SealedList | None, today: date) -> int:
    """The serial of the list, where it is greater than that in force, else the next. SfsError for an older list."""
    now = 0 if before is None else before.head.serial
    if serial and serial < now:
        what = f"serial {serial} is below {now}, which is in force"
        raise SfsError(what, mend="name the newest list; `sfs lists rollback` takes a version back")
    return serial if serial > now else outputs.next_serial(now, today)


def _check_change(before: SealedList, table: Table, entries: int) -> None:
    whole = before.head.entries
    if whole and not entries:
        raise SfsError(f"nothing is left of {whole:,} entries", mend=_ACCEPT)
    went, came = changed_rows(before.table, table)
    if outputs.too_many(went, came, whole):
        raise SfsError(f"{went:,} digests would go and {came:,} come, of {whole:,} entries", mend=_ACCEPT)


_ACCEPT: Final = "look whether it is the right list, then say --accept-change"


def _before(out: Path, key: ListKey, purpose: Purpose) -> SealedList | None:
    """The sealed list at `out`."""
    if not out.exists():
        return None
    found = open_sealed(out, key)
    if found.head.purpose is not purpose:
        what = f"the list there has the purpose {found.head.purpose}, which cannot become {purpose}"
        raise SfsError(what, Where(str(out)), "write it to another place, as another list")
    return found

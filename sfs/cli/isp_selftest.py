"""`sfs isp selftest`: ask resolvers, Squid, proxies and the stop page whether the lists hold; print a signed sheet."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sfs.errors import SfsError, Where
from sfs.lists.private import write_private
from sfs.sources.places import default_state_dir

INSTALL = "pip install 'sfs-filter[isp]'"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("selftest")
@click.argument("plan", type=_FILE, required=False, metavar="[PLAN]")
@click.option("--json", "as_json", is_flag=True, help="Print the sheet as JSON.")
@click.option("-o", "out", type=click.Path(dir_okay=False, path_type=Path), help="Write the sheet as JSON there too.")
@click.option("--quiet", is_flag=True, help="Print nothing where all is well, as for cron.")
@click.option("--state", metavar="DIR", help="Where the key is kept that signs.")
@click.option("--verify", type=_FILE, metavar="SHEET", help="Say whether a sheet is as it was signed; ask nobody.")
@click.option("--signer", metavar="KEY", help="With --verify: whose signature it has to be. Default: this machine's.")
def selftest(
    plan: Path | None,
    as_json: bool,
    out: Path | None,
    quiet: bool,
    state: str | None,
    verify: Path | None,
    signer: str | None,
) -> int:
    """Ask everybody whom PLAN names for the harmless entries of each list, by every type and way, and print what does
    not hold. Exit 0 where all is well, 1 where something is wrong, 2 where the test itself could not be made."""
    try:
        from sfs.export.selftest import sheet, signing
        from sfs.export.selftest.plan_file import read_plan
        from sfs.export.selftest.run import run
    except ModuleNotFoundError as fault:
        raise SfsError(f"the self-test needs more packages: {fault.name} is missing", mend=INSTALL) from None
    folder = default_state_dir() if state is None else Path(state).expanduser()
    if verify is not None:
        return _verify(verify, signer or signing.public_text(signing.own_key(folder)))
    if plan is None:
        raise SfsError("no plan", mend="name the file that says whom to ask, as README.md shows")
    wanted = read_plan(plan)
    key = signing.own_key(folder)
    result = asyncio.run(run(wanted, datetime.now(UTC)))
    found: dict[str, Any] = sheet.as_json(result) | {"signer": signing.public_text(key)}
    found["signature"] = signing.sign(key, sheet.canonical(found))
    if out is not None:
        write_private(out, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    if as_json:
        text = json.dumps(found, ensure_ascii=False, indent=1)
    else:
        body = sheet.as_text(found)
        text = sheet.signed_text(body, found["signer"], signing.sign(key, body.encode())).rstrip("\n")
    if not (quiet and result.well):
        click.echo(text)
    return 0 if result.well else 1


def _verify(path: Path, signer: str) -> int:
    from sfs.export.selftest import sheet, signing

    try:
        with path.open("rb") as file:
            data = file.read(sheet.MAX_SHEET + 1)
    except OSError as fault:
        raise SfsError(f"cannot be read: {fault.strerror}", Where(str(path)), "look who may read it") from None
    if len(data) > sheet.MAX_SHEET:
        raise SfsError("too long for a sheet", Where(str(path)), "name a file that `sfs isp selftest` wrote")
    body, by, signature = sheet.read_sheet(data, str(path))
    if by != signer:
        click.echo(f"{path}: signed with another key, {by[:60]}")
        return 1
    if not signing.verified(signer, body, signature):
        click.echo(f"{path}: not as it was signed")
        return 1
    click.echo(f"{path}: as it was signed")
    return 0

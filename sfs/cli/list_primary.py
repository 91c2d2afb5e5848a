"""`sfs lists primary`: the configuration of a hidden primary that hands an RPZ out by AXFR and IXFR with TSIG."""

from pathlib import Path

import click

from sfs.cli.confidential import check_output
from sfs.errors import SfsError, Where
from sfs.export import outputs
from sfs.export.transfer import Primary, bind_primary, knot_primary, parse_peer, read_key
from sfs.lists.mandatory import Purpose

_PATH = click.Path(path_type=Path)


@click.command("primary")
@click.argument("zone_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--engine", type=click.Choice(["bind", "knot"]), default="bind", show_default=True)
@click.option("--listen", default="127.0.0.1@5354", show_default=True, metavar="ADDRESS@PORT", help="Where it answers.")
@click.option("--to", "secondaries", multiple=True, metavar="ADDRESS@PORT", help="Who is told of a new version.")
@click.option("--key-file", type=_PATH, required=True, help="The key of transfers; made where it is not there.")
@click.option("--folder", type=_PATH, help="For what the server keeps. Default: that of the zone file.")
@click.option("-o", "out", type=_PATH, help="Where to write it, for its group to read; else it is printed.")
def primary(
    zone_file: Path,
    engine: str,
    listen: str,
    secondaries: tuple[str, ...],
    key_file: Path,
    folder: Path | None,
    out: Path | None,
) -> None:
    """Print the whole configuration of a BIND or Knot DNS that hands ZONE_FILE (`sfs lists export --format rpz -o`) out
    to who has the key, and to nobody else. After each export the server is told to reload."""
    version = outputs.read_version(zone_file)
    if version is None or not version.text.startswith(";"):
        raise SfsError("no zone", Where(str(zone_file)), "write one with `sfs lists export --format rpz -o`")
    if engine == "knot" and not secondaries:
        raise SfsError("no secondary that may ask", mend="say --to ADDRESS")
    folder = folder or zone_file.absolute().parent
    for kept in (zone_file, folder / "journal"):
        check_output(Purpose(version.purpose), kept)
    found = Primary(
        version.zone,
        zone_file,
        folder,
        parse_peer(listen),
        tuple(parse_peer(one) for one in secondaries),
        read_key(key_file, f"{version.zone}-key"),
    )
    lines = bind_primary(found) if engine == "bind" else knot_primary(found)
    text = "".join(f"{line}\n" for line in lines)
    if out is None:
        click.echo(text, nl=False)
    else:
        outputs.put(out, text)
        click.echo(f"{out}: {engine} hands {version.zone} out at {listen}", err=True)

"""`sfs isp quiet`: lines with which a resolver keeps nothing of who asked for what."""

import re
from pathlib import Path
from typing import Final

import click

from sfs.errors import SfsError
from sfs.export.quiet import ENGINES

_PLAIN: Final = re.compile(r"/[A-Za-z0-9/._-]*")


@click.command("quiet")
@click.argument("engine", type=click.Choice([*ENGINES]))
@click.option("--cache", default="/run/knot-resolver/cache", show_default=True, metavar="DIR", help="Of Knot Resolver.")
def quiet(engine: str, cache: str) -> None:
    """Print lines for the configuration of a resolver, with which it writes down no question and nobody who asks."""
    if not _PLAIN.fullmatch(cache):
        raise SfsError(
            f"{cache[:80]!r} is no plain path", mend="name a folder in memory by its whole path, as /run/..."
        )
    for line in ENGINES[engine](Path(cache)):
        click.echo(line)

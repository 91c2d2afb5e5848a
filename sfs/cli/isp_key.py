"""`sfs isp key`: the key of sealed lists."""

from pathlib import Path

import click

from sfs.lists.list_key import NAME, make_key
from sfs.sources.places import default_state_dir


@click.command("key")
@click.option(
    "-o", "out", type=click.Path(dir_okay=False, path_type=Path), help=f"Default: {NAME} in the user's data folder."
)
def key(out: Path | None) -> None:
    """Make a key for sealed lists: 32 random bytes in a new file, for its owner alone. `sfs lists seal` and the proxy
    need the same one."""
    out = out or default_state_dir() / NAME
    make_key(out)
    click.echo(f"{out}: a new key; keep a copy where the list itself may lie")

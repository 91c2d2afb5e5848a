"""`sfs admin`: accounts of the pages that set the filter."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sfs.admin.address import base_url
from sfs.errors import SfsError
from sfs.sources.config import load_config

if TYPE_CHECKING:
    from sfs.web.accounts import User
    from sfs.web.door import Door

NEEDED = "the pages of the administrator need more packages"
INSTALL = "pip install 'sfs-filter[admin]'"
DATABASE = "accounts.db"


@click.group("admin")
def command() -> None:
    """Accounts of the pages that set the filter."""


@command.command("link")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A configuration file.")
@click.option("--state", metavar="DIR", help="Where accounts are kept.")
@click.option("--admin", metavar="H:P", help="Where the pages are.")
@click.option("--user", metavar="NAME", help="Whose password; not needed where there is one account.")
def link(config: Path | None, state: str | None, admin: str | None, user: str | None) -> int:
    """Print a link that sets a password: the first one, or a new one for a forgotten one. It works once, for 30
    minutes, and a link that was printed before ends. Whoever can write to the state folder may do this."""
    given = {key: value for key, value in {"state": state, "admin": admin}.items() if value is not None}
    loaded = load_config(config, given)
    click.echo(setup_url(loaded.admin.host, loaded.admin.port, _new_link(loaded.state, user)))
    return 0


def setup_url(host: str, port: int, token: str) -> str:
    """The address of the setup page; TLS where the pages are not on loopback."""
    return f"{base_url(host, port)}/setup/{token}"


def _new_link(state: Path, name: str | None) -> str:
    try:
        from sfs.web.door import open_door
    except ModuleNotFoundError as fault:
        raise SfsError(f"{NEEDED}: {fault.name} is missing", mend=INSTALL) from None
    door = open_door(state / DATABASE)
    try:
        return door.links.make(_whose(door, name))
    finally:
        door.close()


def _whose(door: "Door", name: str | None) -> "User | None":
    """The account that a link is for; None: the first administrator's, who has none yet."""
    if name is not None:
        found = door.accounts.find(name)
        if found is None:
            raise SfsError(f"there is no account {name[:40]!r}", mend=_names(door))
        return found
    if not door.accounts.has_administrator():
        return None
    administrators = [user for user in door.accounts.all() if user.role == "administrator" and not user.disabled]
    if len(administrators) > 1:
        raise SfsError("there are several administrators", mend=f"say whose with --user: {_names(door)}")
    return administrators[0]


def _names(door: "Door") -> str:
    return "there are " + (", ".join(user.name for user in door.accounts.all()[:40]) or "none yet; leave --user out")

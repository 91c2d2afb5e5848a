"""`sfs service`: let the system start the filter."""

import os
from pathlib import Path

import click

from sfs.cli.program import link_command, program
from sfs.cli.run_workers import MOST
from sfs.errors import SfsError
from sfs.export.container import container_file
from sfs.export.systemd import LOWEST_FREE_PORT, MARK, STATE, Service, unit_file
from sfs.sources.config import Config, load_config

UNITS = Path("/etc/systemd/system")
NAME = "sfs.service"
WANTED = Path("multi-user.target.wants", NAME)
_HOMES = tuple(map(Path, ("/home", "/root", "/Users")))


@click.group("service")
def command() -> None:
    """Let the system start the filter: a systemd unit, or a container file."""


@command.command("install")
@click.option("--user-name", "user", default="sfs", show_default=True, help="The user that runs it, and nothing else.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A configuration file.")
@click.option("--level", type=click.IntRange(0, 4), help="0 to 4, see `sfs levels`.")
@click.option("--lan", is_flag=True, help="Serve the devices of the house too.")
@click.option("--workers", type=click.IntRange(1, MOST), default=1, help="Processes that serve.  [1]")
@click.option("--dry-run", is_flag=True, help="Print the unit, write nothing.")
@click.option("--units", type=click.Path(path_type=Path), default=UNITS, show_default=True, help="Where units lie.")
def install(
    user: str, config: Path | None, level: int | None, lan: bool, workers: int, dry_run: bool, units: Path
) -> int:
    """Write a systemd unit with a user of its own and little else it may do; say the next commands."""
    checked = _checked(config, level)
    arguments = [*(("--config", str(config.absolute())) if config else ()), *(("--lan",) if lan else ())]
    if level is not None:
        arguments += ["--level", str(level)]
    if workers > 1:
        arguments += ["--workers", str(workers)]
    called = program()
    homes = [path for path in (*called, *arguments) if any(Path(path).is_relative_to(home) for home in _HOMES)]
    low = any(0 < place.port < LOWEST_FREE_PORT for place in (checked.listen, checked.admin))
    text = unit_file(Service(called, tuple(arguments), user, low, bool(homes)))
    for path in homes:
        click.echo(f"warning: {path} lies in a home: the user {user} must be able to read it", err=True)
    if dry_run:
        click.echo(text, nl=False)
        return 0
    _write(units / NAME, text)
    click.echo(f"sfs: wrote {units / NAME}. The next commands, as root:")
    known = f"getent passwd {user} >/dev/null || useradd --system --user-group --home-dir {STATE} "
    click.echo(f"  {known}--shell /usr/sbin/nologin {user}")
    click.echo("  systemctl daemon-reload")
    click.echo("  systemctl enable --now sfs")
    click.echo("  journalctl -u sfs -n 20      # the ready line with the link that sets the password, or what is wrong")
    click.echo(f"  {link_command(Path(STATE), checked.admin, user=user)}    # another link")
    return 0


@command.command("uninstall")
@click.option("--units", type=click.Path(path_type=Path), default=UNITS, show_default=True, help="Where units lie.")
def uninstall(units: Path) -> int:
    """Take the unit away again, if `sfs service install` wrote it."""
    path = units / NAME
    try:
        ours = path.read_text(encoding="utf-8", errors="replace").startswith(MARK)
        if not ours:
            raise SfsError(f"{path} was not written by sfs", mend="look at it, and delete it by hand")
        path.unlink()
        (units / WANTED).unlink(missing_ok=True)  # what `systemctl enable` made: it cannot undo that any more
    except FileNotFoundError:
        raise SfsError(f"{path} is not there", mend="nothing is to be taken away") from None
    except OSError as fault:
        raise SfsError(f"{path}: {fault.strerror}", mend="run this as root") from None
    click.echo(f"sfs: {path} is gone. The next commands, as root:")
    click.echo("  systemctl stop sfs; systemctl daemon-reload")
    click.echo(f"  # {STATE} keeps certificate, log and changes: delete it if nobody needs them")
    return 0


@command.command("container")
@click.option("--listen-all", is_flag=True, help="Listen on every address inside the container, not on loopback alone.")
def container(listen_all: bool) -> int:
    """Print a Containerfile that builds an image from the wheel."""
    click.echo(container_file(listen_all), nl=False)
    return 0


def _checked(config: Path | None, level: int | None) -> Config:
    """The configuration, whole: a unit that cannot start is not written."""
    checked = load_config(config, {} if level is None else {"level": level})
    if checked.level is None:
        raise SfsError("no level is chosen, and a service can ask nobody", mend="say --level 0 to 4, or --config FILE")
    return checked


def _write(path: Path, text: str) -> None:
    """Put the unit there; readable for all, as units are."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as fault:
        raise SfsError(f"{path}: {fault.strerror}", mend="run this as root, or look at it with --dry-run") from None

"""What several commands share: the options that name a configuration, and loading it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from sfs.errors import SfsError
from sfs.sources.config import load_config
from sfs.sources.filter import Filter, load_filter

NO_LEVEL = "no level is chosen"


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--config, --level, --profile."""
    function = click.option("--profile", metavar="P", help="household, school, isp, only-allowed, or a file.")(function)
    function = click.option("--level", type=click.IntRange(0, 4), help="0 to 4, see `sfs levels`.")(function)
    return click.option(
        "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A configuration file."
    )(function)


def load(arguments: Mapping[str, object], ask_level: Callable[[], int | None] | None = None) -> Filter:
    """The filter that the options mean. SfsError with every fault; for a missing level, with how to choose one."""
    given = {key: value for key, value in arguments.items() if value is not None}
    path = given.pop("config", None)
    assert path is None or isinstance(path, Path)
    config = load_config(path, given)
    if config.level is None:
        level = ask_level() if ask_level is not None else None
        if level is None:
            raise SfsError(NO_LEVEL, mend="say --level 0 to 4, or write level: in the configuration\n\n" + _levels())
        config = load_config(path, {**given, "level": level})
    return load_filter(config)


def print_warnings(filter_: Filter) -> None:
    """What was skipped and what does not act yet, to standard error."""
    for warning in (*filter_.config.warnings, *filter_.report.skipped[:20]):
        click.echo(f"warning: {warning}", err=True)
    left = len(filter_.report.skipped) - 20
    if left > 0:
        click.echo(f"warning: {left} more lines were skipped; `sfs check` shows them", err=True)


def _levels() -> str:
    from sfs.cli.levels import rows

    table = rows()
    widths = [max(len(row[i]) for row in table) for i in range(3)]
    return "\n".join("  ".join(row[i].ljust(widths[i]) for i in range(3)).rstrip() for row in table)

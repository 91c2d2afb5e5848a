"""What several commands share: the options that name a configuration, and loading it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sfs.errors import SfsError
from sfs.lists.private import keep_no_core
from sfs.sources.config import Config, load_config
from sfs.sources.filter import Filter, load_filter
from sfs.sources.live import Live
from sfs.sources.policies import policies_from
from sfs.sources.settings import Checks

NO_LEVEL = "no level is chosen"


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--config, --level, --profile."""
    function = click.option("--profile", metavar="P", help="household, school, isp, only-allowed, or a file.")(function)
    function = click.option("--level", type=click.IntRange(0, 4), help="0 to 4, see `sfs levels`.")(function)
    return click.option(
        "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A configuration file."
    )(function)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a command line says of the configuration, to load it again and again. `page_first`: what was changed on the
    page of the administrator holds over the options."""

    path: Path | None
    given: Mapping[str, object]
    page_first: bool = False

    def config(self, changes: Path | None = None) -> Config:
        """The configuration, with `changes` in place of the page's; ConfigError with every fault."""
        return load_config(self.path, self.given, page_first=self.page_first, changes=changes)

    def filter(self, before: Filter | None = None) -> Filter:
        """The filter that it means, in place of `before`; SfsError as `load_filter`. Where mandatory lists alone hold,
        no crash leaves an image of them, nor of what anybody asks."""
        config = self.config()
        if config.checks is Checks.MANDATORY:
            keep_no_core()
        return load_filter(config, before)

    def live(self, filter_: Filter) -> Live:
        """`filter_` in force, replaced by what a later load gives."""
        return Live(filter_, self.filter)

    def check(self, changes: Path) -> None:
        """SfsError where the configuration with these changes would be none."""
        policies_from(self.config(changes))

    def with_level(self, level: int) -> "Chosen":
        """The same with a level."""
        return Chosen(self.path, {**self.given, "level": level}, self.page_first)


def chosen(
    arguments: Mapping[str, object], ask_level: Callable[[], int | None] | None = None, *, page_first: bool = False
) -> Chosen:
    """What the options say. SfsError with every fault; for a missing level, with how to choose one."""
    given = {key: value for key, value in arguments.items() if value is not None}
    path = given.pop("config", None)
    assert path is None or isinstance(path, Path)
    said = Chosen(path, given, page_first)
    if said.config().level is not None:
        return said
    level = ask_level() if ask_level is not None else None
    if level is None:
        raise SfsError(NO_LEVEL, mend="say --level 0 to 4, or write level: in the configuration\n\n" + _levels())
    return said.with_level(level)


def load(arguments: Mapping[str, object], ask_level: Callable[[], int | None] | None = None) -> Filter:
    """The filter that the options mean; SfsError as `chosen`."""
    return chosen(arguments, ask_level).filter()


def print_warnings(filter_: Filter) -> None:
    """What was skipped and what does not act yet, to standard error."""
    for warning in filter_.config.warnings:
        click.echo(f"warning: {warning}", err=True)
    print_skipped(filter_.report.skipped)


def print_skipped(skipped: Sequence[SfsError]) -> None:
    """The lines that were skipped, to standard error."""
    for fault in skipped[:20]:
        click.echo(f"warning: {fault}", err=True)
    left = len(skipped) - 20
    if left > 0:
        click.echo(f"warning: {left} more lines were skipped; `sfs check` shows them", err=True)


def _levels() -> str:
    from sfs.cli.levels import rows

    table = rows()
    widths = [max(len(row[i]) for row in table) for i in range(3)]
    return "\n".join("  ".join(row[i].ljust(widths[i]) for i in range(3)).rstrip() for row in table)

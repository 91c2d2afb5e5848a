"""`sfs lists`: the lists that others keep, fetched, compared and shown."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sfs.cli import list_check, list_export, list_files, list_import, list_primary, list_seal
from sfs.cli.common import config_options
from sfs.errors import SfsError
from sfs.lists import store
from sfs.lists.update import Options, Outcome, Result, needs_update, update_lists
from sfs.sources.choice import ALL_LEVELS, acts, levels_in_use, lists_in_use, stored, wanted
from sfs.sources.config import Config, load_config
from sfs.sources.loading import load_lists
from sfs.sources.policies import policies_from
from sfs.sources.public_lists import catalogue
from sfs.sources.subscriptions import ListSource, source_of_row


def list_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which lists are in use, and where they lie."""
    function = click.option("--state", metavar="DIR", help="Where the lists are kept.")(function)
    return config_options(function)


@click.group("lists")
def command() -> None:
    """Fetch, look at and change the lists of names that others keep."""


_OTHERS = (
    list_check.check,
    list_files.compile_file,
    list_files.diff,
    list_export.export,
    list_export.rollback,
    list_primary.primary,
    list_import.import_file,
    list_seal.seal,
)
for one in _OTHERS:
    command.add_command(one)


@command.command("update")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@list_options
@click.option("--due", is_flag=True, help="Only lists that are due, and none that nobody asked for.")
@click.option("--accept-smaller", is_flag=True, help="Take lists too that lost more than half of their names.")
@click.option("--quiet", is_flag=True, help="Say nothing of what went well.")
@click.option("--background", is_flag=True, hidden=True, help="Leave the processor to others; implies --quiet.")
def update(
    names: tuple[str, ...],
    due: bool,
    accept_smaller: bool,
    quiet: bool,
    background: bool,
    **config_arguments: object,
) -> int:
    """Fetch the lists that are in use; what fails leaves the list of before in force. Exit 1 where one failed."""
    if background and hasattr(os, "nice"):
        os.nice(10)
    quiet = quiet or background
    config, levels = config_and_levels(config_arguments)
    sources = _chosen(stored(lists_in_use(config, levels)), names)
    if due:
        now = datetime.now(UTC)
        sources = wanted(sources, config.state)
        sources = tuple(source for source in sources if needs_update(config.state, source, now))
    if not sources and not quiet:
        click.echo("no list is due" if due else "no lists to fetch: name some under lists in the configuration")
    bar = _Bar(shown=not quiet and sys.stderr.isatty())
    options = Options(
        accept_smaller=accept_smaller, ca=config.upstream_ca, progress=bar.progress, done=lambda o: _say(o, bar, quiet)
    )
    if not names and any(source.default for source in sources):
        # Before anything comes: what fails now, without a network for one, is tried again in the background.
        with contextlib.suppress(OSError):  # a folder that cannot be written is named by the update
            store.set_asked(config.state)
    outcomes = update_lists(sources, config.state, options) if sources else ()
    return 1 if any(outcome.result is Result.FAILED for outcome in outcomes) else 0


@command.command("stats")
@click.argument("file", type=list_files.PATH, required=False)
@list_files.WITH_WORDS
@list_files.JSON
@list_options
def stats(file: Path | None, format_: str | None, as_json: bool, **config_arguments: object) -> None:
    """Print every list in use: what it means, its names, its age, and what went wrong the last time. With FILE: how
    many entries of each kind that list has."""
    if file is not None:
        list_check.file_stats(file, format_, as_json)
        return
    config, levels = config_and_levels(config_arguments)
    loaded = load_lists(config, levels)
    files, states = dict(loaded.files), {state.name: state for state in loaded.states}
    now = datetime.now(UTC)
    rows = [("list", "means", "names", "age", "the last time")]
    for source in lists_in_use(config, levels):
        state, found = states.get(source.name), files.get(source.name)
        days = None if state is None or state.url is None else state.days(now)
        age = "-" if days is None else "today" if days == 0 else f"{days} d"
        said = "never fetched" if found is None else "well" if state is not None and state.url else "a file"
        if state is not None and state.failure is not None:
            said = f"failed: {state.failure.splitlines()[0]}"
        rows.append((source.name, meaning(source), "-" if found is None else f"{len(found.index):,}", age, said))
    if as_json:
        click.echo(json.dumps([dict(zip(rows[0], row, strict=True)) for row in rows[1:]], ensure_ascii=False, indent=1))
        return
    print_table(rows)


@command.command("catalogue")
def show_catalogue() -> None:
    """Print the public lists that SFS knows by name. A star: part of the default choice."""
    rows = [("list", "means", "names, about", "licence", "kept by")]
    for row in catalogue().values():
        name = f"{row.name} *" if row.recommended else row.name
        rows.append((name, meaning(source_of_row(row)), f"{row.size:,}", row.licence, f"{row.keeper}, {row.homepage}"))
    print_table(rows)
    if any(not row.verified for row in catalogue().values()):
        click.echo("\nThe addresses were not tried from here: other software names them.")


def config_and_levels(arguments: Mapping[str, object]) -> tuple[Config, Collection[int]]:
    """The configuration that the options mean, as it holds while the proxy runs, and the levels in use; all of them
    where none is chosen yet."""
    given = {key: value for key, value in arguments.items() if value is not None}
    path = given.pop("config", None)
    assert path is None or isinstance(path, Path)
    config = load_config(path, given, page_first=True)
    return config, ALL_LEVELS if config.level is None else levels_in_use(policies_from(config))


def meaning(source: ListSource) -> str:
    """What a list means, in a few words."""
    if source.mandatory:
        return "mandatory"
    what = f" ({source.category})" if source.category else ""
    if source.axis is not None:
        return f"{source.axis}{what}"
    if source.opens:
        return f"opens{what}"
    return (
        f"nothing{what}" if not acts(source, ALL_LEVELS) and source.rating is None else f"rating {source.rating}{what}"
    )


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Rows of text in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _chosen(sources: tuple[ListSource, ...], names: tuple[str, ...]) -> tuple[ListSource, ...]:
    known = {source.name for source in sources}
    for name in names:
        if name not in known:
            mend = f"write it under lists: - {{name: {name}}}" if name in catalogue() else "see `sfs lists stats`"
            raise SfsError(f"no list {name!r} is fetched here", mend=mend)
    return tuple(source for source in sources if not names or source.name in names)


def _say(outcome: Outcome, bar: "_Bar", quiet: bool) -> None:
    bar.close()
    name = outcome.source.name
    if outcome.fault is not None:
        click.echo(f"{name}: failed: {outcome.fault}", err=True)
        return
    if quiet:
        return
    state = outcome.state
    said = f"{name}: {outcome.result}, {state.count:,} names"
    if outcome.result is Result.CHANGED:
        said += f" (+{outcome.added:,} -{outcome.removed:,})"
    if state.skipped:
        said += f", {state.skipped:,} lines skipped"
    click.echo(said)


class _Bar:
    """A progress bar on a terminal, for one list after the other."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._name = ""
        self._size = 0

    def progress(self, name: str, size: int, total: int | None) -> None:
        """Show how far a download is."""
        if not self._shown or (name == self._name and size - self._size < 65_536 and size != total):
            return
        self._name, self._size = name, size
        done = "" if not total else "[" + ("#" * (size * 30 // total)).ljust(30, "-") + "] "
        of_all = "" if not total else f" of {total / 1e6:.1f}"
        click.echo(f"\r\033[K{name[:40]}  {done}{size / 1e6:.1f}{of_all} MB", nl=False, err=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._shown and self._name:
            click.echo("\r\033[K", nl=False, err=True)
        self._name, self._size = "", 0

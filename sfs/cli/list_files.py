"""`sfs lists compile, diff`: lists as files; and how a list that a command names is opened."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from sfs.cli.common import config_options
from sfs.errors import RuleError, SfsError
from sfs.lists import store
from sfs.lists.archive import unpack
from sfs.lists.compile import compile_list
from sfs.lists.compiled import CompiledIndex, open_compiled
from sfs.lists.files import ListFile
from sfs.lists.formats import FOLDERS, WORD_FORMATS
from sfs.lists.formats.guess import guess_format
from sfs.lists.opening import check_start
from sfs.lists.private import write_private
from sfs.sources.choice import ALL_LEVELS, lists_in_use
from sfs.sources.config import Config, load_config
from sfs.sources.subscriptions import ListFormat, ListSource

_ALL = (*(str(one) for one in ListFormat), *WORD_FORMATS)
PATH = click.Path(exists=True, path_type=Path)
FORMAT = click.option(
    "--format", "format_", type=click.Choice([str(one) for one in ListFormat]), help="How its lines are written."
)
WITH_WORDS = click.option(
    "--format",
    "format_",
    type=click.Choice(_ALL),
    help="How its lines are written.",
)
STATE = click.option("--state", metavar="DIR", help="Where the lists are kept.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("compile")
@click.argument("file", type=PATH)
@click.argument("out", type=click.Path(exists=False, path_type=Path))
@FORMAT
def compile_file(file: Path, out: Path, format_: str | None) -> int:
    """Compile a list into the new folder OUT."""
    if out.exists():
        raise SfsError(f"{str(out)!r} is there already", mend="name a folder that is not")
    with unpacked(file, format_) as (listed, found):
        compiled = compile_list(listed, found, out, shown=str(file))
    click.echo(f"{compiled.size:,} names, {compiled.skipped_count:,} lines skipped")
    return 0


@click.command("diff")
@click.argument("before", metavar="NAME|FILE")
@click.argument("file", type=PATH)
@config_options
@STATE
@FORMAT
@JSON
def diff(before: str, file: Path, format_: str | None, as_json: bool, **config_arguments: object) -> int:
    """Compare a list in use, or a file, with FILE: + what FILE has more, - what it lacks. Exit 1 where they differ.
    Exceptions begin with !."""
    with _named(before, format_, config_arguments) as (was, format_was), compiled_file(file, format_was) as (now, _):
        old, new = set(lines_of(was)), set(lines_of(now))
    if as_json:
        click.echo(json.dumps({"removed": sorted(old - new), "added": sorted(new - old)}, indent=1))
        return 1 if old != new else 0
    for line in sorted(old - new):
        click.echo(f"-{line}")
    for line in sorted(new - old):
        click.echo(f"+{line}")
    return 1 if old != new else 0


def config_of(arguments: Mapping[str, object], changes: Path | None = None) -> Config:
    """The configuration that the options mean, as it holds while the proxy runs."""
    given = {key: value for key, value in arguments.items() if value is not None}
    path = given.pop("config", None)
    assert path is None or isinstance(path, Path)
    return load_config(path, given, page_first=True, changes=changes)


@contextmanager
def unpacked(file: Path, format_: str | None) -> Iterator[tuple[Path, str]]:
    """The list inside a file, and its format: the one that was said, else the one that it looks like."""
    with tempfile.TemporaryDirectory(prefix="sfs-") as work:
        listed = unpack(file, Path(work) / "unpacked")
        yield listed, format_ or _guessed(listed, file.name)


@contextmanager
def compiled_file(file: Path, format_: str | None) -> Iterator[tuple[ListFile, str]]:
    """A list as it would act, and its format."""
    with unpacked(file, format_) as (listed, found), tempfile.TemporaryDirectory(prefix="sfs-") as work:
        compile_list(listed, found, Path(work) / "compiled", shown=str(file))
        yield open_compiled(Path(work) / "compiled"), found


def lines_of(file: ListFile) -> Iterator[str]:
    """Every entry of a compiled list as a line, then every exception with ! in front."""
    assert isinstance(file.index, CompiledIndex)
    yield from file.index.lines()
    yield from file.index.exceptions()


def put_entries(config: Config, name: str, out: Path | None) -> None:
    """Write the entries of a list in use to `out`, whole or not at all, or print them."""
    with in_force_list(config, source_named(config, name)) as file:
        lines = sorted(lines_of(file))
    if out is None:
        for line in lines:
            click.echo(line)
        return
    write_private(out, "".join(f"{line}\n" for line in lines))
    click.echo(f"{out}: {len(lines):,} entries", err=True)


def _guessed(listed: Path, name: str) -> str:
    if listed.is_dir():
        inside = {path.name for path in listed.iterdir()}
        return next((format_ for format_, names in FOLDERS.items() if inside & names.keys()), ListFormat.SQUIDGUARD)
    with listed.open("rb") as file:
        start = file.read(1 << 16)
    found = guess_format(start, name)
    if found is None:
        check_start(start, name)
        raise RuleError("this looks like no list that is known", mend=f"say --format {', '.join(_ALL)}")
    return found


@contextmanager
def _named(name: str, format_: str | None, arguments: Mapping[str, object]) -> Iterator[tuple[ListFile, str | None]]:
    """A list in use, or a file, and the format in which another one is to be read."""
    config = config_of(arguments)
    in_use = any(source.name == name for source in lists_in_use(config, ALL_LEVELS))
    if not in_use and Path(name).exists():
        with compiled_file(Path(name), format_) as (file, _):
            yield file, format_
        return
    source = source_named(config, name)
    with in_force_list(config, source) as file:
        yield file, format_ or source.format


def source_named(config: Config, name: str, *, shown: bool = True) -> ListSource:
    """A list in use. SfsError where there is none, or where it is not to be `shown`."""
    found = next((source for source in lists_in_use(config, ALL_LEVELS) if source.name == name), None)
    if found is None:
        raise SfsError(f"no list {name!r} is in use", mend="see `sfs lists stats`")
    if found.mandatory and shown:
        raise SfsError(f"{name!r} is a mandatory list", mend="its names are not shown")
    return found


@contextmanager
def in_force_list(config: Config, source: ListSource) -> Iterator[ListFile]:
    """The list that acts now: of the store, else its file."""
    if source.path is not None:
        with compiled_file(source.path, source.format) as (file, _):
            yield file
        return
    stored = store.open_version(config.state, store.state_of(config.state, source))
    if stored is None:
        raise SfsError(f"the list {source.name!r} was never fetched", mend="run `sfs lists update`")
    yield stored

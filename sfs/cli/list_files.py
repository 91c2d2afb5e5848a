"""`sfs lists check, compile, diff, export, import`: lists as files."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sfs.cli.common import config_options
from sfs.errors import RuleError, SfsError
from sfs.lists import store
from sfs.lists.archive import unpack
from sfs.lists.compile import compile_list
from sfs.lists.compiled import CompiledIndex, open_compiled
from sfs.lists.files import ListFile
from sfs.lists.formats.guess import guess_format
from sfs.lists.private import make_private, write_atomically
from sfs.sources.changes import Changes
from sfs.sources.choice import ALL_LEVELS, lists_in_use
from sfs.sources.config import Config, load_config
from sfs.sources.subscriptions import ListFormat, ListSource

MAX_SHOWN = 20  # bad lines that are printed
_PATH = click.Path(exists=True, path_type=Path)
_FORMAT = click.option(
    "--format", "format_", type=click.Choice([str(one) for one in ListFormat]), help="How its lines are written."
)
_STATE = click.option("--state", metavar="DIR", help="Where the lists are kept.")


@click.command("check")
@click.argument("file", type=_PATH)
@_FORMAT
def check(file: Path, format_: str | None) -> int:
    """Read a list, packed or not, and say what is wrong with it. Exit 1 where it cannot be used."""
    try:
        with _compiled(file, format_) as (list_file, name):
            click.echo(
                f"{len(list_file.index):,} names in the format {name}, {list_file.skipped_count:,} lines skipped"
            )
            for fault in list_file.skipped[:MAX_SHOWN]:
                click.echo(str(fault))
            left = list_file.skipped_count - MAX_SHOWN
            if left > 0:
                click.echo(f"and {left:,} more")
    except SfsError as fault:
        click.echo(str(fault), err=True)
        return 1
    return 0


@click.command("compile")
@click.argument("file", type=_PATH)
@click.argument("out", type=click.Path(exists=False, path_type=Path))
@_FORMAT
def compile_file(file: Path, out: Path, format_: str | None) -> int:
    """Compile a list into the new folder OUT."""
    if out.exists():
        raise SfsError(f"{str(out)!r} is there already", mend="name a folder that is not")
    with tempfile.TemporaryDirectory(prefix="sfs-") as work:
        listed = unpack(file, Path(work) / "unpacked")
        compiled = compile_list(listed, _format(listed, format_), out, shown=str(file))
    click.echo(f"{compiled.size:,} names, {compiled.skipped_count:,} lines skipped")
    return 0


@click.command("diff")
@click.argument("name")
@click.argument("file", type=_PATH)
@config_options
@_STATE
@_FORMAT
def diff(name: str, file: Path, format_: str | None, **config_arguments: object) -> int:
    """Compare a list in use with FILE: + what FILE has more, - what it lacks. Exit 1 where they differ."""
    config = _config(config_arguments)
    source = _source(config, name)
    with _in_force(config, source) as before, _compiled(file, format_ or source.format) as (after, _):
        old, new = set(_lines(before)), set(_lines(after))
    for line in sorted(old - new):
        click.echo(f"-{line}")
    for line in sorted(new - old):
        click.echo(f"+{line}")
    return 1 if old != new else 0


@click.command("export")
@click.argument("name")
@config_options
@_STATE
def export(name: str, **config_arguments: object) -> int:
    """Print a list in use, one entry a line. Mandatory lists are never printed."""
    config = _config(config_arguments)
    with _in_force(config, _source(config, name)) as file:
        for line in sorted(_lines(file)):
            click.echo(line)
    return 0


@click.command("import")
@click.argument("file", type=_PATH)
@click.option("--name", required=True, help="What the list is called; it stands in the log.")
@click.option("--category", help="What its pages are: a name of rules/ratings/categories.yaml.")
@click.option("--rating", type=click.IntRange(0, 4), help="What its pages are rated.")
@config_options
@_STATE
@_FORMAT
def import_file(
    file: Path, name: str, category: str | None, rating: int | None, format_: str | None, **config_arguments: object
) -> int:
    """Take a list of your own into use: FILE, packed or not, or a folder of squidGuard."""
    if (category is None) == (rating is None):
        raise SfsError("what are its pages?", mend="say --category gambling, or --rating 3; one of them")
    config = _config(config_arguments)
    target = config.state / "imported" / f"{store.key_of(name)}.txt"
    with tempfile.TemporaryDirectory(prefix="sfs-") as work:
        listed = unpack(file, Path(work) / "unpacked")
        found = _format(listed, format_)
        folder = Path(work) / "compiled"
        compiled = compile_list(listed, found, folder, shown=str(file))
        if not compiled.size:
            raise SfsError(f"no names in {str(file)!r}", mend="look whether it is the right file and format")
        plain = listed.is_file()
        if plain:
            _keep(listed, target)
        else:
            _keep_lines(open_compiled(folder), target)
    row: dict[str, Any] = {"name": name, "url": str(target), "format": found if plain else "entries"}
    row |= {"category": category} if category is not None else {"rating": rating}
    changes = Changes(config.state, lambda path: _config(config_arguments, path))
    others = [one for one in changes.values().get("lists", []) if not isinstance(one, dict) or one.get("name") != name]
    changes.set("lists", [*others, row], by="sfs lists import")
    click.echo(f"{name}: {compiled.size:,} names, {compiled.skipped_count:,} lines skipped; holds at the next start")
    return 0


def _config(arguments: Mapping[str, object], changes: Path | None = None) -> Config:
    given = {key: value for key, value in arguments.items() if value is not None}
    path = given.pop("config", None)
    assert path is None or isinstance(path, Path)
    return load_config(path, given, page_first=True, changes=changes)


def _source(config: Config, name: str) -> ListSource:
    """The list in use with this name, which is not a mandatory one."""
    found = next((source for source in lists_in_use(config, ALL_LEVELS) if source.name == name), None)
    if found is None:
        raise SfsError(f"no list {name!r} is in use", mend="see `sfs lists stats`")
    if found.mandatory:
        raise SfsError(f"{name!r} is a mandatory list", mend="its names are not shown")
    return found


@contextmanager
def _in_force(config: Config, source: ListSource) -> Iterator[ListFile]:
    """The list that acts now: of the store, else its file."""
    if source.path is not None:
        with _compiled(source.path, source.format) as (file, _):
            yield file
        return
    stored = store.open_version(config.state, store.state_of(config.state, source))
    if stored is None:
        raise SfsError(f"the list {source.name!r} was never fetched", mend="run `sfs lists update`")
    yield stored


@contextmanager
def _compiled(file: Path, format_: str | None) -> Iterator[tuple[ListFile, str]]:
    """A list as it would act, and its format."""
    with tempfile.TemporaryDirectory(prefix="sfs-") as work:
        listed = unpack(file, Path(work) / "unpacked")
        found = _format(listed, format_)
        compile_list(listed, found, Path(work) / "compiled", shown=str(file))
        yield open_compiled(Path(work) / "compiled"), found


def _format(listed: Path, format_: str | None) -> str:
    """The format that was said, else the one that it looks like."""
    if format_ is not None:
        return format_
    if listed.is_dir():
        return ListFormat.SQUIDGUARD
    with listed.open("rb") as file:
        found = guess_format(file.read(1 << 16))
    if found is None:
        raise RuleError("this looks like no list that is known", mend=f"say --format {', '.join(ListFormat)}")
    return found


def _lines(file: ListFile) -> Iterator[str]:
    assert isinstance(file.index, CompiledIndex)
    return file.index.lines()


def _keep(listed: Path, target: Path) -> None:
    make_private(target.parent)
    part = target.with_suffix(".part")
    shutil.copyfile(listed, part)
    part.chmod(0o600)
    part.replace(target)


def _keep_lines(file: ListFile, target: Path) -> None:
    make_private(target.parent)
    write_atomically(target, "".join(f"{line}\n" for line in sorted(_lines(file))).encode())

"""`sfs profile`: PICSRules 1.1 profiles, which other filters read and write, to our configuration and back.

What comes out goes to standard output, what does not carry over to standard error, by line and column."""

from collections.abc import Iterable
from pathlib import Path

import click

from sfs.errors import SfsError, Where
from sfs.lists.private import write_atomically
from sfs.pics.rule_reader import MAX_RULES, parse_rules
from sfs.pics.rules import write_rules
from sfs.sources.picsrules_entries import Effect, Finding

_MAX_BYTES = 4 * MAX_RULES  # no character has more


@click.group("profile")
def command() -> None:
    """Take over a PICSRules profile, or write the configuration as one."""


@command.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the YAML goes.")
def import_(file: Path, output: Path | None) -> int:
    """Write the configuration that the PICSRules profile FILE means.

    Exit 1 where something that closes pages could not be taken over: what is written shows more than FILE does."""
    from sfs.sources.picsrules_import import import_rules, write_config

    imported = import_rules(parse_rules(_read(file), str(file)))
    _write(write_config(imported, file.name), output)
    _report(imported.findings)
    return int(imported.shows_more)


@command.command("export")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A configuration.")
@click.option("--level", type=click.IntRange(0, 4), help="0 to 4, see `sfs levels`.")
@click.option("--profile", metavar="P", help="household, school, isp, only-allowed, or a file.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the profile goes.")
def export(config: Path | None, level: int | None, profile: str | None, output: Path | None) -> int:
    """Write a PICSRules profile of what holds for everybody."""
    from sfs.export.picsrules import export_rules
    from sfs.sources.config import load_config

    given = {key: value for key, value in (("level", level), ("profile", profile)) if value is not None}
    exported = export_rules(load_config(config, given))
    _write(write_rules(exported.rules), output)
    _report(exported.findings)
    return 0


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_MAX_BYTES + 1)
    except OSError as fault:
        raise SfsError(f"cannot be read: {fault.strerror}", Where(str(file)), "name a PICSRules profile") from None


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        if output.is_file():  # it may be the configuration in use
            mode = output.stat().st_mode & 0o777
            write_atomically(output.resolve(), text.encode(), lambda new: new.chmod(mode))
        else:
            output.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise SfsError(f"cannot be written: {fault.strerror}", Where(str(output)), "name another file") from None


def _report(findings: Iterable[Finding]) -> None:
    found = tuple(findings)
    for finding in found:
        click.echo("".join(char if char.isprintable() else "?" for char in str(finding)), err=True)
    more = sum(finding.effect is Effect.MORE for finding in found)
    if more:
        click.echo(f"sfs: {more} of these close pages there, and do not in what was written", err=True)

"""`sfs lists import --purpose`: a mandatory list as a body hands it out, made into the one form that SFS keeps."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import click

from sfs.cli.confidential import check_input, check_output
from sfs.errors import SfsError, Where
from sfs.export import outputs
from sfs.lists.bodies import FORMATS, Body, guess, read_body
from sfs.lists.mandatory import MandatoryList, Purpose
from sfs.lists.mandatory_file import read_mandatory, write_mandatory
from sfs.lists.private import keep_no_core, write_private

_START: Final = 1 << 16


def import_mandatory(
    file: Path, purpose: Purpose, format_: str | None, name: str | None, out: Path | None, any_query: bool
) -> int:
    """Write the list in `file` (- for standard input) to `out`, or print it. Exit 1 where a line was refused."""
    keep_no_core()
    out = None if str(out) == "-" else out  # standard output, and no file of that name
    check_output(purpose, out)
    if format_ is not None and format_ not in FORMATS:
        raise SfsError(f"a mandatory list is not read as {format_}", mend=f"take one of {', '.join(FORMATS)}")
    shown = name or (file.name if str(file) != "-" else "standard input")
    try:
        if str(file) == "-":
            check_input(purpose, sys.stdin, "standard input")
            body = _read(sys.stdin.buffer, shown, format_, purpose, any_query)
        else:
            with file.open("rb") as opened:
                check_input(purpose, opened, str(file))
                body = _read(opened, shown, format_, purpose, any_query)
    except OSError as fault:
        raise SfsError(f"cannot be read: {fault.strerror}", Where(str(file)), "look who may read it") from None
    serial = outputs.next_serial(_serial_at(out, purpose), datetime.now(UTC))
    found = body.as_list(shown, purpose, serial)
    text = "".join(f"{line}\n" for line in write_mandatory(found))
    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_private(out, text)
    _say(body, found)
    return 1 if len(body.refused) else 0


def _read(file: BinaryIO, name: str, format_: str | None, purpose: Purpose, any_query: bool) -> Body:
    start = file.readlines(_START)
    if start and start[0].lstrip(b"\xef\xbb\xbf \t").startswith(b'{"'):
        raise SfsError("a list in the form of SFS already", Where(name), "`sfs lists export` takes it as it is")
    lines = [*start, *file]
    return read_body(lines, name, format_ or guess(b"".join(start), name), purpose, any_query)


def _serial_at(out: Path | None, purpose: Purpose) -> int:
    """The serial of the list that `out` holds. SfsError where it has another purpose, which never changes."""
    if out is None or not out.exists():
        return 0
    try:
        with out.open("rb") as file:
            before = read_mandatory(file, str(out))
    except SfsError:
        raise SfsError("a file that is no mandatory list", Where(str(out)), "name another one for -o") from None
    if before.purpose is not purpose:
        what = f"the list there has the purpose {before.purpose}, which cannot become {purpose}"
        raise SfsError(what, Where(str(out)), "write it to another place, as another list")
    return before.serial


def _say(body: Body, found: MandatoryList) -> None:
    click.echo(f"{found.name}: {len(found.entries):,} entries, serial {found.serial}", err=True)
    for title, report in (("made of it", body.made), ("not taken", body.refused)):
        if len(report):
            click.echo(f"{title}:", err=True)
            for line in report.text():
                click.echo(f"  {line}", err=True)

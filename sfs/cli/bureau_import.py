"""`sfs bureau import, export, label`: labels out of files and into files, and the label of an author's own page."""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from sfs.bureau.author import author_label
from sfs.bureau.exporting import write_lists, write_table
from sfs.bureau.importing.journal import Journal
from sfs.bureau.importing.meaning import Meaning
from sfs.bureau.importing.plan import PICS, RAT, TABLE, Asked, Part, content_key, plan_import
from sfs.bureau.importing.run import BATCH, Import, Outcome
from sfs.cli.bureau_rate import open_store, service_of, store_options
from sfs.cli.list_check import reason_lines, reporting
from sfs.errors import SfsError, Where
from sfs.lists.formats import FORMATS
from sfs.lists.notes import BAD, LEFT, PART, Notes
from sfs.lists.private import alone_in
from sfs.pics.safetyonline import MAX_RATING, SERVICE
from sfs.pics.stored import StoredLabel
from sfs.sources.categories import load_categories
from sfs.sources.places import default_state_dir, rules_dir

_FORMATS: Final = tuple(dict.fromkeys((TABLE, PICS, RAT, *FORMATS)))
_PRIORITY: Final = 10  # of 19: who has a lower number comes first
_RATING: Final = click.IntRange(0, MAX_RATING)


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE|DIR...", type=click.Path(exists=True, path_type=Path))
@click.option("--rating", type=_RATING, help="What the pages of a list are rated.")
@click.option("--format", "format_", type=click.Choice(_FORMATS), help="How the lines are written.")
@click.option("--service", default=SERVICE, show_default=True, help="Whose labels these are, where they do not say.")
@click.option("--by", metavar="NAME", help="Who rated, where the file does not say.")
@click.option("--source", metavar="NAME", help="What the import is called. Default: the name of the file.")
@click.option("--replace", is_flag=True, help="Withdraw labels of the same source that the files no longer have.")
@click.option("--accept-smaller", is_flag=True, help="Even if they are more than half of them.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write all that was not taken: JSON.")
@click.option("--batch", type=click.IntRange(1, 100_000), default=BATCH, hidden=True, help="Labels written at once.")
@store_options
def import_files(
    files: tuple[Path, ...],
    rating: int | None,
    format_: str | None,
    service: str,
    by: str | None,
    source: str | None,
    replace: bool,
    accept_smaller: bool,
    report: Path | None,
    batch: int,
    database: str | None,
    state: str | None,
) -> int:
    """Take labels out of files: lists of names with --rating, folders of categories (UT1, squidGuard), tables (CSV)
    with the columns url and rating, PICS label lists; and descriptions of services (.rat). What was not taken is said,
    with its place. An import that was interrupted goes on where it was when it is started again. Exit 1 where a line
    could not be read."""
    _stand_back()
    folder = default_state_dir() if state is None else Path(state).expanduser()
    name = source or files[0].resolve().name.partition(".")[0]
    meaning = Meaning(service, by, name, keep_source=source is None)
    categories = load_categories(rules_dir() / "ratings" / "categories.yaml")
    with reporting(report) as each, tempfile.TemporaryDirectory(prefix="sfs-") as work:
        notes = Notes(each)
        parts = plan_import(files, Asked(rating, format_, meaning, categories, Path(work)), notes.add)
        store = open_store(database, state, create=True)
        try:
            journal = Journal.open(folder, content_key(parts, meaning, database or ""), store.serial())
            progress = _Progress(parts)
            doing = Import(store, parts, meaning, categories, f"import {name}"[:200], notes.add, progress, batch)
            try:
                outcome = doing.run(journal, replace=replace, accept_smaller=accept_smaller)
            finally:
                progress.end()
                _say(name, doing.outcome, notes)
        finally:
            store.close()
    return int(any(reason.first.kind == BAD for reason in notes.by_count()) and bool(outcome))


@click.command("export")
@click.option("--format", "format_", type=click.Choice((TABLE, PICS)), default=TABLE, show_default=True)
@click.option("-o", "--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Default: print it.")
@click.option("--service", help="The labels of one rating service. Default: of all.")
@store_options
def export(format_: str, out: Path | None, service: str | None, database: str | None, state: str | None) -> int:
    """Write all labels as a table (CSV) or as PICS label lists, one a line. The file is the old one or the new one,
    never half of it, and `sfs bureau import` reads it back as the same labels."""
    store = open_store(database, state, create=False)
    try:
        if service is not None:
            service = service_of(store, service).uri
        count = _Counting(store.each(service))
        pieces = (write_table if format_ == TABLE else write_lists)(count)
        if out is None:
            for piece in pieces:
                click.echo(piece.encode(), nl=False)
        else:
            _write(out, pieces)
            click.echo(f"{count.count:,} labels in {out}")
    finally:
        store.close()
    return 0


@click.command("label")
@click.argument("url")
@click.option("--rating", type=_RATING, required=True, help="What the page is rated, see `sfs levels`.")
@click.option("--generic", is_flag=True, help="Of every page whose URL begins so.")
def label(url: str, rating: int, generic: bool) -> int:
    """Print the label for a page of your own: META tags, and headers for nginx and Apache. A page rated 4 gets RTA
    too, which more programs read."""
    made = author_label(url, rating, generic=generic)
    for title, lines in (("in the head of the page", made.html), ("nginx", made.nginx), ("Apache", made.apache)):
        click.echo(f"# {title}:\n{lines}\n")
    return 0


def _stand_back() -> None:
    """Leave the processor to who answers or browses meanwhile: with the bureau on the same two cores the slowest query
    in a hundred took 18 ms in place of 91."""
    if hasattr(os, "setpriority") and os.getpriority(os.PRIO_PROCESS, 0) < _PRIORITY:
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)


class _Counting:
    """Labels, counted as they are taken."""

    def __init__(self, labels: Iterable[StoredLabel]) -> None:
        self._labels = labels
        self.count = 0

    def __iter__(self) -> Iterator[StoredLabel]:
        for one in self._labels:
            self.count += 1
            yield one


class _Progress:
    """How far an import is, on one line of a terminal; nothing where there is none."""

    def __init__(self, parts: list[Part]) -> None:
        self._all = sum(part.survey.count for part in parts) if all(part.is_list for part in parts) else 0
        self._shown = sys.stderr.isatty()

    def __call__(self, done: int, name: str) -> None:
        if self._shown:
            share = f" of {self._all:,}" if self._all >= done else ""
            click.echo(f"\r\033[K{done:,}{share} labels  {name[-60:]}", nl=False, err=True)

    def end(self) -> None:
        """Leave the line."""
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)


def _say(name: str, outcome: Outcome, notes: Notes) -> None:
    counted = f"{name}: {outcome.new:,} new, {outcome.changed:,} changed, {outcome.same:,} as before"
    more = {
        "withdrawn": outcome.withdrawn,
        "services described": outcome.services,
        "kept as rated by hand": outcome.by_hand,
        "kept as another list rates higher": outcome.stricter,
        "in a list with a higher rating too": outcome.twice,
        "taken by the run before": outcome.before,
    }
    click.echo(", ".join((counted, *(f"{count:,} {words}" for words, count in more.items() if count))))
    for line in reason_lines(notes.by_count(), (LEFT, PART, BAD)):
        click.echo(line)


def _write(out: Path, pieces: Iterable[str]) -> None:
    """Put the pieces in the place of a file, one command after the other. SfsError where that fails; then the old file
    is there as before."""
    part = out.with_name(f".{out.name}.part")
    with alone_in(out.absolute().parent):
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            part.replace(out)
        except OSError as fault:
            mend = "check the folder and the free space"
            raise SfsError(f"cannot be written: {fault.strerror}", Where(str(out)), mend) from None
        finally:
            with suppress(OSError):
                part.unlink()

"""`sfs lists check FILE` and `sfs lists stats FILE`: what a list says, and what is wrong with it."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from sfs.cli.list_files import JSON, PATH, WITH_WORDS, unpacked
from sfs.cli.mandatory_check import check_mandatory
from sfs.errors import SfsError, Where
from sfs.lists.files import How, Reading, read_into
from sfs.lists.formats import WORD_FORMATS
from sfs.lists.notes import BAD, LEFT, PART, Note, Reason
from sfs.lists.survey import KINDS, Finding, Survey, counts, endings, findings

MAX_SHOWN = 20  # lines of one kind that are printed
_MAX_JSON = 1000  # of one kind
_HEADS = {LEFT: "not taken", PART: "taken in part", BAD: "lines skipped"}


@click.command("check")
@click.argument("file", type=PATH)
@WITH_WORDS
@click.option("--key", "key_file", type=PATH, help="Of a sealed list: whether it is whole.")
@JSON
def check(file: Path, format_: str | None, key_file: Path | None, as_json: bool) -> int:
    """Read a list, packed or not, and say what is wrong with it: lines that are none, what cannot be said here,
    entries that stand twice, that others hide, that never match. Exit 1 where it cannot be used."""
    try:
        if check_mandatory(file, key_file, as_json):
            return 0
        survey = Survey()
        with unpacked(file, format_) as (listed, name):
            reading = read_into(listed, name, survey, How(str(file)))
    except SfsError as fault:
        if as_json:
            click.echo(json.dumps({"file": str(file), "fault": fault.what, "mend": fault.mend}))
        click.echo(str(fault), err=True)
        return 1
    found: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
    for finding in findings(survey):
        found[finding.kind].append(finding)
    if as_json:
        click.echo(json.dumps(_as_json(file, reading, survey, found), ensure_ascii=False, indent=1))
        return 0
    for line in (*_summary(reading, survey), *reason_lines(reading.notes.by_count(), (LEFT, PART))):
        click.echo(line)
    for kind, of_kind in found.items():
        for line in _of_kind(kind, of_kind, reading):
            click.echo(line)
    return 0


def file_stats(file: Path, format_: str | None, as_json: bool) -> None:
    """Print how many entries of each kind a list has. SfsError where it is none."""
    if check_mandatory(file, None, as_json):
        return
    survey = Survey()
    with unpacked(file, format_) as (listed, name):
        reading = read_into(listed, name, survey, How(str(file)))
    hidden = sum(finding.kind == "hidden" for finding in findings(survey))
    rows: dict[str, int] = {"entries": len(survey) or len(reading.phrases)}
    rows |= {"phrases": len(reading.phrases)} if name in WORD_FORMATS else counts(survey)
    rows |= {"stand twice": len(survey.doubles), "hidden by others": hidden}
    rows |= {"lines": reading.lines, "lines not taken": reading.passed_over, "lines skipped": reading.skipped_count}
    top = endings(survey)
    if as_json:
        said: dict[str, Any] = {"file": str(file), "format": name, **rows, "endings": dict(top)}
        click.echo(json.dumps(said, ensure_ascii=False, indent=1))
        return
    click.echo(f"format  {name}")
    width = max(len(f"{count:,}") for count in rows.values())
    for key, count in rows.items():
        click.echo(f"{count:>{width},}  {key}")
    if top:
        click.echo("ends in " + ", ".join(f".{ending} {count:,}" for ending, count in top))


def reason_lines(reasons: Iterable[Reason], kinds: Sequence[str]) -> list[str]:
    """Reasons by kind, each with how many lines have it and the first of them."""
    lines = []
    for kind in kinds:
        of_kind = [reason for reason in reasons if reason.first.kind == kind]
        if of_kind:
            lines.append(f"{_HEADS[kind]}:")
        for reason in of_kind[:MAX_SHOWN]:
            first = reason.first
            lines.append(f"  {reason.count:,} {first.why}")
            lines.append(f"    {first.where}: {first.text}" + (f"  ({first.means})" if first.means else ""))
        if len(of_kind) > MAX_SHOWN:
            lines.append(f"  and {len(of_kind) - MAX_SHOWN:,} more reasons")
    return lines


def _note_row(note: Note) -> dict[str, Any]:
    """A note as a row of a report."""
    where = {"file": note.where.file, "line": note.where.line}
    row = {"kind": note.kind, "why": note.why, **where, "text": note.text, "means": note.means, "mend": note.mend}
    return {key: value for key, value in row.items() if value not in ("", None)}


@contextmanager
def reporting(report: Path | None) -> Iterator[Callable[[Note], None]]:
    """What is called with each note: it writes them to the report, one a line. SfsError where that fails."""
    if report is None:
        yield lambda note: None
        return
    try:
        with report.open("w", encoding="utf-8") as file:
            yield lambda note: print(json.dumps(_note_row(note), ensure_ascii=False), file=file)
    except OSError as fault:
        raise SfsError(f"the report cannot be written: {fault.strerror}", Where(str(report))) from None


def _summary(reading: Reading, survey: Survey) -> list[str]:
    words = reading.format in WORD_FORMATS
    said = f"{len(reading.phrases):,} phrases" if words else f"{len(survey):,} names"
    lines = [f"{said} in the format {reading.format}, {reading.skipped_count:,} lines skipped"]
    lines += [str(fault) for fault in reading.skipped[:MAX_SHOWN]]
    left = reading.skipped_count - MAX_SHOWN
    return [*lines, f"and {left:,} more"] if left > 0 else lines


def _of_kind(kind: str, of_kind: list[Finding], reading: Reading) -> list[str]:
    lines = [f"{len(of_kind):,} {KINDS[kind]}:"] if of_kind else []
    for finding in of_kind[:MAX_SHOWN]:
        said = f"  {reading.where(finding.line)}: {finding.entry}"
        if finding.by_line:
            place = reading.where(finding.by_line)
            said += f", as in line {place.line}" if kind == "duplicate" else f", by {finding.by} in line {place.line}"
            said += "" if place.file == reading.where(finding.line).file else f" of {place.file}"
        lines.append(said + (f": {finding.note}" if finding.note else ""))
    if len(of_kind) > MAX_SHOWN:
        lines.append(f"  and {len(of_kind) - MAX_SHOWN:,} more")
    return lines


def _as_json(file: Path, reading: Reading, survey: Survey, found: dict[str, list[Finding]]) -> dict[str, Any]:
    return {
        "file": str(file),
        "format": reading.format,
        "entries": len(survey) or len(reading.phrases),
        "skipped": reading.skipped_count,
        "reasons": [{"count": reason.count, "first": _note_row(reason.first)} for reason in reading.notes.by_count()],
        "findings": {
            kind: {"count": len(of_kind), "first": [_row(finding, reading) for finding in of_kind[:_MAX_JSON]]}
            for kind, of_kind in found.items()
        },
    }


def _row(finding: Finding, reading: Reading) -> dict[str, Any]:
    place = reading.where(finding.line)
    row = {key: value for key, value in asdict(finding).items() if value and key not in ("kind", "line", "by_line")}
    if finding.by_line:
        by = reading.where(finding.by_line)
        row |= {"by_line": by.line, "by_file": by.file}
    return {"file": place.file, "line": place.line, **row}

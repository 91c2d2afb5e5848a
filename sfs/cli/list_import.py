"""`sfs lists import`: a list of your own, or of another filter, taken into use; what of it was not is said, and why.

A list of names goes to STATE/imported and a row of `lists` in the layer of changes. A list of words goes to
STATE/keywords, beside it what cannot be said as a word, with its weights.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from sfs.cli.common import config_options
from sfs.cli.list_check import reason_lines, reporting
from sfs.cli.list_files import STATE, WITH_WORDS, config_of, lines_of, unpacked
from sfs.cli.mandatory_import import import_mandatory
from sfs.errors import SfsError, Where
from sfs.lists import store
from sfs.lists.compile import Compiled, compile_list
from sfs.lists.compiled import open_compiled
from sfs.lists.files import MAX_BYTES, How
from sfs.lists.formats import INCLUDING, WORD_FORMATS
from sfs.lists.formats.comma import groups
from sfs.lists.mandatory import Purpose
from sfs.lists.notes import BAD, LEFT, PART, Note, Notes
from sfs.lists.phrases import LIMIT, MAX_WORDS, read_phrases, sidecar, word_line
from sfs.lists.private import alone_in, make_private, write_private
from sfs.sources.categories import category_named, load_categories
from sfs.sources.changes import Changes
from sfs.sources.config import Config
from sfs.sources.places import rules_dir
from sfs.sources.rules import MAX_FILE, keywords_dir
from sfs.sources.subscriptions import category_of

_PURPOSE: Final = click.Choice([str(one) for one in Purpose])
MAX_GROUPS: Final = 50  # lists that one table becomes
# Files that hold more than a list: only what was taken of them is kept.
_MORE: Final = frozenset({"adguard", "pihole"})
_SHOWING: Final = re.compile(r"^(?:semi|local)?(?:exception|grey)")  # lists of e2guardian that open, by their names


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the options say."""

    file: Path
    name: str
    category: str | None
    rating: int | None
    opens: bool
    only: tuple[str, ...]
    limit: int
    arguments: Mapping[str, object]
    config: Config

    @property
    def meaning(self) -> dict[str, Any]:
        """What stands in the row of the list."""
        said: dict[str, Any] = {} if self.category is None else {"category": self.category}
        said |= {} if self.rating is None else {"rating": self.rating}
        return said | ({"opens": True} if self.opens else {})


@click.command("import")
@click.argument("file", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--name", help="What the list is called; it stands in the log. Default: the name of the file.")
@click.option("--category", help="What its pages are: a name of rules/ratings/categories.yaml.")
@click.option("--rating", type=click.IntRange(0, 4), help="What its pages are rated, or what its words suggest.")
@click.option("--opens", is_flag=True, help="Its pages are shown: a list of exceptions.")
@click.option("--only", multiple=True, help="A part of it: @ads of v2fly, a category of a table. May be given again.")
@click.option("--limit", default=LIMIT, show_default=True, help="Weight from which a phrase alone is a word.")
@click.option(
    "--purpose", type=_PURPOSE, help="A mandatory list: why it exists. It is written to -o, not taken into use."
)
@click.option("-o", "out", type=click.Path(dir_okay=False, path_type=Path), help="With --purpose: where to write it.")
@click.option("--any-query", is_flag=True, help="With --purpose: a URL without a query means those with one too.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write all that was not taken: JSON.")
@config_options
@STATE
@WITH_WORDS
def import_file(
    file: Path,
    name: str | None,
    category: str | None,
    rating: int | None,
    opens: bool,
    only: tuple[str, ...],
    limit: int,
    purpose: str | None,
    out: Path | None,
    any_query: bool,
    report: Path | None,
    format_: str | None,
    **config_arguments: object,
) -> int:
    """Take a list of your own into use: FILE, packed or not, or a folder of squidGuard. What cannot be said here is
    counted by its reason, each with its first line. With --purpose: a mandatory list as a body hands it out (a table,
    URLs, a zone) is made into the form that `sfs lists export` takes."""
    if purpose is not None:
        if category or rating is not None or opens or only or report:
            what = "--category, --rating, --opens, --only and --report are for lists of categories"
            raise SfsError(what, mend="leave them out, or --purpose")
        return import_mandatory(file, Purpose(purpose), format_, name, out, any_query)
    if out is not None or any_query or str(file) == "-":
        raise SfsError("-o, - and --any-query are for mandatory lists", mend="say --purpose, or leave them out")
    if category is not None:  # looked at before the list of before is replaced
        category_named(category, load_categories(rules_dir() / "ratings" / "categories.yaml"), Where("--category"))
    config = config_of(config_arguments)
    name = name or file.name.partition(".")[0] or file.name
    wanted = _Wanted(file, name, category, rating, opens, only, limit, config_arguments, config)
    with reporting(report) as each, unpacked(file, format_) as (listed, found):
        if _SHOWING.match(file.name.lower()) and not opens and found in ("e2guardian", *WORD_FORMATS):
            mend = "say --opens; phrases and terms that open are not taken"
            raise SfsError("by its name this list holds what is shown", Where(file.name), mend)
        if found in WORD_FORMATS:
            _import_words(wanted, listed, found, each)
            return 0
        for part in _parts(wanted, listed, found):
            _import_names(part, listed, found, each)
    return 0


def _parts(wanted: _Wanted, listed: Path, found: str) -> Iterator[_Wanted]:
    """The lists that a file becomes: one; of a table without a meaning one for each of its categories or ratings."""
    said = len([one for one in (wanted.category, wanted.rating) if one is not None])
    if said == 1 or (wanted.opens and not said):
        yield wanted
        return
    found_groups, rated = _groups(listed) if found == "csv" and not said else ({}, False)
    if not found_groups:
        raise SfsError("what are its pages?", mend="say --category gambling, or --rating 3, or --opens; one of them")
    known = []
    for group, count in list(found_groups.items())[:MAX_GROUPS]:
        meaning = _meaning_of(group, rated)
        if meaning is None:
            what = "rating" if rated else "category"
            click.echo(f"not taken: {count:,} rows of the {what} {group[:40]!r}; take them with --only and --rating")
        else:
            known.append((group, meaning))
    if not known:
        raise SfsError("no category of the table is known", mend="say --rating, or name them as categories.yaml does")
    for group, (category, rating) in known:
        rest = (False, (group,), wanted.limit, wanted.arguments, wanted.config)
        yield _Wanted(wanted.file, f"{wanted.name} {group}"[:80], category, rating, *rest)


def _groups(table: Path) -> tuple[dict[str, int], bool]:
    with table.open("rb") as file:
        return groups(iter(lambda: file.readline(MAX_BYTES), b""))


def _meaning_of(group: str, rated: bool) -> tuple[str | None, int | None] | None:
    if rated:
        return (None, int(group)) if group in ("0", "1", "2", "3", "4") else None
    return (group, None) if category_of(group) is not None else None


def _import_names(wanted: _Wanted, listed: Path, found: str, each: Callable[[Note], None]) -> None:
    target = wanted.config.state / "imported" / f"{store.key_of(wanted.name)}.txt"
    how = How(str(wanted.file), wanted.only, each)
    with tempfile.TemporaryDirectory(prefix="sfs-") as work:
        folder = Path(work) / "compiled"
        compiled = compile_list(listed, found, folder, how=how)
        if not compiled.size:
            _say_reasons(compiled)
            raise SfsError(f"no names in {str(wanted.file)!r}", mend="look whether it is the right file and format")
        as_it_is = listed.is_file() and not wanted.only and found not in INCLUDING | _MORE
        row = {"name": wanted.name, "url": str(target), "format": found if as_it_is else "entries", **wanted.meaning}
        with _putting(target):
            changes = Changes(wanted.config.state, lambda path: config_of(wanted.arguments, path))
            if as_it_is:
                _keep(listed, target)
            else:
                lines = "".join(f"{line}\n" for line in sorted(lines_of(open_compiled(folder))))
                write_private(target, lines)
            changes.set("lists", [*_others(changes.values(), wanted.name), row], by="sfs lists import")
    counted = f"{compiled.size:,} names, {compiled.skipped_count:,} lines skipped"
    click.echo(f"{wanted.name}: {counted}; holds from now on")
    _say_reasons(compiled)


def _import_words(wanted: _Wanted, listed: Path, found: str, each: Callable[[Note], None]) -> None:
    if wanted.rating in (None, 0) or wanted.category is not None or wanted.opens:
        raise SfsError("what do its words suggest?", mend="say --rating 1 to 4: words have a rating, no category")
    if wanted.only:
        raise SfsError(f"a list in the format {found} has no parts", mend="leave --only out")
    reading = read_phrases(listed, found, How(str(wanted.file), (), each))
    notes, words = Notes(each, reading.notes.reasons), dict[str, None]()
    for phrase, number in zip(reading.phrases, reading.phrase_lines, strict=True):
        line, why = word_line(phrase, wanted.limit, "query" if found == "searches" else "")
        if line is not None:
            words[line] = None
        if why:
            shown = ", ".join(f"<{part}>" for part in phrase.parts)[:200]
            notes.add(Note(PART if line is not None else LEFT, why, reading.where(number), shown))
    if len(words) > MAX_WORDS or sum(len(word.encode()) + 1 for word in words) > MAX_FILE // 2:
        raise SfsError(f"{len(words):,} words", mend=f"at most {MAX_WORDS:,} are taken, of 2 MB: split the list")
    beside = "".join(sidecar(reading.phrases)) if found == "phrases" else ""  # terms of searches stand in no page
    target = _keep_words(wanted, words, beside) if words or reading.phrases else None
    counted = f"{len(words):,} words of {len(reading.phrases):,} phrases, {reading.skipped_count:,} lines skipped"
    click.echo(f"{wanted.name}: {counted}" + ("; holds from now on" if words else ""))
    if target is not None:
        click.echo(f"to take them back, delete {target}")
    for line in reason_lines(notes.by_count(), (LEFT, PART, BAD)):
        click.echo(line)


def _keep_words(wanted: _Wanted, words: Mapping[str, None], beside: str) -> Path:
    """Write the words and what stands beside them; the file of an earlier import of the same name goes."""
    folder, key = keywords_dir(wanted.config), store.key_of(wanted.name)
    target = folder / f"{key}-{wanted.rating}.txt"
    write_private(target, f"# {wanted.name}\n" + "".join(f"{word}\n" for word in words))
    for rating in range(1, 5):
        old = folder / f"{key}-{rating}.txt"
        if old != target:
            old.unlink(missing_ok=True)
    if beside:
        write_private(folder / f"{key}.phrases.jsonl", beside)
    else:
        (folder / f"{key}.phrases.jsonl").unlink(missing_ok=True)
    return target


def _say_reasons(compiled: Compiled) -> None:
    for line in reason_lines(compiled.reasons, (LEFT, PART, BAD)):
        click.echo(line)


@contextmanager
def _putting(target: Path) -> Iterator[None]:
    """Alone in the folder of lists: of two imports at once the second adds its row to that of the first. SfsError where
    nothing can be written there."""
    try:
        make_private(target.parent)
        with alone_in(target.parent):
            yield
    except OSError as fault:
        what = f"cannot be written: {fault.strerror}"
        raise SfsError(what, Where(str(target)), "check the folder and the free space") from None


def _others(values: Mapping[str, Any], name: str) -> list[Any]:
    """The rows of all other lists that were imported."""
    return [one for one in values.get("lists", []) if not isinstance(one, dict) or one.get("name") != name]


def _keep(listed: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    shutil.copyfile(listed, part)
    part.chmod(0o600)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)

"""`sfs words`: what the words find in texts of yours."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from sfs.cli.common import print_skipped
from sfs.errors import SfsError
from sfs.match.tally import RATINGS, Example, Tally
from sfs.match.words import Place, WordIndex
from sfs.sources.config import joined, load_config
from sfs.sources.rules import RulesReport, load_words
from sfs.sources.texts import read_texts


@click.group("words")
def command() -> None:
    """See what words find, before they block."""


@command.command("try")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its words count too.")
@click.option("--level", type=click.IntRange(0, 4), help="Only words that block at this level.")
@click.option("--rating", type=click.IntRange(1, 4), help="Only words of this rating and above.")
@click.option(
    "--place",
    type=click.Choice([place.name.lower() for place in Place if place.name]),
    default="meta",
    show_default=True,
    help="Read the texts as URLs, as search words, or as titles and descriptions.",
)
@click.option("--worst", type=click.IntRange(0), default=20, show_default=True, help="How many words are printed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def try_files(
    files: tuple[Path, ...],
    config: Path | None,
    level: int | None,
    rating: int | None,
    place: str,
    worst: int,
    as_json: bool,
) -> int:
    """Look for the words in FILES (text or HTML in any charset; folders; - for standard input): hits for a million
    characters by rating, and the words that are found most, with what stands around them. A line of text, or a block of
    HTML, is one text. Exit 0 also where words are found."""
    if level is not None and rating is not None:
        raise SfsError("--level and --rating say the same", mend="leave one out: --level 1 is --rating 2")
    above = level if level is not None else (rating or 1) - 1
    tally = Tally(_index(config), Place[place.upper()], above)
    count, cut = 0, []
    for file in read_texts(files, sys.stdin.buffer):
        count += 1
        cut += [file.name] * file.cut
        for line, text in file.texts:
            tally.add(text, file.name, line)
    for name in cut:
        click.echo(f"warning: {name}: only its first part was read", err=True)
    lines = [_json(tally, count, worst)] if as_json else _lines(tally, count, worst)
    sys.stdout.write("".join(line + "\n" for line in lines))
    return 0


def _index(config: Path | None) -> WordIndex:
    """The words of rules/keywords, and those of the configuration, of its groups too."""
    report = RulesReport()
    rules = load_words(report)
    print_skipped(report.skipped)
    if config is None:
        return WordIndex(rules)
    read = load_config(config)
    layers = (*read.layers, *(layer for group in read.groups for layer in group.layers))
    return WordIndex((*joined(layers, "keywords"), *rules))


def _lines(tally: Tally, count: int, worst: int) -> Iterator[str]:
    files = "1 file" if count == 1 else f"{count:,} files"
    yield f"{files}, {tally.characters:,} characters"
    yield ""
    yield "rating    hits  for a million characters"
    for rating in RATINGS:
        if rating > tally.above:
            hits = tally.of_rating(rating)
            yield f"{rating:>6}  {hits:>6,}  {tally.per_million(hits):.2f}"
    found = tally.worst()
    for rule, hits in found[:worst]:
        yield ""
        yield f"{hits:,} x {_printable(' + '.join(rule.parts))}  (rating {rule.rating}, {rule.where or 'no file'})"
        for one in tally.examples[rule]:
            yield f"    {one.file}:{one.line}: {_printable(f'{one.before}[{one.found}]{one.after}')}"
    if len(found) > worst:
        yield ""
        yield f"and {len(found) - worst:,} words more: --worst {len(found)}"


def _json(tally: Tally, count: int, worst: int) -> str:
    def example(one: Example) -> dict[str, object]:
        return {"file": one.file, "line": one.line, "before": one.before, "found": one.found, "after": one.after}

    value = {
        "files": count,
        "characters": tally.characters,
        "ratings": [
            {"rating": rating, "hits": hits, "per_million": round(tally.per_million(hits), 3)}
            for rating in RATINGS
            if rating > tally.above
            for hits in (tally.of_rating(rating),)
        ],
        "words": [
            {
                "word": " + ".join(rule.parts),
                "rating": rule.rating,
                "where": str(rule.where) if rule.where else None,
                "hits": hits,
                "examples": [example(one) for one in tally.examples[rule]],
            }
            for rule, hits in tally.worst()[:worst]
        ],
    }
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)

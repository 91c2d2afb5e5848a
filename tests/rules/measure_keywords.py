"""How often the shipped words are wrong, and how often they are right: figures over dictionaries, manuals and hosts.

Run by hand it prints every figure and every hit; tests/rules/test_keywords.py holds them to their bounds.

    python tests/rules/measure_keywords.py                   # all figures
    python tests/rules/measure_keywords.py --write-reviewed  # rewrite reviewed-hits.txt: read the change

The texts come from Debian packages (mecab-ipadic, edict, wamerican, debian-reference-ja, maint-guide-ja,
aptitude-doc-ja), host names from the folder that SFS_TEST_DATA names, judged public word lists from the file that
SFS_JUDGED_WORDS names (`term<TAB>rating` a line). What is not there is not measured, and says so.
"""

import csv
import hashlib
import lzma
import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sfs.errors import Where
from sfs.match.words import EVERYWHERE, Place, WordHit, WordIndex, WordRule, parse_word_line
from sfs.text.fold import fold

HERE = Path(__file__).resolve().parent
KEYWORDS = HERE.parents[1] / "rules" / "keywords"
REVIEWED = HERE / "reviewed-hits.txt"
IPADIC = Path("/usr/share/mecab/dic/ipadic")
IPADIC_FILES = ("Noun.place.csv", "Noun.name.csv", "Noun.org.csv")
EDICT = Path("/usr/share/edict/edict")
AMERICAN = Path("/usr/share/dict/american-english")
MANUALS = {
    "debian-reference-ja": ("/usr/share/debian-reference", "*.ja.html"),
    "maint-guide-ja": ("/usr/share/doc/maint-guide-ja/html", "*.html"),
    "aptitude-doc-ja": ("/usr/share/doc/aptitude/html/ja", "*.html"),
}
HOSTS = "hosts/hosts-1m.txt.xz"
HOST_SEED = 2026
HOST_SAMPLE = 10_000
NAME_CARRIERS = ("{}", "{}の公式サイト")
TERM_CARRIERS = {"ja": "これは{}の動画です", "en": "free {} videos here"}
LANGUAGES = ("ja", "en")
# Two headwords of edict name abuse of children. They are rightly hit, and the project writes no such words.
UNWRITTEN = frozenset({"370fa82eb1c61aa6", "efa2b643d4606882"})
RATINGS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Containing:
    """A headword that holds a listed word without being one."""

    source: str
    headword: str
    word: str
    rating: int

    def line(self) -> str:
        return f"{self.source}\t{self.headword}\t{self.word}\t{self.rating}"


def load_file(path: Path, rating: int | None) -> list[WordRule]:
    """The rules of one word file; RuleError names file and line of the first bad one."""
    lines = path.read_text("utf-8").splitlines()
    rules = (parse_word_line(line, rating, Where(path.name, number)) for number, line in enumerate(lines, 1))
    return [rule for rule in rules if rule is not None]


def block_files() -> dict[str, int]:
    """File name -> rating of the files whose words block."""
    return {f"{language}-{rating}.txt": rating for language in LANGUAGES for rating in RATINGS}


def help_files() -> tuple[str, ...]:
    return tuple(f"help-{language}.txt" for language in LANGUAGES)


def block_rules() -> list[WordRule]:
    return [rule for name, rating in block_files().items() for rule in load_file(KEYWORDS / name, rating)]


def help_rules() -> list[WordRule]:
    return [rule for name in help_files() for rule in load_file(KEYWORDS / name, None)]


def everywhere(rules: Iterable[WordRule]) -> WordIndex:
    """An index in which every word is looked for in every place: one search instead of three, and the strictest."""
    return WordIndex(replace(rule, places=EVERYWHERE) for rule in rules)


def place_hits(index: WordIndex, text: str, above: int = 0) -> list[WordHit]:
    """The hits of `text` as URL, as search words and as metadata."""
    return [hit for place in (Place.URL, Place.QUERY, Place.META) for hit in index.find(text, place, above)]


def spelled(rule: WordRule) -> str:
    return " + ".join(rule.parts)


def ipadic_names() -> Iterator[str]:
    """Surface forms of places, persons and organisations; the files are EUC-JP."""
    for name in IPADIC_FILES:
        with (IPADIC / name).open(encoding="euc_jp", newline="") as file:
            for row in csv.reader(file):
                yield row[0]


def edict_headwords() -> Iterator[str]:
    with EDICT.open(encoding="euc_jp", errors="replace") as file:
        for line in file:
            yield line.split(" ", 1)[0]


def edict_readings() -> Iterator[str]:
    """The kana in brackets: what a child types who cannot write the kanji. Shown, not bounded."""
    with EDICT.open(encoding="euc_jp", errors="replace") as file:
        for line in file:
            if " [" in line:
                yield line.split(" [", 1)[1].split("]", 1)[0]


def american_headwords() -> Iterator[str]:
    return iter(AMERICAN.read_text("utf-8").split())


def manual_pages(package: str) -> Iterator[tuple[str, str]]:
    """(file name, HTML) of every page of a Debian manual, in pieces short enough to be searched whole."""
    folder, pattern = MANUALS[package]
    for path in sorted(Path(folder).glob(pattern)):
        html = path.read_text("utf-8")
        for start in range(0, len(html), 100_000):
            yield path.name, html[start : start + 100_200]


def hosts_file() -> Path | None:
    """The million host names, where SFS_TEST_DATA names a folder that has them."""
    folder = os.environ.get("SFS_TEST_DATA")
    path = Path(folder) / HOSTS if folder else None
    return path if path and path.is_file() else None


def all_hosts(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return file.read().split()


def sample_hosts(path: Path) -> list[str]:
    return random.Random(HOST_SEED).sample(all_hosts(path), HOST_SAMPLE)


def name_hits(above: int = 1) -> list[tuple[str, str, int]]:
    """(text, word, rating) of names that are hit, alone or in a carrier sentence."""
    index = everywhere(block_rules())
    return [
        (text, spelled(hit.rule), hit.rule.rating or 0)
        for name in sorted(set(ipadic_names()))
        for text in (carrier.format(name) for carrier in NAME_CARRIERS)
        for hit in index.find(text, Place.META, above)
    ]


def containing_hits(source: str, headwords: Iterable[str]) -> list[Containing]:
    """Headwords that hold a listed word; a headword that is itself listed is not one of them."""
    rules = block_rules()
    listed = {rule.parts[0] for rule in rules if len(rule.parts) == 1 and not rule.guard}
    index = everywhere(rules)
    found = []
    for headword in sorted(set(headwords)):
        if fold(headword) not in listed and _digest(headword) not in UNWRITTEN:
            hits = index.find(headword, Place.META)
            found += [Containing(source, headword, spelled(hit.rule), hit.rule.rating or 0) for hit in hits[:1]]
    return found


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:16]


def dictionary_hits() -> list[Containing]:
    return containing_hits("edict", edict_headwords()) + containing_hits("wamerican", american_headwords())


def manual_hits(package: str, rules: Iterable[WordRule]) -> list[tuple[str, str, int]]:
    """(page, word, rating) of all hits in all places, rating 1 included."""
    index = WordIndex(rules)
    return [
        (page, spelled(hit.rule), hit.rule.rating or 0)
        for page, html in manual_pages(package)
        for hit in place_hits(index, html)
    ]


def host_hits(hosts: Iterable[str], above: int = 1) -> list[tuple[str, str, int]]:
    """(host, word, rating) of the host names that the words of a URL hit."""
    index = WordIndex(block_rules())
    return [
        (host, spelled(hit.rule), hit.rule.rating or 0)
        for host in hosts
        for hit in index.find(f"https://{host}/", Place.URL, above)[:1]
    ]


def judged_words() -> list[tuple[str, str, int]] | None:
    """(language, term, rating) of public word lists, judged by hand; None where SFS_JUDGED_WORDS names no file."""
    name = os.environ.get("SFS_JUDGED_WORDS")
    if not name or not Path(name).is_file():
        return None
    rows = [line.split("\t") for line in Path(name).read_text("utf-8").splitlines() if line and line[0] != "#"]
    return [(row[2], row[0], int(row[1])) for row in rows if row[1].isdigit()]


def recall(judged: Iterable[tuple[str, str, int]]) -> tuple[list[str], list[str]]:
    """(found, missed) among the terms rated 3 and 4: hit above rating 2 inside a sentence of search words."""
    index = WordIndex(block_rules())
    found: list[str] = []
    missed: list[str] = []
    for language, term, rating in judged:
        if rating >= 3:
            hits = index.find(TERM_CARRIERS[language].format(term), Place.QUERY, above=2)
            (found if hits else missed).append(term)
    return found, missed


def phrases(name: str) -> list[str]:
    """The lines of a data file beside this one, without comments."""
    lines = (HERE / name).read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def reviewed_lines() -> list[str]:
    return phrases(REVIEWED.name)


def write_reviewed() -> None:
    head = [
        "# Headwords of edict and wamerican that hold a listed word without being one: read, and left.",
        "# source, headword, listed word, rating; written by measure_keywords.py --write-reviewed",
    ]
    REVIEWED.write_text("\n".join(head + [hit.line() for hit in dictionary_hits()]) + "\n", "utf-8")


def _show(title: str, rows: Sequence[object]) -> None:
    print(f"{title}: {len(rows)}")
    for row in rows:
        print("   ", row)


def _print_counts() -> None:
    for name, rating in (*block_files().items(), *((name, None) for name in help_files())):
        rules = load_file(KEYWORDS / name, rating)
        guards = sum(rule.guard for rule in rules)
        print(f"{name}: {len(rules) - guards} words, {guards} guards")


def _measures() -> Iterator[tuple[str, Path, Callable[[], Sequence[object]]]]:
    """(title, what must be there, the measure) of every figure over Debian packages."""
    yield "names of ipadic hit at rating 2 or above", IPADIC / IPADIC_FILES[0], name_hits
    yield "edict headwords that hold a word", EDICT, lambda: containing_hits("edict", edict_headwords())
    yield "edict readings that hold a word", EDICT, lambda: containing_hits("reading", edict_readings())
    yield "wamerican headwords that hold a word", AMERICAN, lambda: containing_hits("wamerican", american_headwords())
    rules = block_rules() + help_rules()
    for package, (folder, _) in MANUALS.items():
        yield f"hits in {package}", Path(folder), partial(manual_hits, package, rules)


def main() -> None:
    if "--write-reviewed" in sys.argv[1:]:
        write_reviewed()
        return
    _print_counts()
    for title, needed, measure in _measures():
        if needed.exists():
            _show(title, measure())
        else:
            print(f"{title}: not measured, {needed} is not there")
    if path := hosts_file():
        _show(f"of {HOST_SAMPLE} host names hit at rating 2 or above", host_hits(sample_hosts(path)))
    judged = judged_words()
    if judged is not None:
        found, missed = recall(judged)
        _show(f"found {len(found)} of {len(found) + len(missed)} judged terms, missed", missed)


if __name__ == "__main__":
    main()

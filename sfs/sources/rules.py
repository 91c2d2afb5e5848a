"""The folder rules/ and the lists of a configuration, as a Ruleset. A bad line is skipped, counted and reported; too
many refuse the file."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from sfs.core.probes import PRETENDED, PROBE_HOST
from sfs.core.ruleset import Axis, CategoryList, Ruleset
from sfs.core.safesearch import Locks
from sfs.errors import RuleError, SfsError, Where
from sfs.lists.files import ListFile, read_list, too_many_bad
from sfs.lists.opening import check_start
from sfs.lists.phrases import phrases_of
from sfs.lists.store import ListState
from sfs.match.entry import Entry, Unit, parse_entry
from sfs.match.index import EntryIndex
from sfs.match.phrases import MOST_WEIGHT, Phrase, PhraseIndex, parse_phrase_line, phrase_of, phrases_of_words
from sfs.match.words import WordIndex, WordRule, parse_word_line
from sfs.pics.safetyonline import MAX_RATING
from sfs.sources.choice import ALL_LEVELS, acts
from sfs.sources.config import Config
from sfs.sources.helplines import HelpLine, helplines_from
from sfs.sources.label_sources import RatingFile
from sfs.sources.loading import Kept, load_lists
from sfs.sources.places import rules_dir
from sfs.sources.yaml_nodes import load_plain
from sfs.text.search import Engines
from sfs.text.unwrap import Wrappers

RATINGS = ("1", "2", "3", "4")
MAX_FILE = 4 * 1024 * 1024  # bytes of a file that people edit by hand


@dataclass(slots=True)
class RulesReport:
    """What was taken and what was not: for `sfs check` and the ready line."""

    words: int = 0
    lists: list[tuple[str, ListFile]] = field(default_factory=list)
    skipped: list[SfsError] = field(default_factory=list)
    states: tuple[ListState, ...] = ()  # of the lists that the store is to hold
    missing: tuple[str, ...] = ()  # names of lists that never came
    waiting: tuple[str, ...] = ()  # of lists that hold as they were, until what came is compiled
    kept: Kept = field(default_factory=dict)  # what the next load may take over


@dataclass(frozen=True, slots=True)
class Rules:
    """All that was read."""

    ruleset: Ruleset
    ratings: tuple[RatingFile, ...]
    helplines: tuple[HelpLine, ...]
    report: RulesReport


def load_rules(
    config: Config, levels: Collection[int] = ALL_LEVELS, *, bodies: bool = False, kept: Kept | None = None
) -> Rules:
    """Read rules/ and the lists of `config` that act at these levels. `bodies`: phrases for whole pages too; `kept`: of
    the report before, whose lists are taken over. SfsError where a file as a whole cannot be used."""
    folder = rules_dir()
    report = RulesReport()
    words = WordIndex(chain(load_words(report), _words(keywords_dir(config), report)))
    report.words = len(words)
    helplines = helplines_from(load_plain(folder / "helplines.yaml"))
    loaded = load_lists(config, levels, kept)
    report.lists, report.skipped = loaded.files, [*report.skipped, *loaded.skipped]
    report.states, report.missing = tuple(loaded.states), tuple(loaded.missing)
    report.waiting, report.kept = tuple(loaded.waiting), loaded.kept
    phrases: tuple[Phrase, ...] = ()
    if bodies:
        imported = _imported_phrases(keywords_dir(config), report)
        phrases = (*phrases_of_words(words.rules), *_phrases(folder / "phrases", report), *imported)
    ruleset = Ruleset(
        words=words,
        phrases=PhraseIndex(phrases),
        help_words=WordIndex(_help_words(folder / "keywords", report)),
        help_hosts=_help_hosts(helplines, report),
        system_hosts=_entries(folder / "system-hosts.txt", report),
        mandatory=tuple(loaded.mandatory),
        lists=tuple(loaded.lists),
        own_lists=_own_lists(folder, levels, report),
        engines=Engines(_rows(folder / "search-engines.yaml")),
        wrappers=Wrappers(_rows(folder / "wrappers.yaml")),
        locks=Locks(_rows(folder / "safesearch.yaml")),
    )
    return Rules(ruleset, tuple(_rating_files(folder / "ratings", report)), helplines, report)


def load_words(report: RulesReport) -> tuple[WordRule, ...]:
    """The words of rules/keywords that suggest a rating, and their guards."""
    return tuple(_words(rules_dir() / "keywords", report))


def keywords_dir(config: Config) -> Path:
    """Where words lie that were imported: files as those of rules/keywords."""
    return config.state / "keywords"


def _words(folder: Path, report: RulesReport) -> Iterator[WordRule]:
    for path in sorted(folder.glob("*-[1-4].txt")):
        yield from _word_file(path, int(path.stem[-1]), report)


def _phrases(folder: Path, report: RulesReport) -> Iterator[Phrase]:
    """rules/phrases/NAME-3.txt suggest rating 3; those of other files only take away."""
    for path in sorted(folder.glob("*.txt")):
        stem, name = path.stem, _shown(path)
        rating = int(stem[-1]) if stem[-2:-1] == "-" and stem[-1] in RATINGS else None
        for number, line in enumerate(_read(path).splitlines(), 1):
            try:
                phrase = parse_phrase_line(line, rating, Where(name, number))
            except RuleError as fault:
                report.skipped.append(fault)
                continue
            if phrase is not None:
                yield phrase


def _imported_phrases(folder: Path, report: RulesReport) -> Iterator[Phrase]:
    """What `sfs lists import` kept of other filters' phrases: their weights, the rating of the words beside them."""
    for path in sorted(folder.glob("*.phrases.jsonl")):
        key, name = path.name.removesuffix(".phrases.jsonl"), _shown(path)
        rating = next((rating for rating in range(1, 5) if (folder / f"{key}-{rating}.txt").is_file()), None)
        for number, phrase in enumerate(phrases_of(_read(path)), 1):
            weight = max(-MOST_WEIGHT, min(phrase.weight, MOST_WEIGHT))
            if not weight or (weight > 0 and rating is None):  # somebody deleted its words: then it is gone too
                continue
            try:
                yield phrase_of(phrase.parts, weight, rating, Where(name, number))
            except RuleError as fault:
                report.skipped.append(fault)


def _help_words(folder: Path, report: RulesReport) -> Iterator[WordRule]:
    for path in sorted(folder.glob("help-*.txt")):
        yield from _word_file(path, None, report)


def _word_file(path: Path, rating: int | None, report: RulesReport) -> Iterator[WordRule]:
    def read(line: str, where: Where) -> WordRule | None:
        return parse_word_line(line, rating, where)

    return (rule for rule, _ in _lines(path, read, report))


def _lines[T](path: Path, read: Callable[[str, Where], T | None], report: RulesReport) -> Iterator[tuple[T, int]]:
    """What each line says, with its number; RuleError where too many are bad, as of every list."""
    name = _shown(path)
    bad: list[RuleError] = []
    said = 0
    for number, line in enumerate(_read(path).splitlines(), 1):
        try:
            value = read(line, Where(name, number))
        except RuleError as fault:
            bad.append(fault)
            continue
        if value is not None:
            said += 1
            yield value, number
    if too_many_bad(len(bad), said + len(bad)):
        what = f"{len(bad)} of {said + len(bad)} lines are bad; the first: {bad[0].what}"
        raise RuleError(what, bad[0].where, bad[0].mend)
    report.skipped.extend(bad)


def _entries(path: Path, report: RulesReport) -> EntryIndex:
    file = read_list(path, "entries")
    report.skipped.extend(file.skipped)
    return file.index


def _own_lists(folder: Path, levels: Collection[int], report: RulesReport) -> tuple[CategoryList, ...]:
    """The shipped names of ways around a filter, where a level in use closes them; and what the self-check pretends to
    be closed, which at level 4 is not."""
    path = folder / "circumvention.txt"
    around = CategoryList(_shown(path), _entries(path, report), axis=Axis.CIRCUMVENTION)
    pretended = EntryIndex((Entry(Unit.TREE, f"{name}.{PROBE_HOST}"), 1) for name in PRETENDED)
    return tuple(lst for lst in (around, CategoryList("self-check", pretended, rating=MAX_RATING)) if acts(lst, levels))


def _help_hosts(helplines: tuple[HelpLine, ...], report: RulesReport) -> EntryIndex:
    entries: list[tuple[Entry, int]] = []
    for number, line in enumerate(helplines, 1):
        for text in line.hosts:
            try:
                entry = parse_entry(text, Where("rules/helplines.yaml"))
            except RuleError as fault:
                report.skipped.append(fault)
                continue
            if entry is not None:
                entries.append((entry, number))
    return EntryIndex(entries)


def _rating_files(folder: Path, report: RulesReport) -> Iterator[RatingFile]:
    """rules/ratings/*.txt: an entry, a tab, a rating."""
    for path in sorted(folder.glob("*.txt")):
        rows = list(_lines(path, _rated, report))
        rated = EntryIndex((entry, number) for (entry, _), number in rows)
        yield RatingFile(_shown(path), rated, {entry: rating for (entry, rating), _ in rows})


def _rated(line: str, where: Where) -> tuple[Entry, int] | None:
    text, _, value = line.partition("\t")
    entry = parse_entry(text, where)
    return None if entry is None else (entry, _rating(value, where))


def _rating(text: str, where: Where) -> int:
    value = text.partition("#")[0].strip()
    if value not in ("0", *RATINGS):
        raise RuleError(f"{value!r} is not a rating", where, "write the entry, a tab, and 0, 1, 2, 3 or 4")
    return int(value)


def _rows(path: Path) -> list[Mapping[str, object]]:
    rows = load_plain(path)
    if not isinstance(rows, list):
        raise SfsError("not a list", Where(_shown(path)), "each row starts with -")
    return rows


def _read(path: Path) -> str:
    name = _shown(path)
    try:
        if path.stat().st_size > MAX_FILE:
            raise SfsError(f"larger than {MAX_FILE} bytes", Where(name), "split it")
        data = path.read_bytes()
    except OSError as fault:
        raise SfsError(f"cannot be read: {fault.strerror}", Where(name), "check who may read it") from None
    check_start(data, name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise SfsError(f"not UTF-8 at byte {fault.start}", Where(name), "save it as UTF-8") from None


def _shown(path: Path) -> str:
    """A path as a reader of rules/ knows it."""
    try:
        return str(Path("rules") / path.relative_to(rules_dir()))
    except ValueError:
        return path.name

"""The shipped words, measured: what they find, what they leave alone. The figures come from measure_keywords.py."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from sfs.match.words import Place, WordIndex, WordRule


def _measure() -> ModuleType:
    """The measuring script beside this file, which is no package and may be run by hand."""
    spec = importlib.util.spec_from_file_location("measure_keywords", Path(__file__).with_name("measure_keywords.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("measure_keywords", module)
    spec.loader.exec_module(module)
    return module


measure = _measure()
PLACES = (Place.URL, Place.QUERY, Place.META)
MAX_CONTAINING = 200  # reviewed headwords that merely hold a listed word
MAX_HOSTS = 10  # of 10,000 host names, nearly all of them of pornography by their own name
MIN_RECALL = 0.8


def needs(path: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.exists(), reason=f"{path} is not installed")


@pytest.fixture(scope="module")
def block() -> list[WordRule]:
    rules: list[WordRule] = measure.block_rules()
    return rules


@pytest.fixture(scope="module")
def index(block: list[WordRule]) -> WordIndex:
    return WordIndex(block)


@pytest.fixture(scope="module")
def help_index() -> WordIndex:
    return WordIndex(measure.help_rules())


def test_every_line_of_the_word_files_is_read(block: list[WordRule]) -> None:
    words = Counter(rule.where.file for rule in block if rule.where and not rule.guard)
    guards = Counter(rule.where.file for rule in block if rule.where and rule.guard)
    assert set(words) == set(guards) == set(measure.block_files())
    assert sum(words.values()) >= 400
    assert min(words.values()) >= 100
    assert sum(guards.values()) >= 60


def test_help_words_are_in_both_languages() -> None:
    for name in measure.help_files():
        assert sum(not rule.guard for rule in measure.load_file(measure.KEYWORDS / name, None)) >= 60


def test_no_word_is_listed_twice(block: list[WordRule]) -> None:
    for rules in (block, measure.help_rules()):
        lines = [
            (rule.guard, frozenset(rule.parts), place) for rule in rules for place in PLACES if rule.places & place
        ]
        seen = Counter(lines)
        assert [key for key, times in seen.items() if times > 1] == []


def test_every_word_is_found_as_itself(block: list[WordRule]) -> None:
    for rules in (block, measure.help_rules()):
        index = WordIndex(rules)
        lost = [
            (rule.where, place)
            for rule in rules
            for place in PLACES
            if not rule.guard and rule.places & place
            if all(hit.rule is not rule for hit in index.find(" ".join(rule.parts), place))
        ]
        assert lost == [], "a guard cancels these, or their flags cannot work"


def test_every_guard_can_meet_a_word(block: list[WordRule]) -> None:
    parts = {part for rule in block if not rule.guard for part in rule.parts}
    idle = [rule.where for rule in block if rule.guard and not any(_meet(rule.parts[0], part) for part in parts)]
    assert idle == []


def _meet(guard: str, part: str) -> bool:
    """Whether text that holds the guard can hold `part` overlapping it."""
    if part in guard or guard in part:
        return True
    ends = range(1, min(len(part), len(guard)))
    return any(part.endswith(guard[:end]) or guard.endswith(part[:end]) for end in ends)


@needs(measure.IPADIC / measure.IPADIC_FILES[0])
def test_no_name_of_a_place_person_or_organisation_is_hit() -> None:
    assert measure.name_hits() == []


@needs(measure.EDICT)
@needs(measure.AMERICAN)
def test_headwords_that_hold_a_word_are_the_reviewed_ones() -> None:
    found = [hit.line() for hit in measure.dictionary_hits()]
    assert found == measure.reviewed_lines()


def test_reviewed_headwords_are_few() -> None:
    assert 0 < len(measure.reviewed_lines()) <= MAX_CONTAINING


@pytest.mark.parametrize("package", measure.MANUALS)
def test_a_japanese_manual_is_not_hit_by_any_word(package: str, block: list[WordRule]) -> None:
    if not list(measure.manual_pages(package)):
        pytest.skip(f"{package} is not installed")
    assert measure.manual_hits(package, block) == []
    assert measure.manual_hits(package, measure.help_rules()) == []


@pytest.mark.parametrize("name", ["innocent-ja.txt", "innocent-en.txt"])
def test_innocent_phrases_are_not_hit_at_rating_2(name: str, index: WordIndex) -> None:
    texts = measure.phrases(name)
    assert len(texts) >= 150
    hit = {text: [found.rule.parts for found in measure.place_hits(index, text, above=1)] for text in texts}
    assert {text: words for text, words in hit.items() if words} == {}


@pytest.mark.parametrize("name", ["innocent-ja.txt", "innocent-en.txt"])
def test_innocent_phrases_in_a_path_are_not_hit_at_rating_2(name: str, index: WordIndex) -> None:
    urls = [f"https://example.com/{text.replace(' ', '-')}" for text in measure.phrases(name)]
    assert [url for url in urls if index.find(url, Place.URL, above=1)] == []


def test_words_of_who_needs_help_are_found_and_not_blocked(index: WordIndex, help_index: WordIndex) -> None:
    texts = measure.phrases("help-phrases.txt")
    assert len(texts) >= 60
    assert [text for text in texts if not help_index.find(text, Place.QUERY)] == []
    assert [text for text in texts if index.find(text, Place.QUERY, above=1)] == []


@pytest.mark.parametrize(("language", "rating"), [("ja", 3), ("ja", 4), ("en", 3), ("en", 4)])
def test_words_are_found_inside_a_sentence(language: str, rating: int, index: WordIndex) -> None:
    rules = measure.load_file(measure.KEYWORDS / f"{language}-{rating}.txt", rating)
    texts = [
        measure.TERM_CARRIERS[language].format(rule.parts[0])
        for rule in rules
        if not rule.guard and len(rule.parts) == 1 and rule.places & Place.QUERY
    ]
    found = [text for text in texts if index.find(text, Place.QUERY, above=2)]
    assert len(found) >= MIN_RECALL * len(texts)


# The judgement of public lists is not shipped (it would hold their words), so this runs only where it lies.
if (JUDGED := measure.judged_words()) is not None:

    def test_judged_terms_of_public_lists_are_found() -> None:
        found, missed = measure.recall(JUDGED)
        assert len(found) >= MIN_RECALL * (len(found) + len(missed)), missed


def test_host_names_are_hardly_hit() -> None:
    path = measure.hosts_file()
    if path is None:
        pytest.skip("SFS_TEST_DATA names no folder with hosts/hosts-1m.txt.xz")
    hits = measure.host_hits(measure.sample_hosts(path))
    assert len(hits) <= MAX_HOSTS, hits

"""Phrases of other filters: what becomes a word, what is kept beside, and that nothing is lost."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import RuleError
from sfs.lists.formats.e2guardian import DECIDES, Phrases
from sfs.lists.lines import WeightedPhrase
from sfs.lists.phrases import phrases_of, read_phrases, sidecar, word_line
from sfs.match.words import Place, WordIndex, parse_word_line


def parse_phrases(text: str, weight: int = DECIDES) -> Iterator[WeightedPhrase]:
    reader = Phrases(weight)
    for line in text.split("\n"):
        with suppress(RuleError):
            yield from reader.line(line.encode("utf-8", "surrogatepass"), None).phrases


def test_phrases_have_parts_weight_and_category():
    text = '<blue widget>\n#listcategory: "Widgets"\n<a b>,< c d ><-30>\nno phrase\n.Include</x>\n<x>,<y><50>\n'
    assert list(parse_phrases(text)) == [
        WeightedPhrase(("blue widget",), DECIDES, None),
        WeightedPhrase(("a b", " c d "), -30, "Widgets"),
        WeightedPhrase(("x", "y"), 50, "Widgets"),
    ]
    assert next(parse_phrases("<ok>", -DECIDES)).weight == -DECIDES


@pytest.mark.parametrize(
    ("phrase", "line", "why"),
    [
        (WeightedPhrase((" blue widget ",), DECIDES, None), "blue widget", ""),
        (WeightedPhrase((" blue ", " widget "), 100, None), "blue + widget", ""),
        (WeightedPhrase(("blue  widget",), 100, None), "blue widget", "found inside words there, as whole words here"),
        (WeightedPhrase((" blue",), 100, None), "blue", "found inside words there, as whole words here"),
        (WeightedPhrase((" 青い箱 ",), 100, None), "青い箱", ""),
        (
            WeightedPhrase(("blue",), 99, None),
            None,
            "a weight below 100: it counts together with others only, where scan_body is on",
        ),
        (WeightedPhrase(("blue",), -1, None), None, "a weight below 0: nothing here speaks for a page"),
        (WeightedPhrase(("b",), 100, None), None, "cannot be written as a word: a single letter"),
        (
            WeightedPhrase(("!blue",), 100, None),
            None,
            "cannot be written as a word: it begins with # or !, or holds a +",
        ),
        (
            WeightedPhrase(("#blue",), 100, None),
            None,
            "cannot be written as a word: it begins with # or !, or holds a +",
        ),
        (
            WeightedPhrase(("a1 + b1",), 100, None),
            None,
            "cannot be written as a word: it begins with # or !, or holds a +",
        ),
    ],
)
def test_what_becomes_a_word(phrase, line, why):
    assert word_line(phrase) == (line, why)


def test_search_terms_are_looked_for_in_searches_alone(tmp_path):
    (tmp_path / "terms").write_text("blue+widget\n# x\ngadget\n")
    reading = read_phrases(tmp_path / "terms", "searches")
    lines = [word_line(phrase, flags="query")[0] for phrase in reading.phrases]
    assert lines == ["blue + widget\tquery", "gadget\tquery"]
    index = WordIndex([rule for line in lines if (rule := parse_word_line(line or "", 3)) is not None])
    assert index.find("a widget in blue", Place.QUERY)
    assert not index.find("a widget in blue", Place.META)
    assert not index.find("bluewidget", Place.QUERY)


def test_phrases_of_included_files_are_read(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "list").write_text("<a1>\n.Include</etc/lists/sub/more>\n.Include</etc/lists/sub/more>\n")
    (tmp_path / "sub" / "more").write_text('#listcategory: "x"\n<b1><20>\n<bad\n')
    reading = read_phrases(tmp_path / "list", "phrases")
    assert reading.phrases == [WeightedPhrase(("a1",), DECIDES, None), WeightedPhrase(("b1",), 20, "x")]
    assert [str(reading.where(line)) for line in reading.phrase_lines] == [f"{tmp_path}/list:1", "sub/more:2"]
    assert reading.skipped_count == 1


phrases = st.builds(
    WeightedPhrase,
    st.lists(st.text(min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=3).map(tuple),
    st.integers(-1000, 1000),
    st.none() | st.text(max_size=8),
)


@given(st.lists(phrases, max_size=5))
def test_what_is_kept_beside_the_words_is_read_back(many):
    assert list(phrases_of("".join(sidecar(many)))) == many


@given(phrases)
def test_a_word_says_what_the_phrase_says_or_why_not(phrase):
    line, why = word_line(phrase)
    assert line or why
    if line is not None:
        rule = parse_word_line(line, 3)
        assert rule is not None and not rule.guard and len(rule.parts) == len(phrase.parts)


@given(st.text(max_size=100))
def test_any_text_gives_phrases_or_none(text):
    assert all(phrase.parts for phrase in parse_phrases(text))
    assert list(phrases_of(text)) is not None

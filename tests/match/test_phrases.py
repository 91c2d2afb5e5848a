"""Weighted phrases: what a line means, and which phrases stand in a text."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError, Where
from sfs.match import phrases as phrases_module
from sfs.match.phrases import (
    NEAR,
    OWN_WEIGHT,
    WEIGHTS,
    Part,
    PhraseIndex,
    parse_phrase_line,
    phrase_of,
    phrases_of_words,
)
from sfs.match.plain import find_phrases_plain
from sfs.match.words import parse_word_line
from sfs.text.fold import fold

WHERE = Where("f.txt", 7)


def found(text: str, *lines: str, rating: int | None = 3) -> list[str]:
    """The lines that stand in the text."""
    phrases = {parse_phrase_line(line, rating): line for line in lines}
    return [phrases[phrase].partition("\t")[0] for phrase in PhraseIndex(filter(None, phrases)).find(fold(text))]


def test_a_line_holds_parts_weight_and_flags():
    phrase = parse_phrase_line("Blue Widget + ＲＥＤ\t40, sub,kana\n", 3, WHERE)
    assert phrase.parts == (Part("blue widget", False, False), Part("red", False, False))
    assert (phrase.weight, phrase.rating, phrase.guard, phrase.kana, phrase.where) == (40, 3, False, True, WHERE)


def test_a_negative_weight_has_no_rating_whatever_its_file():
    assert parse_phrase_line("blue widget\t-20", 3).rating is None
    assert parse_phrase_line("blue widget\t-20", None).weight == -20


@pytest.mark.parametrize("line", ["", "  \n", "# note\t20"])
def test_blank_lines_and_notes_are_no_phrases(line):
    assert parse_phrase_line(line, 3) is None


@pytest.mark.parametrize(
    ("line", "rating", "message"),
    [
        ("blue", 3, "f.txt:7: '' is not a weight"),
        ("blue\tmuch", 3, "f.txt:7: 'much' is not a weight"),
        ("blue\t0", 3, "f.txt:7: '0' is not a weight"),
        ("blue\t1001", 3, "f.txt:7: '1001' is not a weight"),
        ("blue\t20", None, "f.txt:7: a phrase that counts 20 has no rating"),
        ("blue + \t20", 3, "f.txt:7: 'blue +' has an empty phrase"),
        ("!\t", 3, "f.txt:7: '!' has an empty phrase"),
        ("x\t20", 3, "f.txt:7: 'x' has a single letter"),
        ("blue\t20 loud", 3, "f.txt:7: unknown flag 'loud'"),
        (" + ".join(["blue"] * 17) + "\t20", 3, "f.txt:7: phrase of 116 characters"),
    ],
)
def test_a_bad_line_names_its_fault(line, rating, message):
    with pytest.raises(RuleError) as caught:
        parse_phrase_line(line, rating, WHERE)
    assert str(caught.value).startswith(message)
    assert caught.value.mend


@given(st.text(max_size=80), st.sampled_from([None, 3]))
def test_any_line_gives_a_phrase_none_or_an_error(line, rating):
    try:
        phrase = parse_phrase_line(line, rating)
    except SfsError:
        return
    if phrase is not None:
        PhraseIndex([phrase]).find("some text 日本 みかん")


def test_what_stands_is_found_once_with_its_boundaries():
    assert found("A blue widget, a blue widget.", "blue widget\t20") == ["blue widget"]
    assert found("bluewidgets", "widget\t20") == []
    assert found("bluewidgets", "widget\t20 sub") == ["widget"]
    assert found("red things of blue", "blue + red\t20", "blue + green\t20") == ["blue + red"]
    assert found("アカイ", "あかい\t20", "あかイ\t20 kana") == ["あかイ"]


def test_a_guard_cancels_what_it_overlaps_and_nothing_else():
    assert found("a red cross widget", "cross widget\t20", "!red cross") == []
    assert found("a red cross widget and a cross widget", "cross widget\t20", "!red cross") == ["cross widget"]
    assert found("アカイハナ", "ハナ\t20 sub", "!あかいはな\tkana") == []


def test_words_weigh_by_their_rating_and_own_ones_alike():
    lines = ["blue", "!blue bird", "green\turl", "red + widget\tmeta,sub"]
    for rating, weight in WEIGHTS.items():
        rules = [parse_word_line(line, rating) for line in lines]
        phrases = phrases_of_words(rules)
        assert [(p.parts[0].text, p.weight) for p in phrases] == [("blue", weight), ("blue bird", 0), ("red", weight)]
        assert {p.weight for p in phrases_of_words(rules, own=True) if not p.guard} == {OWN_WEIGHT}
    assert PhraseIndex(phrases).find("a blue bird") == ()
    assert [p.rating for p in PhraseIndex(phrases).find("blue, redwidgets")] == [4, 4]


def test_both_words_of_a_pair_must_stand_near_one_another():
    index = PhraseIndex(phrases_of_words([parse_word_line("red + widget", 3)]))
    near, far = f" {'x' * (NEAR - 5)} red", f" {'x' * (NEAR - 4)} red"
    assert index.find("a widget" + near) == index.phrases
    assert index.find("a widget" + far) == ()
    assert index.find("a red, a widget" + far) == index.phrases
    assert index.find("a widget" + far + " widget") == index.phrases


def test_a_phrase_of_another_filter_stands_inside_of_words_unless_a_blank_stands_at_its_edge():
    inside, word = phrase_of(["Blue", "widg"], 50, 3), phrase_of([" blue "], 50, 3)
    starts = phrase_of([" blue"], -50, None)
    index = PhraseIndex([inside, word, starts])
    assert index.find("darkblue widgets") == (inside,)
    assert index.find("bluebird") == (starts,)
    assert index.find("a blue widget") == (inside, word, starts)
    guard = phrase_of(["blue sky"], 0, None, guard=True)
    assert PhraseIndex([word, guard]).find("the blue sky") == ()
    with pytest.raises(RuleError):
        phrase_of(["blue"], 50, None)
    with pytest.raises(RuleError):
        phrase_of([], 50, 3)


LETTERS = "abA 性男ミみカン゛ー1-"
LINES = st.builds(
    lambda parts, guard, weight, flags: (
        ("!" if guard else "") + (parts[0] if guard else " + ".join(parts)) + f"\t{'' if guard else weight} {flags}"
    ),
    st.lists(st.text(alphabet=LETTERS.replace(" ", ""), min_size=2, max_size=4), min_size=1, max_size=2),
    st.booleans(),
    st.sampled_from([20, -20]),
    st.sampled_from(["", "sub", "kana", "sub,kana"]),
)


@given(
    st.lists(LINES, max_size=6),
    st.text(alphabet=LETTERS, max_size=24),
    st.sampled_from([None, 3, 8]),
    st.sampled_from([0, 2, 1000]),
)
def test_the_index_agrees_with_its_plain_twin(lines, text, near, kept):
    phrases = []
    for number, line in enumerate(lines):
        try:
            phrase = parse_phrase_line(line, number % 4 + 1, Where("f", number + 1))
        except RuleError:
            continue
        if phrase is not None:
            phrases.append(replace(phrase, near=near))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phrases_module, "MAX_PLACES", kept)
        found = PhraseIndex(phrases).find(fold(text))
    assert found == find_phrases_plain(phrases, fold(text))

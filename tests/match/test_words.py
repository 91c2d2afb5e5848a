"""Words in texts: boundaries, guards, pairs, flags. The words here are harmless stand-ins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError, Where
from sfs.match.plain import find_plain, first_hits
from sfs.match.words import Place, WordIndex, parse_word_line


def index(*lines: str, rating: int = 3) -> WordIndex:
    return WordIndex(parse_word_line(line, rating) for line in lines)


def found(lines: list[str], text: str, place: Place = Place.META) -> bool:
    return bool(index(*lines).find(text, place))


@pytest.mark.parametrize(
    ("line", "text", "hit"),
    [
        ("みかん", "みかんを食べる", False),  # を is hiragana too: the run goes on
        ("みかん", "「みかん」を食べる", True),
        ("みかん", "甘いミカンだ", False),
        ("みかん\tkana", "甘い、ミカンだ", True),  # the text's own scripts bound it
        ("みかん\tkana", "甘い、みかんだ", False),
        ("みかん\tkana", "甘い。ミカン！", True),
        ("ミカン", "ミカンジュース", False),
        ("ミカン\tsub", "ミカンジュース", True),
        ("ミカン", "美味ミカン汁", True),
        ("蜜柑", "蜜柑箱", False),
        ("蜜柑", "蜜柑の箱", True),
        ("ミカン", "ミカンー", False),
        ("カレー", "カレーの日", True),
        ("カレー", "カレーパン", False),
        ("らーめん", "らーめんー", False),
        ("ass", "assurance", False),
        ("orange", "blood-orange 5", True),
        ("orange", "ORANGE", True),
        ("orange", "oranges", False),
        ("orange", "orange9", True),
        ("ｏｒａｎｇｅ", "orange", True),
        ("orange juice", "fresh orange  juice", True),
        ("ミカン + 箱", "箱に ミカン が", True),
        ("ミカン + 箱", "ミカン だけ", False),
    ],
)
def test_a_word_is_found_where_it_stands_alone(line, text, hit):
    assert found([line], text) is hit


def test_a_guard_cancels_the_hits_it_overlaps_and_no_others():
    assert not found(["orange", "!agent orange"], "the agent orange story")
    assert found(["orange", "!agent orange"], "agent orange and an orange")
    assert not found(["ミカン\tsub", "!ミカン園"], "ミカン園")


def test_flags_say_where_a_word_is_looked_for():
    words = index("orange\tquery,meta")
    assert words.find("orange", Place.QUERY)
    assert words.find("orange", Place.META)
    assert not words.find("orange", Place.URL)


def test_a_phrase_is_found_in_a_url_between_separators():
    words = index("orange juice")
    assert words.find("shop.test /orange-juice/1 ", Place.URL)
    assert words.find("shop.test / q=orange+juice", Place.URL)
    assert not words.find("orange-juice", Place.META)


def test_a_guard_holds_in_a_url_however_its_words_are_joined():
    words = index("orange", "!agent orange")
    assert not words.find("agent orange", Place.META)
    for url in ("h.test/agent-orange", "h.test/agent_orange/", "h.test/?q=agent+orange"):
        assert not words.find(url, Place.URL)
    assert words.find("h.test/orange-agent", Place.URL)


def test_only_ratings_above_the_level_are_found_and_the_highest_comes_first():
    words = WordIndex([parse_word_line("orange", 2), parse_word_line("lemon", 4), parse_word_line("help me", None)])
    assert [hit.rule.rating for hit in words.find("orange lemon", Place.META)] == [4, 2]
    assert [hit.rule.rating for hit in words.find("orange lemon", Place.META, above=2)] == [4]
    assert [hit.rule.rating for hit in words.find("help me", Place.META, above=4)] == [None]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ab + ", "f.txt:7: 'ab +' has an empty word"),
        ("+ ab", "f.txt:7: '+ ab' has an empty word"),
        ("!", "f.txt:7: '!' has an empty word"),
        ("orange\tloud", "f.txt:7: unknown flag 'loud'"),
        ("x", "f.txt:7: 'x' has a single letter"),
        ("y" * 300, "f.txt:7: word line of 300 characters"),
    ],
)
def test_a_bad_word_line_names_its_fault(line, message):
    with pytest.raises(RuleError) as caught:
        parse_word_line(line, 3, Where("f.txt", 7))
    assert str(caught.value).startswith(message)


@given(st.text(max_size=80))
def test_any_line_gives_a_rule_none_or_an_error(line):
    try:
        rule = parse_word_line(line, 3)
    except SfsError:
        return
    if rule is not None:
        WordIndex([rule]).find("some text 日本 みかん", Place.META)


LETTERS = "abAＡ 性男ミみかカン゛ー1１-"
LINES = st.builds(
    lambda parts, guard, flags: ("!" if guard else "") + (parts[0] if guard else " + ".join(parts)) + "\t" + flags,
    st.lists(st.text(alphabet=LETTERS.replace(" ", ""), min_size=2, max_size=4), min_size=1, max_size=2),
    st.booleans(),
    st.sampled_from(["", "sub", "kana", "sub,kana", "query"]),
)


@given(st.lists(LINES, max_size=6), st.text(alphabet=LETTERS, max_size=24), st.sampled_from([Place.META, Place.QUERY]))
def test_the_automaton_agrees_with_its_plain_twin(lines, text, place):
    rules = []
    for number, line in enumerate(lines):
        try:
            rule = parse_word_line(line, number % 4 + 1, Where("f", number + 1))
        except RuleError:
            continue
        if rule is not None:
            rules.append(rule)
    assert first_hits(WordIndex(rules).find(text, place, above=1)) == find_plain(rules, text, place, above=1)

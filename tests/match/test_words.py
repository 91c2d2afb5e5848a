"""Words in texts: boundaries, guards, pairs, flags. The words here are harmless stand-ins."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError, Where
from sfs.match.plain import find_plain, first_hits
from sfs.match.words import Place, WordIndex, WordRule, parse_word_line
from sfs.text.fold import fold


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


@pytest.mark.parametrize(
    ("line", "text", "hit"),
    [
        ("orange\tleet", "0range", True),
        ("orange\tleet", "0r4ng3 juice", True),
        ("orange\tleet", "оrаngе", True),  # Cyrillic о, а, е
        ("orange\tleet", "ORΑNGE", True),  # Greek Alpha
        ("orange\tleet", "orångé", True),
        ("orange\tleet", "0ranges", False),
        ("orange\tleet", "bl0od0range", False),
        ("orange\tleet", "60range", False),
        ("orange", "0range", False),
        ("lime\tleet", "l1me!", True),
        ("lime\tleet", "1ime", True),
        ("lime\tleet", "iime", False),
        ("lime\tleet", "s!ime", False),
        ("lime\tleet", "sl1me", False),
        ("ass\tleet", "p@ss", False),
        ("ass\tleet", "a455", False),
        ("sos\tleet", "505", False),
        ("sos\tleet", "s0s", True),
        ("sos\tleet", "s05", False),
        ("ロカ\tleet", "口カの話", True),
        ("ロカ\tleet", "入口カ", True),
        ("ロカ\tleet", "無料口カ動画", True),
        ("ロカ\tleet", "口力動画", True),
        ("ロカ\tleet", "口カラ", False),
        ("アロ\tleet", "ア口動画", True),
        ("ロカ\tleet", "施工口力", False),
        ("ミェル\tleet", "ミエル", True),
        ("みかん\tleet", "ミカン", False),
        ("みかん\tleet,kana", "三カン", True),
        ("国体\tleet", "國體", True),
        ("orange\tspaced", "o.r.a.n.g.e", True),
        ("orange\tspaced", "O R A N G E juice", True),
        ("orange\tspaced", "o * r * a * n * g * e", True),
        ("orange\tspaced", "o.r.a.n.g.e.s", False),
        ("orange\tspaced", "an o r a n g e", True),
        ("orange\tspaced", "or ange", False),
        ("orange\tspaced", "o....r.a.n.g.e", False),
        ("orange\tspaced", "0.r.a.n.g.e", False),
        ("orange\tspaced,leet", "0.r.a.n.g.e", True),
        ("ミカン\tspaced", "ミ・カ・ン", True),
        ("ミカン\tspaced", "ミカ ンの話", True),
        ("ミカン\tspaced", "ミ・カ・ン・バ", False),
        ("ミカン\tspaced", "ミ、カ、ン", False),
        ("orange\tmasked", "or*nge", True),
        ("orange\tmasked", "or**ge", True),
        ("orange\tmasked", "o*an*e", False),
        ("orange\tmasked", "*range", False),
        ("orange\tmasked", "orang*", False),
        ("orange\tmasked", "or*nges", False),
        ("ミカン\tmasked", "ミ○ン", True),
        ("ミカン\tmasked", "ミカ●の話", True),
        ("ミカン\tmasked", "○カン", True),
        ("ミカン\tmasked", "☆カン", False),
        ("ミカン\tmasked", "アミ○ン", False),
        ("ミカン\tmasked", "ミカ○バ", False),
        ("ミカン\tmasked", "ミ○○", False),
        ("カード", "カ―ド カ〜ド", True),
        ("カード", "ア-カ-ド", False),
        ("アカ", "アカ-ド", True),
    ],
)
def test_a_disguised_word_is_found_where_its_flags_allow_it(line, text, hit):
    assert found([line], text) is hit


def test_a_guard_covers_a_disguised_word_as_it_is_written():
    assert found(["orange\tleet"], "model 0range 5")
    assert not found(["orange\tleet", "!model 0range"], "model 0range 5")


def test_a_disguised_word_is_found_where_it_stands():
    (hit,) = index("orange\tspaced").find("Ａ・an o r a n g e", Place.META)
    assert (hit.start, hit.end) == (5, 16)


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
        ("!orange\tleet", "f.txt:7: a guard is not looked for in disguise"),
        ("red\tmasked", "f.txt:7: too short for masked"),
        ("蜜柑\tmasked", "f.txt:7: too short for masked"),
        ("ab\tspaced", "f.txt:7: not a word for spaced"),
        ("blue widget\tspaced", "f.txt:7: not a word for spaced"),
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


LETTERS = "abAlＡ 性男ミみかカえエロ゛ー1１０-@.*○工口пеあ"
FLAGS = st.lists(st.sampled_from(["sub", "kana", "leet", "spaced", "masked", "query"]), unique=True, max_size=4)
LINES = st.builds(
    lambda parts, guard, flags: ("!" if guard else "") + (parts[0] if guard else " + ".join(parts)) + "\t" + flags,
    st.lists(st.text(alphabet=LETTERS.replace(" ", ""), min_size=2, max_size=5), min_size=1, max_size=2),
    st.booleans(),
    FLAGS.map(",".join),
)
PLACES = st.sampled_from(list(Place))


def rules_of(lines: list[str]) -> list[WordRule]:
    rules = []
    for number, line in enumerate(lines):
        try:
            rule = parse_word_line(line, number % 4 + 1, Where("f", number + 1))
        except RuleError:
            continue
        if rule is not None:
            rules.append(rule)
    return rules


@given(st.lists(LINES, max_size=6), st.text(alphabet=LETTERS, max_size=24), PLACES)
def test_the_automaton_agrees_with_its_plain_twin(lines, text, place):
    rules = rules_of(lines)
    assert first_hits(WordIndex(rules).find(text, place, above=1)) == find_plain(rules, text, place, above=1)


# Random text hardly ever holds a word in disguise: here it is made of one, letter by letter.
MASKS_AND_GAPS = {"": 6, "*": 1, "○": 1, ".": 1, " ": 2, "・": 1, " - ": 1, "、": 1, "....": 1}
BETWEEN = st.sampled_from([sign for sign, times in MASKS_AND_GAPS.items() for _ in range(times)])
SWAPS = {
    "a": "@4а",
    "b": "8ь",
    "e": "3е",
    "l": "1!",
    "o": "0о○*",
    "エ": "工ェえヱ",
    "ロ": "口ろ○",
    "ミ": "三み",
    "体": "體",
}


@st.composite
def disguised(draw):
    part = draw(
        st.sampled_from(["labello", "able", "beo", "ロエミ", "ロミカエロ体", "ミロ", "aミロ", "体エ", "l0be", "e-b o"])
    )
    text = "".join(
        (draw(st.sampled_from(SWAPS.get(char, char))) if draw(st.integers(0, 3)) == 0 else char) + draw(BETWEEN)
        for char in part
    )
    around = st.sampled_from(["", "", " ", "a", "エ", "o ", "み", "体", "8", "!", "ア ", "。"])
    flags = draw(
        st.sampled_from(["leet,spaced", "leet,masked", "leet,spaced,masked", "sub,kana,leet,spaced"])
        | FLAGS.map(",".join)
    )
    return part + "\t" + flags, draw(around) + text + draw(around)


@given(st.lists(disguised(), min_size=1, max_size=3), PLACES)
def test_disguised_words_are_found_as_by_the_plain_twin(cases, place):
    rules = rules_of([line for line, _ in cases])
    text = " ".join(text for _, text in cases)
    assert first_hits(WordIndex(rules).find(text, place)) == find_plain(rules, text, place)


@given(st.lists(disguised(), min_size=1, max_size=3), PLACES)
def test_counting_finds_the_same_words_as_looking(cases, place):
    words = WordIndex(rules_of([line for line, _ in cases]))
    text = fold(" ".join(text for _, text in cases))
    counted = words.find_all(text, place)
    assert first_hits(counted) == first_hits(words.find(text, place))
    assert [hit.start for hit in counted] == sorted(hit.start for hit in counted)


def test_every_place_counts_but_a_pair_counts_once():
    words = index("orange", "lemon + juice")
    text = "orange, lemon juice, lemon, orange"
    found = words.find_all(text, Place.META)
    assert [text[hit.start : hit.end] for hit in found] == ["orange", "lemon", "orange"]


@given(st.text(alphabet="ab か゛ー\u3099\u200bＡ&#65;", max_size=40))
def test_what_is_found_does_not_depend_on_how_long_the_text_around_it_is(text):
    words = index("ab", "か\tsub")
    short = words.find_all(fold(text), Place.META)
    filler = "x " * 400
    assert len(words.find_all(fold(f"{filler}。{text}"), Place.META)) == len(short)


ASCII_SWAPS = {"a": "@4", "b": "8", "e": "3", "l": "1!", "o": "0*", "s": "$5"}


@st.composite
def disguised_in_urls(draw):
    """A line of a word file, and a URL's text that holds the word as it is, disguised, or in the midst of another."""
    part = draw(st.sampled_from(["labello", "able", "beo", "l0be", "e-b o", "blue sole", "bo"]))
    between = st.sampled_from(["", "", "", "", "", "", ".", "-", "/", " - ", "*", "&"])
    text = "".join(
        draw(st.sampled_from(ASCII_SWAPS.get(char, char) + char * 4)) + draw(between) for char in part
    ).replace(" ", draw(st.sampled_from([" ", "-", "+", "_"])))
    around = st.sampled_from(["", "", "/", "?q=", "a", "a.b/", "8", "-", "=1&", "o ", "/b/", "x"])
    flags = draw(st.sampled_from(["", "sub", "leet,spaced", "leet,masked", "sub,kana,leet,spaced", "url"]))
    second = draw(st.sampled_from(["", "", " + sole"]))
    return part + second + "\t" + flags, f"site.test {draw(around)}{text}{draw(around)}"


@given(st.lists(disguised_in_urls(), min_size=1, max_size=3), st.integers(0, 3))
@settings(max_examples=400, deadline=None)
def test_what_is_quiet_in_a_url_holds_no_word(cases, above):
    words = WordIndex(rules_of([line for line, _ in cases]))
    for text in (*(text for _, text in cases), " ".join(text for _, text in cases)):
        if words.is_quiet(text, above):
            assert not words.find(text, Place.URL, above)


@given(st.lists(LINES, max_size=6), st.text(alphabet=[c for c in LETTERS.lower() if c.isascii()], max_size=24))
def test_any_text_that_is_quiet_holds_no_word(lines, text):
    words = WordIndex(rules_of(lines))
    if words.is_quiet(text, 1):
        assert not words.find(text, Place.URL, above=1)


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("a.test /blue/12/view?id=4711", True),
        ("a.test /labellos/x", True),  # goes on
        ("a.test /xlabello/", True),
        ("a.test /my-labello", False),
        ("a.test /lab3llo", False),
        ("a.test /l.a.b.e.l.l.o", False),
        ("a.test /lab*llo", False),
        ("a.test /d/a/", True),
        ("a.test /sole", True),  # half of a pair
        ("a.test /blue-bridge?x=sole", False),
    ],
)
def test_most_urls_are_quiet(text, quiet):
    words = index("labello\tleet,spaced,masked", "blue bridge + sole")
    assert words.is_quiet(text, 0) is quiet
    assert not (quiet and words.find(text, Place.URL))
    assert words.is_quiet(text, 3)  # no word has a rating above

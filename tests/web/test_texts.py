import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.web.texts import LANGUAGES, language_of, load_catalogue, places, texts_for

ROOT = Path(__file__).parents[2]
KANJI = ROOT / "tests/vectors/web/kanji-grades-1-3.txt"
# Read by children; `reason-adult`, `help`, `steps`, `levels` and `protects` are for whoever runs the filter.
CHILD_SECTIONS = (
    "common",
    "block",
    "rating",
    "level",
    "reason",
    "ask",
    "lines",
    "mandatory",
    "words",
    "why",
    "error",
    "report",
)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP", "ja"),
        ("JA-jp", "ja"),
        ("ja,en-US;q=0.9,en;q=0.8", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("en;q=0.3, ja;q=0.8", "ja"),
        ("fr-FR,fr;q=0.9,ja;q=0.1", "ja"),
        ("fr-FR,fr;q=0.9", "en"),
        ("*", "en"),
        ("*, ja;q=0.5", "en"),
        ("ja, *;q=0.5", "ja"),
        ("ja;q=0.5, *;q=0.5", "ja"),
        ("ja;q=0", "en"),
        ("ja;q=0, en;q=0", "en"),
        ("en, ja", "en"),
        ("ja ; q=0.7 , en ; q=0.6", "ja"),
        ("ja;q=1.5, en;q=0.1", "en"),
        ("ja;q=nan", "en"),
        ("ja;q=", "en"),
        ("japanese", "en"),
        (";;;,,,===", "en"),
        ("fr," * 40 + "ja", "en"),
    ],
)
def test_language_follows_the_weights_of_accept_language(header: str | None, language: str) -> None:
    assert language_of(header, None) == language


def test_a_fixed_language_wins_over_the_browser() -> None:
    assert language_of("en", "ja") == "ja"
    assert language_of("ja", "en") == "en"
    assert language_of("ja", "auto") == "ja"


@given(st.text(max_size=3000))
def test_any_accept_language_gives_a_language(header: str) -> None:
    assert language_of(header, None) in LANGUAGES


def test_both_catalogues_have_the_same_keys_places_and_lengths_of_lists() -> None:
    japanese, english = load_catalogue("ja"), load_catalogue("en")
    assert list(japanese) == list(english)
    for key, entry in english.items():
        other = japanese[key]
        assert places(other) == places(entry), key
        assert isinstance(other, tuple) == isinstance(entry, tuple), key
        if isinstance(entry, tuple):
            assert len(other) == len(entry) or key.startswith("steps."), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_stands_twice_in_a_catalogue(language: str) -> None:
    tree = yaml.compose((ROOT / f"sfs/web/words.{language}.yaml").read_text(encoding="utf-8"))
    assert isinstance(tree, yaml.MappingNode)
    for node in (tree, *(value for _, value in tree.value)):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_filled_and_every_reading_is_closed(language: str) -> None:
    for key, entry in load_catalogue("ja" if language == "ja" else "en").items():
        for sentence in (entry,) if isinstance(entry, str) else entry:
            assert sentence.strip(), key
            left = re.sub(r"\[[^\[\]|]+\|[ぁ-んー]+\]", "", sentence)
            assert not set(left) & set("[]|"), key


def test_children_meet_no_kanji_beyond_the_third_year_without_a_reading() -> None:
    known = set(KANJI.read_text(encoding="utf-8"))
    hard = {}
    for key, entry in load_catalogue("ja").items():
        # The mark of an unchecked help line stays as the contract words it: it speaks to the grown-up.
        if key.partition(".")[0] not in CHILD_SECTIONS or key == "lines.unchecked":
            continue
        text = re.sub(r"\[[^\[\]|]+\|[^\[\]|]+\]", "", entry if isinstance(entry, str) else "".join(entry))
        found = {letter for letter in text if "\u4e00" <= letter <= "\u9fff"} - known
        if found:
            hard[key] = "".join(sorted(found))
    assert hard == {}


def test_a_reading_is_ruby_in_html_and_left_out_of_plain_text() -> None:
    texts = texts_for("ja")
    assert "<ruby>設定<rp>（</rp><rt>せってい</rt><rp>）</rp></ruby>" in texts.html("block.level")
    assert texts.text("block.level") == "このフィルターの設定"


def test_a_value_is_escaped_and_never_read_as_a_place_or_a_reading() -> None:
    value = "<b>{number}[漢|かん]&"
    assert texts_for("en").html("lines.fallback", number=value) == "or &lt;b&gt;{number}[漢|かん]&amp;"
    assert texts_for("en").text("lines.fallback", number=value) == f"or {value}"


def test_a_missing_key_or_value_names_the_catalogue() -> None:
    texts = texts_for("en")
    with pytest.raises(SfsError, match=r"no sentence with the key 'block\.nothing'") as raised:
        texts.text("block.nothing")
    assert str(raised.value.where) == "sfs/web/words.en.yaml"
    with pytest.raises(SfsError, match=r"needs a value for \{number\}"):
        texts.html("lines.fallback")
    with pytest.raises(SfsError, match="no list of sentences"):
        texts.lines("block.title")
    with pytest.raises(SfsError, match="no sentence"):
        texts.text("steps.windows_cert")

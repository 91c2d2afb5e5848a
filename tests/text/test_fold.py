"""Folding: one spelling for what a reader takes as the same."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sfs.text.fold import _STRANGE_CLASS, _nfkc, _settle, fold, fold_kana, long_marks

TRICKY = (
    "aAéÉßİıſｓ か゛゜\u3099\u309aカハ\uff76\uff8a\uff9e\uff9f日①㌔ｱ＊\u0301\u0336\u20e3ー―ｰゝゞヾ"
    "가각\u1100\u1161\u200b\u00ad🅰&＆#＃;x1346amp\t\u3000"
)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("ﾊﾟﾁﾝｺ", "パチンコ"),
        ("ＰＡＣＨＩＮＫＯ", "pachinko"),
        ("㌔", "キロ"),
        ("①", "1"),
        ("Ⓦⓘⓓⓖⓔⓣ", "widget"),
        ("🅦🆆𝔀", "www"),
        ("pach\u200bin\u00adko", "pachinko"),
        ("ハ\uff9fチンコ", "パチンコ"),
        ("か\u3099", "が"),
        ("か゛き゛ハ゜", "がぎパ"),
        ("か\u200b゛", "が"),
        ("あ゛エ\u3099", "あエ"),
        ("か\u3099\u3099", "が"),
        ("a \u3000\n b", "a b"),
        ("  a ", "a"),
        ("Straße", "strasse"),
        ("カレーーーｰ", "カレー"),
        ("こゝろ みすゞ バナヽ", "こころ みすず バナナ"),
        ("w\u0336i\u0336d\u0336g\u0336e\u0336t\u0336", "widget"),
        ("w\u0300\u0301\u0302\u0303i\u035f\u0311\u0309d", "wid"),
        ("1\ufe0f\u20e3", "1"),
        ("x\u0302y\u0316 İ", "xy i"),
        ("caf\u00e9 cafe\u0301", "caf\u00e9 caf\u00e9"),
        ("Việt Nam", "việt nam"),
        ("&#12450;&#x30A2;&#x30a2", "アアア"),
        ("&amp;#12450; &amp;amp;#97;", "ア a"),
        ("＆＃１２４５０；", "ア"),
        ("&#38;#12450;", "ア"),
        ("&#0;&#xd800;&#9999999;x", "x"),
        ("R&D #1; &# &#; &#x;", "r&d #1; &# &#; &#x;"),
    ],
)
def test_what_reads_alike_folds_alike(written, folded):
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [("résumé", "resume"), ("かき", "がき"), ("ビル", "ビール"), ("きって", "きつて"), ("はは", "はゝは"), ("о", "o")],
)
def test_what_are_two_words_stays_two(one, other):
    assert fold(one) != fold(other)


@given(st.text(max_size=60) | st.text(alphabet=TRICKY, max_size=40))
@example("&#38;" * 12 + "#65;")
@example("&&#35;65;")
@example("&#&#54;5;")
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=30) | st.text(alphabet=TRICKY, max_size=30))
def test_folding_by_runs_equals_folding_the_whole(text):
    text = re.sub("[#＃﹟]", "", text)  # no character references, which are tried above
    assert fold(text) == " ".join(re.sub("ーー+", "ー", _settle(text)).split())


@given(st.text(max_size=30))
def test_normalising_in_pieces_equals_normalising_the_whole(text):
    assert _nfkc(text) == unicodedata.normalize("NFKC", text)


@given(st.text(alphabet=TRICKY, max_size=30))
def test_a_long_text_folds_as_a_short_one(text):
    assert fold(text + " 日本（１）" * 60).startswith(fold(text + " 日本（１）"))


def test_what_is_not_strange_is_settled_and_joins_nothing_before_it():
    usual = [char for char in map(chr, range(0x30000)) if not re.match(_STRANGE_CLASS, char)]
    assert len(usual) > 30_000
    assert [char for char in usual if _settle(char) != char.casefold()] == []
    assert [char for char in usual if unicodedata.combining(char)] == []
    folded = {char.casefold() for char in usual}
    assert [char for char in folded if len(char) == 1 and re.match(_STRANGE_CLASS, char)] == []


@given(st.text(max_size=60))
def test_kana_folding_keeps_positions(text):
    assert len(fold_kana(text)) == len(text)


def test_kana_folds_to_hiragana():
    assert fold_kana("カタカナ・ひらがな ヴ") == "かたかな・ひらがな ゔ"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ユ-ザ-", "ユーザー"),
        ("ラ〜メン", "ラーメン"),
        ("カ―ド", "カード"),
        ("カ−ド", "カード"),
        ("カ─ド", "カード"),
        ("カ～ド", "カード"),
        ("カード", None),
        ("日-本 a-b", None),
    ],
)
def test_a_dash_after_kana_may_be_the_long_mark(written, read):
    assert long_marks(fold(written)) == read


@given(st.text(alphabet="カか-~〜ー日a ", max_size=30))
def test_reading_long_marks_keeps_positions(text):
    read = long_marks(fold(text))
    assert read is None or (len(read) == len(fold(text)) and read != fold(text))


def test_a_long_run_of_marks_is_folded_in_pieces():
    marks = "a" + "\u05b0\u0591" * 60_000  # sorted as one run it takes ten seconds
    assert len(fold(marks)) <= len(marks)
    assert fold("x" + "é" * 2000 + "ＡＢ") == "x" + "é" * 2000 + "ab"


def test_a_text_does_not_grow_without_bound():
    assert len(fold("\ufdfa" * 10_000)) <= 4 * 10_000 + 64
    assert fold("\ufdfa") == unicodedata.normalize("NFKC", "\ufdfa")

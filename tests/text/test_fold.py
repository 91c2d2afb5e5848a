"""Folding: one spelling for what a reader takes as the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.text.fold import _nfkc, fold, fold_kana


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("ﾊﾟﾁﾝｺ", "パチンコ"),
        ("ＰＡＣＨＩＮＫＯ", "pachinko"),
        ("㌔", "キロ"),
        ("①", "1"),
        ("pach\u200bin\u00adko", "pachinko"),
        ("ハ\uff9fチンコ", "パチンコ"),
        ("か\u3099", "が"),
        ("a \u3000\n b", "a b"),
        ("Straße", "strasse"),
    ],
)
def test_what_reads_alike_folds_alike(written, folded):
    assert fold(written) == folded


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)


@given(
    st.text(alphabet=st.sampled_from("aAéか\u3099\u309aハ\uff9e\uff9f日①㌔ｱ＊\u0301ー―가각\u1100\u1161"), max_size=30)
    | st.text(max_size=30)
)
def test_folding_by_runs_equals_folding_the_whole(text):
    assert _nfkc(text) == unicodedata.normalize("NFKC", text)


@given(st.text(max_size=60))
def test_kana_folding_keeps_positions(text):
    assert len(fold_kana(text)) == len(text)


def test_kana_folds_to_hiragana():
    assert fold_kana("カタカナ・ひらがな ヴ") == "かたかな・ひらがな ゔ"


def test_a_long_run_of_marks_is_folded_in_pieces():
    marks = "a" + "\u0301\u0316" * 60_000  # sorted as one run it takes ten seconds
    assert len(fold(marks)) <= len(marks)
    assert fold("x" + "é" * 2000 + "ＡＢ") == "x" + "é" * 2000 + "ab"


def test_a_text_does_not_grow_without_bound():
    assert len(fold("\ufdfa" * 10_000)) <= 4 * 10_000 + 64
    assert fold("\ufdfa") == unicodedata.normalize("NFKC", "\ufdfa")

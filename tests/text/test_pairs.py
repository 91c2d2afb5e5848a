"""Queries, forms and cookies with a pair that has to be there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.text.pairs import MAX_PAIRS, Wanted, name_of, settle_cookie, settle_query, without_words

ONE = Wanted(b"kp", b"1", frozenset({b"1"}))
HALF = Wanted(b"kp", b"-1", frozenset({b"-1", b"1"}))
ONLY_THERE = Wanted(b"kp", b"1", frozenset({b"1"}), added=False)


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        (None, b"kp=1"),
        (b"", b"kp=1"),
        (b"q=a", b"q=a&kp=1"),
        (b"q=a&", b"q=a&&kp=1"),
        (b"kp=1&q=a", b"kp=1&q=a"),
        (b"kp=-2&q=a", b"kp=1&q=a"),
        (b"kp=-2&q=a&kp=1&kp=-2", b"kp=1&q=a"),
        (b"kp=1&kp=1", b"kp=1&kp=1"),
        (b"kp=%31", b"kp=1"),
        (b"kp", b"kp=1"),
        (b"Kp=1", b"kp=1"),
        (b"k%70=1", b"kp=1"),
        (b"q=kp=-2", b"q=kp=-2&kp=1"),
        (b"q=a;kp=1", b"q=a&kp=1"),
        (b"q=a;b;c=d", b"q=a;b;c=d&kp=1"),
        (b"xkp=-2", b"xkp=-2&kp=1"),
    ],
)
def test_a_query_says_it_once_and_keeps_everything_else(raw, sent):
    assert settle_query(raw, [ONE]) == sent


def test_a_stronger_value_is_left_alone():
    assert settle_query(b"q=a&kp=1", [HALF]) == b"q=a&kp=1"
    assert settle_query(b"q=a&kp=-2", [HALF]) == b"q=a&kp=-1"


def test_what_is_not_to_be_added_is_only_replaced():
    assert settle_query(None, [ONLY_THERE]) is None
    assert settle_query(b"", [ONLY_THERE]) == b""
    assert settle_query(b"q=a", [ONLY_THERE]) == b"q=a"
    assert settle_query(b"q=a&kp=-2", [ONLY_THERE]) == b"q=a&kp=1"


def test_of_endless_queries_only_what_was_looked_at_leaves():
    sent = settle_query(b"&".join([b"a=b"] * (MAX_PAIRS + 9) + [b"kp=-2"]), [ONE])
    assert sent is not None and sent.count(b"&") == MAX_PAIRS and sent.endswith(b"&kp=1")


@pytest.mark.parametrize(
    "piece", [b"KP", b"%6bp=1", b"%256bp", b"%u006bp=", b" kp", b"+kp=", b"kp[]=1", b"kp%00x", b"kp%5B%5D"]
)
def test_spellings_of_one_name(piece):
    assert name_of(piece) == b"kp"


def test_words_are_taken_out_in_every_spelling():
    words = [b"!safeoff"]
    assert without_words(b"q=a&b=c+d", words) == b"q=a&b=c+d"
    assert without_words(b"q=%21SAFEOFF+cats&x=%zz", words) == b"q=+cats&x=%zz"
    assert without_words(b"q=%E7%8C%AB+!safeoff", words) == b"q=%E7%8C%AB+"
    assert without_words(b"q=" + b"!safe" * 50 + b"off" * 50, words) == b"q="
    assert without_words(None, words) is None


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ([], [b"kp=1"]),
        ([b""], [b"kp=1"]),
        ([b"a=1"], [b"a=1; kp=1"]),
        ([b"a=1;kp=1"], [b"a=1;kp=1"]),
        ([b"kp=-2; a=1; KP=1"], [b"a=1; kp=1"]),
        ([b"a=1", b"kp=1", b"b=2"], [b"a=1", b"kp=1", b"b=2"]),
        ([b"a=1", b"kp=-2", b"b=2"], [b"a=1; kp=1", b"b=2"]),
        ([b"a=kp=-2"], [b"a=kp=-2; kp=1"]),
    ],
)
def test_cookies_say_it_once(fields, sent):
    assert settle_cookie(fields, [ONE]) == sent


@given(st.lists(st.sampled_from([b"kp=1", b"kp=-2", b"kP", b"q=a;kp=1", b"", b"a", b"%"]), max_size=8))
def test_asked_twice_nothing_more_changes(pieces):
    for wanted in (ONE, HALF, ONLY_THERE):
        once = settle_query(b"&".join(pieces), [wanted])
        assert settle_query(once, [wanted]) == once
        cookies = settle_cookie(pieces, [wanted])
        assert settle_cookie(cookies, [wanted]) == cookies

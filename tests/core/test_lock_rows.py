"""The table of locks, read: what a row may say, and what is said of one that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.core.levels import Strictness
from sfs.core.lock_rows import lock_rows
from sfs.errors import RuleError

FULL = {
    "name": "Example",
    "hosts": ["www.example.{}", "*.search.example.com"],
    "suffixes": "com co.jp",
    "also": ["example.{}"],
    "paths": ["/", "/search"],
    "params": [{"name": "safe", "strict": "on", "moderate": "half"}, {"name": "p", "strict": "1", "paths": ["/x.js"]}],
    "cookies": {"name": "safe", "strict": "1"},
    "headers": {"name": "X-Safe", "strict": "1"},
    "forced": {"strict": "strict.example.com", "moderate": "moderate.example.com"},
    "checked": "2026-11-22",
}


def test_a_row_reads_as_written():
    (row,) = lock_rows([FULL], "t.yaml")
    assert row.hosts == ("www.example.com", "www.example.co.jp", "*.search.example.com")
    assert row.also == ("example.com", "example.co.jp")
    assert [knob.value(Strictness.MODERATE) for knob in row.params] == ["half", "1"]
    assert row.params[0].right(Strictness.MODERATE) == {"half", "on"}
    assert row.params[0].right(Strictness.STRICT) == {"on"}
    assert row.forced is not None and row.forced.value(Strictness.MODERATE) == "moderate.example.com"
    assert row.checked and row.rewrites and not row.always and row.unlocked is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": None}, "name is no text"),
        ({"hosts": []}, "hosts is empty or too long"),
        ({"hosts": ["EXAMPLE.com"]}, "is no host pattern"),
        ({"suffixes": "com Co.jp"}, "is no suffix"),
        ({"hosts": ["example.{}"], "suffixes": None}, "suffixes is no text"),
        ({"setting": "images"}, "is no setting"),
        ({"paths": ["search"]}, "is no path"),
        ({"paths": ["/Search"]}, "is no path"),
        ({"params": {"name": "safe", "strict": True}}, "strict is no text"),
        ({"params": {"name": "sa fe", "strict": "1"}}, "odd characters"),
        ({"params": {"name": "safe", "strict": "a&b"}}, "odd characters"),
        ({"params": "safe"}, "is no mapping"),
        ({"params": {"name": "safe", "value": "1"}}, "is no mapping of name, strict"),
        ({"off_words": ["!OFF"]}, "is no word in lower case"),
        ({"forced": "not a host"}, "is no host name"),
        ({"forced": {"moderate": "a.example.com"}}, "strict is no text"),
        ({"always": "yes"}, "neither true nor false"),
        ({"unlocked": 5}, "unlocked is no rating"),
        ({"unlocked": True}, "unlocked is no rating"),
        ({"checked": "yesterday"}, "checked is no day"),
        ({"checked": None}, "cannot always be locked"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_a_wrong_row_is_named(change, said):
    with pytest.raises(RuleError, match=said) as caught:
        lock_rows([FULL | change], "t.yaml")
    assert caught.value.where is not None and caught.value.where.file == "t.yaml"


def test_hosts_of_any_country_need_their_list():
    row = {key: value for key, value in FULL.items() if key != "suffixes"}
    with pytest.raises(RuleError, match="without suffixes"):
        lock_rows([row], "t.yaml")


def test_other_hosts_need_something_to_rewrite():
    row = {"name": "a", "hosts": ["a.test"], "also": ["b.test"], "unlocked": 1}
    with pytest.raises(RuleError, match="nothing is rewritten"):
        lock_rows([row], "t.yaml")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FULL, "strict", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json)
def test_any_table_gives_rows_or_a_rule_error(value):
    try:
        lock_rows(value, "t.yaml")
    except RuleError as fault:
        assert fault.what

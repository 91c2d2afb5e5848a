"""The catalogue of public lists: its form, and what its rows mean."""

import contextlib
import re
from collections import Counter
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.lists.catalogue import catalogue_from
from sfs.sources.choice import ALL_LEVELS, acts
from sfs.sources.public_lists import catalogue
from sfs.sources.subscriptions import source_of_row

ROWS = catalogue()
KEEPER = {"name": "K", "homepage": "https://k.example/", "licence": "MIT"}
ROW = {"name": "a", "url": "https://k.example/a", "format": "plain", "category": "porn", "size": 1}


def test_it_has_forty_lists_or_more_of_many_keepers():
    assert len(ROWS) >= 40
    assert len({row.keeper for row in ROWS.values()}) >= 10


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
def test_each_row_can_be_fetched_and_means_something(row):
    source = source_of_row(row)
    assert urlsplit(row.url).scheme == "https"
    assert re.fullmatch(r"[a-z0-9._-]+", row.name)
    assert row.homepage.startswith("https://")
    if row.recommended:
        assert acts(source, ALL_LEVELS), "it would block nothing"


def test_no_address_stands_twice():
    assert [url for url, times in Counter(row.url for row in ROWS.values()).items() if times > 1] == []


def test_lists_of_advertising_mean_nothing():
    for name in ("oisd-big", "blp-ads", "blp-tracking", "hagezi-pro", "stevenblack-unified"):
        assert not acts(source_of_row(ROWS[name]), ALL_LEVELS)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({}, "no keepers"),
        ([], "no keepers"),
        ({"keepers": {"k": 1}}, "cannot be read"),
        ({"keepers": {"k": KEEPER | {"odd": 1}}}, "cannot be read"),
        ({"keepers": {"k": {"lists": []}}}, "lacks name"),
        ({"keepers": {"k": KEEPER}}, "has no lists"),
        ({"keepers": {"k": KEEPER | {"lists": [1]}}}, "not known"),
        ({"keepers": {"k": KEEPER | {"lists": [ROW | {"odd": 1}]}}}, "not known"),
        ({"keepers": {"k": KEEPER | {"lists": [{"name": "a"}]}}}, "lacks name"),
        ({"keepers": {"k": KEEPER | {"lists": [ROW | {"size": True}]}}}, "no size"),
        ({"keepers": {"k": KEEPER | {"lists": [ROW | {"recommended": "no"}]}}}, "flag"),
        ({"keepers": {"k": KEEPER | {"lists": [ROW | {"member": 3}]}}}, "no text"),
        ({"keepers": {"k": KEEPER | {"lists": [ROW | {"url": "ftp://a.example/"}]}}}, "no address"),
        ({"keepers": {"k": KEEPER | {"lists": [ROW, ROW]}}}, "twice"),
    ],
)
def test_what_is_wrong_is_named(tree, said):
    with pytest.raises(SfsError, match=said):
        catalogue_from(tree)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(ROW) | st.just(KEEPER),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEEPER, *ROW, "lists"]), inner),
)


@given(json, json)
@settings(deadline=None)
def test_any_tree_is_a_catalogue_or_a_fault(keeper, rows):
    for tree in (keeper, {"keepers": keeper}, {"keepers": {"k": keeper}}, {"keepers": {"k": KEEPER | {"lists": rows}}}):
        with contextlib.suppress(SfsError):
            catalogue_from(tree)

"""Categories of lists and what they mean."""

import pytest

from sfs.core.ruleset import Axis
from sfs.errors import SfsError, Where
from sfs.sources import places
from sfs.sources.categories import Category, category_named, load_categories

HERE = Where("config.yaml", 3, 5)


@pytest.fixture
def load(tmp_path):
    def loader(text: str):
        path = tmp_path / "categories.yaml"
        path.write_text(text)
        return load_categories(path)

    return loader


def test_category_is_a_rating_or_an_axis_or_nothing(load):
    text = "categories:\n  a: {rating: 3}\n  b: {block: security}\n  c/d: {block: circumvention}\n"
    found = load(text + "  e: {rating: 0, opens: true}\nunrated: [f]\nrefused: [g]\n")
    assert found == {
        "a": Category(3),
        "b": Category(axis=Axis.SECURITY),
        "c/d": Category(axis=Axis.CIRCUMVENTION),
        "e": Category(0, opens=True),
        "f": Category(),
        "g": Category(refused=True),
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "categories: []",
        "categories: {a: {rating: 3, block: security}}",
        "categories: {a: {}}",
        "categories: {a: 3}",
        "categories: {a: {rating: 5}}",
        "categories: {a: {rating: true}}",
        "categories: {a: {block: everything}}",
        "categories: {a: {block: [security]}}",
        "categories: {a: {rating: 1, opens: maybe}}",
        "categories: {a: {rating: 1, open: true}}",
        "categories: {a: {rating: 1}}\nunrated: [a]",
        "categories: {a: {rating: 1}}\nunrated: 5",
        "categories: {a: {rating: 1}}\nunrated: [[a]]",
    ],
)
def test_category_without_one_clear_meaning_is_an_error(load, text):
    with pytest.raises(SfsError) as caught:
        load(text)
    assert caught.value.mend


def test_name_that_is_not_known_is_told_the_nearest(load):
    known = load("categories: {gambling: {rating: 3}}\nrefused: [special]\n")
    with pytest.raises(SfsError, match="no category 'gambing'") as caught:
        category_named("gambing", known, HERE)
    assert (caught.value.where, "gambling" in (caught.value.mend or "")) == (HERE, True)
    with pytest.raises(SfsError, match="not for filters"):
        category_named("special", known, HERE)
    assert category_named("gambling", known, HERE).rating == 3


def test_shipped_categories_load():
    found = load_categories(places.rules_dir() / "ratings" / "categories.yaml")
    assert found["malware"].axis is Axis.SECURITY
    assert any(category.opens for category in found.values())

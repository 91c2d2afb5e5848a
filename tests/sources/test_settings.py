"""The table of settings, and what is made of it."""

import dataclasses

import pytest

from sfs.core.levels import LEVELS
from sfs.core.policy import Policy
from sfs.sources.config import Config
from sfs.sources.settings import (
    BY_NAME,
    OLD_NAMES,
    SETTINGS,
    Kind,
    default_text,
    mend_of_unknown,
    setting,
    settings_table,
    values_text,
)

DESIGN = (  # design, section 4, two keys that profiles need, and what steps 2 to 5 added
    *("level", "profile", "listen", "admin", "state", "allow", "block", "keywords", "ratings", "lists", "groups"),
    *("reach", "companions", "unrated", "safesearch", "youtube", "bypass", "self_labels", "https", "never_decrypt"),
    *("bureaus", "bureau_away", "record", "retention", "upstream_ca", "language"),
    *("only_allowed", "checks", "pauses", "default_lists", "scan_body", "body_limit", "addresses", "front", "metrics"),
    "stop_page",
)


def test_keys_are_those_of_the_design():
    assert sorted(BY_NAME) == sorted(DESIGN)
    assert len(SETTINGS) == len(DESIGN)


def test_every_key_is_a_field_of_the_configuration():
    assert set(BY_NAME) <= {field.name for field in dataclasses.fields(Config)}


def test_keys_by_level_are_columns_of_the_table_of_levels():
    for one in SETTINGS:
        if one.by_level:
            of_levels = {str(getattr(level, one.name)) for level in LEVELS}
            assert all(map(str.isdigit, of_levels)) if one.kind is Kind.NUMBER else of_levels <= set(one.choices or ())
            assert default_text(one) == "by level"


def test_keys_of_groups_are_what_a_policy_can_hold():
    held = {field.name for field in dataclasses.fields(Policy)} | {"allow", "block", "ratings", "keywords"}
    assert {one.name for one in SETTINGS if one.per_group} <= held


def test_old_names_lead_to_keys_and_are_none_themselves():
    assert set(OLD_NAMES.values()) <= set(BY_NAME)
    assert not set(OLD_NAMES) & set(BY_NAME)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_table_has_a_line_for_every_key_and_four_columns(language):
    lines = settings_table(language).splitlines()
    assert len(lines) == len(SETTINGS) + 2
    assert {line.count(" | ") for line in lines} == {3}
    assert [line.split("`")[1] for line in lines[2:]] == [one.name for one in SETTINGS]


def test_every_key_says_what_it_is_in_both_languages():
    for one in SETTINGS:
        assert one.help_en.isascii()
        assert not one.help_ja.isascii()
        assert values_text(one, "en")
        assert values_text(one, "ja")
        assert (one.kind is Kind.CHOICE) == (one.choices is not None)


def test_rows_of_the_table_read_as_they_should():
    table = settings_table("en")
    assert "| `level` | 0 to 4 | none | the highest rating that is shown |\n" in table
    assert "| `youtube` | off, moderate, strict | by level | restricted mode of YouTube |" in table
    assert "| `language` | auto, ja, en | auto | " in table


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("Level", "did you mean level?"),
        ("grups", "did you mean groups?"),
        ("safe_search", "it is called safesearch here"),
        ("Safe-Search", "it is called safesearch here"),
        ("blacklist", "it is called block here"),
    ],
)
def test_unknown_key_is_told_the_new_or_the_nearest_name(name, mend):
    assert mend_of_unknown(name, BY_NAME) == mend


def test_key_like_no_other_is_told_them_all():
    assert mend_of_unknown("qqqqqqqq", ["a", "b"]) == "known are a, b"
    assert mend_of_unknown("blacklist", ["a", "b"]) == "known are a, b"


def test_setting_by_name():
    assert setting("level").kind is Kind.LEVEL
    with pytest.raises(KeyError):
        setting("levle")

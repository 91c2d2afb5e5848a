from datetime import date
from pathlib import Path

import pytest
import yaml

from sfs.web.helplines import MAX_LINES, HelpLine, shown_lines, tel_link
from sfs.web.pages import Blocked, block_page
from sfs.web.texts import LANGUAGES, Language, texts_for

ROOT = Path(__file__).parents[2]
LINE = HelpLine("相談", "Somebody", number="#9110", fallback_number="03-0000-0000", url="https://help.example.com/")


@pytest.mark.parametrize(
    ("number", "link"),
    [
        ("110", "tel:110"),
        ("0120-0-78310", "tel:0120078310"),
        ("#9110", "tel:%239110"),
        ("+81 3 0000 0000", "tel:+81300000000"),
        ("call me", None),
        ("110;ext=1", None),
        ("", None),
        (None, None),
        ("1" * 40, None),
    ],
)
def test_a_number_becomes_what_a_telephone_dials(number: str | None, link: str | None) -> None:
    assert tel_link(number) == link


@pytest.mark.parametrize(
    ("checked", "japanese", "english"),
    [
        (None, "まだ確認されていません", "not yet checked"),
        (date(2025, 3, 4), "2025年3月4日にたしかめました", "checked: 4 Mar 2025"),
        (date(2024, 12, 1), "前のこと", "a long time ago"),
    ],
)
def test_a_line_says_when_it_was_checked(checked: date | None, japanese: str, english: str) -> None:
    line = HelpLine("相談", "Somebody", checked=checked)
    today = date(2025, 8, 1)
    assert japanese in shown_lines([line], texts_for("ja"), today)[0].checked
    assert english in shown_lines([line], texts_for("en"), today)[0].checked


def test_without_todays_date_nothing_is_said_about_age() -> None:
    line = HelpLine("相談", "Somebody", checked=date(2001, 1, 2))
    assert shown_lines([line], texts_for("en"), None)[0].checked == "checked: 2 Jan 2001"


def test_a_line_is_shown_in_the_readers_language() -> None:
    assert shown_lines([LINE], texts_for("ja"), None)[0].name == "相談"
    shown = shown_lines([LINE], texts_for("en"), None)[0]
    assert (shown.name, shown.site, shown.fallback_tel) == ("Somebody", "help.example.com", "tel:0300000000")


def test_an_address_that_is_not_the_webs_is_left_out() -> None:
    shown = shown_lines([HelpLine("あ", "a", url="javascript:alert(1)")], texts_for("en"), None)[0]
    assert (shown.url, shown.site) == (None, "")


def test_the_number_of_lines_is_bounded() -> None:
    assert len(shown_lines([LINE] * 500, texts_for("en"), None)) == MAX_LINES


def names(language: Language, lines: list[HelpLine], country: str | None = None) -> list[tuple[str, str]]:
    return [(line.name, line.country) for line in shown_lines(lines, texts_for(language), None, country)]


def test_lines_of_the_readers_country_and_of_all_countries_stand_alone() -> None:
    lines = [HelpLine(name, name, country=name) for name in ("JP", "INT", "GB", "US")]
    assert names("ja", lines) == [("JP", ""), ("INT", "")]
    assert names("ja", lines, "GB") == [("INT", ""), ("GB", "")]
    assert names("en", lines, "US") == [("INT", ""), ("US", "")]


def test_where_the_country_is_not_known_each_line_says_its_own() -> None:
    lines = [HelpLine(name, name, country=name) for name in ("JP", "INT", "GB", "XX")]
    everything = [("JP", "Japan"), ("INT", ""), ("GB", "United Kingdom"), ("XX", "XX")]
    assert names("en", lines) == everything
    assert names("en", lines, "NZ") == everything


def test_every_country_of_the_shipped_lines_has_a_name_in_both_languages() -> None:
    rows = yaml.safe_load((ROOT / "rules/helplines.yaml").read_text(encoding="utf-8"))
    countries = {row["country"] for row in rows} - {"INT"}
    assert countries
    for language in LANGUAGES:
        assert [code for code in sorted(countries) if not texts_for(language).has(f"country.{code}")] == []


def test_the_note_on_lines_that_nobody_checked_stands_only_where_there_is_one() -> None:
    note = texts_for("en").text("lines.unchecked_note").partition("means")[2]
    fresh = [HelpLine("a", "a", checked=date(2026, 1, 1))]
    assert note in block_page("en", Blocked("rating", "rating"), [LINE, *fresh]).body.decode()
    assert note not in block_page("en", Blocked("rating", "rating"), fresh).body.decode()

"""What a person types as a site, read as an entry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.admin.pages.chosen import Unreadable, people_read, read_typed
from sfs.match.entry import parse_entry
from sfs.web.texts import texts_for

HOSTS = ["example.com", "www.example.com", "a.b.example.co.jp", "someone.github.io", "www.gov.uk", "192.0.2.1"]


@given(st.text(max_size=200) | st.sampled_from(HOSTS).map(lambda host: f"https://{host}/x?y#z"))
def test_any_text_is_entries_that_parse_back_or_a_sentence(text):
    try:
        typed = read_typed(text)
    except Unreadable as fault:
        assert texts_for("en").html(f"admin-fault.{fault.key}", **fault.values)
        assert texts_for("ja").html(f"admin-fault.{fault.key}", **fault.values)
        return
    for entry in (typed.whole, typed.part, typed.entry):
        if entry is not None:
            parsed = parse_entry(entry)
            assert parsed is not None
            assert parsed.text == entry


@pytest.mark.parametrize(
    ("text", "whole", "part"),
    [
        ("https://www.example.com/watch?v=1", "example.com", "www.example.com/watch?v=1"),
        ("example.com/kids/", "example.com", "example.com/kids/"),
        ("www.gov.uk", "www.gov.uk", None),
        ("http://192.0.2.1/a", "192.0.2.1", "192.0.2.1/a"),
        ("https://www.example.com", "example.com", None),
        ("https://github.io/a", "=github.io", "github.io/a"),
        ("[2001:db8::1]", "[2001:db8::1]", None),
    ],
)
def test_the_whole_site_and_the_part_of_it(text, whole, part):
    typed = read_typed(text)
    assert (typed.whole, typed.part) == (whole, part)


def test_an_international_name_is_shown_in_its_own_letters_too():
    assert people_read("xn--r8jz45g.jp") == "xn--r8jz45g.jp (例え.jp)"
    assert people_read("example.com") == "example.com"
    assert people_read("xn--" + "a" * 70) == "xn--" + "a" * 70

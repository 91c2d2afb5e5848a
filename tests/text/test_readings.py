"""What servers read in a path beyond two forms: it closes what is listed, and opens nothing that is allowed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import UrlError
from sfs.match.entry import parse_entry
from sfs.match.index import ALL_FORMS, SENT, entry_matches
from sfs.text.readings import further_readings, readings_of_bytes
from sfs.text.url import Form, parse_url
from tests import spellings
from tests.spellings import pieces_of, respelled


def paths(url: str) -> set[str]:
    return {form.path for form in further_readings(parse_url(url).forms)}


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/a;x=1/b", "/a/b"),
        ("/a;x/b;y", "/a/b"),
        ("/x/..;/a/b", "/a/b"),
        ("/a%3Bx/b", "/a/b"),
        ("/a/b;%2Ftoken", "/a/b"),
        ("/a/b;%2Ftoken", "/a/b/token"),
        ("/%93%FA%8B%4C/", "/日記/"),
        ("/%C6%FC%B5%AD/", "/日記/"),
        ("/%C4%B9/", "/長/"),  # these bytes are UTF-8 as well
        ("/x/%c0%ae%c0%ae/a", "/a"),
        ("/x%E0%80%AFa", "/x/a"),
        ("/x%f0%80%80%afa", "/x/a"),
        ("/%c1%a1", "/a"),
        ("/%25c1%25a1", "/a"),
        ("/x/%u002e%u002E/a", "/a"),
        ("/%uFF41", "/a"),
        ("/%u002561", "/a"),  # an escaped percent sign, and what it begins
        ("/%u0025c1%25a1", "/a"),
        ("/a%00.png", "/a"),
        ("/a;x%00.png", "/a"),
        ("/か\u3099;x", "/が"),
    ],
)
def test_a_path_is_read_as_some_servers_read_it(path, read):
    assert read in paths(f"http://h.test{path}")


@pytest.mark.parametrize(
    "path", ["/", "/a/b.html", "/100%", "/a%20b", "/a/%7Eb", "/a?x=1;y=2", "/a,b", "/a&b=c", "/a%2Fb"]
)
def test_an_ordinary_url_has_no_further_reading(path):
    assert paths(f"http://h.test{path}") == set()


def test_an_escape_that_stands_for_half_a_character_is_left_alone():
    assert paths("http://h.test/%ud800") == set()
    assert paths("http://h.test/%u00zz") == set()


def test_letters_are_put_together_name_by_name_and_only_in_names_that_a_file_can_have():
    assert f"/が/{'か\u3099' * 300}" in paths(f"http://h.test/か\u3099/{'か\u3099' * 300}")


def test_words_are_looked_for_in_bytes_of_another_charset_alone():
    assert readings_of_bytes(parse_url("http://h.test/日記;x").forms) == ()
    assert Form("/日記/", None) in readings_of_bytes(parse_url("http://h.test/%93%FA%8B%4C/").forms)
    assert Form("/日記", None) in readings_of_bytes(parse_url("http://h.test/%U65e5%u8A18").forms)
    assert Form("/", "q=日本") in readings_of_bytes(parse_url("http://h.test/?q=%93%FA%96%7B").forms)


@given(st.text(alphabet="aZ/.;%25cCuU0fFeE8日か\u3099\0+", max_size=40), st.text(alphabet="a=+%93FA&日", max_size=12))
def test_any_path_has_a_bounded_number_of_readings_that_can_be_read(path, query):
    try:
        url = parse_url(f"http://h.test/{path}?{query}")
    except UrlError:
        return
    readings = further_readings(url.forms)
    assert len(readings) <= 96
    assert len(set(readings) | set(url.forms)) == len(readings) + len(set(url.forms))
    for form in readings:
        form.path.encode()


def test_an_allowed_folder_opens_whatever_stands_in_it():
    entry = parse_entry("kids.test/日記/")
    for rest in ("", "a;b=1/c", "a+b?x=a+b", "か\u3099/", "%E3%81%82", "a%2Fb", "x/../y", "100%"):
        assert entry_matches(entry, parse_url(f"http://kids.test/日記/{rest}")) == ALL_FORMS, rest


@pytest.mark.parametrize(
    "path", ["open/..;/closed", "open/%c0%ae./closed", "open/%u002e./closed", "x/..;/open/", "open;/../closed"]
)
def test_an_allowed_folder_does_not_open_what_a_server_may_read_elsewhere(path):
    assert entry_matches(parse_entry("kids.test/open/"), parse_url(f"http://kids.test/{path}")) != ALL_FORMS


@pytest.mark.parametrize("seed", range(3))
def test_no_chain_of_transforms_leads_out_of_an_allowed_folder(seed):
    # Segments that a browser takes out may take the way out with them: such a path is sent on as the browser sends it.
    moved = (spellings.dot_segments, spellings.more_slashes, spellings.encoded_slash)
    transforms = tuple(one for one in spellings.SENT if one not in moved)
    rng = random.Random(seed)
    entry = parse_entry("kids.test/open/")
    for _ in range(700):
        up = rng.choice(("..", "%2e%2e", "%252e.", "%c0%ae.", "%u002e.", "..;", "..;x=1", "..%3b", "x/../..", "./.."))
        page = pieces_of("http://kids.test/open/")
        page.path += [up, *"/closed/x"]
        url, chain = respelled(page, rng, transforms)
        assert entry_matches(entry, parse_url(url)) != ALL_FORMS, (url, chain)


def test_one_reading_that_matches_is_enough_to_block_and_one_that_does_not_is_enough_not_to_allow():
    inside, outside = "http://h.test/x/..;/a/b", "http://h.test/a/..;/b"
    assert entry_matches(parse_entry("h.test/a/"), parse_url(inside)) not in (0, ALL_FORMS)
    assert entry_matches(parse_entry("h.test/a/"), parse_url(outside)) == SENT


def test_an_entry_is_read_as_its_url_is():
    for line in ("h.test/a;b", "h.test/%93%FA%8B%4C/", "h.test/s?q=a+b", "h.test/か\u3099"):
        assert entry_matches(parse_entry(line), parse_url(f"http://{line}")) == ALL_FORMS, line
    assert entry_matches(parse_entry("h.test/%93%FA%8B%4C/"), parse_url("http://h.test/日記/x"))
    assert entry_matches(parse_entry("h.test/s?q=a+b"), parse_url("http://h.test/s?q=a%20b"))
    assert not entry_matches(parse_entry("h.test/s?q=a+b"), parse_url("http://h.test/s?q=ab"))

"""The proxy's address, as it is written into files that a system believes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.export.way import Way, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.168.1.10:8080", "192.168.1.10:8080"),
        ("Filter.Example:3128", "filter.example:3128"),
        ("[FD00::0010]:8080", "[fd00::10]:8080"),
        ("127.1:80", "127.0.0.1:80"),
        (" 192.0.2.1:65535 ", "192.0.2.1:65535"),
    ],
)
def test_a_place_is_read(text, place):
    assert Way(*parse_place(text)).place == place


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "192.0.2.1", "192.0.2.1:", ":8080", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:80a", "a b:80"),
        *("http://192.0.2.1:80", "user@192.0.2.1:80", "fd00::1:80", "[fd00::g]:80", "[fe80::1%eth0]:80"),
        *('a";b:80', "a;reboot:80", "<x>:80", "a:80\nb:80", "a.example:8０80", "ａ:80", "-a:80", "a..b:80"),
        *("x" * 300 + ":80", "a:080808"),
    ],
)
def test_what_is_no_place_is_refused(text):
    with pytest.raises(SfsError):
        parse_place(text)


@given(st.text(max_size=40) | st.from_regex(r"[a-z0-9.:\[\]-]{1,30}:[0-9]{1,5}", fullmatch=True))
def test_any_text_is_a_place_of_plain_letters_or_refused(text):
    try:
        place = Way(*parse_place(text)).place
    except SfsError:
        return
    assert set(place) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-:[]")
    assert Way(*parse_place(place)).place == place

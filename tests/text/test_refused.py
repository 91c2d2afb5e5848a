"""What a refused text would name; the rows of Safe Browsing are in test_url_conformance.py."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sfs.errors import UrlError
from sfs.text.refused import named_by
from sfs.text.url import MAX_URL, parse_url


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("http://blue%23widget.test/%2561", "http://blue%23widget.test/a"),
        ("http%3A%2F%2Fblue.test:80/", "http://blue.test/"),
        ("https://blue widget.test:8443/a/../b?x=%31", "https://blue%20widget.test:8443/b?x=1"),
        ("https://user@blue<>.test..:443", "https://blue<>.test/"),
        (" http://BLUE^.test/\t ", "http://blue^.test/"),
        ("http://%01.test/%zz#part", "http://%01.test/%25zz"),
        (b"http://\xff.test/", "http://%FF.test/"),
        ("mailto://someone%20at.test/", None),
        ("http://", None),
        ("http://../", None),
        ("http://%00" + "a" * MAX_URL, None),
        ("http://%" + "25" * 20 + "00.test/", None),
    ],
)
def test_a_refused_text_has_the_line_it_would_have(text, line):
    with pytest.raises(UrlError):
        parse_url(text)
    assert named_by(text) == line


@given(st.text() | st.binary())
@example("http://\udc80.test/")
@example("\ud800")
def test_any_text_has_a_line_or_none(text):
    line = named_by(text)
    assert line is None or (line.isascii() and line.isprintable() and " " not in line)

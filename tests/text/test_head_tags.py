"""Reading a head stops where nothing more can matter; what is read is the same as if it had not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.text import metadata
from sfs.text.metadata import HeadScan, head_from_html
from sfs.text.tags import TagScan

PARTS = (
    *(
        "<meta name=rating content=adult>",
        "<title>",
        "</title>",
        "<TITLE>t</TiTle >",
        "<html lang=ja>",
        "<p>",
        "<",
        "</",
    ),
    *("<a title='<meta name=a content=b>'>", "<!--", "-->", "<script>", "</script>", "<style>", "</style>"),
    *(
        "<template>",
        "</template>",
        "<textarea>",
        "</textarea>",
        "<plaintext>",
        "<noscript>",
        "</noscript>",
        "<me",
        "ta ",
    ),
    *(
        "<meta name='x",
        "' content=\"",
        '">',
        "<!-- <script> ",
        "'",
        '"',
        ">",
        "/",
        "=",
        "text ",
        "あ",
        "x" * 100,
        "İ" * 9,
    ),
    *("&amp;", "a&lt", "&#x41;", "\r\n", "\0", "&"),
)
pages = st.lists(st.sampled_from(PARTS), max_size=60).map("".join)


@given(pages, st.sampled_from([1, 3, 64]))
def test_the_tags_that_are_not_read_would_change_nothing(html: str, few: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "_FEW", few)
        quick = head_from_html(html)
        patch.setattr(metadata, "_tags", lambda text: iter(TagScan().feed(text)))
        patch.setattr(metadata, "CODED", re.compile(""))
        assert quick == head_from_html(html)


@given(pages, st.integers(1, 50))
def test_a_head_is_over_at_the_same_place_however_it_is_cut(html: str, size: int) -> None:
    data = html.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "_STEP", size)
        cut = HeadScan().feed(data)
    assert cut == HeadScan().feed(data)


def test_a_long_body_is_not_read_to_its_end() -> None:
    body = '<p>words <a href="/x">and a link</a></p>' * 5_000
    html = f"<html><head><title>t</title></head><body>{body}</body></html>"
    assert len(list(metadata._tags(html))) < 20

"""A page told at a glance says what the whole way says of it."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfs.core.page import page_from
from sfs.pics.selflabels import META_NAMES
from sfs.text import glance as glance_file
from sfs.text.glance import glance
from sfs.text.metadata import HeadScan
from sfs.text.url import parse_url
from tests.text.test_plain_head import PARTS

NOW = datetime(2026, 11, 28, tzinfo=UTC)
URL = parse_url("http://page.test/")
MORE = (
    *('<meta name="description" content="説明です">', '<meta name="og:title" property="title" content="both">'),
    *('<meta name=" KEYWORDS " content=" a, b ">', '<meta http-equiv="title" content="no words">'),
    *('<meta name="des&#99;ription" content="coded">', '<meta property="og:image" content="http://a.test/?a=1&b=2">'),
    *('<meta name="description" content="a &amp; b">', '<meta name="rating" content="adult">', "<title> \t</title>"),
    *('<meta name="\u00a0rating" content="adult">', '<meta name="abstract" content="">', "<title>\u3000</title>"),
    *("</head><body>", "</head><body><meta name=description content=late>", "</head><body><title>late</title>"),
    *('<meta property="twitter:title" content="A&#0;">', '<meta name="description">', "<META NAME=Subject CONTENT=Up>"),
)
PAGES = st.lists(st.sampled_from((*PARTS, *MORE)), max_size=12).map("".join)
KINDS = ("text/html", "text/html; charset=utf-8", "text/html; charset=shift_jis", "text/html; charset=x")
TYPES = st.sampled_from(KINDS)


def plain_of(data: bytes):
    scan = HeadScan()
    return scan.plain if scan.feed(data) else None


def both(data: bytes, kind: str = "text/html; charset=utf-8"):
    headers = (("content-type", kind),)
    return page_from(URL, headers, data, NOW, plain=plain_of(data)), page_from(URL, headers, data, NOW)


@given(PAGES, TYPES, st.sampled_from([b"", b"\xef\xbb\xbf"]), st.sampled_from([b"", b"\xff\x8f", b"\xe3\x81"]))
@settings(max_examples=500, deadline=None)
@example("<title>a</title><body>", "text/html; charset=utf-8", b"", b"\xff<META name=description content=x>")
@example("<meta charset=utf-8><title>\x1b$B</title><body>", "text/html", b"", b"")
def test_a_glance_says_what_the_whole_way_says(page, kind, mark, rest):
    glanced, whole = both(mark + page.encode() + rest, kind)
    assert glanced == whole


@given(st.lists(st.sampled_from(MORE), max_size=8).map("".join), st.binary(max_size=6), st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_utf_8_are_no_glances(page, odd, place):
    data = f"<title>題名</title>{page}</head><body>".encode()
    glanced, whole = both(data[:place] + odd + data[place:])
    assert glanced == whole


@given(
    st.lists(st.sampled_from(["<META ", "<mEtA x>", "meta", "metal", "<", "題", "<p>a</p>", "<metaname", "<Title>"])),
    st.sampled_from([0, 20, 65_536]),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_what_follows_a_head_is_looked_through_alike_by_both(more, most, fast):
    data, end = ("<title>題</title></head>" + "".join(more)).encode(), len("<title>題</title></head>".encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glance_file, "_AT_ONCE", most)
        if not fast:
            patch.setattr(glance_file, "_META", None)
        for has_title in (True, False):
            lower = data[end:].lower()
            adds = b"<meta" in lower or (not has_title and b"<title" in lower)
            assert glance_file._adds(data, end, has_title=has_title) is adds
            assert glance_file._adds(lower, 0, has_title=has_title) is adds


HEAD = '<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>{}</title><meta name="keywords" content="{}">'


def test_most_pages_take_no_more_than_a_glance():
    data = (HEAD.format("日本の ページ", "猫, cats") + "</head><body><p>text</p>" + "<mark>x</mark>" * 100).encode()
    head = glance(plain_of(data), data, META_NAMES)
    assert head is not None
    assert head.texts() == ("日本の ページ", "猫, cats")


@pytest.mark.parametrize(
    ("title", "words"),
    [("a &amp; b", "x"), ("a", "&lt;"), ("x" * 70_000, "y"), ("a", "y" * 70_000), ("a\0", "y")],
)
def test_what_a_parser_would_change_or_cut_takes_more(title, words):
    data = (HEAD.format(title, words) + "</head><body>").encode()
    assert glance(plain_of(data), data, META_NAMES) is None
    glanced, whole = both(data)
    assert glanced == whole


def test_very_many_metas_take_more():
    data = ("<head>" + "<meta name=a content=b>" * 300 + "<meta name=keywords content=c></head><body>").encode()
    assert glance(plain_of(data), data, META_NAMES) is None
    glanced, whole = both(data)
    assert glanced == whole and glanced.texts == ()

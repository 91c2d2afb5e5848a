"""Plain heads are read as every head is: the slow reader of metadata.py and the prescan say the same."""

import html5prescan
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfs.text import metadata
from sfs.text.charset import canonical, html_charset
from sfs.text.metadata import HeadScan, head_from_html
from sfs.text.plain_head import parts_of_plain_head, plain_charset

PARTS = (
    "<!doctype html>",
    "<html>",
    '<html lang="ja">',
    "<HTML LANG=en >",
    "<head>",
    "</head>",
    "<body>",
    '<body class="a>b">',
    '<meta charset="utf-8">',
    "<meta charset=Shift_JIS />",
    "<META CHARSET='euc-jp'>",
    "<meta charset=utf-8/>",
    "<meta charset=utf-16>",
    '<meta name="description" content="an orange > a lemon">',
    "<meta property=og:title content=T>",
    "<meta name=a>",
    '<meta http-equiv="Content-Type" content="text/html; charset=euc-jp">',
    "<meta name=rating content='14 years'/>",
    "<title>A page</title>",
    "<title></title>",
    "<title>a &amp; b</title >",
    "<title>日本語</title>",
    "<title><b></title>",
    "<!-- a -- b -->",
    "<!--></head>",
    "<!--->",
    "<!-- <meta name=a content=b> -->",
    "<!-- a --!>",
    "<link rel=icon href=/x>",
    "<base href=/>",
    "<script>if (a < b) c()</script>",
    "<script>'<!--<script>'</script>",
    "<script src=/x></script>",
    "<style>a > b {}</style>",
    "<noscript><img src=x><meta name=n content=o></noscript>",
    "<template><meta name=t content=u></template>",
    "<p>",
    "<div id=1 >",
    "</div>",
    "<svg><title>t</title></svg>",
    "<p",
    "<!",
    "text",
    " ",
    "\n\t",
    "\x1b$B",
    "\x1b(B",
    "<plaintext>",
    "<iframe>",
    "</br>",
    "<br/>",
    '<a b="c"d=e f>',
    "<a =b>",
    "&lt;",
    '<meta name=x content="a\'b" content=second>',
    "<meta\nname=y\ncontent=z\n>",
    "<meta charset=nothing>",
    "<?xml version=1?>",
)
PAGES = st.lists(st.sampled_from(PARTS), max_size=14).map("".join)
PLAIN = "<!doctype html><html lang=en><head><meta charset=utf-8><title>T</title></head><body>"


def over(text: str) -> bool:
    """As HeadScan says where it goes tag by tag."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "_plain", lambda _: None)
        return HeadScan().feed(text.encode("latin-1", "replace"))


def end_of_plain_head(text: str) -> int | None:
    plain = parts_of_plain_head(text)
    return None if plain is None else plain.end


@given(PAGES)
@settings(max_examples=600, deadline=None)
@example(PLAIN)
def test_a_plain_head_is_over_where_any_head_is(page: str) -> None:
    end = end_of_plain_head(page)
    if end is not None and "\x1b" not in page[:end]:
        assert over(page[:end]) and not over(page[: end - 1])


@given(PAGES)
@settings(max_examples=600, deadline=None)
@example(PLAIN)
@example("<head></head><div><META name=late content=on>")
@example("<head></head><svg><title>of a picture</title></svg>")
def test_a_plain_head_says_what_any_head_says(page: str) -> None:
    plain = metadata._read_plain(page)
    assert plain is None or plain == metadata._read(page)


@given(PAGES)
@settings(max_examples=400, deadline=None)
def test_the_charset_of_a_plain_start_is_that_of_the_prescan(page: str) -> None:
    data = page.encode("utf-8", "replace")
    label = plain_charset(data[:1024].decode("latin-1"))
    if label and canonical(label) and not data.startswith(b"\xef\xbb\xbf"):
        name = html5prescan.get(data[:1024])[0].name
        assert html_charset(data) == (str(name).lower(), "meta")


@given(PAGES)
@settings(max_examples=100)
@example(PLAIN)
def test_a_head_reads_the_same_wherever_the_first_look_ends(page: str) -> None:
    sent = page.encode()
    whole = parts_of_plain_head(sent.decode("latin-1"))
    for end in range(len(sent)):
        first = parts_of_plain_head(sent[:end].decode("latin-1"))
        assert first in (None, whole)


def test_a_head_that_is_longer_than_the_first_look_is_read() -> None:
    page = PLAIN.replace("<title>", f"<!-- {'a' * 2 * metadata._MOST_HEADS} --><title>").encode()
    scan = HeadScan()
    assert scan.feed(page) and scan.plain == parts_of_plain_head(page.decode("latin-1"))


def test_a_slash_behind_a_bare_charset_is_a_part_of_it() -> None:
    page = "<meta charset=utf-8/><title>日本語のページ</title>".encode("shift_jis")
    assert html_charset(page) == ("shift_jis", "detected")


@pytest.mark.parametrize(
    "page",
    [
        PLAIN,
        "\n<!DOCTYPE html>\n<html>\n<head>\n  <meta charset='utf-8' />\n  <title>日本</title>\n  <link rel=x href=y>\n"
        "  <script async src=a></script><script>var a = '<b>';</script><style>p>a{}</style><!-- c --></head><body>",
        "<html><head><title>t</title><meta name=description content='a'><noscript><img></noscript><div>",
    ],
)
def test_most_pages_are_plain(page: str) -> None:
    assert (end_of_plain_head(page) or 0) >= len(page) - len("<body>")
    assert HeadScan().feed(page.encode())
    assert head_from_html(page).title in ("T", "日本", "t")


@pytest.mark.parametrize(
    "unit", ["<div ", "<!--", "<script>", "<title>", "<meta a=1 ", "<noscript><", "<!-- - ", "<p a='"]
)
def test_hostile_heads_take_time_in_proportion(unit: str) -> None:
    """A text of 256 KiB is given up after one look; a pattern that looked again from each place would not end here."""
    text = "<head>" + unit * (262_144 // len(unit))
    assert parts_of_plain_head(text) is None
    assert plain_charset(text) is None

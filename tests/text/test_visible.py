"""What a reader sees of a page, and what scripts hold."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfs.text.plain_tags import end_of_run
from sfs.text.visible import PageText, page_text, unescaped


def seen(text: str) -> str:
    """What is visible, its blanks one."""
    return " ".join(page_text(text)[0].split())


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("<p>blue widget</p>", "blue widget"),
        ("blue wid<b>get</b>", "blue widget"),
        ("blue wid<span class='x'>get</span>", "blue widget"),
        ("blue wid<wbr>get", "blue widget"),
        ("<td>blue</td><td>widget</td>", "blue widget"),
        ("blue<br>widget", "blue widget"),
        ("wid<!-- blue -->get", "widget"),
        ("wid<!-->get", "widget"),
        ("wid<? blue >get", "widget"),
        ("wid</ blue>get", "widget"),
        ("<!doctype html>widget", "widget"),
        ("wid&shy;get &#98;&#x6c;ue &amp;", "wid\u00adget blue &"),
        ("&#00098;lue &#x0062;lue", "blue blue"),
        ("&#" + "9" * 5000 + ";&#x" + "f" * 5000 + ";!", "\ufffd\ufffd!"),
        ("1 < 2 <3 widgets", "1 < 2 <3 widgets"),
        ("<title>blue &amp; <b>red</title> green", "blue & <b>red green"),
        ("<textarea>a &lt;b</textarea>", "a <b"),
        ("<xmp>a &lt;b <i></xmp>", "a &lt;b <i>"),
        ("a <plaintext> b </p> &amp;", "a b </p> &amp;"),
        ("<style>widget</style>a<noscript>widget</noscript>b<noframes>w</noframes>c<iframe>w</iframe>d", "a b c d"),
        ("<script>widget</script>a<script>w</script>", "a"),
        ('<img alt="blue&#32;widget" src=x>', "blue widget"),
        ('<a title="blue">w</a><input placeholder=red><i aria-label="green">', "blue w red green"),
        ('<input type=submit value="blue"><input type=hidden value="red"><input value=green>', "blue green"),
        ('<option label="blue" value="red">', "blue"),
        ('<iframe srcdoc="<p>blue <b>wid</b>get&lt;br>&amp;amp;</p>"></iframe>', "blue widget &"),
        ("<div hidden>blue</div><p style='display:none'>red</p>", "blue red"),
        ("a <b title='widget", "a"),
        ("a <!-- widget", "a"),
        ("<title>a widget", "a widget"),
        ("a <", "a <"),
    ],
)
def test_what_is_visible(text, visible):
    assert seen(text) == visible


def test_pages_in_srcdoc_are_read_to_a_bounded_depth():
    page = "blue"
    for _ in range(6):
        page = f'<p>widget<iframe srcdoc="{page.replace("&", "&amp;").replace(chr(34), "&quot;")}"></iframe>'
    assert seen(page) == "widget widget widget"


def test_scripts_and_data_blocks_are_kept_apart():
    data = json.dumps({"a": "青い\nお皿 \U00020bb7"})
    page = "<p>red</p><script>var x = 'bl\\x75e \\u{77}idget'</script>"
    page += f"<script type='application/ld+json'>{data}</script>"
    visible, script = page_text(page)
    assert visible.split() == ["red"]
    assert "blue widget" in script
    assert "青い\nお皿 \U00020bb7" in script


def test_escapes_that_are_none_stay_text():
    assert unescaped(r"a\/b \q \u12 \ud800 \u{110000} \\") == "a/b q u12 \ufffd \ufffd \\"
    assert unescaped("nothing") == "nothing"


PIECES = (
    *("<p>", "</p>", "<b", " title='", "'>", '"', "<!--", "-->", "<script>", "</script", ">", "<title>", "</title>"),
    *("&am", "p;", "&#98", ";", "blue", " ", "青い", "<", "/", "<plaintext>", "<iframe srcdoc=", "\\u3042", "=a"),
)
PAGES = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
TAGS = (
    *(
        "<p>",
        "</p>",
        "<DIV Class='x y'>",
        "</div >",
        "<b>",
        "</b>",
        "<SPAN lang=ja>",
        "</Span/>",
        "<br/>",
        "<a href=/?a=b&c>",
    ),
    *(
        "<a href='/x' id=\"y\">",
        "<a href='x>y'>",
        "<a b='<p>'>",
        "<td width = 3>",
        "<td =x>",
        "<p a'b>",
        '<p a="b"c>',
        "<p a=>",
    ),
    *(
        "<img alt='red'>",
        "<p ALT=red>",
        "<p alt>",
        "<p data-alt=red>",
        "<p titles=red>",
        "<input value=red>",
        "<p value=red>",
    ),
    *(
        "<abbr>",
        "<abbreviation>",
        "<b:c>",
        "<tt>",
        "<ttt>",
        "<x-b>",
        "<abcdefghijklmnopalt=red>",
        "<mar\u212a>",
        "<titl\u0131>",
    ),
    *(
        "<i",
        " class",
        "=",
        "'",
        '"',
        ">",
        "/",
        "<",
        "</",
        "<!",
        "<!-- <p> -->",
        "<!doctype html>",
        "<?x>",
        "</ x>",
        "<3",
    ),
    *(
        "<title>",
        "</title>",
        "<TextArea>",
        "</textarea>",
        "<script>'",
        "</script>",
        "<style >",
        "</style>",
        "<xmp/>",
        "</xmp>",
    ),
    *(
        "<titles>",
        "<scripty>",
        "<plaintext>",
        "<iframe srcdoc='<b>&lt;p>red'>",
        "</iframe>",
        "<noscript>",
        "</noscript>",
    ),
    *(
        "&am",
        "p;",
        "&amp;",
        "&not",
        "in;",
        "&#9",
        "8;",
        "&",
        "red",
        "blue",
        " ",
        "\n",
        "\t",
        "\u3000",
        "青い",
        "\0",
        ">",
        "\ufffe",
    ),
)
ANY_TAGS = st.lists(st.sampled_from(TAGS), max_size=40).map("".join)


@given(PAGES, st.lists(st.integers(0, 120), max_size=8))
@example("<p>a</p><!-- b --><i title='c'>d", [1])
def test_what_comes_back_does_not_depend_on_the_pieces(text, cuts):
    page = PageText()
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for start, end in pairwise(places):
        page.feed(text[start:end])
    page.finish()
    single = PageText()
    for letter in text:
        single.feed(letter)
    single.finish()
    whole = page_text(text)
    assert page.visible.split() == single.visible.split() == whole[0].split()
    assert page.script == single.script == whole[1]


@given(st.text(max_size=200))
def test_any_text_gives_a_text(text):
    visible, script = page_text(text)
    assert isinstance(visible, str)
    assert isinstance(script, str)


@settings(max_examples=500)
@given(ANY_TAGS)
def test_tags_many_at_a_time_say_what_they_say_one_by_one(text):
    visible, script = page_text(text)
    one_by_one, of_scripts = page_text(text, runs=False)
    assert (visible.split(), script) == (one_by_one.split(), of_scripts)


@given(ANY_TAGS, st.integers(1, 60))
def test_runs_do_not_depend_on_the_pieces(text, size):
    page = PageText()
    for at in range(0, len(text), size):
        page.feed(text[at : at + size])
    page.finish()
    visible, script = page_text(text)
    assert (page.visible.split(), page.script) == (visible.split(), script)


def test_a_plain_page_is_one_run():
    """Else it would be as slow as before, and nobody would know."""
    text = '<P class="a b"><a href=/x id=\'y\'>blue</a><br/><img src="/z.png">&amp;</P ><ul>\n<li>red</ul>\n' * 100
    assert end_of_run(text, 0) == len(text) - 1

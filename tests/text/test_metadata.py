"""Heads of pages: what they say, and where they end."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from sfs.text.metadata import MAX_BODY_WORDS, MAX_CONTENT, MAX_METAS, Head, HeadScan, Meta, head_from_html

VECTORS = Path(__file__).parents[1] / "vectors" / "text"
HEADS = json.loads((VECTORS / "heads.json").read_text("utf-8"))
ENDS = json.loads((VECTORS / "head-ends.json").read_text("utf-8"))
MARKS = "<>/!-='\"\x1b$(B \n&;"
PARTS = [
    "<!--",
    "-->",
    "--!>",
    "<script>",
    "</script>",
    "<title>",
    "</title>",
    "<noscript>",
    "</noscript>",
    "<template>",
    "</template>",
    "<meta name=a content='",
    '<meta name="b',
    "<style>",
    "</style",
    "</head>",
    "<body>",
    "<p",
    "\x1b$B",
    "\x1b(B",
    "=",
    "text",
    "<svg/>",
    "</",
    "<!",
]
PAGES = st.lists(st.sampled_from(PARTS) | st.text(MARKS + "ab", max_size=3), max_size=25).map("".join)


def ids(rows: list[dict[str, str]]) -> list[str]:
    return [row["why"] for row in rows]


def whole(page: bytes, charset: str | None = None) -> bool:
    return HeadScan(charset).feed(page)


@pytest.mark.parametrize("row", HEADS, ids=ids(HEADS))
def test_head_says(row: dict[str, object]) -> None:
    head = head_from_html(str(row["html"]))
    assert (head.title, head.lang) == (row["title"], row["lang"])
    assert [[m.attribute, m.name, m.content] for m in head.metas] == row["metas"]


def test_texts_are_title_description_keywords_and_open_graph_each_once() -> None:
    head = head_from_html(
        "<title>T</title><meta name=keywords content='a, b、c'><meta property=og:title content=T>"
        "<meta name=og:description content=D><meta name=twitter:title content=W><meta name=description content=E>"
        "<meta name=description content=F><meta name=generator content=G><meta property=og:site_name content=S>"
    )
    assert head.texts() == ("T", "E", "F", "a, b、c", "D", "S", "W")


@pytest.mark.parametrize("end", ["</title x='><meta name=a content=b>", "</TITLE ", "</title/"])
def test_a_tag_that_never_ends_is_no_part_of_the_title(end: str) -> None:
    head = head_from_html("<meta name=description content='a &amp; b'><title>An orange &amp; a lemon" + end)
    assert (head.title, [meta.content for meta in head.metas]) == ("An orange & a lemon", ["a & b"])


def test_an_empty_page_says_nothing() -> None:
    assert head_from_html("") == Head()
    assert Head().texts() == ()


def test_counts_and_sizes_are_bounded() -> None:
    head = head_from_html("<meta name=a content=b>" * (MAX_METAS + 9))
    assert head.metas == (Meta("name", "a", "b"),) * MAX_METAS
    head = head_from_html(f"<title>{'t' * 70_000}</title><meta name=a content={'c' * 70_000}>")
    assert (len(head.title), len(head.metas[0].content)) == (MAX_CONTENT, MAX_CONTENT)
    assert head_from_html("<" * 262_144 + "<meta name=a content=b>").metas == ()


@pytest.mark.parametrize(
    "unit", ["<div>", "<p><b id=1>", "<meta a=1 ", "<!--", "<script><!--<script>", "<title>", "&#1"]
)
def test_hostile_html_is_read_without_building_a_tree(unit: str) -> None:
    head = head_from_html("<meta name=a content=b>" + unit * (250_000 // len(unit)))
    assert head.metas[0] == Meta("name", "a", "b")


@given(PAGES | st.text())
@example("\ud800<meta name=\ud800 content=\udfff>")
@example("<meta name=a content=&#" + "1" * 5000 + ";>")
@example("<meta name=a content=&amp;><title>a</title x='")
def test_any_text_has_a_head(text: str) -> None:
    head = head_from_html(text)
    assert all(meta.name == meta.name.strip().lower() != "" for meta in head.metas)
    assert all(head.texts())


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "iso2022_jp"])
@pytest.mark.parametrize("row", ENDS, ids=ids(ENDS))
def test_head_is_over_at_this_character_and_not_before(row: dict[str, str], codec: str) -> None:
    scan = HeadScan()
    assert not scan.feed(row["open"].encode(codec))
    assert scan.feed(row["last"].encode(codec))
    assert scan.feed(b"<!--")


def test_utf16_is_known_by_its_mark_or_by_name() -> None:
    assert whole("<html></head>".encode("utf-16"))
    assert whole("日本</head>".encode("utf-16-be"), "UTF-16BE")
    assert not whole("日本</head>".encode("utf-16-be"))


def test_two_byte_characters_of_iso_2022_jp_are_no_tags() -> None:
    hidden = b"<title>\x1b$B</title><body>\x1b(B</title>"  # the bytes between the escapes are kanji
    assert not whole(hidden)
    assert whole(hidden + b"</head>")


def test_a_stray_mark_before_the_head_is_no_body_but_much_text_is() -> None:
    assert not whole(b"Warning: line 3 <html><head><title>" + b"t" * 9000 + b"</title>")
    assert not whole(b"<template>" + b"t " * 9000 + b"</template>")
    assert not whole(b" " * 9000 + b"w" * MAX_BODY_WORDS)
    assert whole(b"w" * (MAX_BODY_WORDS + 1))


@given(PAGES)
def test_metas_are_those_of_a_tree(page: str) -> None:
    page = (
        page.replace("noscript", "b").replace("svg", "b").replace("template", "p")
    )  # where the tree differs on purpose
    tree = [node.attributes for node in LexborHTMLParser(page).css("meta")]
    expected = [
        (a["name"].strip().lower(), a["content"] or "")
        for a in tree
        if (a.get("name") or "").strip() and "content" in a
    ]
    assert [(meta.name, meta.content) for meta in head_from_html(page).metas if meta.attribute == "name"] == expected


@given(PAGES, st.lists(st.integers(0, 200), max_size=12), st.sampled_from(["latin-1", "utf-16-le", "utf-16"]))
def test_pieces_do_not_change_the_answer(page: str, cuts: list[int], codec: str) -> None:
    data = page.encode(codec)
    scan = HeadScan()
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(borders):
        assert scan.feed(data[start:end]) == whole(data[:end])


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_have_an_answer(chunks: list[bytes]) -> None:
    scan = HeadScan()
    answers = [scan.feed(chunk) for chunk in chunks]
    assert answers == sorted(answers)

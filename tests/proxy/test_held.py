"""The head of a page while it is held."""

import gzip
import random

import pytest

from sfs.core.body import MAX_BODY
from sfs.core.page import MAX_HEAD, looks_like_html
from sfs.proxy.decode import SLACK
from sfs.proxy.held import HeldBody, HeldHead

PAGE = b"<!doctype html><html><head><title>T</title></head><body>" + b"x" * 5000


def fed(head: HeldHead, data: bytes, size: int) -> bool:
    return any(head.feed(data[i : i + size]) for i in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_head_is_enough_when_it_ends(size):
    head = HeldHead("text/html", None)
    assert fed(head, PAGE, size)
    assert not head.is_cut(whole=False)
    assert b"<title>T</title>" in head.body()


@pytest.mark.parametrize("size", [1, 100])
def test_a_compressed_head_is_read_as_it_comes(size):
    head = HeldHead("text/html", "gzip")
    assert fed(head, gzip.compress(PAGE), size)
    assert b"<title>T</title>" in head.body()
    assert not head.is_cut(whole=False)


def test_a_head_that_does_not_end_is_cut_unless_the_body_ended():
    head = HeldHead("text/html", None)
    assert not head.feed(b"<html><head><title>T")
    assert head.is_cut(whole=False)
    assert not head.is_cut(whole=True)


def test_a_head_in_a_charset_that_only_the_header_names_is_followed():
    page = "\u3000<html><head><title>題</title></head><body>" + "x" * 100
    head = HeldHead("text/html; charset=utf-16le", None)
    early = page[: page.index("</title")].encode("utf-16-le")
    assert not head.feed(early)
    assert head.feed(page.encode("utf-16-le")[len(early) :])
    assert not head.is_cut(whole=False)


def test_what_cannot_be_decompressed_is_cut():
    head = HeldHead("text/html", "gzip")
    assert head.feed(b"this is no gzip" * 10)
    assert head.is_cut(whole=True)


def test_no_more_is_kept_than_the_bound():
    head = HeldHead("text/html", "gzip")
    bomb = gzip.compress(b"<!-- " + random.Random(1).randbytes(50) + b" " * 20_000_000)
    assert fed(head, bomb, 4096)
    assert len(head.body()) <= MAX_HEAD
    assert head.is_cut(whole=True)


def test_a_response_without_a_type_is_a_page_where_it_begins_as_one():
    page = HeldHead(None, None)
    fed(page, PAGE, 100)
    assert page.body() is not None
    data = HeldHead(None, None)
    assert fed(data, b"\x89PNG\r\n" + b"x" * 3000, 100)
    assert data.body() is None
    short = HeldHead(None, None)
    assert not short.feed(b"hello")
    assert short.body() is None


def test_a_feed_has_no_head_to_wait_for():
    feed = HeldHead("application/xml", None)
    assert feed.feed(b'<?xml version="1.0"?><rss version="2.0"><channel>')
    assert not feed.is_cut(whole=False)


def test_how_pages_begin():
    assert looks_like_html(b"\xef\xbb\xbf \n<!DOCTYPE HTML>")
    assert looks_like_html(b"<HTML>")
    assert not looks_like_html(b'{"a": "<html>"}')
    assert not looks_like_html(b"")


@pytest.mark.parametrize("size", [1000, 65_536])
def test_a_body_is_held_whole_up_to_its_bound(size):
    body = HeldBody("gzip")
    assert not body.feed(gzip.compress(PAGE))
    assert body.body() == PAGE
    bomb = HeldBody("gzip")
    assert fed(bomb, gzip.compress(b"x" * (MAX_BODY + 1)), size)
    assert len(bomb.body()) == MAX_BODY
    assert bomb.most == MAX_BODY + SLACK


def test_a_body_that_cannot_be_decompressed_is_judged_by_what_could_be():
    body = HeldBody("gzip")
    assert body.feed(gzip.compress(random.Random(1).randbytes(5000))[:4000] + b"no gzip" * 1000)
    assert len(body.body()) > 3000
    unknown = HeldBody("x-none")
    assert unknown.feed(PAGE)
    assert unknown.body() == PAGE

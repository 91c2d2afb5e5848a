"""A response as facts, and what is seen of a request."""

from datetime import UTC, datetime

from sfs.core.facts import Https, Kind
from sfs.core.page import is_html, may_be_html, page_from
from sfs.core.policy import policy_of_level
from sfs.core.ruleset import Ruleset
from sfs.core.sight import as_seen, kind_of, stays_closed
from sfs.match.entry import parse_entry
from sfs.match.index import EntryIndex
from sfs.text.url import parse_url

NOW = datetime(2026, 4, 1, tzinfo=UTC)
URL = parse_url("http://page.test/")


def test_a_page_gives_its_words_and_labels():
    html = (
        '<html><head><meta charset="shift_jis"><title>題名</title><meta name="description" content="説明">'
        '<meta name="rating" content="adult"></head><body>本文'
    )
    page = page_from(URL, (("content-type", "text/html"),), html.encode("cp932"), NOW)
    assert "題名" in page.texts
    assert "説明" in page.texts
    assert not any("本文" in text for text in page.texts)
    assert max(label.rating for label in page.self_labels) == 4


def test_what_is_no_page_is_judged_by_its_header():
    page = page_from(URL, (("content-type", "image/png"), ("rating", "RTA-5042-1996-1400-1577-RTA")), None, NOW)
    assert page.texts == ()
    assert [label.rating for label in page.self_labels] == [4]


def test_of_several_fields_the_last_says_the_charset_as_in_browsers():
    fields = [("content-type", f"text/html; charset={name}") for name in ("utf-8", "euc-jp")]
    page = page_from(URL, fields, "<title>青い部品</title>".encode("euc_jp"), NOW)
    assert page.texts == ("青い部品",)


def test_types_of_pages():
    assert is_html("text/html; charset=x")
    assert is_html("application/xhtml+xml")
    assert is_html("application/xml")
    assert not is_html("text/plain", b"<html>")
    assert is_html(None, b"<html>")
    assert is_html("", b"<!doctype html>")


def test_of_several_types_the_last_counts_and_unknown_ones_say_nothing():
    assert is_html("text/plain, text/html")
    assert not is_html("text/html, text/plain")
    assert is_html("text/html, */*")
    assert is_html('text/html; x="a, b"')
    assert is_html('text/html; x="a, text/plain; b"')  # a comma in quotes parts no types
    for unknown in (None, "", "html", "*/*", "unknown/unknown", "application/unknown"):
        assert may_be_html(unknown)
        assert is_html(unknown, b"<H1 class=x>")
        assert not is_html(unknown, b"<article>")
    assert may_be_html("text/html")
    assert not may_be_html("image/png")


def test_kinds_by_header():
    assert kind_of("document", None) is Kind.DOCUMENT
    assert kind_of("object", None) is Kind.DOCUMENT
    assert kind_of("fencedframe", None) is Kind.DOCUMENT
    assert kind_of("script", "text/html") is Kind.SUBRESOURCE
    assert kind_of(None, "text/html,*/*") is Kind.DOCUMENT
    assert kind_of(None, "*/*") is Kind.SUBRESOURCE
    assert kind_of(None, None) is Kind.SUBRESOURCE


def index(*lines: str) -> EntryIndex:
    return EntryIndex((parse_entry(line), 1) for line in lines)


def test_what_stays_closed_is_judged_by_name():
    rules = Ruleset(help_hosts=index("=help.test"))
    policy = policy_of_level(2, never_decrypt=index("bank.test"))
    for url, closed in (
        ("https://page.test/a", False),
        ("https://www.bank.test/a", True),
        ("https://help.test/a", True),
        ("http://bank.test/a", False),
        ("https://sfs.home.arpa/", False),
    ):
        assert stays_closed(parse_url(url), Https.INSPECT, policy, rules) is closed
        assert as_seen(parse_url(url), Https.INSPECT, policy, rules).name_only is closed
    assert stays_closed(parse_url("https://page.test/"), Https.SNI, policy, rules)
    isp = policy_of_level(4, checks=frozenset({"own", "help", "mandatory"}))
    assert stays_closed(parse_url("https://page.test/"), Https.INSPECT, isp, rules)
    assert not stays_closed(parse_url("https://sfs.home.arpa/"), Https.SNI, policy, rules)

"""The page of a mandatory list, for the reader who followed a link, and for who asks on whose word it is closed."""

from dataclasses import replace
from datetime import date

import pytest
from selectolax.lexbor import LexborHTMLParser

from sfs.lists.mandatory import Purpose
from sfs.sources.stop_page import Said, StopPage, Way
from sfs.web.helplines import HelpLine
from sfs.web.pages import Blocked, block_page
from sfs.web.stop import of_pictures, stop_page

STOP = StopPage(
    Said("見本ネット", "Example <Net>"),
    "https://net.example/blocking",
    (Way("https://net.example/contact", "net.example/contact"), Way("tel:0120000000", "0120-000-000")),
    (Way("mailto:appeal@net.example", "appeal@net.example"),),
    Purpose.CHILD_PROTECTION,
    Said("見本協会", "Example Association"),
    Said("業界の指針", "an industry guideline"),
    "JP",
)
LINES = (
    HelpLine("おなやみ相談", "Example line", "0120-000-000", country="JP", checked=date(2026, 1, 1)),
    HelpLine("遠くの相談", "Far line", "0800 000", country="GB", checked=date(2026, 11, 1)),
)
TODAY = date(2026, 11, 28)
each_language = pytest.mark.parametrize("language", ["ja", "en"])


def shown(language="en", stop=STOP, **more):
    answer = stop_page(language, stop, LINES, today=TODAY, **more)
    return answer, LexborHTMLParser(answer.body)


@each_language
def test_it_is_451_and_says_who_blocks(language):
    answer, page = shown(language)
    headers = dict(answer.headers)
    assert answer.status == 451
    assert headers["Link"] == '<https://net.example/blocking>; rel="blocked-by"'
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert not {"Set-Cookie", "Refresh"} & headers.keys()
    assert headers["Content-Language"] == page.css_first("html").attributes["lang"] == language
    assert page.css_first("meta[name=robots]").attributes["content"] == "noindex"
    links = {node.attributes["href"] for node in page.css("a")}
    assert {"https://net.example/blocking", "https://net.example/contact", "mailto:appeal@net.example"} <= links
    assert not [link for link in links if "sfs.home.arpa" in link]
    for words in ("見本協会", "業界の指針") if language == "ja" else ("Example Association", "an industry guideline"):
        assert words in page.body.text()


@each_language
def test_nothing_is_loaded_sent_or_run(language):
    page = shown(language)[1]
    assert not page.css("script, form, input, img, iframe, link, object, video, audio, meta[http-equiv]")
    assert not [node for node in page.css("*") if any(name.startswith("on") for name in node.attributes)]


@each_language
def test_the_other_language_has_the_short_of_it(language):
    other = "en" if language == "ja" else "ja"
    page = shown(language)[1]
    part = page.css_first("#other")
    assert part.attributes["lang"] == other
    assert page.css_first("a[href='#other']").attributes["lang"] == other
    words = {"en": "you did nothing wrong", "ja": "あなたはわるくありません"}[other]
    assert words in part.text()
    assert part.css("a[href='https://net.example/contact']")
    assert {"en": "Example <Net>", "ja": "見本ネット"}[other] in part.text()


def test_names_are_escaped():
    assert b"Example <Net>" not in shown()[0].body


def test_each_purpose_says_its_own_reason():
    reasons = {purpose: shown(stop=replace(STOP, purpose=purpose))[1].css_first(".why").text() for purpose in Purpose}
    general = shown(stop=replace(STOP, purpose=None))[1].css_first(".why").text()
    assert len({*reasons.values(), general}) == len(Purpose) + 1
    assert [purpose for purpose, text in reasons.items() if "children being hurt" in text] == [Purpose.CHILD_PROTECTION]
    pictures = {purpose: of_pictures(purpose) for purpose in Purpose}
    assert [purpose for purpose, found in pictures.items() if found] == [Purpose.CHILD_PROTECTION]
    assert of_pictures(None)
    for purpose, found in pictures.items():
        assert bool(shown(stop=replace(STOP, purpose=purpose))[1].css("#you")) is found


def test_a_list_that_says_its_purpose_is_believed():
    for said in (STOP, replace(STOP, purpose=None), None):
        blocked = Blocked("mandatory", "mandatory")
        page = LexborHTMLParser(block_page("en", blocked, LINES, stop=said, purpose=Purpose.COURT_ORDER).body)
        assert page.css_first(".why").text() == "A court or a law says that this page must not be shown."
        assert not page.css("#you")


@each_language
def test_help_lines_are_those_of_the_country_with_the_age_of_their_check(language):
    text = shown(language)[1].body.text()
    assert ("Far line" in text or "遠くの相談" in text) is False
    assert ("a long time ago" if language == "en" else "かわっているかもしれません") in text
    fresh = stop_page(language, replace(STOP, country="GB"), LINES, today=TODAY).body.decode()
    assert ("a long time ago" in fresh or "かわっているかもしれません" in fresh) is False


def test_the_day_of_a_page_that_is_kept():
    assert "28 Nov 2026" in shown(written=TODAY)[1].css_first("footer").text()
    assert "2026年11月28日" in shown("ja", written=TODAY)[1].css_first("footer").text()
    assert not shown()[1].css_first("footer").text().strip()


@each_language
def test_the_proxy_s_page_is_the_same(language):
    """Whatever was asked for, of a list that says who blocks."""
    for blocked in (
        Blocked("mandatory", "mandatory"),
        Blocked("mandatory", "mandatory", "law.test", code="ABCDE2FGHJ"),
    ):
        assert block_page(language, blocked, LINES, stop=STOP, today=TODAY) == shown(language)[0]


def test_small_answers_name_the_same_place():
    answer = block_page("en", Blocked("mandatory", "mandatory", kind="image"), stop=STOP)
    assert (answer.status, dict(answer.headers)["Link"]) == (451, '<https://net.example/blocking>; rel="blocked-by"')


@each_language
def test_https_is_told_as_it_is(language):
    text = shown(language)[1].css_first("details:has(#https)").text()
    assert ("certificate" if language == "en" else "証明書") in text

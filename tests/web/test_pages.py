import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from sfs.web.pages import (
    ERRORS,
    MAX_BYTES,
    MAX_HELP_BYTES,
    REASONS,
    Blocked,
    FilterState,
    HelpLine,
    PageAnswer,
    Protection,
    block_page,
    error_page,
    help_page,
    help_words_page,
    why_page,
)
from sfs.web.report import Form, report_page, sent_page
from sfs.web.texts import LANGUAGES, Language, load_catalogue, texts_for

LINES = [
    HelpLine(f"相談{n}", f"Place {n}", f"0120-00-000{n}", "#9110", "https://help.example.com/", checked=None)
    for n in range(6)
]
STATE = FilterState(True, 1, "192.0.2.1:8080", "auto", [Protection("words", 1234), "one line"], certificate=True)
BLOCKED = Blocked("rating", "rating", "games.example.com", 3, 1, "ABCDE2FGHJ")
SOME_REASONS = ["metadata-words", "own-block", "search-words", "bureau-away", "no-such-reason"]

Maker = Callable[[Language], PageAnswer]
PAGES: dict[str, Maker] = {
    "block": lambda language: block_page(language, BLOCKED, LINES, back_url="http://example.com/"),
    "mandatory": lambda language: block_page(language, Blocked("mandatory", "mandatory"), LINES),
    "words": lambda language: help_words_page(language, LINES, "https://search.example.com/?q=a&b=c"),
    "help": lambda language: help_page(language, STATE, LINES),
    "why": lambda language: why_page(language, [("10:12", "games.example.com", "own-block")]),
    "error": lambda language: error_page(language, "unreachable", "www.example.com"),
    "sent": lambda language: sent_page(language, LINES),
    "report-off": lambda language: report_page(language, Form(), "", LINES, "off"),
}
LIMITS = {"help": MAX_HELP_BYTES}
each_page = pytest.mark.parametrize("name", PAGES)
each_language = pytest.mark.parametrize("language", LANGUAGES)


def tree(answer: PageAnswer) -> LexborHTMLParser:
    return LexborHTMLParser(answer.body.decode("utf-8"))


def text_of(answer: PageAnswer) -> str:
    """What a reader sees: without the readings over words."""
    page = tree(answer)
    page.strip_tags(["rt", "rp", "style"])
    body = page.body
    assert body is not None
    return re.sub(r"\s+", " ", body.text(separator=""))


def skeleton(answer: PageAnswer) -> tuple[Counter[str], Counter[str]]:
    """Elements and attribute names of a page, counted."""
    tags: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for node in tree(answer).css("*"):
        tags[node.tag or ""] += 1
        names.update(node.attributes.keys())
    return tags, names


@each_page
@each_language
def test_a_page_loads_nothing_and_runs_nothing(name: str, language: Language) -> None:
    page = tree(PAGES[name](language))
    assert not page.css("script, link, img, iframe, object, embed, form, base, meta[http-equiv], [src], [style]")
    assert not [node for node in page.css("*") if any(key.startswith("on") for key in node.attributes)]
    style = page.css_first("style")
    assert style is not None
    assert not re.search(r"url\(|@import", style.text())


@each_page
@each_language
def test_the_policy_names_the_hash_of_the_style_that_stands_in_the_page(name: str, language: Language) -> None:
    answer = PAGES[name](language)
    found = re.search(rb"<style>(.*?)</style>", answer.body, re.DOTALL)
    assert found
    digest = base64.b64encode(hashlib.sha256(found[1]).digest()).decode()
    policy = dict(answer.headers)["Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@each_page
@each_language
def test_a_page_is_kept_nowhere_tells_no_other_site_and_is_small(name: str, language: Language) -> None:
    answer = PAGES[name](language)
    headers = dict(answer.headers)
    assert len(headers) == len(answer.headers)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Vary"] == "Accept-Language"
    assert headers["Content-Language"] == language
    assert "Set-Cookie" not in headers
    assert len(answer.body) < LIMITS.get(name, MAX_BYTES)


@each_page
@each_language
def test_a_screen_reader_finds_language_landmarks_and_headings(name: str, language: Language) -> None:
    page = tree(PAGES[name](language))
    html, title = page.css_first("html"), page.css_first("title")
    assert html is not None
    assert title is not None
    assert html.attributes["lang"] == language
    assert title.text().strip()
    assert [len(page.css(tag)) for tag in ("main", "h1", "header", "footer")] == [1, 1, 1, 1]
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))
    for node in page.css("[aria-labelledby]"):
        assert node.attributes["aria-labelledby"] in ids
    assert page.css_first("a[href='#text']") is not None  # skip link
    assert page.css_first("#text") is not None


@each_page
@each_language
def test_a_quick_way_out_stands_on_every_page_and_links_name_only_the_web_telephone_or_ourselves(
    name: str, language: Language
) -> None:
    page = tree(PAGES[name](language))
    exits = [node.attributes["href"] for node in page.css("a.exit")]
    assert exits == [texts_for(language).text("common.exit_url")]
    for node in page.css("a"):
        assert re.match(r"https?://|tel:|/|#(text|other|wrong)$|about:blank$", node.attributes["href"] or ""), node.html


@each_language
@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_has_its_sentence_on_the_page(language: Language, reason: str) -> None:
    answer = block_page(language, Blocked("rating", reason, level=1), LINES)
    assert answer.status == 403
    assert texts_for(language).text(f"reason.{reason}") in text_of(answer)


def test_the_catalogue_has_exactly_the_reasons() -> None:
    keys = [key for key in load_catalogue("en") if key.startswith("reason.")]
    assert keys == [f"reason.{reason}" for reason in REASONS]
    adult = {key.partition(".")[2] for key in load_catalogue("en") if key.startswith("reason-adult.")}
    assert adult <= set(REASONS)


def test_an_unknown_reason_or_figure_off_the_scale_gives_a_plain_page() -> None:
    answer = block_page("en", Blocked("new", "new-reason", "a.test", rating=9, level=-1, code="../../x"), LINES)
    text = text_of(answer)
    assert "The filter does not show this page." in text
    assert "This page is for" not in text
    assert "This filter is set for" not in text
    assert not tree(answer).css(".code")


def test_the_block_page_says_site_rating_level_and_code() -> None:
    text = text_of(block_page("en", BLOCKED, LINES))
    for words in ("games.example.com", "adults (18 and up)", "Level 1: ages 6 to 11", "ABCDE2FGHJ", "not yet checked"):
        assert words in text
    japanese = text_of(block_page("ja", BLOCKED, LINES))
    for words in ("games.example.com", "おとな（18さいから）", "レベル1：", "ABCDE2FGHJ", "まだ確認されていません"):
        assert words in japanese


def test_a_word_is_not_passed_off_as_the_rating_of_a_page() -> None:
    text = text_of(block_page("en", Blocked("search-words", "search-words", "a.test", 3, 1), LINES))
    assert "A word in this search is for older readers." in text
    assert "This page is for" not in text


def test_without_a_code_the_page_still_says_whom_to_ask() -> None:
    text = text_of(block_page("en", Blocked("rating", "rating", "a.test", 3, 1), LINES))
    assert "Ask the person who looks after this filter" in text
    assert "Show them this code" not in text


def test_adults_are_not_told_of_older_readers() -> None:
    text = text_of(block_page("en", Blocked("url-words", "url-words", "a.test", None, 3), LINES))
    assert "above the level set here" in text
    assert "older readers" not in text
    assert "a parent or a teacher" not in text
    assert "You did nothing wrong" not in text


def test_the_way_back_needs_no_script() -> None:
    page = tree(block_page("en", BLOCKED, LINES, back_url="https://example.com/a?b=1&c=2"))
    assert [node.attributes["href"] for node in page.css("main a.button")] == ["https://example.com/a?b=1&c=2"]
    for bad in (
        None,
        "javascript:history.back()",
        "data:text/html,x",
        "https://example.com/\x00",
        "https://a/" + "b" * 9999,
    ):
        answer = block_page("en", BLOCKED, LINES, back_url=bad)
        assert not tree(answer).css("main a.button")
        assert "use the ← button" in text_of(answer)


@each_language
def test_the_page_of_a_mandatory_list_is_the_same_for_every_entry(language: Language) -> None:
    plain = block_page(language, Blocked("mandatory", "mandatory"), LINES)
    other = Blocked("mandatory", "own-block", "secret.example.com", 4, 2, "ABCDE2FGHJ")
    assert block_page(language, other, LINES, back_url="http://example.com/from") == plain
    assert plain.status == 451
    assert dict(plain.headers)["Link"] == '<http://sfs.home.arpa/>; rel="blocked-by"'


@each_language
def test_the_page_of_a_mandatory_list_offers_no_report_and_says_nothing_of_lists(language: Language) -> None:
    plain = block_page(language, Blocked("mandatory", "mandatory"), LINES)
    asked = Blocked("mandatory", "mandatory", report_url="http://sfs.home.arpa/report?kind=blocked&host=a.test")
    assert block_page(language, asked, LINES, orange=True) == plain
    assert not [node for node in tree(plain).css("a") if "/report" in (node.attributes["href"] or "")]


@each_language
def test_a_block_page_says_where_to_tell_of_a_mistake_and_that_lists_are_missing(language: Language) -> None:
    url = "http://sfs.home.arpa/report?kind=blocked&code=ABCDE2FGHJ&host=a.test"
    telling = Blocked("rating", "rating", "a.test", 3, 1, "ABCDE2FGHJ", report_url=url)
    page = block_page(language, telling, LINES, orange=True)
    assert url in [node.attributes["href"] for node in tree(page).css("main a")]
    orange = texts_for(language).text("common.orange")
    assert orange in text_of(page)
    plain = block_page(language, BLOCKED, LINES)
    assert orange not in text_of(plain)
    assert not [node for node in tree(plain).css("a") if "/report" in (node.attributes["href"] or "")]
    assert orange in text_of(why_page(language, [], orange=True))


@each_language
def test_each_refused_name_can_be_told_of_where_reports_are_taken(language: Language) -> None:
    rows = [("10:12", "a b&c.test", "own-block"), ("10:13", "games.example.com", "rating")]

    def links(reports: bool) -> list[str | None]:
        return [node.attributes["href"] for node in tree(why_page(language, rows, reports=reports)).css("td a")]

    assert links(True) == [
        "/report?kind=blocked&host=a%20b%26c.test",
        "/report?kind=blocked&host=games.example.com",
    ]
    assert links(False) == []


def test_what_is_no_page_gets_a_small_answer_of_its_kind() -> None:
    image = block_page("en", Blocked("rating", "rating", "a.test", kind="image"), LINES)
    assert (image.status, dict(image.headers)["Content-Type"]) == (403, "image/gif")
    listed = block_page("en", Blocked("mandatory", "mandatory", kind="json"), LINES)
    assert (listed.status, dict(listed.headers)["Content-Type"]) == (451, "application/json")


def test_the_page_before_a_search_for_help_puts_people_first_and_the_search_second() -> None:
    answer = help_words_page("en", LINES, "https://search.example.com/?q=a&b=c")
    page = tree(answer)
    links = [node.attributes["href"] or "" for node in page.css("main a")]
    assert links[0].startswith("tel:")
    assert links[-1] == "https://search.example.com/?q=a&b=c"
    assert "does not record this search or this page" in text_of(answer)
    assert answer.status == 200


def test_a_search_address_that_is_no_link_gives_a_sentence() -> None:
    answer = help_words_page("ja", LINES, "https://search.example.com/?q=" + "a" * 5000)
    assert not tree(answer).css("main a.button")
    assert "もう一度さがしてください" in text_of(answer)


def test_lines_beyond_the_first_three_are_folded_but_there() -> None:
    page = tree(block_page("en", BLOCKED, LINES))
    assert len(page.css("ul.lines li")) == len(LINES)
    assert len(page.css("details ul.lines li")) == len(LINES) - 3


@each_language
@pytest.mark.parametrize("through_proxy", [True, False])
@pytest.mark.parametrize("level", [None, 0, 1, 2, 3, 4])
@pytest.mark.parametrize("https", ["sni", "inspect", "auto"])
@pytest.mark.parametrize("record", ["blocked", "visits", "nothing"])
def test_the_help_page_says_state_level_mode_and_record(
    language: Language, through_proxy: bool, level: int | None, https: str, record: str
) -> None:
    state = FilterState(through_proxy, level, "192.0.2.1:8080", https, record=record, retention_days=9)  # type: ignore[arg-type]
    text = text_of(help_page(language, state))
    texts = texts_for(language)
    expected = [
        texts.text("help.active" if through_proxy else "help.inactive"),
        texts.text("help.level_none" if level is None else f"levels.{level}"),
        texts.text(f"help.https_{https}"),
        texts.text(f"help.record_{record}"),
        "http://192.0.2.1:8080/proxy.pac",
    ]
    assert [words for words in expected if words not in text] == []
    assert (texts.text("help.record_days", days=9) in text) == (record != "nothing")


def test_the_help_page_offers_the_certificate_only_where_there_is_one() -> None:
    page = tree(help_page("en", STATE))
    own = {node.attributes["href"] for node in page.css("a") if (node.attributes["href"] or "").startswith("/")}
    assert own == {"/", "/why", "/check", "/ca.cer", "/ca.pem", "/ca.mobileconfig"}
    without = tree(help_page("en", FilterState(True, 1, "192.0.2.1:8080")))
    assert not without.css("a[href^='/ca.']")


def test_the_help_page_lists_what_protects() -> None:
    things = [Protection("words", 1234), Protection("lists", 3, 1_200_000), "a line of text", Protection("unheard-of")]
    page = tree(help_page("en", FilterState(True, 2, "192.0.2.1:8080", protects=things)))
    items = [node.text() for node in page.css("#shows ~ ul li")]
    assert items == ["words it looks for: 1,234", "lists of sites: 3, with 1,200,000 names", "a line of text"]


def test_the_list_of_refused_names_ends_at_ten_and_says_when_it_is_empty() -> None:
    rows = [(f"10:{n:02}", f"host{n}.example.com", SOME_REASONS[n % 5]) for n in range(30)]
    page = tree(why_page("en", rows))
    assert [node.text() for node in page.css("tbody bdi")] == [f"host{n}.example.com" for n in range(10)]
    assert "closed nothing" in text_of(why_page("en", []))


@each_language
@pytest.mark.parametrize(("problem", "status"), [*ERRORS.items(), ("unheard-of", 500)])
def test_each_problem_has_its_status_and_plain_words(language: Language, problem: str, status: int) -> None:
    answer = error_page(language, problem, "www.example.com")
    known = problem if problem in ERRORS else "internal"
    assert answer.status == status
    assert texts_for(language).text(f"error.{known}_text") in text_of(answer)


LANG = st.sampled_from(LANGUAGES)
NASTY = st.one_of(
    st.text(max_size=400),
    st.text(st.characters(categories=("Cs", "Cc", "Cf")), max_size=50),
    st.text(alphabet="<>\"'&/={}[]|%;: \n\0abcscriptimgonerrorstyle", max_size=400),
    st.sampled_from(
        ['"><script>alert(1)</script>', "</title><img src=x onerror=a>", "{{ 7*7 }}", "{level}", "'" * 70_000]
    ),
)
LONG_LINES = st.lists(
    st.builds(
        HelpLine,
        NASTY.filter(bool),
        NASTY.filter(bool),
        st.none() | NASTY,
        st.none() | NASTY,
        st.none() | NASTY.map("https://{}".format),
        st.none() | NASTY,
        st.none() | NASTY,
        st.none() | NASTY,
        st.none() | NASTY,
        st.none() | st.dates(),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(LANG, NASTY.filter(bool), NASTY, NASTY, NASTY)
def test_nothing_from_outside_becomes_an_element_of_a_block_page(
    language: Language, host: str, reason: str, code: str, check: str
) -> None:
    plain = block_page(language, Blocked("rating", "other", "a.test", 3, 1), LINES)
    check = "" if check == "mandatory" else check
    tame = reason in REASONS or re.fullmatch("[0-9A-Z]{10}", code) is not None
    answer = block_page(language, Blocked(check, reason, host, 3, 1, code), LINES, back_url=host)
    assert tame or skeleton(answer) == skeleton(plain)
    assert len(answer.body) < MAX_BYTES


@settings(max_examples=60, deadline=None)
@given(LANG, NASTY.filter(bool), NASTY, NASTY)
def test_nothing_from_outside_becomes_an_element_of_the_other_pages(
    language: Language, host: str, time: str, reason: str
) -> None:
    reason = "other" if reason in REASONS else reason
    pairs = [
        (error_page(language, reason, host), error_page(language, "internal", "a.test")),
        (why_page(language, [(time, host, reason)] * 30), why_page(language, [("1", "a.test", "other")] * 30)),
        (help_words_page(language, LINES, host), help_words_page(language, LINES, "nothing")),
        (
            help_page(language, FilterState(False, 1, host, protects=[host])),
            help_page(language, FilterState(False, 1, "a.test:1", protects=["a"])),
        ),
    ]
    for answer, plain in pairs:
        assert skeleton(answer) == skeleton(plain)
        assert len(answer.body) < MAX_HELP_BYTES


@settings(max_examples=40, deadline=None)
@given(LANG, LONG_LINES)
def test_help_lines_of_any_text_stay_text_and_the_page_stays_small(language: Language, lines: list[HelpLine]) -> None:
    for answer in (block_page(language, BLOCKED, lines, today=date(2025, 8, 1)), help_page(language, STATE, lines)):
        page = tree(answer)
        assert not page.css("script, img, iframe, [onerror], [src], [style]")
        assert len(page.css("style")) == 1
        assert len(answer.body) < MAX_HELP_BYTES
        for node in page.css("a"):
            assert re.match(r"https?://|tel:|/|#(text|other|wrong)$|about:blank$", node.attributes["href"] or "")


def test_a_page_with_too_many_words_of_help_leaves_lines_out_and_keeps_its_reason() -> None:
    heavy = HelpLine(
        "'" * 900, "'" * 900, "110", None, "https://a/" + "&" * 2000, "'" * 900, "'" * 900, "'" * 900, "'" * 900
    )
    answer = block_page("en", BLOCKED, [heavy] * 30)
    assert len(answer.body) < MAX_BYTES
    assert "adults (18 and up)" in text_of(answer)
    assert "Talk to a grown-up" in text_of(answer) or tree(answer).css("ul.lines li")


def test_a_long_host_is_cut_and_marks_that_turn_text_are_shown_as_unknown() -> None:
    page = tree(block_page("en", Blocked("rating", "rating", "a" * 500), LINES))
    assert [node.text() for node in page.css("dd bdi")] == ["a" * 100 + "…"]
    turned = tree(block_page("en", Blocked("rating", "rating", "a\u202emoc.\x00"), LINES))
    assert [node.text() for node in turned.css("dd bdi")] == ["a\ufffdmoc.\ufffd"]


def test_the_same_values_give_the_same_bytes() -> None:
    assert block_page("ja", BLOCKED, LINES) == block_page("ja", BLOCKED, LINES)

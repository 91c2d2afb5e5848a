from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from sfs.web.answer import PageAnswer
from sfs.web.helplines import HelpLine
from sfs.web.pages import MAX_BYTES
from sfs.web.report import (
    AN_HOUR,
    MAX_ADDRESS,
    MAX_NOTE,
    PER_HOUR,
    Desk,
    Form,
    Problem,
    read_form,
    report_page,
    report_url,
    sent_answer,
)
from sfs.web.texts import LANGUAGES, Language, texts_for

HOTLINES = [HelpLine("通報", "Hotline", url="https://hotline.example/")]
PROBLEMS: dict[Problem, int] = {
    "kind": 400,
    "address_missing": 400,
    "address_bad": 400,
    "note_long": 400,
    "token": 403,
    "many": 429,
    "full": 503,
    "not_saved": 503,
    "not_kept": 200,
}
each_language = pytest.mark.parametrize("language", LANGUAGES)
CLIENT, OTHER, NOW = "192.0.2.9", "192.0.2.8", 1_800_000_000.5


def tree(answer: PageAnswer) -> LexborHTMLParser:
    return LexborHTMLParser(answer.body.decode())


def plain(answer: PageAnswer) -> str:
    page = tree(answer)
    page.strip_tags(["rt", "rp", "style"])
    assert page.body is not None
    return page.body.text()


def test_a_form_is_good_for_its_client_and_for_one_hour() -> None:
    desk = Desk()
    token = desk.token(CLIENT, NOW)
    assert desk.holds(token, CLIENT, NOW)
    assert desk.holds(token, CLIENT, NOW + AN_HOUR - 1)
    assert not desk.holds(token, CLIENT, NOW + AN_HOUR + 1)
    assert not desk.holds(token, CLIENT, NOW - 10)
    assert not desk.holds(token, OTHER, NOW)
    assert not Desk().holds(token, CLIENT, NOW)  # another run has another key


@pytest.mark.parametrize(
    "token", ["", "-", "1800000000-", "1800000000", "１-a", "9" * 40 + "-a", "x-y", "-1-a", "\ud800"]
)
def test_what_is_no_token_does_not_hold(token: str) -> None:
    assert not Desk().holds(token, CLIENT, NOW)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_guess_holds(token: str) -> None:
    assert not Desk().holds(token, CLIENT, NOW)


def test_a_client_sends_ten_an_hour_and_others_are_not_held_up_by_it() -> None:
    desk = Desk()
    assert [desk.take_turn(CLIENT, NOW + second) for second in range(PER_HOUR + 2)] == [True] * PER_HOUR + [False] * 2
    assert desk.take_turn(OTHER, NOW)
    assert desk.take_turn(CLIENT, NOW + AN_HOUR)
    assert not desk.take_turn(CLIENT, NOW + AN_HOUR)  # the second of the ten is one second younger


def test_a_form_is_read_as_a_browser_sends_it() -> None:
    fields = {
        "kind": "shown",
        "address": " example.com/\r\na ",
        "note": "one\r\n\r\ntwo\u202e\x00",
        "token": "t",
        "x": "y",
    }
    assert read_form(urlencode(fields).encode()) == Form("shown", "example.com/ a", "one two\ufffd\ufffd", None, "t")


def test_a_link_fills_the_form_in() -> None:
    url = report_url("blocked", "games.example.com", "ABCDE2FGHJ")
    assert url == "http://sfs.home.arpa/report?kind=blocked&code=ABCDE2FGHJ&host=games.example.com"
    assert read_form(urlsplit(url).query) == Form("blocked", "games.example.com", "", "ABCDE2FGHJ")
    assert report_url("shown") == "http://sfs.home.arpa/report?kind=shown"


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_host_gives_a_link_that_reads_back(host: str) -> None:
    host = host.encode("utf-8", "replace").decode()
    read = parse_qs(urlsplit(report_url("blocked", host)).query).get("host", [""])
    assert read == [host[:253]]


@settings(deadline=None)
@given(st.binary(max_size=3000) | st.builds(lambda n: b"note=" + b"a" * n + b"&" * n, st.integers(0, 20_000)))
def test_any_body_gives_a_bounded_form(body: bytes) -> None:
    form = read_form(body)
    assert form.kind in (None, "blocked", "shown")
    assert len(form.address) <= MAX_ADDRESS and len(form.note) <= MAX_NOTE + 1 and len(form.token) <= 64
    assert form.code is None or len(form.code) == 10


@each_language
def test_the_page_has_one_form_to_ourselves_and_no_other_page_of_its_kind(language: Language) -> None:
    answer = report_page(language, Form("blocked", "a.test", "hello", "ABCDE2FGHJ"), "token-1", HOTLINES)
    page = tree(answer)
    (form,) = page.css("form")
    assert (form.attributes["action"], form.attributes["method"]) == ("/report", "post")
    fields = {node.attributes["name"]: node.attributes["value"] for node in page.css("input[value]:not([type=radio])")}
    assert fields == {"token": "token-1", "code": "ABCDE2FGHJ", "address": "a.test"}
    assert [node.attributes["value"] for node in page.css("[checked]")] == ["blocked"]
    assert page.css_first("textarea").text().strip() == "hello"
    policy = dict(answer.headers)["Content-Security-Policy"]
    assert policy.endswith("; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
    assert len(answer.body) < MAX_BYTES
    for label in page.css("label[for]"):
        assert page.css(f"#{label.attributes['for']}")


@each_language
@pytest.mark.parametrize(("problem", "status"), PROBLEMS.items())
def test_each_problem_has_its_sentence_and_keeps_what_was_typed(
    language: Language, problem: Problem, status: int
) -> None:
    answer = report_page(language, Form("shown", "a.test", "hello"), "t", HOTLINES, problem)
    assert answer.status == status
    assert texts_for(language).text(f"report.fault_{problem}") in plain(answer)
    page = tree(answer)
    assert page.css_first("#address").attributes["value"] == "a.test"
    assert page.css_first("textarea").text().strip() == "hello"
    for node in page.css("[aria-describedby]"):
        assert page.css(f"#{node.attributes['aria-describedby']}")
    assert ("Retry-After" in dict(answer.headers)) == (problem == "many")


@each_language
def test_who_saw_a_child_being_hurt_is_told_where_to_turn_and_asked_for_no_address(language: Language) -> None:
    for token in ("t", ""):
        answer = report_page(language, Form(), token, HOTLINES, None if token else "off")
        part = tree(answer).css_first("section[aria-labelledby=illegal]")
        assert part is not None
        assert not part.css("input, textarea, form")
        assert [node.attributes["href"] for node in part.css("a")] == ["https://hotline.example/"]
        assert texts_for(language).text("report.illegal_no_address") in plain(answer)


def test_where_no_report_is_taken_there_is_no_form() -> None:
    answer = report_page("en", Form(), "", HOTLINES, "off")
    assert not tree(answer).css("form")
    assert answer.status == 404
    assert "form-action 'none'" in dict(answer.headers)["Content-Security-Policy"]


def test_a_sent_report_leads_to_a_page_that_can_be_loaded_again() -> None:
    answer = sent_answer()
    assert (answer.status, dict(answer.headers)["Location"]) == (303, "/report/sent")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(LANGUAGES), st.text(max_size=600), st.text(max_size=600), st.text(max_size=64))
def test_nothing_from_outside_becomes_an_element(language: Language, address: str, note: str, token: str) -> None:
    text = urlencode(
        {"address": address + '"><script>', "note": note + "</textarea><b>", "token": "x" + token}, errors="replace"
    )
    page = tree(report_page(language, read_form(text), "t"))
    assert [len(page.css(tag)) for tag in ("script", "textarea", "form", "b", "input")] == [0, 1, 1, 0, 5]

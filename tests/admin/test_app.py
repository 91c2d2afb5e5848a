"""What happens around a page: faults, messages, the language, the menu."""

import logging

import pytest
from sqlalchemy.exc import OperationalError
from starlette.responses import Response

from sfs.errors import SfsError, Where
from sfs.web.permissions import Permission
from sfs.web.route import Button, Page, Visit
from tests.admin.conftest import TEST_PAGES, control_stub, home

STATE = Permission.STATE


async def breaks(visit: Visit) -> Response:
    raise RuntimeError("secret.example")


async def refuses(visit: Visit) -> Response:
    raise SfsError("<b>this</b> is no site\x00", Where("secret.yaml"))


async def unknown_key(visit: Visit) -> Response:
    return visit.redirect("/", "admin-account.no_such_sentence")


async def with_button(visit: Visit) -> Response:
    return visit.redirect(
        "/below/deep", "admin-account.you_are", Button("/undo", "admin-account.login", "7"), name=visit.field("x")
    )


async def echo(visit: Visit) -> Response:
    seen = await visit.run(
        lambda: f"{visit.address} {visit.by} {sorted(visit.form())} {visit.field('x', 3)} {visit.here}"
    )
    return Response(seen)


PAGES = (
    *TEST_PAGES,
    Page("/breaks", breaks, needs=STATE),
    Page("/refuses", refuses, needs=STATE),
    Page("/unknown", unknown_key, needs=STATE),
    Page("/button", with_button, methods=("POST",), needs=STATE),
    Page("/below/deep", home, needs=STATE),
    Page("/below", home, needs=STATE, menu="admin-account.login"),
    Page("/users", home, needs=Permission.USERS, menu="admin-account.name"),
    Page("/echo", echo, methods=("GET", "POST"), needs=STATE),
)


@pytest.fixture(scope="module")
def site(serve):
    return serve(PAGES)


def test_a_fault_of_ours_is_a_page_and_one_line_without_values(site, caplog):
    with caplog.at_level(logging.DEBUG):
        for path in ("/breaks",):
            answer = site.logged_in().get(path)
            assert answer.status == 500 and "Something went wrong" in answer.text
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("sfs")]
    assert len(lines) == 1 and "RuntimeError at " in lines[0] and "secret" not in caplog.text
    assert site.logged_in().get("/unknown").status == 422


def test_what_cannot_be_done_is_said_with_its_reason(site):
    answer = site.logged_in().get("/refuses")
    assert answer.status == 422 and "<b>this</b> is no site\ufffd" in answer.text
    assert "secret.yaml" not in answer.body and "<b>this" not in answer.body


def test_accounts_that_cannot_be_read_open_nothing(site, monkeypatch, caplog):
    browser = site.logged_in()

    def broken(self, token):
        raise OperationalError("SELECT secret", {}, Exception("disk"))

    monkeypatch.setattr("sfs.web.sessions.Sessions.find", broken)
    answer = browser.get("/")
    assert (
        answer.status == 500
        and "csrf" not in answer.body
        and "default-src" in answer.headers["Content-Security-Policy"]
    )
    assert "OperationalError" in caplog.text and "SELECT" not in caplog.text


def test_a_message_is_shown_once_with_its_button_and_survives_a_page_that_is_missing(site):
    browser = site.logged_in()
    sent = browser.post("/button", {"x": "one & <two>" + "y" * 300})
    assert sent.location == "/below/deep"
    shown = browser.follow(sent)
    assert (
        "one & <two>y" in shown.text
        and "y…" in shown.text
        and 'action="/undo"' in shown.body
        and 'name="change" value="7"' in shown.body
    )
    assert "&lt;two&gt;" in shown.body and "/undo" not in browser.get("/below/deep").body
    browser.post("/button", {"x": "later"})
    assert "later" in browser.get("/nothing").text
    assert "later" in browser.get("/").text


def test_the_message_of_a_session_is_not_that_of_another(site):
    one, other = site.logged_in(), site.logged_in()
    one.post("/button", {"x": "for one"})
    assert "for one" not in other.get("/").text and "for one" in one.get("/").text


def test_the_menu_names_where_one_is_and_only_what_one_may(site):
    page = site.logged_in().get("/below/deep").body
    assert page.count('aria-current="page"') == 1 and '<a href="/below" aria-current="page">' in page
    assert 'href="/users"' in page
    from sfs.web.permissions import Role

    assert 'href="/users"' not in site.logged_in(Role.TEACHER).get("/below").body


def test_a_handler_is_told_who_asks_and_what(site):
    browser = site.logged_in()
    name = site.members["administrator"].name
    assert browser.get("/echo?a=1").body == f"127.0.0.1 {name} []  /echo?a=1"
    assert browser.post("/echo", {"x": "  long  "}).body == f"127.0.0.1 {name} ['csrf', 'x'] l /"


@pytest.mark.parametrize(("fixed", "language"), [("ja", "ja"), ("auto", "en")])
def test_the_configured_language_holds_until_one_is_chosen(serve, fixed, language):
    browser = serve(control=control_stub(fixed)).browser()
    assert f'<html lang="{language}">' in browser.get("/login").body
    other = "en" if language == "ja" else "ja"
    browser.post("/language", {"language": other})
    page = browser.get("/login")
    assert f'<html lang="{other}">' in page.body and page.headers["Content-Language"] == other

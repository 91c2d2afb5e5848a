"""Setting the password, logging in and out, as a browser does it."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from sfs.web.links import LASTS
from sfs.web.permissions import Role
from sfs.web.sessions import IDLE, WHOLE
from tests.admin.conftest import PASSWORD, Site


@pytest.fixture
def fresh(serve) -> Site:
    """A filter that nobody has set a password for."""
    return serve()


def test_a_setup_link_sets_the_password_once_and_logs_in(fresh):
    link, browser = fresh.door.setup_link(), fresh.browser()
    assert browser.get(f"/setup/{link}").status == 200
    done = browser.post(f"/setup/{link}", {"password": PASSWORD, "again": PASSWORD})
    page = browser.follow(done)
    assert page.status == 200 and "The password is set" in page.text and "admin" in page.text
    assert "The password is set" not in browser.get("/").text
    assert fresh.door.setup_link() is None

    other = fresh.browser()
    assert other.get(f"/setup/{link}").status == 410
    assert other.post(f"/setup/{link}", {"password": "another one 12", "again": "another one 12"}).status == 410
    assert other.login(PASSWORD).location == "/"


@pytest.mark.parametrize("pause", [0, 1])
def test_a_double_click_on_the_form_of_a_link_logs_in(site, pause):
    """A browser shows the answer to the second press alone, and keeps the cookie of that one."""
    user, browser = site.user(), site.browser()
    path = f"/setup/{site.door.links.make(user)}"
    browser.get(path)
    fields, before = (
        {"csrf": browser.csrf, "password": "a new one please", "again": "a new one please"},
        browser.cookies,
    )
    first, second = (replace(browser, cookies=dict(before)) for _ in range(2))
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first.post, path, fields)
        if pause:
            one.result()
        answer = pool.submit(second.post, path, fields).result()
        assert one.result().status == answer.status == 303
    assert "The password is set" in second.follow(answer).text
    assert second.get("/account").status == 200


def test_a_link_that_set_a_password_is_no_way_around_the_waits(site):
    user, browser = site.user(), site.browser("127.0.0.9")
    path = f"/setup/{site.door.links.make(user)}"
    browser.get(path)
    mine = {"password": "a new one please", "again": "a new one please"}
    assert replace(browser, cookies=dict(browser.cookies)).post(path, {"csrf": browser.csrf} | mine).status == 303
    for number in range(7):
        wrong = f"a wrong one, number {number}"
        assert browser.post(path, {"password": wrong, "again": wrong}).status == 410
    assert browser.post(path, mine).status == 410  # right, but it has to wait
    site.clock.pass_(3600)
    assert browser.post(path, mine).status == 410  # the link is over


def test_looking_at_a_link_does_not_use_it_up_and_a_bad_password_neither(fresh):
    link, browser = fresh.door.setup_link(), fresh.browser()
    for _ in range(5):
        assert fresh.browser().send("GET", f"/setup/{link}").status == 200
        assert fresh.browser().send("HEAD", f"/setup/{link}").status == 200
    browser.get(f"/setup/{link}")
    for password, words in [("sh0rt!x", "too short"), ("password123", "guessed first"), ("x" * 201, "too long")]:
        answer = browser.post(f"/setup/{link}", {"password": password, "again": password})
        assert answer.status == 422 and words in answer.text
        assert password not in answer.body
    differs = browser.post(f"/setup/{link}", {"password": PASSWORD, "again": PASSWORD + "x"})
    assert differs.status == 422 and "not the same" in differs.text
    assert browser.post(f"/setup/{link}", {"password": PASSWORD, "again": PASSWORD}).status == 303


def test_a_link_ends_after_half_an_hour_and_when_a_new_one_is_made(fresh):
    browser = fresh.browser()
    first = fresh.door.setup_link()
    second = fresh.door.setup_link()
    assert browser.get(f"/setup/{first}").status == 410
    fresh.clock.pass_(LASTS - 1)
    assert browser.get(f"/setup/{second}").status == 200
    fresh.clock.pass_(1)
    assert browser.post(f"/setup/{second}", {"password": PASSWORD, "again": PASSWORD}).status == 410
    assert not fresh.door.accounts.has_administrator()


def test_without_a_password_the_login_tells_how_to_get_a_link(fresh):
    answer = fresh.browser().get("/login")
    assert answer.status == 200 and "sfs admin link --state /srv/sfs" in answer.text
    assert 'type="password"' not in answer.body


def test_a_link_that_is_over_tells_how_to_get_another(fresh):
    answer = fresh.browser().get("/setup/AAAAAAAAAAAAAAAAAAAAAA")
    assert answer.status == 410 and "sfs admin link --state /srv/sfs" in answer.text


def test_one_account_needs_no_name_and_several_do(fresh):
    fresh.user(name="only one")
    assert 'id="name"' not in fresh.browser().get("/login").body
    fresh.user()
    assert 'id="name"' in fresh.browser().get("/login").body


def test_a_link_resets_a_forgotten_password_and_ends_all_sessions(site):
    user, old = site.user(), site.browser()
    old.cookies["sfs"] = site.door.sessions.start(user, "other")
    assert old.get("/").status == 200
    link, browser = site.door.links.make(user), site.browser()
    assert user.name in browser.get(f"/setup/{link}").text
    assert browser.post(f"/setup/{link}", {"password": "quite another one", "again": "quite another one"}).status == 303
    assert old.get("/").status == 303
    assert site.browser().login(PASSWORD, user.name).status == 403
    assert site.browser().login("quite another one", user.name).status == 303


def test_a_login_with_the_old_password_that_a_reset_overtakes_opens_nothing(site, monkeypatch):
    user, accounts = site.user(), type(site.door.accounts)
    looked = accounts.check

    def overtaken(self, name, password):
        found = looked(self, name, password)
        assert site.door.links.use(site.door.links.make(user), "quite another one")
        return found

    monkeypatch.setattr(accounts, "check", overtaken)
    browser = site.browser()
    assert browser.login(PASSWORD, user.name).status == 303
    assert browser.get("/").location.startswith("/login")


def test_a_change_that_a_reset_overtakes_does_not_undo_the_reset(site, monkeypatch):
    user, accounts = site.user(), type(site.door.accounts)
    browser = site.browser()
    assert browser.login(PASSWORD, user.name).status == 303
    browser.get("/account")
    looked = accounts.check

    def overtaken(self, name, password):
        found = looked(self, name, password)
        assert site.door.links.use(site.door.links.make(user), "quite another one")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(accounts, "check", overtaken)
        mine = {"current": PASSWORD, "password": "mine again please", "again": "mine again please"}
        assert browser.post("/account/password", mine).status == 422
    assert site.door.accounts.check(user.name, "quite another one")


@pytest.mark.parametrize("path", ["/account/password", "/setup"])
def test_a_new_password_that_a_reset_overtakes_opens_nothing(site, monkeypatch, path):
    user, browser = site.user(), site.browser()
    assert browser.login(PASSWORD, user.name).status == 303
    sessions = type(site.door.sessions)
    begun = sessions.start

    def overtaken(self, *args, **more):
        assert site.door.links.use(site.door.links.make(user), "quite another one")
        return begun(self, *args, **more)

    path = path if path.startswith("/account") else f"/setup/{site.door.links.make(user)}"
    browser.get(path if path.startswith("/setup") else "/account")
    with monkeypatch.context() as patched:
        patched.setattr(sessions, "start", overtaken)
        mine = {"current": PASSWORD, "password": "mine again please", "again": "mine again please"}
        assert browser.post(path, mine).status == 303
    assert browser.get("/").location.startswith("/login")


def test_a_wrong_password_and_an_unknown_name_look_alike(site):
    user = site.user()
    answers = [
        site.browser("127.0.0.7").login(word, name) for word, name in [("wrong", user.name), ("wrong", "nobody")]
    ]
    assert [answer.status for answer in answers] == [403, 403]
    pages = [re.sub(r'value="[^"]*"', "", answer.body) for answer in answers]
    assert pages[0] == pages[1]


def test_a_login_leads_back_to_the_page_that_was_asked_for_and_never_elsewhere(site):
    user, browser = site.user(), site.browser()
    asked = browser.get("/account?x=1&y=%E3%81%82")
    assert asked.status == 303 and asked.location.startswith("/login?next=")
    browser.follow(asked)
    sent = browser.post("/login", {"name": user.name, "password": PASSWORD, "next": "/account?x=1"})
    assert sent.location == "/account?x=1"
    for wanted in [
        "//evil.example/",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "javascript:1",
        "",
    ]:
        again = site.browser()
        again.get("/login")
        assert again.post("/login", {"name": user.name, "password": PASSWORD, "next": wanted}).location == "/"


def test_logging_out_ends_the_session_and_everywhere_all_of_them(site):
    user = site.user()
    browsers = [site.browser() for _ in range(3)]
    for browser in browsers:
        assert browser.login(PASSWORD, user.name).status == 303
    tokens = [browser.cookies["sfs"] for browser in browsers]
    browsers[0].get("/")
    page = browsers[0].follow(browsers[0].post("/logout"))
    assert "logged out" in page.text and "sfs" not in browsers[0].cookies
    browsers[0].cookies["sfs"] = tokens[0]
    assert [browser.get("/").status for browser in browsers] == [303, 200, 200]
    browsers[1].post("/logout/everywhere")
    browsers[1].cookies["sfs"] = tokens[1]
    assert [browser.get("/").status for browser in browsers] == [303, 303, 303]


def test_a_session_token_is_new_at_login_and_at_a_password_change(site):
    user, browser = site.user(), site.browser()
    planted = "A" * 43
    browser.cookies = {"sfs": planted}
    browser.login(PASSWORD, user.name)
    first = browser.cookies["sfs"]
    assert first != planted
    browser.get("/login")
    browser.get("/account")
    browser.post("/login", {"name": user.name, "password": PASSWORD})
    second = browser.cookies["sfs"]
    assert second != first and site.door.sessions.find(first) is None

    other = site.browser()
    other.login(PASSWORD, user.name)
    browser.get("/account")
    fields = {"current": PASSWORD, "password": "a new password", "again": "a new password"}
    page = browser.follow(browser.post("/account/password", fields))
    assert "password is changed" in page.text
    assert browser.cookies["sfs"] not in (first, second)
    assert [site.door.sessions.find(token) for token in (first, second)] == [None, None]
    assert other.get("/").status == 303


def test_the_password_changes_only_for_who_knows_it(site):
    user, browser = site.user(), site.browser()
    browser.login(PASSWORD, user.name)
    browser.get("/account")
    wrong = {"current": "not this one", "password": "a new password", "again": "a new password"}
    assert browser.post("/account/password", wrong).status == 403
    name = {"current": PASSWORD, "password": user.name.upper() + "  ", "again": user.name.upper() + "  "}
    assert browser.post("/account/password", name).status == 422
    assert site.browser().login(PASSWORD, user.name).status == 303


@pytest.mark.parametrize(("idle", "whole"), [(IDLE, False), (IDLE - 1, True)])
def test_a_session_ends_when_it_is_idle_or_old(serve, idle, whole):
    site = serve()
    user, browser = site.user(), site.browser()
    browser.login(PASSWORD, user.name)
    began = site.clock.now
    if whole:
        while site.clock.now + idle < began + WHOLE:
            site.clock.pass_(idle)
            assert browser.get("/").status == 200
        site.clock.now = began + WHOLE
    else:
        site.clock.pass_(idle)
    assert browser.get("/").status == 303


def test_a_closed_account_is_out_at_once(site):
    user, browser = site.user(Role.TEACHER), site.browser()
    site.user()
    browser.login(PASSWORD, user.name)
    assert browser.get("/account").status == 200
    site.door.accounts.disable(user)
    assert browser.get("/account").status == 303
    assert site.browser("127.0.0.8").login(PASSWORD, user.name).status == 403


def test_cookies_stay_out_of_reach_of_scripts_and_other_sites(site):
    user, browser = site.user(), site.browser()
    first = browser.get("/login").headers.get_all("Set-Cookie")
    after = browser.post("/login", {"name": user.name, "password": PASSWORD}).headers.get_all("Set-Cookie")
    for line in [*first, *after]:
        flags = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/"} <= flags and "secure" not in flags
        assert not any(flag.startswith("domain") for flag in flags)
    assert any(line.startswith("sfs=") and "max-age" not in line.lower() for line in after)


def test_the_account_page_lists_the_devices(site):
    browser = site.logged_in()
    page = browser.get("/account")
    assert "Another device" in page.text and "this device" in page.text


def test_the_language_is_chosen_on_every_page_even_before_the_login(site):
    browser = site.browser()
    assert 'lang="en"' in browser.get("/login").body
    back = browser.post("/language", {"language": "ja", "back": "/login"})
    assert back.location == "/login" and 'lang="ja"' in browser.follow(back).body
    assert browser.post("/language", {"language": "xx", "back": "//evil.example"}).location == "/"
    assert 'lang="ja"' in browser.get("/login").body

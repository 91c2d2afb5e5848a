"""What another site, another program or a child could try: forged forms, rebinding, guessing, smuggled markup."""

import socket

import pytest

from sfs.web.passwords import AccountError
from sfs.web.permissions import Role
from sfs.web.throttle import LONGEST
from tests.admin.browser import Answer, Browser
from tests.admin.conftest import PASSWORD, Site


def held(answer: Answer) -> bool:
    return answer.status == 303 and answer.location == "/"


# Forged forms


@pytest.mark.parametrize("token", ["", "0" * 64, "x", "é" * 40], ids=["missing", "wrong", "short", "not ascii"])
def test_a_form_with_another_token_changes_nothing(site, token):
    browser = site.logged_in()
    assert held(browser.post("/said", {"name": "a"}))
    assert browser.post("/said", {"csrf": token}).status == 403


def test_the_token_of_another_session_is_refused(site):
    first, second = site.logged_in(), site.logged_in()
    assert first.csrf != second.csrf
    assert first.post("/said", {"csrf": second.csrf}).status == 403


def test_a_token_ends_with_its_session(site):
    user, browser = site.user(), site.browser()
    browser.login(PASSWORD, user.name)
    old = browser.get("/account").csrf
    browser.get("/account")
    browser.post("/login", {"name": user.name, "password": PASSWORD})
    assert browser.post("/said", {"csrf": old}).status == 403


def test_a_login_form_is_bound_to_the_browser_it_was_sent_to(site):
    user, mine, other = site.user(), site.browser(), site.browser()
    mine.get("/login")
    token = other.get("/login").csrf
    fields = {"name": user.name, "password": PASSWORD}
    assert mine.post("/login", fields | {"csrf": token}).status == 403
    bare = site.browser()
    assert bare.post("/login", fields | {"csrf": token}).status == 403 and "sfs" not in bare.cookies
    assert held(mine.post("/login", fields | {"csrf": mine.get("/login").csrf}))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": "null"}, 303),
        ({"Origin": ""}, 303),
        ({"Sec_Fetch_Site": ""}, 303),
        ({"Sec_Fetch_Site": "", "Origin": ""}, 403),
        ({"Sec_Fetch_Site": "", "Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "https://{host}"}, 403),
        ({"Origin": "http://{host}.evil.example"}, 403),
    ],
)
def test_a_form_is_taken_from_pages_of_ours_alone(site, headers, status):
    browser = site.logged_in()
    filled = {name: value.format(host=f"127.0.0.1:{site.port}") for name, value in headers.items()}
    assert browser.post("/said", {"name": "a"}, **filled).status == status


def test_looking_changes_nothing(site):
    browser = site.logged_in()
    assert browser.get("/logout").status == 404
    assert browser.send("HEAD", "/said").status == 404
    assert browser.get("/").status == 200
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "post", "FOO"):
        assert browser.send(method, "/said").status in (400, 405)


# Rebinding


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.:{port}",
        "127.0.0.1.nip.example:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "0.0.0.0:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "user@127.0.0.1:{port}",
        "127.0.0.1:{port}/",
        "127.0.0.1:{port}, evil.example",
        " ",
    ],
)
def test_another_host_name_gets_nothing(site, host):
    browser = site.logged_in()
    answer = browser.send("GET", "/", headers={"Host": host.format(port=site.port)})
    assert answer.status in (400, 421) and "csrf" not in answer.body


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_the_names_of_loopback_are_ours(site, host):
    assert site.browser().send("GET", "/login", headers={"Host": host.format(port=site.port)}).status == 200


def test_two_hosts_or_none_are_refused(site):
    for lines in (b"Host: 127.0.0.1:%d\r\nHost: evil.example\r\n" % site.port, b""):
        for version in (b"1.0", b"1.1"):
            with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
                client.sendall(b"GET /login HTTP/%s\r\n%sConnection: close\r\n\r\n" % (version, lines))
                status = client.makefile("rb").readline().split()[1]
            assert status in (b"400", b"421")


# Guessing


def test_guessing_from_one_address_is_slowed_down_and_the_owner_comes_in_from_another(serve):
    site = serve()
    user, thief = site.user(), site.browser("127.0.0.66")
    statuses = [thief.login(f"guess number {n}", user.name).status for n in range(8)]
    assert statuses == [403] * 5 + [429] * 3
    refused = thief.login(PASSWORD, user.name)
    assert refused.status == 429 and 1 <= int(refused.headers["Retry-After"]) <= 10
    assert "Too many wrong tries" in refused.text and PASSWORD not in refused.body
    assert held(site.browser("127.0.0.67").login(PASSWORD, user.name))

    waits = []
    for n in range(9):
        answer = thief.login(f"guess {n}", user.name)
        if answer.status == 429:
            waits.append(int(answer.headers["Retry-After"]))
            site.clock.pass_(waits[-1])
            thief.login(f"guess {n}", user.name)
    assert waits == sorted(waits) and waits[-1] > waits[0] and max(waits) <= LONGEST
    site.clock.pass_(LONGEST)
    assert held(thief.login(PASSWORD, user.name))


def test_guessing_from_many_addresses_is_slowed_down_but_not_for_who_was_here_before(serve):
    site = serve()
    user = site.user()
    home = site.browser("127.0.0.2")
    assert held(home.login(PASSWORD, user.name))
    guesses = [site.browser(f"127.0.1.{n}").login("a wrong guess", user.name).status for n in range(22)]
    assert guesses == [403] * 20 + [429] * 2
    assert site.browser("127.0.0.3").login(PASSWORD, user.name).status == 429
    assert held(site.browser("127.0.0.2").login(PASSWORD, user.name))
    site.clock.pass_(LONGEST)
    assert held(site.browser("127.0.0.3").login(PASSWORD, user.name))


def test_a_setup_link_passes_any_wait(serve):
    site = serve()
    user, browser = site.user(), site.browser("127.0.0.9")
    while browser.login("a wrong guess", user.name).status != 429:
        pass
    link = site.door.links.make(user)
    browser.get(f"/setup/{link}")
    assert held(browser.post(f"/setup/{link}", {"password": "a new password", "again": "a new password"}))
    assert held(site.browser("127.0.0.9").login("a new password", user.name))


def test_a_found_session_cannot_be_used_to_guess_the_password(serve):
    site = serve()
    browser = site.logged_in(address="127.0.0.5")
    fields = {"password": "a new password", "again": "a new password"}
    statuses = [browser.post("/account/password", fields | {"current": f"guess {n}"}).status for n in range(7)]
    assert statuses == [403] * 5 + [429] * 2


# Smuggled markup

MARKUP = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "{{ 7*7 }}", "</style><b>"]


@pytest.mark.parametrize("text", MARKUP)
def test_names_and_messages_are_text_and_never_markup(serve, text):
    site = serve()
    user = site.user(name=text)
    login = site.browser()
    page = login.get("/login")
    shown = page.body.partition("</style>")[2]
    assert "7" not in text or "49" not in shown.replace(page.csrf, "")
    assert "<" not in text or text not in shown
    assert held(login.post("/login", {"name": text, "password": PASSWORD}))
    login.get("/account")
    account = login.follow(login.post("/said", {"name": text}))
    assert f"Logged in as {user.name}" in account.text
    assert text not in account.body.partition("</style>")[2] or "<" not in text
    wrong = site.browser("127.0.0.4")
    site.user()
    wrong.get("/login")
    echoed = wrong.post("/login", {"name": text, "password": "x", "next": f"/{text}"})
    assert "<script>alert" not in echoed.body and "<img src=x" not in echoed.body and "<b>" not in echoed.body


@pytest.mark.parametrize("name", ["", " ", "\u202eadmin", "a\x00b", "x" * 41, "\u200b", "\ud800"])
def test_a_name_that_would_mislead_is_not_taken(site, name):
    with pytest.raises(AccountError):
        site.door.accounts.add(name, PASSWORD, Role.ADMINISTRATOR)


def test_names_are_one_whatever_their_width_and_case(site):
    site.user(name="Ｔeacher Ｏne")
    for other in ("teacher one", "TEACHER  ONE", "Teacher One"):
        with pytest.raises(AccountError, match="taken"):
            site.user(name=other)


# What every answer says


def test_every_answer_forbids_scripts_frames_and_keeping(site):
    browser = site.logged_in()
    answers = [
        browser.get("/"),
        browser.get("/nothing"),
        site.browser().get("/login"),
        site.browser().get("/"),
        browser.send("GET", "/", headers={"Host": "evil.example"}),
        browser.post("/said", {"csrf": "wrong"}),
        browser.send("PUT", "/"),
    ]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
        for part in ("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'", "img-src 'self' data:"):
            assert part in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Server"] is None
        assert "<script" not in answer.body and " style=" not in answer.body


def test_a_planted_second_cookie_is_no_session(site: Site):
    browser = site.logged_in()
    token = browser.cookies.pop("sfs")
    for line in (f"sfs={token}; sfs=x", f"sfs=x; sfs={token}", f"sfs={token}; sfs={token}"):
        assert browser.send("GET", "/", headers={"Cookie": line}).status == 303
    assert browser.send("GET", "/", headers={"Cookie": f"a=b; sfs={token}; c"}).status == 200


def test_a_database_that_was_read_logs_nobody_in(site: Site):
    user, browser = site.user(), Browser("127.0.0.1", site.port)
    token = site.door.sessions.start(user, "other")
    stored = site.door.sessions.of(user)[0].id
    assert stored != token and site.door.sessions.find(stored) is None
    browser.cookies["sfs"] = stored[:43]
    assert browser.get("/").status == 303

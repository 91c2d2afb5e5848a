"""Requests of mitmproxy, rewritten: what the e2e tests cannot vary as quickly."""

import pytest
from mitmproxy import http

from sfs.core.levels import Strictness
from sfs.core.policy import policy_of_level
from sfs.core.safesearch import Locks
from sfs.proxy.facts import BadRequest
from sfs.proxy.safesearch import forced_name, lock_request
from sfs.text.url import parse_url

ROWS = [
    {
        "name": "Example",
        "hosts": ["find.test"],
        "paths": ["/search"],
        "params": {"name": "safe", "strict": "on"},
        "cookies": {"name": "safe", "strict": "1"},
        "headers": {"name": "X-Safe", "strict": "on", "moderate": "half"},
        "forced": "safe.find.test",
        "checked": "2026-11-22",
    }
]
LOCKS = Locks(ROWS)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def locked(request: http.Request, level: int = 2, **changes: object) -> http.Request:
    lock_request(request, parse_url(request.url), policy_of_level(level, **changes), LOCKS)
    return request


def get(path: str, **headers: str) -> http.Request:
    return http.Request.make(
        "GET", f"http://find.test{path}", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/search?q=a", b"/search?q=a&safe=on"),
        ("/search", b"/search?safe=on"),
        ("/search?", b"/search?safe=on"),
        ("/search?q=%E3%81%82&safe=off", b"/search?q=%E3%81%82&safe=on"),
        ("/other", b"/other"),
        ("/other?", b"/other?"),
        ("/other?safe=off", b"/other?safe=on"),
    ],
)
def test_the_path_as_it_leaves(path, sent):
    request = get("/")
    request.data.path = path.encode()  # as it came: a question mark alone is one too
    assert locked(request).data.path == sent


def test_nothing_changes_where_the_policy_asks_for_nothing():
    request = get("/search?q=a&safe=off", cookie="safe=0", x_safe="off")
    before = request.copy()
    locked(request, 3)
    assert (request.data.path, request.headers) == (before.data.path, before.headers)


def test_header_fields_are_set_once_and_a_stronger_one_is_kept():
    assert locked(get("/")).headers["x-safe"] == "on"
    moderate = {"safesearch": Strictness.MODERATE}
    assert locked(get("/"), **moderate).headers["x-safe"] == "half"
    assert locked(get("/", x_safe="on"), **moderate).headers["x-safe"] == "on"
    twice = get("/", x_safe="on")
    twice.headers.add("x-safe", "off")
    assert locked(twice).headers.get_all("x-safe") == ["on"]


def test_cookies_of_several_fields_become_what_they_have_to_be():
    request = get("/", cookie="a=1")
    request.headers.add("cookie", "safe=0")
    assert locked(request).headers.get_all("cookie") == ["a=1; safe=1"]
    right = get("/", cookie="safe=1;a=1")
    assert locked(right).headers.get_all("cookie") == ["safe=1;a=1"]


def test_a_form_is_settled_with_its_length():
    request = http.Request.make("POST", "http://find.test/search", b"q=a&safe=off", FORM)
    locked(request)
    assert (request.raw_content, request.headers["content-length"]) == (b"q=a&safe=on", "11")
    assert request.data.path == b"/search?safe=on"


def test_other_bodies_are_left_alone():
    request = http.Request.make("POST", "http://find.test/search", b"safe=off", {"Content-Type": "text/plain"})
    assert locked(request).raw_content == b"safe=off"


@pytest.mark.parametrize("body", [None, b"\x1f\x8b"])
def test_a_form_that_cannot_be_read_is_refused_where_the_engine_searches(body):
    coded = FORM | ({"Content-Encoding": "gzip"} if body else {})
    request = http.Request.make("POST", "http://find.test/search", b"", coded)
    request.raw_content = body
    with pytest.raises(BadRequest, match="too-long"):
        locked(request)
    elsewhere = http.Request.make("POST", "http://find.test/upload", b"", coded)
    elsewhere.raw_content = body
    assert locked(elsewhere).raw_content == body


@pytest.mark.parametrize("name", ["find.test", "FIND.test", "find.test.", "Find.Test."])
def test_names_in_any_spelling_are_forced(name):
    assert forced_name(name, policy_of_level(2), LOCKS, closed=True) == "safe.find.test"
    assert forced_name(name, policy_of_level(3), LOCKS, closed=True) is None
    assert forced_name(name, policy_of_level(2), LOCKS, closed=False) is None


@pytest.mark.parametrize("name", ["", "find..test/", "192.0.2.1", "2001:db8::1", "a" * 300])
def test_what_is_no_engine_goes_where_it_goes(name):
    assert forced_name(name, policy_of_level(2), LOCKS, closed=True) is None

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.web.small import AnswerKind, kind_of_answer, small_answer

KINDS: tuple[AnswerKind, ...] = ("page", "image", "script", "style", "json", "text")


@pytest.mark.parametrize(
    ("dest", "accept", "path", "kind"),
    [
        ("document", "text/html", "/", "page"),
        ("iframe", "*/*", "/a.png", "page"),
        ("object", None, "", "page"),
        ("image", "image/avif,image/webp,*/*;q=0.8", "/a", "image"),
        ("script", "*/*", "/a.css", "script"),
        ("serviceworker", "*/*", "", "script"),
        ("style", "text/css,*/*;q=0.1", "", "style"),
        ("json", None, "", "json"),
        ("font", "*/*", "", "text"),
        ("video", "*/*", "", "text"),
        ("empty", "application/json, text/plain, */*", "/x", "json"),
        ("empty", "text/html", "/x", "text"),
        ("empty", "*/*", "/x.json?v=1", "json"),
        ("IMAGE ", None, "", "image"),
        (None, "text/html,application/xhtml+xml,*/*;q=0.8", "/a.png", "page"),
        (None, "application/xhtml+xml", "", "page"),
        (None, "image/png,*/*", "", "image"),
        (None, "text/css,*/*;q=0.1", "", "style"),
        (None, "application/ld+json", "", "json"),
        (None, "text/javascript", "", "script"),
        (None, "*/*", "/pic.JPG?x=.css", "image"),
        (None, "*/*", "/app.js", "script"),
        (None, None, "/", "text"),
        ("unheard-of", "text/html", "/", "page"),
    ],
)
def test_the_kind_follows_destination_then_accept_then_ending(
    dest: str | None, accept: str | None, path: str, kind: str
) -> None:
    assert kind_of_answer(dest, accept, path) == kind


@given(st.none() | st.text(), st.none() | st.text(), st.text())
def test_any_headers_give_a_kind(dest: str | None, accept: str | None, path: str) -> None:
    assert kind_of_answer(dest, accept, path) in KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_answer_is_forbidden_small_and_kept_nowhere(kind: AnswerKind) -> None:
    answer = small_answer(kind)
    headers = dict(answer.headers)
    assert answer.status == 403
    assert len(answer.body) < 200
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert b"<" not in answer.body or kind == "image"


def test_each_small_answer_is_of_its_own_kind() -> None:
    assert small_answer("image").body.startswith(b"GIF89a")
    assert json.loads(small_answer("json").body) == {"blocked": True, "by": "SFS", "help": "http://sfs.home.arpa/"}
    assert small_answer("script").body.startswith(b"/*")
    assert dict(small_answer("style").headers)["Content-Type"].startswith("text/css")


def test_a_small_answer_of_a_mandatory_list_is_451_with_who_blocks() -> None:
    answer = small_answer("image", mandatory=True, blocked_by="https://isp.example/blocking")
    assert answer.status == 451
    assert dict(answer.headers)["Link"] == '<https://isp.example/blocking>; rel="blocked-by"'


@pytest.mark.parametrize(
    "bad", ["javascript:1", "http://a/\r\nSet-Cookie: a=1", 'http://a/>; rel="x', "http://\u00e9/"]
)
def test_a_bad_address_never_reaches_the_link_field(bad: str) -> None:
    answer = small_answer("text", mandatory=True, blocked_by=bad)
    assert dict(answer.headers)["Link"] == '<http://sfs.home.arpa/>; rel="blocked-by"'

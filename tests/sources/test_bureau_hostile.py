"""Bureaus that answer slowly, wrongly, endlessly, for others or not at all: the policy's word, and nothing raised."""

import itertools
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.core.facts import Facts
from sfs.core.policy import policy_of_level
from sfs.core.ruleset import Ruleset
from sfs.sources.bureau_http import MAX_REPLY
from sfs.sources.bureaus import Bureaus
from sfs.sources.subscriptions import Ask, BureauSource
from sfs.text.url import parse_url
from tests.sources.fake_bureau import SO2, FakeBureau, Question, response, until

URL = "http://site.test/page"
RULES = Ruleset()


@pytest.fixture
def bureau():
    with FakeBureau() as running:
        yield running


@pytest.fixture
def bureaus(bureau):
    made = Bureaus([BureauSource(bureau.url, SO2, ask=Ask.URL, timeout=timedelta(seconds=10))])
    yield made
    made.close()
    until(lambda: made._loop is None or made._loop.is_closed())


def told(bureaus: Bureaus, url: str = URL):
    """What is known of a page after the bureau was asked once."""
    facts = Facts(parse_url(url), time=datetime.now().astimezone())
    answer = bureaus.ask(facts.url, facts, policy_of_level(2), RULES)
    bureaus.fetch(answer.missing).result(30)
    return bureaus.ask(facts.url, facts, policy_of_level(2), RULES).answer


def words(bureaus: Bureaus) -> set[str]:
    """What was counted besides questions."""
    return set(bureaus.bureaus[0].counts) - {"questions", "look-ups"}


def raw(data: bytes) -> Callable[[Question, socket.socket], bytes | None]:
    """Send bytes and close."""

    def reply(question: Question, sock: socket.socket) -> None:
        sock.sendall(data)

    return reply


def endless(head: bytes, piece: bytes) -> Callable[[Question, socket.socket], bytes | None]:
    """Send without end, as long as somebody listens."""

    def reply(question: Question, sock: socket.socket) -> None:
        with suppress(OSError):
            sock.sendall(head)
            for _ in itertools.count():
                sock.sendall(piece)

    return reply


OK = b"HTTP/1.1 200 OK\r\n"
NO_ANSWERS = {
    "an empty body": raw(response("")),
    "a page": raw(response("<!doctype html><title>Welcome</title>")),
    "half a list": raw(response(f'(PICS-1.1 "{SO2}" l r (lv 4)')),
    "a list of another version": raw(response(f'(PICS-9.9 "{SO2}" l r (lv 4))')),
    "single quotes": raw(response(f"(PICS-1.1 '{SO2}' l r (lv 4))")),
    "bytes": raw(response("(PICS-1.1").replace(b"PICS", b"\xff\x00\x80\xfe")),
    "nothing": raw(b""),
    "no HTTP": raw(b"220 mail.test ESMTP\r\n"),
    "half a head": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half a body": raw(OK + b"Content-Length: 500\r\n\r\n(PICS-1.1 "),
    "two lengths": raw(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n(PICS"),
    "a negative length": raw(OK + b"Content-Length: -5\r\n\r\n(PICS"),
    "broken chunks": raw(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n(PICS"),
    "a coded body": raw(response("x", "Content-Encoding: gzip\r\n")),
    "an error": raw(response("no", status="500 Oops")),
    "not there": raw(response("no", status="404 Not Found")),
    "not modified": raw(response("", status="304 Not Modified")),
    "another place": raw(response("", "Location: http://other.test/ratings\r\n", "302 Found")),
    "another port": raw(response("", "Location: http://127.0.0.1:1/ratings\r\n", "302 Found")),
    "another scheme": raw(response("", "Location: file:///etc/passwd\r\n", "302 Found")),
    "no place": raw(response("", status="302 Found")),
    "itself again and again": lambda question, sock: response("", "Location: /ratings\r\n", "302 Found"),
    "an endless body": endless(OK + b"\r\n", b"(" * 4096),
    "an endless head": endless(OK, b"X-More: " + b"x" * 1000 + b"\r\n"),
    "an endless field": endless(OK + b"X-More: ", b"x" * 4096),
    "endless notices": endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"),
    "endless small chunks": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n(\r\n"),
    "a body that is too long": raw(response("(" * (MAX_REPLY + 1))),
    "another service": raw(response('(PICS-1.1 "http://other.test/rating/" l r (lv 4))')),
    "another service that starts like ours": raw(response(f'(PICS-1.1 "{SO2}evil/" l r (lv 4))')),
    "an unknown service": raw(response('(PICS-1.1 error (no-ratings "unknown service"))')),
    "a denied service": raw(response(f'(PICS-1.1 "{SO2}" error (request-denied "go away"))')),
    "a broken service": raw(response(f'(PICS-1.1 "{SO2}" error (service-unavailable))')),
    "a denied URL": raw(response(f'(PICS-1.1 "{SO2}" l error (request-denied "{URL}" "no"))')),
    "too many labels": raw(response(f'(PICS-1.1 "{SO2}" l r (lv 4) r (lv 4))')),
    "no labels": raw(response(f'(PICS-1.1 "{SO2}" l)')),
}


@pytest.mark.parametrize("reply", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_leaves_the_bureau_away(bureau, bureaus, reply):
    bureau.reply = reply
    answer = told(bureaus)
    assert (answer.labels, answer.away) == ((), True)
    assert words(bureaus)


SAYS_NOTHING = {
    "another host": 'for "http://other.test/page" r (lv 4)',
    "all hosts": 'gen true for "http://" r (lv 4)',
    "a domain above": 'gen true for "http://test/" r (lv 4)',
    "a host that begins alike": 'gen true for "http://site.tes" r (lv 4)',
    "another page": 'for "http://site.test/pag" r (lv 4)',
    "another folder": 'gen true for "http://site.test/page/" r (lv 4)',
    "another port": 'gen true for "http://site.test:8080/" r (lv 4)',
    "no URL": 'gen true for "not a url" r (lv 4)',
    "a scheme of its own": 'gen true for "javascript:alert(1)" r (lv 4)',
    "the past": 'until "2001.01.01T00:00+0000" r (lv 4)',
    "an extension nobody knows": 'extension (mandatory "http://ext.test/") r (lv 4)',
    "another category": "r (zz 4)",
    "less than nothing": "r (lv -1)",
    "no value": "r (lv ())",
    "a tree": "(r (lv 4))",
    "not labeled": f'error (not-labeled "{URL}")',
}


@pytest.mark.parametrize("label", SAYS_NOTHING.values(), ids=SAYS_NOTHING)
def test_a_label_that_says_nothing_of_this_page_is_none(bureau, bureaus, label):
    bureau.reply = lambda question, _: response(f'(PICS-1.1 "{SO2}" l {label})')
    answer = told(bureaus)
    assert (answer.labels, answer.away) == ((), False)


def test_values_beyond_the_scale_are_the_highest(bureau, bureaus):
    bureau.reply = lambda question, _: response(f'(PICS-1.1 "{SO2}" l r (lv 7))')
    assert [label.rating for label in told(bureaus).labels] == [4]


def test_a_tree_may_not_speak_of_other_hosts(bureau, bureaus):
    def reply(question: Question, _: socket.socket) -> bytes:
        if question.opt == "tree":
            tree = '(gen true for "http://victim.test/" r (lv 4) for "http://site.test/bad" r (lv 4))'
            return response(f'(PICS-1.1 "{SO2}" l {tree})')
        label = (
            'gen true for "http://site.test/" r (lv 1)' if "site.test" in question.urls[0] else "error (not-labeled)"
        )
        return response(f'(PICS-1.1 "{SO2}" l {label})')

    bureau.reply = reply
    told(bureaus)
    until(lambda: [label.rating for label in told(bureaus, "http://site.test/bad").labels] == [4])
    assert told(bureaus, "http://victim.test/").labels == ()


def test_an_answer_to_many_that_is_too_long_is_asked_for_in_parts(bureau, bureaus):
    padding = "x" * 2000

    def reply(question: Question, _: socket.socket) -> bytes:
        labels = " ".join(f'comment "{padding}" r (lv 3)' for _ in question.urls)
        return response(f'(PICS-1.1 "{SO2}" l {labels})')

    bureau.reply = reply
    facts = [Facts(parse_url(f"http://h{n}.test/"), time=datetime.now().astimezone()) for n in range(200)]
    policy = policy_of_level(2)
    wanted = [pair for one in facts for pair in bureaus.ask(one.url, one, policy, RULES).missing]
    (client,) = bureaus.bureaus
    bureaus.fetch([(client, tuple(question for _, questions in wanted for question in questions))]).result(60)
    ratings = [[label.rating for label in bureaus.ask(one.url, one, policy, RULES).answer.labels] for one in facts]
    assert ratings == [[3]] * 200
    assert len(bureau.asked[0].urls) == 200 and max(len(q.urls) for q in bureau.asked[-3:]) <= 50


def test_an_answer_that_drips_is_not_waited_for(bureau):
    def drip(question: Question, sock: socket.socket) -> None:
        with suppress(OSError):
            for sign in itertools.cycle(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200):
                sock.sendall(bytes([sign]))
                time.sleep(0.01)

    bureau.reply = drip
    made = Bureaus([BureauSource(bureau.url, SO2, ask=Ask.URL, timeout=timedelta(milliseconds=100))])
    assert told(made).away
    until(lambda: bureau.asked and "slow" in words(made))
    until(lambda: not made.bureaus[0]._exchanges)  # and its connection is let go
    made.close()
    until(lambda: made._loop.is_closed())


def test_a_redirect_inside_the_bureau_is_followed(bureau, bureaus):
    def reply(question: Question, _: socket.socket) -> bytes:
        if "/ratings?" in question.head:
            return response("", "Location: new\r\n", "301 Moved")
        return response(f'(PICS-1.1 "{SO2}" l r (lv 4))')

    bureau.reply = reply
    assert [label.rating for label in told(bureaus).labels] == [4]


def test_a_bureau_that_answers_a_tree_with_one_label_is_not_taken_to_have_told_them_all(bureau, bureaus):
    bureau.reply = lambda question, _: response(f'(PICS-1.1 "{SO2}" l r (lv 4))')
    assert [label.rating for label in told(bureaus).labels] == [4]
    until(lambda: bureaus.bureaus[0].counts["no tree"] == 1)
    assert [label.rating for label in told(bureaus).labels] == [4]


def test_a_connection_that_ended_meanwhile_costs_no_answer(bureau, bureaus):
    def reply(question: Question, sock: socket.socket) -> None:
        sock.sendall(response(f'(PICS-1.1 "{SO2}" l {" ".join("r (lv 4)" for _ in question.urls)})'))

    bureau.reply = reply  # which closes after each, without saying so
    for number in range(6):
        assert told(bureaus, f"http://h{number}.test/").labels


def test_what_a_bureau_says_reaches_a_trace_as_one_short_line(bureau, bureaus):
    bureau.reply = lambda question, _: response(f'(PICS-1.1 "{SO2}" l by "a\r\nb\x1b[31m{"c" * 5000}" r (lv 4))')
    (label,) = told(bureaus).labels
    assert label.place is not None and label.place.isprintable() and len(label.place) < 200


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=400) | st.text(alphabet='(PICS-1. "lr)v4', max_size=200).map(str.encode))
def test_any_bytes_are_an_answer_or_none(body):
    with FakeBureau() as bureau:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        bureau.reply = lambda question, _: head + body
        made = Bureaus([BureauSource(bureau.url, SO2, ask=Ask.URL, timeout=timedelta(seconds=10))])
        answer = told(made)
        assert answer.away or not answer.labels or body
        made.close()
        until(lambda: made._loop.is_closed())

"""DNS over HTTPS is told by its shape, and nothing else is taken for it."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.text.doh import is_doh, is_question

RFC_8484 = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"  # section 4.1.1: a query for www.example.com
RFC_8484_LONG = (  # section 4.1.1: a name of 62 letters in its first label
    "AAABAAABAAAAAAAAAWE-NjJjaGFyYWN0ZXJsYWJlbC1tYWtlcy1iYXNlNjR1cmwtZGlzdGluY3QtZnJvbS1zdGFuZGFyZC1iYXNlNjQH"
    "ZXhhbXBsZQNjb20AAAEAAQ"
)


@pytest.mark.parametrize(
    ("path", "query", "kind"),
    [
        ("/dns-query", "dns=anything", ""),
        ("/dns-query/", "ct=application/dns-json&name=example.com", ""),
        ("/DNS-Query", "name=example.com&type=A", ""),
        ("/some/where/dns-query", "x=1&DNS=AAAA", ""),
        ("/dns-query", None, "application/dns-message"),
        ("/", f"dns={RFC_8484}", ""),
        ("/a", f"x=1&dns={RFC_8484_LONG}", ""),
        ("/a", f"DNS={RFC_8484}", ""),
        ("/a", f"dns=example.com&dns={RFC_8484}", ""),
        ("/a", f"dns={RFC_8484_LONG.replace('-', '%2D')}", ""),
        ("/a", f"dns={RFC_8484_LONG.replace('-', '%2B')}%3D%3D", ""),
        ("/a", None, "application/dns-message"),
        ("/a", None, " Application/DNS-Message ; x=y"),
    ],
)
def test_a_question_to_a_name_server_is_known(path, query, kind):
    assert is_doh(path, query, kind)


@pytest.mark.parametrize(
    ("path", "query", "kind"),
    [
        ("/", None, ""),
        ("/dns-query", None, ""),
        ("/docs/dns-query", None, ""),
        ("/docs/dns-query/", "page=2&lang=ja", ""),
        ("/docs/dns-query", "name", ""),
        ("/docs/dns-query", "dns=&name=", ""),
        ("/docs/dns-query", None, "application/x-www-form-urlencoded"),
        ("/people", "name=example.com", ""),
        ("/docs/dns-query-guide", None, ""),
        ("/docs/dns-query.html", None, ""),
        ("/dns-query/guide", None, ""),
        ("/my-dns-query", None, ""),
        ("/", "dns=example.com", ""),
        ("/", "dns=192.0.2.1", ""),
        ("/", "dns=", ""),
        ("/", "dns", ""),
        ("/", "dns=AAAA", ""),
        ("/", f"q={RFC_8484}", ""),
        ("/", f"mydns={RFC_8484}", ""),
        ("/", "dns=" + "A" * 200, ""),
        ("/", "dns=bm90IGEgbWVzc2FnZSBidXQgYSBzZW50ZW5jZSBvZiBzb21lIGxlbmd0aA", ""),
        ("/search", "q=what+is+a+dns-query", ""),
        ("/", None, "application/dns-json"),
        ("/", None, "text/plain; x=application/dns-message"),
    ],
)
def test_a_page_about_name_servers_is_none(path, query, kind):
    assert not is_doh(path, query, kind)


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=3), st.integers(0, 65535), st.booleans(), st.binary())
def test_every_question_is_one_and_no_answer_is(labels, number, answers, more):
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    flags = b"\x81\x80" if answers else b"\x01\x00"
    message = number.to_bytes(2) + flags + b"\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1" + more
    text = base64.urlsafe_b64encode(message).decode()
    for written in (text, text.rstrip("=")):
        assert is_question(written) is not answers
        assert is_doh("/", f"dns={written}") is not answers


@given(st.text(), st.one_of(st.none(), st.text()), st.text())
def test_any_text_gives_an_answer(path, query, kind):
    assert is_doh(path, query, kind) in (True, False)
    assert is_question(path) in (True, False)

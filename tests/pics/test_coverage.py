"""Which URLs a label is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.pics.coverage import covers, parse_prefix
from sfs.text.url import name_url, parse_url


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("http://h.example/pub/WWW", "http://h.example/pub/WWWfoo"),
        ("http://h.example/pub/WWW/", "http://h.example/pub/WWW/"),
        ("http://h.example", "http://h.example/x"),
        ("http://h.example", "http://h.example:8080/x"),
        ("http://h.example", "http://h.example?x"),
        ("http://h.example:8080", "http://h.example:8080/x"),
        ("http://h.example:80/", "http://h.example/x"),
        ("http://H.Example./", "HTTP://h.example/"),
        ("http://user@h.example/a", "http://h.example/ab#part"),
        ("http://h.example/", "https://h.example/"),
        ("https://h.example/a", "http://h.example/a/b"),
        ("http://h.example/%7euser/", "http://h.example/~user/x"),
        ("http://h.example/%e6%97%a5", "http://h.example/日本"),
        ("http://h.example/a?", "http://h.example/a?x"),
        ("http://h.example/a?x=1", "http://h.example/a?x=12"),
        ("http://日本.example/", "http://xn--wgv71a.example/"),
        ("http://[2001:db8::1]", "http://[2001:db8:0::1]:81/"),
        ("h.example", "http://h.example/x"),  # live Korean pages
        ("h.example:80/x", "http://h.example/x"),
    ],
)
def test_generic_label_covers_every_url_with_its_prefix(prefix: str, url: str) -> None:
    assert covers(prefix, True, url)


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("http://www.example.com", "http://www.example.com.evil.test/"),
        ("http://www.example.com", "http://www.example.comevil.test/"),
        ("http://www.example.com:80", "http://www.example.com:8080/"),
        ("http://www.example.com:8080", "http://www.example.com/"),
        ("http://www.example.com/", "http://www.example.com:8080/"),
        ("http://example.com/", "http://www.example.com/"),
        ("http://example.com", "http://example.com@evil.test/"),
        ("http://example.com/a%2Fb", "http://example.com/a/b"),
        ("http://example.com/a?", "http://example.com/ab"),
        ("http://example.com/A", "http://example.com/a"),
        ("ftp://example.com/", "http://example.com/"),
        ("http://", "http://example.com/"),
        ("", "http://example.com/"),
        ("news:comp.text", "http://example.com/"),
        ("http://example.com/", "not a URL"),
        ("http://example.com/", ""),
    ],
)
def test_generic_label_covers_nothing_else(prefix: str, url: str) -> None:
    assert not covers(prefix, True, url)


def test_specific_label_covers_its_document_alone() -> None:
    assert covers("http://h.example", False, "https://h.example/")
    assert covers("http://h.example/a?", False, "http://h.example/a")
    assert not covers("http://h.example/", False, "http://h.example/a")
    assert not covers("http://h.example/a", False, "http://h.example/a?x")


def test_label_without_for_covers_the_document_it_came_with() -> None:
    assert covers(None, False, "http://h.example/")
    assert covers(None, False, "not a URL")


@pytest.mark.parametrize(
    ("prefix", "covered"), [("http://h.example", 1), ("http://h.example/", 1), ("http://h.example/a", 0)]
)
def test_of_a_host_alone_only_a_whole_host_prefix_is_true(prefix: str, covered: int) -> None:
    parsed = parse_prefix(prefix)
    assert parsed is not None
    assert parsed.covers(name_url("h.example"), 0, True) == bool(covered)
    assert not parsed.covers(name_url("h.example"), 0, False)
    assert parsed.below_root != bool(covered)


def test_each_form_of_a_url_is_compared_with_the_same_form_of_the_prefix() -> None:
    parsed, url = parse_prefix("http://h.example/%E6%97%A5/"), parse_url("http://h.example/%25E6%2597%25A5/x")
    assert parsed is not None
    assert [parsed.covers(url, form, True) for form in range(len(url.forms))] == [False, True]


_paths = st.text(st.sampled_from("ab/.%25eE?#&=~ 日\\:@"), max_size=12)


@given(_paths, st.text(st.sampled_from("ab/%2e~日"), max_size=6))
def test_a_url_is_covered_by_itself_and_by_its_host(path: str, more: str) -> None:
    url = f"http://h.example/{path}"
    assert covers(url, False, url)
    assert covers(url, True, url)
    assert covers("http://h.example", True, url + more)


@given(st.text(max_size=40), st.text(max_size=40), st.booleans())
def test_any_texts_give_an_answer(prefix: str, url: str, generic: bool) -> None:
    assert covers(prefix, generic, url) in (True, False)

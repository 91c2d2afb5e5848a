"""Canonical URLs: what a browser fetches is what is matched."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import UrlError
from sfs.text.url import _PLAIN, MAX_URL, decode_percent, is_address, name_url, parents, parse_any, parse_url


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("HTTP://Shared.Example.NET:80/a/../b/c.html#x", "http://shared.example.net/b/c.html"),
        ("http://shared.example.net./b/c.html", "http://shared.example.net/b/c.html"),
        ("http://shared.example.net.../b", "http://shared.example.net/b"),
        ("http://0../", "http://0../"),
        ("http://shared.example.net/B/c.html", "http://shared.example.net/B/c.html"),
        ("http://3221225994/", "http://192.0.2.10/"),
        ("http://0xc0.0x0.2.012/", "http://192.0.2.10/"),
        ("http://[::ffff:192.0.2.10]/", "http://192.0.2.10/"),
        ("http://[64:ff9b::192.0.2.10]/", "http://192.0.2.10/"),
        ("http://[2001:DB8:0:0::1]/", "http://[2001:db8::1]/"),
        ("http://日本語.test/", "http://xn--wgv71a119e.test/"),
        ("http://ＥＸＡＭＰＬＥ．ＣＯＭ/", "http://example.com/"),
        ("http://example。com/", "http://example.com/"),
        ("http://ex%61mple.com/", "http://example.com/"),
        ("http://user:pw@example.com/", "http://example.com/"),
        ("http://example.com\\@192.0.2.1/", "http://example.com/@192.0.2.1/"),
        ("ht\ntp://exam\tple.com/", "http://example.com/"),
        ("wss://example.com/chat", "https://example.com/chat"),
        ("https://example.com:8443", "https://example.com:8443/"),
        ("http://example.com/%7euser/%e3%81%82", "http://example.com/~user/%E3%81%82"),
    ],
)
def test_spellings_of_one_url_have_one_canonical_form(written, canonical):
    assert parse_url(written).text == canonical


@pytest.mark.parametrize(
    ("written", "path", "query"),
    [
        ("http://h.test/a%2Fb", "/a/b", None),
        ("http://h.test/a%252Fb", "/a/b", None),
        ("http://h.test/x/%2e%2e/y", "/y", None),
        ("http://h.test/x/%252e%252e/y", "/y", None),
        ("http://h.test//a///b", "/a/b", None),
        ("http://h.test/%E6%97%A5?q=%E6%9C%AC", "/日", "q=本"),
        ("http://h.test/%82%A0", "/%82%A0", None),
        ("http://h.test/a%5C..%5Cb", "/b", None),
    ],
)
def test_decoded_form_is_decoded_to_a_fixed_point(written, path, query):
    decoded = parse_url(written).decoded
    assert (decoded.path, decoded.query) == (path, query)


def test_a_url_that_is_still_encoded_after_eight_rounds_is_refused():
    once = "%41"
    for _ in range(7):
        once = once.replace("%", "%25")
    assert parse_url("http://h.test/" + once).decoded.path == "/A"
    with pytest.raises(UrlError, match="still encoded"):
        parse_url("http://h.test/" + once.replace("%", "%25").replace("%", "%25"))


@pytest.mark.parametrize(
    "text", ["", "http://", "http://[::1", "data:text/html,x", "javascript:1", "http://a b/", "//x"]
)
def test_what_no_browser_opens_is_a_url_error(text):
    with pytest.raises(UrlError):
        parse_url(text)


def test_a_url_is_not_cut_but_refused():
    assert parse_url("http://h.test/" + "a" * 1000)
    with pytest.raises(UrlError, match="65537 characters"):
        parse_url("http://h.test/".ljust(MAX_URL + 1, "a"))


@given(st.text(max_size=80) | st.binary(max_size=80))
def test_any_text_or_bytes_give_a_url_or_a_url_error(text):
    for given_text in (text, ("http://h.test/" if isinstance(text, str) else b"http://h.test/") + text):
        try:
            url = parse_url(given_text)
        except UrlError:
            continue
        assert parse_url(url.text).host == url.host
        url.text.encode()
        url.decoded.path.encode()


@given(st.text(alphabet="abc%/.?=2fF5eE日", max_size=40))
def test_canonical_form_is_stable(path):
    try:
        url = parse_url("http://h.test/" + path)
    except UrlError:
        return
    assert parse_url(url.text) == url


@given(st.text(max_size=60))
def test_decoding_reaches_a_fixed_point(text):
    try:
        decoded = decode_percent(text)
    except UrlError:
        return
    assert decode_percent(decoded) == decoded


def test_name_only_url_knows_host_and_port():
    url = name_url("Example.COM.", 443)
    assert (url.host, url.port, url.name_only, url.scheme) == ("example.com", None, True, "https")
    assert name_url("2001:db8::1", 8443).text == "https://[2001:db8::1]:8443/"
    with pytest.raises(UrlError):
        name_url("exa mple", 443)


def test_parents_of_an_address_are_itself():
    assert list(parents("a.b.example.jp")) == ["a.b.example.jp", "b.example.jp", "example.jp", "jp"]
    assert list(parents("192.0.2.1")) == ["192.0.2.1"]
    assert list(parents("2001:db8::1")) == ["2001:db8::1"]


PLAIN_PARTS = st.sampled_from(
    [
        *("abz09-_.~!$&'()*+,;=:@/?#%[]|\\ ^é"),
        *("//", "/.", "/..", "..", "%2e", "xn--", "www.", ".com", "/?", "0x7f", "A"),
        *(":80", ":443", ":8080", ":8080/", ":0", ":080", ":65535", ":65536"),
    ]
)


@given(st.sampled_from(["http://", "https://", "HTTP://", "ftp://"]), st.lists(PLAIN_PARTS, max_size=12))
@settings(max_examples=500)
def test_the_short_way_for_plain_urls_parses_as_the_long_one(scheme, parts):
    text = scheme + "".join(parts)

    def parsed(parse):
        try:
            url = parse(text)
        except UrlError as fault:
            return fault.what
        return url, url.text

    assert parsed(parse_url) == parsed(parse_any)


@pytest.mark.parametrize(
    "text",
    ["https://www.example.co.jp/a/b.html?q=a&b=c", "http://example.com/", "https://a_b.example.com/~x/a;b=c,d/?/?"],
)
def test_plain_urls_take_the_short_way(text):
    assert _PLAIN.fullmatch(text)
    assert parse_url(text).text == text


@given(st.one_of(st.text(max_size=20), st.ip_addresses().map(str), st.text("0123456789abcdef.:%²", max_size=20)))
def test_what_is_an_address_is_what_the_library_takes_for_one(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        assert not is_address(text)
    else:
        assert is_address(text)

"""Queries as clients send them, pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.bureau.query import MAX_FIELDS, MAX_QUERY, MAX_SERVICES, MAX_URLS, Format, Opt, QueryError, parse_query

PIECES = [b"u=", b"s=", b"opt=", b"&", b'"', b"%22", b"http://h/", b"%", b"+", b"tree", b"generic", b"\xff", b"%00"]
URL = 'u="http%3A%2F%2Fexample.com%2F"'


def refused(raw: bytes, *, form: bool = False) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse_query(raw, form=form)
    assert caught.value.mend
    return caught.value


@pytest.mark.parametrize(
    "written",
    ['"http%3A%2F%2Fexample.com%2Fa"', "%22http%3A%2F%2Fexample.com%2Fa%22", "http%3A%2F%2Fexample.com%2Fa",
     "http://example.com/a", '"http://example.com/a"', "%22http://example.com/a%22", "%68ttp://example.com/a"],
)  # fmt: skip
def test_a_url_is_read_however_a_client_quotes_it(written):
    (asked,) = parse_query(f"u={written}&s={written}".encode()).urls
    assert asked.text == "http://example.com/a"
    assert asked.url is not None and asked.url.text == "http://example.com/a"
    assert parse_query(f"u={written}&s={written}".encode()).services == ("http://example.com/a",)


@pytest.mark.parametrize(
    ("written", "opt"),
    [("normal", Opt.NORMAL), ("generic", Opt.GENERIC), ("GENERIC", Opt.GENERIC), ("signed", Opt.GENERIC),
     ("tree", Opt.TREE), ("generic+tree", Opt.GENERIC_TREE), ("generic%2Btree", Opt.GENERIC_TREE),
     ("generic%20tree", Opt.GENERIC_TREE), ("%22tree%22", Opt.TREE)],
)  # fmt: skip
@pytest.mark.parametrize("form", [False, True])
def test_every_opt_in_every_spelling(written, opt, form):
    assert parse_query(f"opt={written}&{URL}".encode(), form=form).opt is opt


def test_fields_in_any_order_and_unknown_ones():
    query = parse_query(f"s=%22http://s/%22&x-trace=1&{URL}&format=short&flag&opt=tree&=".encode())
    assert (query.services, query.opt, query.format) == (("http://s/",), Opt.TREE, Format.SHORT)
    assert [one.text for one in query.urls] == ["http://example.com/"]


def test_what_is_left_out_means_normal_full_and_all_services():
    query = parse_query(URL.encode())
    assert (query.services, query.opt, query.format) == ((), Opt.NORMAL, Format.FULL)
    assert parse_query(f"{URL}&format=bogus".encode()).format is Format.FULL


def test_a_plus_stays_in_a_get_and_is_a_blank_in_a_form():
    raw = b'u="http%3A%2F%2Fp.example%2Fa+b"'
    assert parse_query(raw).urls[0].text == "http://p.example/a+b"
    assert parse_query(raw, form=True).urls[0].text == "http://p.example/a b"
    assert parse_query(raw.replace(b"+", b"%2B"), form=True).urls[0].text == "http://p.example/a+b"


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        (b"http%3A%2F%2Fh%2F%22x", "http://h/%22x"),
        (b"http://h/%E3%81%82", "http://h/%E3%81%82"),
        ("http://h/あ".encode(), "http://h/%E3%81%82"),
        (b"http://h/%25E3%2581%2582", "http://h/%E3%81%82"),
        (b"http://h/\xff%80", "http://h/%FF%80"),
        (b"HTTP://H:80/#top", "HTTP://H:80/#top"),
    ],
)
def test_a_url_is_echoed_as_sent_in_what_pics_can_quote(sent, echoed):
    assert parse_query(b"u=" + sent).urls[0].text == echoed


@pytest.mark.parametrize("url", ["mailto:someone@example.com", "gopher://example.com/", "urn:isbn:0"])
def test_a_url_that_carries_no_pages_is_one_all_the_same(url):
    (asked,) = parse_query(f"u={url}".encode()).urls
    assert (asked.text, asked.url) == (url, None)


@pytest.mark.parametrize(
    "raw",
    [b"", b"&", b"s=x", b"u", b"u=", b"u=%22%22", b"u=not%20a%20url", b"u=example.com", b"u=http://", b"u=%",
     b"u=http://h/%zz", b"u=http://h/%0d%0a", b"u=http://h/%00", b"opt=bogus&u=http://h/", b"opt=&u=http://h/",
     b"opt=tree&opt=tree&u=http://h/", b'u="http://h/?a=1&b=2"', b"u=http://h/&s=%0a"],
)  # fmt: skip
def test_what_cannot_be_read_is_400(raw):
    assert refused(raw).status == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"&".join([b"u=http://h/"] * (MAX_URLS + 1)),
        b"u=http://h/&" + b"&".join([b"s=x"] * (MAX_SERVICES + 1)),
        b"u=http://h/" + b"&" * MAX_FIELDS,
        b"u=http://h/" + b"a" * MAX_QUERY,
    ],
)
def test_what_is_too_much_is_414_in_a_url_and_413_in_a_body(raw):
    assert refused(raw).status == 414
    assert refused(raw, form=True).status == 413


def test_as_many_as_may_be_asked_are_read():
    raw = b"&".join([b"u=http://h/"] * MAX_URLS + [b"s=x"] * MAX_SERVICES)
    query = parse_query(raw)
    assert (len(query.urls), len(query.services)) == (MAX_URLS, MAX_SERVICES)


@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join)), st.booleans())
def test_any_bytes_give_a_query_or_a_refusal(raw, form):
    try:
        query = parse_query(raw, form=form)
    except QueryError as fault:
        assert fault.status in (400, 413, 414)
        assert str(fault).isprintable() or "\n  mend: " in str(fault)
        return
    for text in (*(one.text for one in query.urls), *query.services):
        assert text.isascii() and text.isprintable() and '"' not in text

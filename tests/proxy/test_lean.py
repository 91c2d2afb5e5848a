"""What is shorter in sfs.proxy.stock than in mitmproxy says the same: header fields, options, contexts."""

from copy import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.connection import Client, Server
from mitmproxy.coretypes.multidict import _MultiDict
from mitmproxy.exceptions import OptionsError
from mitmproxy.http import Headers, HTTPFlow
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as core

from sfs.proxy import stock
from sfs.proxy.stock import lines, names
from sfs.proxy.stock.fields import add

stock.install()

NAMES = st.sampled_from([b"Host", b"host", b"HOST", b"Accept", b"x-\xc3\xa9", b"X-\xff", b"cookie", b""])
VALUES = st.sampled_from([b"", b"a", b"a, b", b"\xff", b"\xe3\x81\x82"])
ASKED = [b"host", "HOST", "accept", "x-é", b"x-\xff", "cookie", "", "none"]


def plain_get_all(headers: Headers, name: str | bytes) -> list[str]:
    """Stock's own, which walks all fields."""
    key = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    return [value.decode("utf-8", "surrogateescape") for value in _MultiDict.get_all(headers, key)]


def check(headers: Headers) -> None:
    for name in ASKED:
        found = plain_get_all(headers, name)
        assert headers.get_all(name) == found
        assert headers.get(name) == (", ".join(found) if found else None)
        assert headers.get(name, "x") == (", ".join(found) if found else "x")
        assert (name in headers) is bool(found)
        if found:
            assert headers[name] == ", ".join(found)
        else:
            with pytest.raises(KeyError):
                headers[name]


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=6), st.lists(st.tuples(st.integers(0, 6), NAMES, VALUES), max_size=4)
)
def test_fields_are_found_as_a_walk_finds_them_whatever_changes(fields, changes):
    headers = Headers(fields)
    check(headers)
    for what, name, value in changes:
        before = headers.fields
        if what == 0:
            headers.add(name, value)
        elif what == 1:
            headers[name] = value
        elif what == 2:
            found = plain_get_all(headers, name)
            assert headers.pop(name, None) == (", ".join(found) if found else None)
            assert (headers.fields == before) is (not found)
        elif what == 3:
            headers.fields = ((name, value), *headers.fields)
        elif what == 4:
            headers = headers.copy()
        elif what == 5:
            other = copy(headers)
            add(headers, name.lower(), value)
            assert headers.fields == (*before, (name.lower(), value)) and other.fields == before
            check(other)
        else:
            headers.set_all(name, [value, value])
        check(headers)


def test_flows_and_connections_have_names_of_their_own():
    clients = [Client(peername=("192.0.2.1", 1), sockname=("192.0.2.2", 2)) for _ in range(50)]
    names = {client.id for client in clients} | {HTTPFlow(client, Server(address=None)).id for client in clients}
    assert len(names) == 100
    assert {len(name) for name in names} == {32}


def test_what_is_no_name_is_refused_as_ever():
    headers = Headers([(b"host", b"a.test")])
    with pytest.raises(KeyError):
        headers.pop("accept")
    for call in (headers.get, headers.get_all, headers.__getitem__, headers.__contains__):
        with pytest.raises(TypeError):
            call(None)


def test_a_changed_option_counts_at_once():
    made = stock.make_options()
    told = []
    subscriber, listener = (lambda *_: told.append(made.ssl_insecure)), (lambda updated: told.append(made.ssl_insecure))
    made.subscribe(subscriber, ["ssl_insecure"])  # both are kept weakly
    made.changed.connect(listener)
    assert made.ssl_insecure is False
    made.ssl_insecure = True
    assert made.ssl_insecure is True
    made.update(ssl_insecure=False)
    assert made.ssl_insecure is False
    assert told == [True, True, False, False]
    made.mode.append("not kept")
    assert made.mode == ["regular"]
    with pytest.raises(AttributeError):
        _ = made.no_such_option


def test_an_option_that_is_refused_stays_as_it_was():
    made = stock.make_options()

    def refuse(*_):
        if made.ssl_insecure:
            raise OptionsError("no")

    made.subscribe(refuse, ["ssl_insecure"])
    assert made.ssl_insecure is False
    with pytest.raises(OptionsError):
        made.ssl_insecure = True
    assert made.ssl_insecure is False


def test_a_context_is_copied_as_stock_copies_it():
    made = Context(Client(peername=None, sockname=None), stock.make_options())
    made.layers.append("layer")
    copy = made.fork()
    assert vars(copy) == vars(made) and copy.server is made.server
    assert copy.layers is not made.layers
    assert vars(copy).keys() == vars(Context(made.client, made.options)).keys()


def test_what_stock_does_more_is_left_to_it():
    assert core.HttpLayer.event_to_child.__module__ == Context.fork.__module__ == "sfs.proxy.stock.layers"
    assert core.HttpLayer.get_connection.__module__ == "sfs.proxy.stock.closed"
    assert names.uses_only(lambda one: one.copy(), ("copy",))
    assert not names.uses_only(lambda one: one.copy().clear(), ("copy",))


PIECES = st.sampled_from(
    [
        *("GET", "HEAD", "POST", "PUT", "get", " ", "  ", "http://", "https://", "HTTP://", "ftp://", "/", "//", "."),
        *("a.test", "A.test", "xn--a.test", "a" * 63, "a" * 64, "-", "_", "é", "[::1]", "127.0.0.1", "user@", ":80"),
        *(":443", ":0", ":080", ":65535", ":65536", "?a=b", "#c", "%00", "\t", "\x00", "\x7f", "HTTP/1.1", "HTTP/1.0"),
        *("HTTP/2.0", "*", "http/1.1", ";", "@", "\\"),
    ]
)
PLAIN = st.builds(
    "{} {}{}{} HTTP/1.{}".format,
    *(st.sampled_from(["GET", "POST"]), st.sampled_from(["http://", "https://"]), st.text("abx.-_n:018", max_size=9)),
    *(st.sampled_from(["", "/", "/?a", "/a//b?c=d#e", "/;a[]{}|^", "?a"]), st.sampled_from("0129")),
)


@given(st.one_of(st.lists(PIECES, max_size=9).map("".join), PLAIN))
@settings(max_examples=500)
def test_a_request_line_is_read_as_stock_reads_it(text):
    def parts(reader):
        try:
            return reader(text.encode())
        except ValueError:
            return None

    found, stock_found = parts(lines.read_line), parts(lines._stock_read)
    version = stock_found and stock_found[-1].decode()
    if version in (None, "HTTP/1.1", "HTTP/1.0"):
        assert found == stock_found
    elif version.startswith("HTTP/1."):
        assert found == (*stock_found[:-1], b"HTTP/1.1")
    else:
        assert found is None


@pytest.mark.parametrize(
    ("said", "read"),
    [("0.9", "1.0"), ("1.0", "1.0"), ("1.1", "1.1"), ("1.2", "1.1"), ("2.0", "1.1"), ("9.9", "1.1")],
)
def test_a_servers_version_is_read_as_browsers_read_it(said, read):
    assert lines.read_status(f"HTTP/{said} 200 Fine".encode()) == (f"HTTP/{read}".encode(), 200, b"Fine")
    with pytest.raises(ValueError):
        lines.read_status(f"HTTP/{said}0 200".encode())


def test_a_plain_request_line_needs_no_second_look(monkeypatch):
    monkeypatch.setattr(lines, "_stock_read", None)
    read = lines.read_line(b"GET http://www.a.test:8080/b?c HTTP/1.1")
    assert read == ("www.a.test", 8080, b"GET", b"http", b"www.a.test:8080", b"/b?c", b"HTTP/1.1")

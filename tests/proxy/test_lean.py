"""What is shorter in sfs.proxy.stock than in mitmproxy says the same: header fields, options, contexts."""

import re
from collections.abc import Mapping
from copy import copy

import pytest
from h11 import Data, EndOfMessage, RemoteProtocolError
from h11._readers import ContentLengthReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.connection import Client, Server
from mitmproxy.coretypes.multidict import _MultiDict
from mitmproxy.exceptions import OptionsError
from mitmproxy.http import Headers, HTTPFlow, Request, Response
from mitmproxy.net.http import http1, validate
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as core
from mitmproxy.proxy.layers import modes, tcp
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook

from sfs.proxy import stock
from sfs.proxy.stock import bodies, fields, framing, heads, layers, lines, names, short
from sfs.proxy.stock.fields import add, table_of

stock.install()

NAMES = st.sampled_from([b"Host", b"host", b"HOST", b"Accept", b"x-\xc3\xa9", b"X-\xff", b"cookie", b""])
VALUES = st.sampled_from([b"", b"a", b"a, b", b"\xff", b"\xe3\x81\x82"])
ASKED = [b"host", "HOST", "accept", "x-é", b"x-\xff", "cookie", "", "none"]


def plain_get_all(headers: Headers, name: str | bytes) -> list[str]:
    """Stock's own, which walks all fields."""
    key = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    return [value.decode("utf-8", "surrogateescape") for value in _MultiDict.get_all(headers, key)]


class Walked(Headers):
    """Fields as stock looks for them, without a table."""

    def get_all(self, name):
        return plain_get_all(self, name)

    def get(self, key, default=None):
        return Mapping.get(self, key, default)

    def __getitem__(self, key):
        if not (found := self.get_all(key)):
            raise KeyError(key)
        return ", ".join(found)

    def __contains__(self, key):
        return bool(self.get_all(key))


def walked(headers: Headers) -> dict[bytes, list[bytes]]:
    """What the table of these fields has to be."""
    names = {name.lower() for name, _ in headers.fields}
    return {name: [value for key, value in headers.fields if key.lower() == name] for name in names}


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
    assert http1.read_request_head.__globals__["_read_headers"] is framing.read_fields
    assert framing._checks_known and short._ABOVE_PASS_ALL_ON
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


def test_events_go_past_the_layers_above_http_once_those_pass_all_on(monkeypatch):
    made = Context(Client(peername=None, sockname=None), stock.make_options())
    top = modes.HttpProxy(made)
    assert short.http_layer(top) is None
    assert list(top.handle_event(events.Start())) == []
    (hook,) = top.handle_event(events.DataReceived(made.client, b"GET"))
    assert short.http_layer(top) is None  # nobody has said yet what it is
    hook.data.layer = core.HttpLayer(made, core.HTTPMode.regular)
    (timer,) = top.handle_event(events.HookCompleted(hook))  # of the head that began
    assert isinstance(timer, commands.RequestWakeup)
    assert short.http_layer(top) is hook.data.layer
    assert short.http_layer(hook.data.layer) is None
    between = top._handle_event.__self__
    for other in (tcp.TCPLayer(made, ignore=True), None):
        between.layer = other
        assert short.http_layer(top) is None
    between.layer = hook.data.layer
    upstream = modes.HttpUpstreamProxy(made)
    upstream._handle_event = top._handle_event
    assert short.http_layer(upstream) is None
    top._paused = layer.Paused(timer, iter(()))
    assert short.http_layer(top) is None
    top._paused = None
    assert short.http_layer(top) is hook.data.layer
    monkeypatch.setattr(short, "_ABOVE_PASS_ALL_ON", False)
    assert short.http_layer(top) is None
    monkeypatch.undo()
    top.debug = ""
    assert short.http_layer(top) is None


# What a head says of its message


FRAMING = st.sampled_from(
    [
        *((b"Content-Length", value) for value in (b"0", b"7", b"07", b"+7", b"7 ", b"7, 7", b"", b"-1", b"9" * 18)),
        *((b"content-length", value) for value in (b"7", b"9" * 19, b"\xb2", b"7\n", b"1_0")),
        *((b"Transfer-Encoding", value) for value in (b"chunked", b"gzip", b"gzip, chunked", b"identity", b"", b"x")),
        *((b"Connection", value) for value in (b"close", b"keep-alive", b"Close", b"close, x", b"", b"upgrade")),
        *(
            (name, b"a")
            for name in (b"Host", b"x y", b"", b"x\n", b"x\ny", b"x:y", b"caf\xc3\xa9", b"!#$%&'*+-.^_`|~0Z")
        ),
    ]
)
MESSAGES = st.lists(FRAMING, max_size=4)


def told(ask, *arguments):
    """What comes of it; the fault by its class and words."""
    try:
        return ask(*arguments)
    except ValueError as fault:
        return type(fault), str(fault)


def request_of(fields, method="GET", version=b"HTTP/1.1"):
    made = Request.make(method, "http://a.test/")
    made.headers, made.data.http_version = Headers(fields), version
    return made


def response_of(fields, status=200, version=b"HTTP/1.1"):
    made = Response.make(status)
    made.headers, made.data.http_version = Headers(fields), version
    return made


VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/3"])


@given(
    MESSAGES,
    MESSAGES,
    st.sampled_from(["GET", "POST", "HEAD", "head", "get", "PUT", "CONNECT"]),
    st.sampled_from([100, 101, 103, 199, 200, 204, 206, 299, 304, 404, 500]),
    VERSIONS,
)
@settings(max_examples=500)
def test_a_head_says_of_its_message_what_it_says_in_stock(asked, answered, method, status, version):
    request, response = request_of(asked, method, version), response_of(answered, status, version)
    assert told(framing.expected_size, request) == told(framing._stock_size, request)
    assert told(framing.expected_size, request, response) == told(framing._stock_size, request, response)
    for message in (request, response):
        assert told(framing.check_fields, message) == told(validate.validate_headers, message)
        for spoken in (message.http_version, version):
            assert framing.closes(spoken, message.headers) is framing._stock_close(spoken, message.headers)


LINES = st.lists(
    st.sampled_from(
        [
            *(b"Host: a.test", b"host:b", b"A:", b"A", b"", b":", b":a", b" a", b"\tb: c", b"x : y:z ", b"\xff:\xff"),
            *(b"Content-Length: 7", b"content-length:\t7 ", b"Content-Length : 7", b"CONTENT-LENGTH: +7", b" 7"),
            *(b"Transfer-Encoding: chunked", b"transfer-encoding: gzip,", b"Transfer-Encoding:", b"\tchunked"),
            *(b"Connection: close", b"connection:Close", b"Connection:", b"CONNECTION: keep-alive"),
        ]
    ),
    max_size=5,
)


@given(LINES)
def test_lines_of_a_head_are_read_as_stock_reads_them(found):
    def parts(reader):
        try:
            return reader(found)
        except (ValueError, IndexError) as fault:
            return type(fault), str(fault)

    ours, stocks = parts(framing.read_fields), parts(framing._stock_fields)
    assert ours == stocks
    if isinstance(stocks, Headers):
        check(ours)
        assert bytes(ours) == b"".join(name + b": " + value + b"\r\n" for name, value in stocks.fields)
        assert vars(ours).keys() >= vars(stocks).keys()
        assert table_of(ours) == walked(stocks)
        for spoken in ("HTTP/1.1", b"HTTP/1.0"):
            assert framing.closes(spoken, ours) is framing._stock_close(spoken, Walked(stocks.fields))
        for made in (Request.make("GET", "http://a.test/"), Response.make(200)):
            mine, plain = copy(made), copy(made)
            mine.data, plain.data = copy(made.data), copy(made.data)
            mine.data.headers, plain.data.headers = ours, Walked(stocks.fields)
            assert told(framing.check_fields, mine) == told(validate.validate_headers, plain)
            asked = [Request.make("GET", "http://a.test/")] if isinstance(made, Response) else []
            assert told(framing.expected_size, *asked, mine) == told(framing._stock_size, *asked, plain)
        assert ours.copy().fields == stocks.fields


def test_what_is_plain_in_a_head_is_not_asked_of_stock(monkeypatch):
    for name in ("_stock_fields", "_stock_size", "_stock_close"):
        monkeypatch.setattr(framing, name, None)
    monkeypatch.setattr(validate, "validate_headers", None)
    headers = framing.read_fields([b"Content-Type: text/html", b"Content-Length: 40960", b"Connection: keep-alive"])
    request, response = request_of([(b"Host", b"a.test")]), response_of(headers.fields)
    assert (framing.expected_size(request), framing.expected_size(request, response)) == (0, 40_960)
    assert not framing.closes("HTTP/1.0", headers) and not framing.closes("HTTP/1.1", request.headers)
    for message in (request, response):
        framing.check_fields(message)


def test_where_stock_checks_more_it_checks_every_head(monkeypatch):
    def refuse(message):
        raise ValueError("more")

    message = request_of([(b"Host", b"a.test")])
    monkeypatch.setattr(validate, "validate_headers", refuse)
    framing.check_fields(message)
    monkeypatch.setattr(framing, "_checks_known", False)
    with pytest.raises(ValueError, match="more"):
        framing.check_fields(message)


def test_what_stock_reads_otherwise_stays_stocks(monkeypatch):
    monkeypatch.setattr(http1, "expected_http_body_size", framing._stock_size)
    monkeypatch.setattr(http1, "connection_close", framing._stock_close)
    monkeypatch.setitem(http1.read_request_head.__globals__, "_read_headers", framing._stock_fields)
    for names_used in ("_SIZE", "_CLOSE", "_FIELDS"):
        monkeypatch.setattr(framing, names_used, ())
    framing.install()
    assert http1.expected_http_body_size is framing._stock_size
    assert http1.connection_close is framing._stock_close
    assert http1.read_request_head.__globals__["_read_headers"] is framing._stock_fields


def test_stock_asks_ours():
    assert http1.expected_http_body_size is framing.expected_size
    assert http1.connection_close is framing.closes
    assert http1.read_request_head([b"GET / HTTP/1.1", b"Host: a.test"]).headers.__dict__["_table"] == {
        b"host": [b"a.test"]
    }
    flow = HTTPFlow(Client(peername=None, sockname=None), Server(address=None))
    hook = HttpRequestHook(flow)
    assert (hook.flow, hook.name, hook.args()) == (flow, "request", [flow])
    assert commands.StartHook.__new__ is layers._make_hook and Headers.__bytes__ is fields._bytes


# What has come on a connection

CAME = st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"a", b"a: b", b"\r\n\r\n", b"\n\n", b" ", b""]), max_size=12)


@given(CAME, st.integers(0, 6))
@settings(max_examples=500)
def test_a_head_is_cut_into_its_lines_as_h11_cuts_it(pieces, body):
    ours, plain = heads.HeadBuffer(), ReceiveBuffer()
    for piece in pieces:  # as it comes; a body of so many bytes is behind each head
        for buffer in (ours, plain):
            buffer += piece
        while (cut := plain.maybe_extract_lines()) is not None:
            assert ours.maybe_extract_lines() == [bytes(line) for line in cut]
            assert bytes(ours) == bytes(plain)
            assert bodies.take(ours, body) == bytes(plain.maybe_extract_at_most(body) or b"")
        assert ours.maybe_extract_lines() is None
        assert vars(ours) == vars(plain)


@given(st.integers(0, 12), st.lists(st.binary(max_size=6), max_size=5))
def test_a_body_of_known_length_is_read_as_h11_reads_it(length, pieces):
    ours, plain = bodies.body_reader(length), ContentLengthReader(length)
    buffers = heads.HeadBuffer(), ReceiveBuffer()
    for piece in pieces:
        for buffer in buffers:
            buffer += piece
        found, stocks = ours(buffers[0]), plain(buffers[1])
        assert type(found) is type(stocks)
        if isinstance(stocks, Data):
            assert type(found.data) is bytes and found.data == stocks.data
        elif stocks is not None:
            assert isinstance(stocks, EndOfMessage) and found.headers == stocks.headers
        assert bytes(buffers[0]) == bytes(buffers[1])
    with pytest.raises(RemoteProtocolError) as told:
        plain.read_eof()
    with pytest.raises(RemoteProtocolError, match=re.escape(str(told.value))):
        ours.read_eof()


def test_stock_reads_with_ours():
    made = core.Http1Server(Context(Client(peername=None, sockname=None), stock.make_options()))
    assert type(made.buf) is heads.HeadBuffer
    assert type(bodies.body_reader(0)) is bodies.FixedBody and type(bodies.body_reader(None)) is bodies.BoundedChunks
    assert type(bodies.body_reader(-1)) is type(bodies._stock_reader(-1))

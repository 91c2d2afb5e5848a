"""sfs.proxy.stock.hello reads a ClientHello as stock does, or leaves it to stock."""

import copy
import ssl
from struct import pack

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mitmproxy import tls
from mitmproxy.proxy.layers.tls import get_client_hello

from sfs.proxy import stock
from sfs.proxy.stock import hello

stock.install()


def sent(name: str | None, offers: list[str]) -> bytes:
    """What Python's client says, without the heads of record and message."""
    context = ssl.create_default_context()
    context.check_hostname = False
    if offers:
        context.set_alpn_protocols(offers)
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(into, out, server_hostname=name).do_handshake()
    whole = get_client_hello(out.read())
    assert whole
    return whole[4:]


def plain(raw: bytes) -> object:
    """Stock's own word on it: name, protocols, cipher suites and extensions; or what it raises."""
    one = object.__new__(tls.ClientHello)
    try:
        hello._stock_make(one, raw)
        return hello._stock_sni(one), hello._stock_alpn(one), one.cipher_suites, one.extensions
    except Exception as fault:
        return type(fault)


def ours(raw: bytes) -> object:
    try:
        one = tls.ClientHello(raw)
        return one.sni, one.alpn_protocols, one.cipher_suites, one.extensions
    except Exception as fault:
        return type(fault)


@pytest.mark.parametrize("name", ["www.a.test", "A.test.", "xn--r8jz45g.test", "192.0.2.1", None])
@pytest.mark.parametrize("offers", [[], ["h2"], ["h2", "http/1.1"]])
def test_what_clients_say_needs_no_second_look(name, offers):
    raw = sent(name, offers)
    found = hello.read_hello(raw)
    assert found is not None
    assert tls.ClientHello.__init__ is hello._make
    assert found[1] == [offer.encode() for offer in offers]
    assert ours(raw) == plain(raw)
    assert tls.ClientHello(raw).raw_bytes(wrap_in_record=False) == raw
    assert copy.copy(tls.ClientHello(raw)).sni == found[0]


NAMES = st.sampled_from([b"a.test", b"b.test", b"A-_.test", b"xn--a.test", b"xn--", b"", b"a..b", b"\xff.test", b"::1"])
FOUND = st.sampled_from([b"h2", b"http/1.1", b"", b"x" * 255])
OFF = st.sampled_from([0] * 6 + [1, -1, 300])  # how much a size is wrong


@st.composite
def _server_name(draw: st.DrawFn) -> tuple[int, bytes]:
    names = b"".join(
        pack("!BH", draw(st.sampled_from([0, 0, 0, 1])), max(len(name) + draw(OFF), 0)) + name
        for name in draw(st.lists(NAMES, min_size=1, max_size=2) | st.lists(NAMES, min_size=1, max_size=1))
    )
    return 0, pack("!H", max(len(names) + draw(OFF), 0)) + names


@st.composite
def _alpn(draw: st.DrawFn) -> tuple[int, bytes]:
    offers = b"".join(
        bytes([min(max(len(one) + draw(OFF), 0), 255)]) + one for one in draw(st.lists(FOUND, max_size=3))
    )
    return 16, pack("!H", max(len(offers) + draw(OFF), 0)) + offers


OTHER = st.tuples(st.sampled_from([0, 16, 10, 43, 65037]), st.binary(max_size=8))


@st.composite
def hellos(draw: st.DrawFn) -> bytes:
    parts = draw(st.lists(st.one_of(_server_name(), _alpn(), OTHER), max_size=4))
    body = b"".join(pack("!HH", kind, max(len(data) + draw(OFF), 0)) + data for kind, data in parts)
    session, ciphers, methods = draw(st.binary(max_size=3)), draw(st.binary(max_size=5)), draw(st.binary(max_size=2))
    raw = b"\x03\x03" + bytes(32) + bytes([len(session)]) + session + pack("!H", len(ciphers)) + ciphers
    raw += bytes([len(methods)]) + methods
    if draw(st.booleans()) or parts:
        raw += pack("!H", max(len(body) + draw(OFF), 0)) + body
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.integers(0, 9)) == 0 else raw


@given(hellos() | st.binary(max_size=60))
@example(b"")
@example(bytes(34))
@settings(max_examples=200)
def test_a_hello_is_read_as_stock_reads_it(raw):
    assert ours(raw) == plain(raw)
    if (found := hello.read_hello(raw)) is not None:
        assert found == plain(raw)[:2]


def test_there_is_nothing_else_in_it():
    with pytest.raises(AttributeError, match="nothing"):
        _ = tls.ClientHello(sent("a.test", [])).nothing

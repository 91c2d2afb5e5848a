"""sfs.proxy.stock.spare: what OpenSSL keeps of a connection that waits is given back; nothing of what it says is."""

import asyncio
import contextlib
import warnings
from pathlib import Path

import pytest
from mitmproxy import certs
from OpenSSL import SSL

from sfs.proxy.stock import spare, tls


@pytest.fixture(scope="module")
def server_context(tmp_path_factory: pytest.TempPathFactory) -> SSL.Context:
    folder = Path(tmp_path_factory.mktemp("spare"))
    certs.CertStore.create_store(folder, "ca", 2048)
    context = SSL.Context(SSL.TLS_METHOD)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.use_certificate_file(str(folder / "ca-ca-cert.pem"))
        context.use_privatekey_file(str(folder / "ca-ca.pem"))
    return context


@pytest.fixture
def pair(server_context: SSL.Context) -> tuple[SSL.Connection, SSL.Connection]:
    """Both ends after their handshake."""
    here, there = SSL.Connection(SSL.Context(SSL.TLS_METHOD)), SSL.Connection(server_context)
    here.set_connect_state()
    there.set_accept_state()
    for one in (here, there):
        spare.begin(one)
    for _ in range(3):
        for one, other in ((here, there), (there, here)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
            if sent := tls.written(one):
                other.bio_write(sent)
    there.do_handshake()
    assert tls.read(here, b"") == (b"", False, None)
    return here, there


def places(connection: SSL.Connection) -> tuple[int, int]:
    """Where the two memories lie."""
    return tuple(int(spare._ffi.cast("intptr_t", one)) for one in (connection._into_ssl, connection._from_ssl))


def test_what_is_said_before_and_after_arrives(pair, monkeypatch):
    monkeypatch.setattr(spare, "SECONDS", 0.0)
    here, there = pair

    async def talk() -> None:
        for size in (1, 100, 40_000, 5, 300_000, 16_384):
            for one, other in ((here, there), (there, here)):
                said = bytes(range(256)) * (size // 256) + b"e" * (size % 256)
                before = places(other)
                assert tls.read(other, tls.write(one, said)) == (said, False, None)
                while other in spare._later or one in spare._later:  # noqa: ASYNC110  # a timer of the loop, at once
                    await asyncio.sleep(0)
                assert (places(other) != before) is (size >= spare.GREW)

    asyncio.run(talk())


def test_what_is_under_way_is_not_thrown_away(pair, monkeypatch):
    monkeypatch.setattr(spare, "SECONDS", 0.0)
    here, there = pair

    async def talk() -> None:
        there.sendall(b"s" * 9_000)  # nobody has taken it yet
        spare.passed(there, 9_000)
        while there in spare._later:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert tls.read(here, tls.written(there)) == (b"s" * 9_000, False, None)
        sent = tls.write(there, b"t" * 9_000)
        assert tls.read(here, sent[:5_000])[0] == b""
        while here in spare._later:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert tls.read(here, sent[5_000:]) == (b"t" * 9_000, False, None)

    asyncio.run(talk())


def test_a_connection_that_is_gone_is_not_held_for_it(pair):
    here, there = pair

    async def talk() -> None:
        tls.read(there, tls.write(here, b"x" * 2_000))
        assert here in spare._later
        handles = [handle for handle in asyncio.get_running_loop()._scheduled if handle._callback is spare._shrink]
        assert {handle._args[0]() for handle in handles} == {here, there}
        spare._shrink(lambda: None)

    asyncio.run(talk())

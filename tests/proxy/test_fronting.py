"""The try of domain fronting, at listeners that are no proxy; with the real one: tests/e2e/test_selfcheck.py."""

import asyncio
import contextlib
import ssl

import pytest
from mitmproxy import connection

from sfs.core.probes import FRONT, HIDDEN
from sfs.proxy import fronting
from sfs.proxy.fronting import Fronting, _server_side

CLIENT = "192.0.2.7"


def connected_from(tries: Fronting, peer: tuple) -> connection.Client:
    client = connection.Client(peername=peer, sockname=("127.0.0.1", 1), timestamp_start=0)
    tries.connected(client)
    return client


async def tried(answer, tries: Fronting | None = None, host: str = "127.0.0.1") -> bool | None:
    """What a try says of a listener that answers so."""
    server = await asyncio.start_server(answer, host, 0)
    try:
        return await (tries or Fronting()).refused(CLIENT, server.sockets[0].getsockname(), front=False)
    finally:
        server.close()
        server.abort_clients()
        await server.wait_closed()


async def head_of(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(asyncio.IncompleteReadError):
        return await reader.readuntil(b"\r\n\r\n")
    return b""


def saying(*answers: bytes, tls: bool = False, heads: list[bytes] | None = None):
    """A listener that gives one answer to each head, the second and later ones inside TLS."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, said in enumerate(answers):
            if number == 1 and tls:
                await writer.start_tls(_server_side())
            head = await head_of(reader)
            if heads is not None:
                heads.append(head)
            writer.write(said)
            await writer.drain()
        writer.close()

    return answer


OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.mark.parametrize(
    ("answers", "refused"),
    [
        ([b"HTTP/1.1 403 Forbidden\r\n\r\n"], True),
        ([b""], True),
        ([b"no answer at all\r\n\r\n"], True),
        ([b"HTTP/1.1 200 " + b"x" * (1 << 18)], True),
        ([OPENED, b"HTTP/1.1 400 Bad Request\r\n\r\n"], True),
        ([OPENED, b""], True),
        ([OPENED, b"HTTP/1.1 200 OK\r\n\r\n"], False),
    ],
)
def test_what_a_proxy_makes_of_it_is_said(answers, refused):
    heads: list[bytes] = []
    assert asyncio.run(tried(saying(*answers, tls=True, heads=heads))) is refused
    assert heads[0].startswith(f"CONNECT {FRONT}:443 HTTP/1.1\r\n".encode())
    if len(answers) > 1:
        assert f"\r\nHost: {HIDDEN}\r\n".encode() in heads[1]


def test_a_handshake_that_is_cut_is_a_refusal():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(OPENED)
        await reader.read(100)
        writer.close()

    assert asyncio.run(tried(answer)) is True


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_reaches_its_own_server_through_a_listener_that_looks_at_nothing(host):
    tries = Fronting()
    seen = []

    async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = connected_from(tries, writer.get_extra_info("peername"))
        server = tries.server(client.id)
        assert server is not None
        seen.append(client)
        await head_of(reader)
        writer.write(OPENED)
        there, to_there = await asyncio.open_connection(*server)
        await asyncio.gather(pump(reader, to_there), pump(there, writer))

    try:
        assert asyncio.run(tried(passing, tries, host)) is False
    except OSError:
        if host == "::1":
            pytest.skip("this machine has no IPv6 loopback")
        raise
    assert [client.peername[0] for client in seen] == [CLIENT]
    tries.ended(seen[0].id)
    assert tries.server(seen[0].id) is None
    assert not tries._from


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def test_a_connection_of_somebody_else_stands_for_nobody():
    tries = Fronting()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = writer.get_extra_info("peername")[:2]
        for peer in ((host, port + 1 if port < 65535 else 1), ("192.0.2.1", port)):
            other = connected_from(tries, peer)
            assert (tries.server(other.id), other.peername) == (None, peer)
        writer.close()

    assert asyncio.run(tried(answer, tries)) is True


def test_the_server_behind_answers_its_own_try_alone():
    async def asked() -> bytes:
        server = await asyncio.start_server(fronting._answering("secret"), "127.0.0.1", 0, ssl=_server_side())
        async with server:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=context)
            writer.write(b"GET /other HTTP/1.1\r\n\r\n")
            data = await reader.read()
            writer.close()
            return data

    assert asyncio.run(asked()) == b""


def test_what_takes_too_long_or_cannot_be_reached_was_not_tried(monkeypatch):
    monkeypatch.setattr(fronting, "TIMEOUT", 0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    tries = Fronting()
    assert asyncio.run(tried(silent, tries)) is None
    assert not tries._from
    assert asyncio.run(tries.refused(CLIENT, ("127.0.0.1", 1), front=False)) is None
    assert asyncio.run(tries.refused(CLIENT, ("192.0.2.1", 1), front=False)) is None  # no address of this machine

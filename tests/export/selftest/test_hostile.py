"""Whatever bytes a server answers with, a question has an answer or none: never an error, and within its time."""

import asyncio
import ipaddress
import socket
import struct
import threading

import dns.message
import pytest

from sfs.export.selftest.asking import ask, ask_serial
from sfs.export.selftest.fetching import fetch
from sfs.export.selftest.plan import Transport, Way
from sfs.export.selftest.questions import Question, Role
from sfs.export.transfer import Key, Peer

HERE = ipaddress.ip_address("127.0.0.1")
KEY = Key("policy.rpz-key", "c2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2ZzMDE=")
OTHER = dns.message.make_response(dns.message.make_query("other.example", "A", id=1)).to_wire()
STREAMS = [b"", b"\0", b"\xff\xff", b"\0\x0cabc", b"\0\x0c" + b"\xff" * 12, struct.pack("!H", len(OTHER)) + OTHER]
HTTP = [
    b"", b"x", b"HTTP/1.1 451\r\n", b"HTTP/1.1 999999 x\r\n\r\n", b"\r\n" * 9,
    b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000,
    b"HTTP/1.1 100 Continue\r\n\r\n" * 3, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
]  # fmt: skip


class Saying:
    """A server that says the same to everybody and closes."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __enter__(self) -> int:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return int(self.sock.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                one, _ = self.sock.accept()
            except OSError:
                return
            with one:
                try:
                    one.recv(4096)
                    one.sendall(self.data)
                except OSError:
                    continue

    def __exit__(self, *_: object) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(5)


@pytest.mark.parametrize("data", STREAMS, ids=range(len(STREAMS)))
@pytest.mark.parametrize("how", [Transport.TCP, Transport.TLS, Transport.HTTPS])
def test_no_bytes_of_a_resolver_are_an_error(data, how):
    with Saying(data) as port:
        question = Question("policy.rpz", Role.APEX, "canary.sfs.example", "A", Way(HERE, port, how, path="/dns-query"))
        answer = asyncio.run(ask(question, 10))
    assert answer.silent and answer.trouble and not answer.data


@pytest.mark.parametrize("data", STREAMS, ids=range(len(STREAMS)))
def test_no_bytes_of_a_primary_are_a_serial(data):
    with Saying(data) as port:
        assert asyncio.run(ask_serial("policy.rpz", Peer(HERE, port), KEY, 10)) is None


@pytest.mark.parametrize("data", HTTP, ids=range(len(HTTP)))
def test_no_bytes_of_a_proxy_are_an_error(data):
    with Saying(data) as port:
        reply = asyncio.run(fetch("127.0.0.1", port, "GET", "http://canary.sfs.example/", "canary.sfs.example", 10))
    assert reply.status == 0 and reply.trouble


def test_who_says_nothing_costs_its_time_and_no_more():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        question = Question("policy.rpz", Role.APEX, "canary.sfs.example", "A", Way(HERE, port, Transport.TCP))
        assert asyncio.run(ask(question, 0.2)).trouble == "no answer in time"
        assert asyncio.run(fetch("127.0.0.1", port, "GET", "/", "x", 0.2)).trouble == "no answer in time"

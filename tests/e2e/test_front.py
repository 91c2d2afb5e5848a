"""Several `sfs run` behind a real HAProxy: every reader is known by his own address, and nobody can claim another's."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.programs import free_port, listens
from tests.squid.squids import program

FRONT = "127.0.0.9"  # where HAProxy comes from
READERS = {"127.0.0.5": " 403 ", "127.0.0.6": " 200 "}
CONFIG = {
    "level": 3,
    "default_lists": False,
    "front": [FRONT],
    "groups": [{"name": "five", "clients": ["127.0.0.5"], "block": ["plain.test"]}],
}


@pytest.fixture(scope="module")
def two(start):
    with start(CONFIG) as first, start(CONFIG) as second:
        yield first, second


@pytest.fixture(scope="module")
def balancer(two, tmp_path_factory):
    folder = tmp_path_factory.mktemp("haproxy")
    ports, config = (free_port(), free_port()), folder / "haproxy.cfg"
    lines = ["defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"]
    for port, way in zip(ports, ("send-proxy", "send-proxy-v2"), strict=True):
        lines.append(f"listen on{port}\n bind 127.0.0.1:{port}\n balance roundrobin\n")
        for number, proxy in enumerate(two):
            lines.append(f" server s{number} 127.0.0.1:{proxy.port} source {FRONT} check inter 500ms {way}\n")
    config.write_text("".join(lines))
    with (folder / "said").open("wb") as said:
        child = subprocess.Popen([program("haproxy"), "-db", "-f", str(config)], stdout=said, stderr=said)
    try:
        end = time.monotonic() + 30
        while not all(map(listens, ports)):
            assert child.poll() is None, Path(folder / "said").read_text()
            assert time.monotonic() < end, Path(folder / "said").read_text()
            time.sleep(0.05)
        yield ports
    finally:
        child.terminate()
        child.wait(20)


def status(port: int, reader: str, url: str, *more: str) -> str:
    words = [
        "curl",
        "-s",
        "-i",
        "--max-time",
        "30",
        "--interface",
        reader,
        "-x",
        f"http://127.0.0.1:{port}",
        *more,
        url,
    ]
    return subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=60).stdout.partition("\n")[0]


def test_each_reader_has_his_own_policy_through_both_versions(balancer, origin):
    for port in balancer:
        for _ in range(2):  # in turn to both proxies
            for reader, answer in READERS.items():
                assert answer in status(port, reader, f"http://plain.test:{origin.http}/front")
                closed = status(port, reader, f"https://plain.test:{origin.https}/front", "-k")
                assert (" 403 " in closed) == (answer == " 403 ")


def said_to(port: int, source: str, *pieces: bytes) -> bytes:
    """What a proxy answers to these bytes until it closes."""
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as sock:
        for piece in pieces:
            sock.sendall(piece)
        answer = b""
        try:
            while data := sock.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
        return answer


def request(origin) -> bytes:
    host = f"plain.test:{origin.http}"
    return f"GET http://{host}/front HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def test_only_a_named_balancer_can_name_a_client(two, origin):
    line = b"PROXY TCP4 127.0.0.5 127.0.0.1 5000 8080\r\n"
    port = two[0].port
    assert said_to(port, FRONT, line, request(origin)).startswith(b"HTTP/1.1 403")
    assert said_to(port, FRONT, line + request(origin)).startswith(b"HTTP/1.1 403")
    stranger = said_to(port, "127.0.0.7", line, request(origin))
    assert stranger.startswith(b"HTTP/1.1 400")  # to others it is no request at all
    assert said_to(port, "127.0.0.5", request(origin)).startswith(b"HTTP/1.1 403")
    assert said_to(port, "127.0.0.7", request(origin)).startswith(b"HTTP/1.1 200")
    forwarded = request(origin).replace(b"Connection:", b"X-Forwarded-For: 127.0.0.7\r\nConnection:")
    assert said_to(port, "127.0.0.5", forwarded).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    "begin",
    [b"PROXY TCP4 nobody nowhere 1 2\r\n", b"P" * 300, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + b"x" * 99, b""],
)
def test_a_balancer_that_names_nobody_is_not_served(two, origin, begin):
    assert said_to(two[0].port, FRONT, begin, request(origin)) == b""
    line = b"PROXY TCP4 127.0.0.6 127.0.0.1 5000 8080\r\n"
    assert said_to(two[0].port, FRONT, line[:20], line[20:], request(origin)).startswith(b"HTTP/1.1 200")

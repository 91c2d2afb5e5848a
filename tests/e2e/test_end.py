"""SIGTERM: what is under way is finished, what is kept is written, and the exit code is 0."""

import asyncio
import json
import signal
import socket
import threading
import time

from tests.e2e.origin import Reply

DEADLINE = 30


def begin_download(proxy, origin, path: str) -> socket.socket:
    """A request through the proxy; its first bytes are here."""
    sock = socket.create_connection(("127.0.0.1", proxy.port), DEADLINE)
    host = f"site.test:{origin.http}"
    sock.sendall(f"GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(1024)
    return sock


async def keep_writing(writer, gone: threading.Event) -> None:
    """A body without an end."""
    while not gone.is_set():
        writer.write(b"x" * 1000)
        await writer.drain()
        await asyncio.sleep(0.05)


def rest(sock: socket.socket) -> bytes:
    """Everything until the end."""
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
    return data


def listens(proxy) -> bool:
    try:
        socket.create_connection(("127.0.0.1", proxy.port), 5).close()
    except OSError:
        return False
    return True


def wait_until_closed(proxy) -> None:
    end = time.monotonic() + DEADLINE
    while listens(proxy):
        assert time.monotonic() < end, "still listening"
        time.sleep(0.02)


async def write_until(writer, last: threading.Event) -> None:
    """A body whose end comes only when the test says so."""
    while not last.is_set():
        writer.write(b"more\n")
        await writer.drain()
        await asyncio.sleep(0.02)
    writer.write(b"the end\n")
    await writer.drain()


def test_an_open_download_is_finished_and_the_log_is_written(start, origin):
    last = threading.Event()
    origin.replies["site.test/slow"] = Reply(
        type="application/octet-stream", stream=lambda writer: write_until(writer, last)
    )
    with start({"level": 2, "block": ["other.test"]}) as proxy:
        assert proxy.curl(f"http://other.test:{origin.http}/").status == 403
        idle = begin_download(proxy, origin, "/idle")  # an answer of a moment, then a connection that stays open
        with idle, begin_download(proxy, origin, "/slow") as sock:
            proxy.process.terminate()
            wait_until_closed(proxy)
            last.set()
            assert b"the end" in rest(sock)
        assert proxy.process.wait(DEADLINE) == 0
    records = [
        json.loads(line) for file in (proxy.state / "log").glob("*.jsonl") for line in file.read_text().splitlines()
    ]
    assert "other.test" in {record.get("host") for record in records}
    assert not any("Traceback" in line for line in proxy.lines)


def test_a_second_signal_ends_at_once_and_cleanly(start, origin):
    gone = threading.Event()

    origin.replies["site.test/forever"] = Reply(type="application/octet-stream", stream=lambda w: keep_writing(w, gone))
    try:
        with start({"level": 2, "block": ["other.test"]}) as proxy:
            assert proxy.curl(f"http://other.test:{origin.http}/").status == 403
            with begin_download(proxy, origin, "/forever"):
                proxy.process.send_signal(signal.SIGINT)
                wait_until_closed(proxy)
                proxy.process.send_signal(signal.SIGINT)
                assert proxy.process.wait(DEADLINE) == 0
        assert any("other.test" in file.read_text() for file in (proxy.state / "log").glob("*.jsonl"))
    finally:
        gone.set()

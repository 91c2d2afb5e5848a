"""The server alone: addresses, TLS, threads, and clients that are slow, many or huge."""

import asyncio
import contextlib
import http.client
import logging
import socket
import ssl
import threading
import time

import pytest
import urllib3
from starlette.responses import PlainTextResponse

from sfs.admin import connection as bounds
from sfs.admin.server import MAX_HEAD, AdminServer
from sfs.errors import SfsError
from sfs.web.forms import MAX_BODY
from tests.admin.browser import Browser


def hello(hosts):
    return PlainTextResponse("hello")


@pytest.fixture
def server():
    made = AdminServer(hello, ("127.0.0.1", 0))
    yield made.start()
    made.stop()


def until(condition, seconds=20.0):
    """Wait until `condition()` holds; its value."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        threading.Event().wait(0.01)
    return value


def test_it_listens_when_start_returns_and_is_gone_after_stop():
    server = AdminServer(hello, ("localhost", 0))
    host, port = server.start()
    assert urllib3.request("GET", f"http://{host}:{port}/").data == b"hello"
    server.stop()
    server.stop()
    with pytest.raises(OSError):
        socket.create_connection((host, port), timeout=5).close()
    assert not [thread for thread in threading.enumerate() if thread.name == "admin"]


def test_it_runs_beside_a_loop_and_never_on_it():
    seen = []

    async def app(scope, receive, send):
        seen.append((threading.current_thread().name, asyncio.get_running_loop()))
        await PlainTextResponse("x")(scope, receive, send)

    async def main():
        server = AdminServer(lambda hosts: app, ("127.0.0.1", 0))
        host, port = await asyncio.to_thread(server.start)
        await asyncio.to_thread(urllib3.request, "GET", f"http://{host}:{port}/")
        await asyncio.to_thread(server.stop)
        return asyncio.get_running_loop()

    before = asyncio.run(main())
    assert seen[0][0] == "admin" and seen[0][1] is not before


def test_a_port_in_use_is_named_with_a_way_out(server):
    with pytest.raises(SfsError, match=f"cannot listen on 127.0.0.1:{server[1]}") as raised:
        AdminServer(hello, server).start()
    assert "--admin" in str(raised.value)


def test_an_address_that_is_not_here_is_named():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(SfsError, match="no such address"):
        AdminServer(hello, ("192.0.2.1", 0), context).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", ""])
def test_beyond_loopback_it_speaks_tls_or_not_at_all(host):
    with pytest.raises(SfsError, match="need TLS"):
        AdminServer(hello, (host, 0))


def test_the_app_learns_the_names_it_is_reached_by():
    told = []
    server = AdminServer(
        lambda hosts: told.append(hosts) or PlainTextResponse("x"), ("127.0.0.1", 0), names=("Pi.test",)
    )
    port = server.start()[1]
    server.stop()
    assert told[0].allows(f"pi.TEST:{port}") and told[0].allows(f"localhost:{port}")
    assert not told[0].allows("pi.test") and not told[0].allows(f"192.0.2.1:{port}")


def test_no_line_of_a_request_is_logged(server, caplog):
    with caplog.at_level(logging.DEBUG):
        for data in (b"\x00\x01garbage\r\n\r\n", b"GET /secret HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"):
            with socket.create_connection(server, timeout=10) as client:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                client.recv(100)
    assert "secret" not in caplog.text and "127.0.0.1" not in caplog.text


@pytest.mark.parametrize("pieces", [1, 8])
def test_a_head_that_is_too_large_is_refused(site, pieces):
    field = b"X: " + b"x" * MAX_HEAD + b"\r\n"
    head = b"GET /login HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s\r\n" % (site.port, field)
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as client, contextlib.suppress(ConnectionError):
        for n in range(0, len(head), len(head) // pieces):
            client.sendall(head[n : n + len(head) // pieces])
        assert client.makefile("rb").readline().split()[1] in (b"400", b"431")


def test_too_many_header_fields_are_refused(site):
    assert site.browser().send("GET", "/login", headers={f"X-{n}": "1" for n in range(120)}).status in (400, 431)


def test_who_says_nothing_is_closed(monkeypatch):
    monkeypatch.setattr(bounds, "FIRST_REQUEST", 0.2)
    made = AdminServer(hello, ("127.0.0.1", 0))
    address = made.start()
    try:
        for start in (b"", b"GET / HTTP/1.1\r\nHost: a\r\n"):
            with socket.create_connection(address, timeout=10) as client:
                client.sendall(start)
                with contextlib.suppress(ConnectionResetError):
                    assert client.recv(100) == b""
    finally:
        made.stop()


def test_a_connection_that_lasts_too_long_is_closed(monkeypatch):
    monkeypatch.setattr(bounds, "LIFE", 0.3)
    made = AdminServer(lambda hosts: never, ("127.0.0.1", 0))
    address = made.start()
    try:
        with socket.create_connection(address, timeout=10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(100) == b""
    finally:
        made.stop()


async def never(scope, receive, send):
    while (await receive())["type"] != "http.disconnect":
        pass


def test_one_device_cannot_take_all_connections(server):
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(socket.create_connection(server, timeout=10)) for _ in range(bounds.MAX_OF_ADDRESS)]
        for client in many:
            client.sendall(b"GET / HTTP/1.1\r\n")

        def refused():
            with socket.create_connection(server, timeout=10) as client:
                with contextlib.suppress(ConnectionError):
                    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    return client.recv(100) == b""
                return True

        assert until(refused)
        owner = Browser("127.0.0.1", server[1], address="127.0.0.77")
        assert owner.send("GET", "/").body == "hello"


def test_all_together_are_bounded(server):
    with contextlib.ExitStack() as stack:
        for n in range(bounds.MAX_CONNECTIONS):
            source = (f"127.0.0.{10 + n // 40}", 0)
            stack.enter_context(socket.create_connection(server, timeout=10, source_address=source))

        def answered():
            client = Browser("127.0.0.1", server[1], address="127.0.0.200")
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                return client.send("GET", "/").body == "hello"
            return False

        assert until(lambda: not answered())
    assert until(answered)


# Bodies, with the whole application behind


def post(site, body, headers):
    browser = site.logged_in()
    given = {"Cookie": f"sfs={browser.cookies['sfs']}", "Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    try:
        connection.request("POST", "/said", body, given | headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"a=" + b"x" * MAX_BODY, {"Content-Type": "application/x-www-form-urlencoded"}, 413),
        ((b"x" * 1000 for _ in range(100)), {"Content-Type": "application/x-www-form-urlencoded"}, 413),
        (b"&".join(b"a%d=1" % n for n in range(60)), {"Content-Type": "application/x-www-form-urlencoded"}, 400),
        (b'{"csrf":"x"}', {"Content-Type": "application/json"}, 415),
        (b"csrf=x", {"Content-Type": "text/plain"}, 415),
        (b"csrf=x", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (b"csrf=%zz%ff&&&=&", {"Content-Type": "application/x-www-form-urlencoded"}, 403),
        (b"", {}, 403),
    ],
    ids=["large", "large in chunks", "many fields", "json", "text", "multipart", "broken", "empty"],
)
def test_a_body_that_is_no_form_changes_nothing(site, body, headers, status):
    assert post(site, body, headers) == status


def test_a_form_that_drips_is_given_up(site, monkeypatch):
    monkeypatch.setattr("sfs.web.forms.MAX_SECONDS", 0.2)
    browser = site.logged_in()
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
        client.sendall(
            b"POST /said HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: sfs=%s\r\nSec-Fetch-Site: same-origin\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ncs"
            % (site.port, browser.cookies["sfs"].encode())
        )
        assert client.makefile("rb").readline().split()[1] == b"408"


def test_a_target_that_is_too_long_is_refused(site):
    assert site.logged_in().get("/?" + "x" * 5000).status == 414
    assert site.logged_in().get("/?" + "&".join(f"a{n}=1" for n in range(60))).status == 400

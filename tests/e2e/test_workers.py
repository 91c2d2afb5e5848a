"""`sfs run --workers 2`: real processes, one port. Which worker has a connection is read from the system."""

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import yaml

from tests.admin.browser import Browser
from tests.admin.house import PASSWORD
from tests.e2e.origin import Reply
from tests.e2e.proxy import Proxy, read_all
from tests.e2e.test_end import keep_writing, rest, wait_until_closed, write_until

DEADLINE = 30  # seconds; a loaded machine takes long, and nothing is asserted by it
CODE = re.compile(r'class="code"><span>([A-Z2-7]{5})</span><span>([A-Z2-7]{5})</span>')


def children(proxy: Proxy) -> list[int]:
    """The hub and the workers, in the order in which they were started."""
    assert proxy.process is not None
    return [child.pid for child in psutil.Process(proxy.process.pid).children()]


def workers(proxy: Proxy) -> list[int]:
    """Those that listen for readers; the hub does so for its own pages alone."""
    return [pid for pid in children(proxy) if any(_serves(c, proxy.port) for c in connections(pid))]


def hubs(proxy: Proxy) -> set[int]:
    """One, or none for a moment; one that was just forked listens for readers until it has closed what it inherited."""
    return set(children(proxy)) - set(workers(proxy))


def _serves(connection, port: int) -> bool:
    return connection.status == "LISTEN" and connection.laddr.port == port


def connections(pid: int) -> list:
    try:
        return psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return []


def wait_for(what, why: str) -> None:
    end = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < end, why
        time.sleep(0.02)


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), DEADLINE)


def ask(sock: socket.socket, url: str, accept: str = "text/html") -> bytes:
    """The answer to a request over a connection that stays open."""
    host = url.split("/")[2]
    sock.sendall(f"GET {url} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\n\r\n".encode())
    return read_all(sock, DEADLINE)


def held_by(sock: socket.socket, proxy: Proxy) -> int | None:
    """The worker that took this connection; None while nobody has."""
    mine = sock.getsockname()[1]
    for pid in children(proxy):
        if any(c.raddr and c.raddr.port == mine and c.status == "ESTABLISHED" for c in connections(pid)):
            return pid
    return None


@contextmanager
def one_at_each(proxy: Proxy) -> Iterator[list[socket.socket]]:
    """Connections that stay open, one at each of two workers."""
    with ExitStack() as stack:
        found: dict[int, socket.socket] = {}
        end = time.monotonic() + DEADLINE
        while len(found) < 2:
            assert time.monotonic() < end, "one worker takes all connections"
            # Several at once: one that nobody competes for may always go to the same.
            fresh = [stack.enter_context(connect(proxy)) for _ in range(8)]
            for sock in fresh:
                assert ask(sock, "http://sfs.home.arpa/style.none")
                pid = held_by(sock, proxy)
                assert pid is not None
                found.setdefault(pid, sock)
        yield list(found.values())


def records(state: Path) -> list[dict]:
    files = (state / "log").glob("decisions-*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text("ascii").splitlines()]


@pytest.fixture(scope="module")
def two(start, origin) -> Iterator[Proxy]:
    with start({"level": 2, "block": ["listed.test"]}, "--workers", "2", "--admin", "127.0.0.1:0") as proxy:
        yield proxy


@pytest.fixture(scope="module")
def admin(two) -> Browser:
    """Who set the password by the link that was printed."""
    link = two.said(r"http://127\.0\.0\.1:([0-9]+)(/setup/\S+)")
    browser = Browser("127.0.0.1", int(link[1]))
    browser.get(link[2])
    assert browser.post(link[2], {"password": PASSWORD, "again": PASSWORD}).status == 303
    return browser


def test_requests_are_spread_and_what_one_refused_the_other_tells(two, origin):
    with one_at_each(two) as socks:
        for number, sock in enumerate(socks):
            answer = ask(sock, f"http://listed.test:{origin.http}/{number}")
            assert b" 403 " in answer.partition(b"\r\n")[0]
        tunnel = two.curl(f"https://listed.test:{origin.https}/")  # a refused name; browsers show nothing of it
        assert tunnel.status in (0, 403)
        for sock in socks:
            assert b"listed.test" in ask(sock, "http://sfs.home.arpa/why")


def test_a_code_of_either_worker_is_found_on_the_page_of_the_administrator(two, admin, origin):
    with one_at_each(two) as socks:
        for sock in socks:
            page = ask(sock, f"http://listed.test:{origin.http}/code").decode()
            found = CODE.search(page)
            assert found is not None
            said = admin.get(f"/why?q={found[1]}{found[2]}")
            assert "listed.test" in said.text
            assert "block" in said.text  # which entry: memory alone has that


def test_a_change_on_the_page_holds_in_both_workers_from_then_on(two, admin, origin):
    url = f"http://other.test:{origin.http}/"
    with one_at_each(two) as socks:
        assert [b" 200 " in ask(sock, url).partition(b"\r\n")[0] for sock in socks] == [True, True]
        admin.get("/sites")
        assert admin.post("/sites/choose", {"site": "other.test", "action": "block"}).status == 303
        assert [b" 403 " in ask(sock, url).partition(b"\r\n")[0] for sock in socks] == [True, True]


def test_a_new_configuration_reaches_both_and_who_comes_later(two, origin):
    url = f"http://site.test:{origin.http}/reload"
    config = yaml.safe_load(two.config_file.read_text())
    before = workers(two)
    with one_at_each(two) as socks:
        two.config_file.write_text(yaml.safe_dump(config | {"block": ["listed.test", "site.test"]}))
        two.process.send_signal(signal.SIGHUP)
        for sock in socks:
            wait_for(lambda sock=sock: b" 403 " in ask(sock, url).partition(b"\r\n")[0], "not reloaded")
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: len(set(workers(two)) - {before[0]}) == 2, "nobody came in its place")
    with one_at_each(two) as socks:
        assert [b" 403 " in ask(sock, url).partition(b"\r\n")[0] for sock in socks] == [True, True]


def test_a_worker_killed_under_load_costs_its_connections_alone(start, origin):
    """Nobody is refused a connection, the other worker's answers are whole, and the log has every block."""
    refused, codes, stop = [], [], threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", proxy.port), DEADLINE) as sock:
                    if found := CODE.search(ask(sock, f"http://listed.test:{origin.http}/").decode()):
                        codes.append(found[1] + found[2])
            except ConnectionRefusedError as fault:
                refused.append(fault)
            except OSError:
                continue  # a connection of the worker that was killed

    with start({"level": 2, "block": ["listed.test"]}, "--workers", "2") as proxy:
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            before, seen = workers(proxy), len(codes)
            os.kill(before[0], signal.SIGKILL)
            wait_for(lambda: len(set(workers(proxy)) - {before[0]}) == 2, "nobody came in its place")
            wait_for(lambda: len(codes) > seen + 20, "nothing is answered any more")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert refused == []
    assert proxy.process.returncode == 0
    kept = [record["code"] for record in records(proxy.state)]
    assert set(codes) <= set(kept)
    assert len(kept) == len(set(kept))


@pytest.mark.long
def test_a_hub_that_is_killed_again_and_again_costs_no_record(start, origin):
    """Under load: who read the page of a block finds its code in the log, once."""
    codes, stop = [], threading.Event()

    def load() -> None:
        with connect(proxy) as sock:
            while not stop.is_set():
                found = CODE.search(ask(sock, f"http://listed.test:{origin.http}/").decode())
                assert found is not None
                codes.append(found[1] + found[2])

    with start({"level": 2, "block": ["listed.test"]}, "--workers", "2") as proxy:
        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                wait_for(lambda: len(hubs(proxy)) == 1, "no other hub")
                (hub,) = hubs(proxy)
                seen = len(codes)
                wait_for(lambda seen=seen: len(codes) > seen + 50, "nothing is answered any more")
                os.kill(hub, signal.SIGKILL)
                wait_for(lambda hub=hub: hub not in children(proxy), "it lives")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    kept = [record["code"] for record in records(proxy.state)]
    assert len(codes) > 250
    assert sorted(kept) == sorted(codes)


def test_sigterm_finishes_what_is_under_way_in_both(start, origin):
    last = threading.Event()
    origin.replies["site.test/slow-for-two"] = Reply(
        type="application/octet-stream", stream=lambda writer: write_until(writer, last)
    )
    with start({"level": 2}, "--workers", "2") as proxy, one_at_each(proxy) as socks:
        for sock in socks:
            host = f"site.test:{origin.http}"
            sock.sendall(f"GET http://{host}/slow-for-two HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert b"more" in sock.recv(65536) + sock.recv(65536)
        proxy.process.terminate()
        wait_until_closed(proxy)
        last.set()
        assert [b"the end" in rest(sock) for sock in socks] == [True, True]
        assert proxy.process.wait(DEADLINE) == 0
    assert not any("Traceback" in line for line in proxy.lines)


def test_nobody_is_left_when_the_supervisor_is_killed(start, origin):
    gone = threading.Event()
    origin.replies["site.test/without-end"] = Reply(
        type="application/octet-stream", stream=lambda writer: keep_writing(writer, gone)
    )
    with start({"level": 2, "block": ["listed.test"]}, "--workers", "2") as proxy:
        assert proxy.curl(f"http://listed.test:{origin.http}/").status == 403
        left = children(proxy)
        assert len(left) == 3
        proxy.process.kill()
        proxy.process.wait()
        wait_for(lambda: not any(psutil.pid_exists(pid) for pid in left), "a child is left")
        gone.set()
    assert [record["host"] for record in records(proxy.state)] == ["listed.test"]

"""SIGUSR2 under load, with real processes: nobody is refused a connection, and no answer is lost."""

import os
import re
import signal
import socket
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.admin.browser import Browser
from tests.e2e.origin import Reply, page
from tests.e2e.proxy import ROOT, Proxy
from tests.e2e.test_end import begin_download, rest, write_until
from tests.e2e.test_workers import DEADLINE, children, wait_for

PAUSE = 0.005  # seconds between two requests of a reader: the new program has to start on what is left of two cores
STARTED = r"upgrade: process (\d+) serves now"


class Load:
    """Readers that ask all the time, half of them over connections that stay open. `answers`: what came, by status;
    `refused`: connections that were not taken; `lost`: requests without a whole answer."""

    def __init__(self, proxy: Proxy, port: int, readers: int = 4) -> None:
        self.answers: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.refused: list[str] = []
        self.lost: list[str] = []
        self._place = ("127.0.0.1", proxy.port)
        self._port = port
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(n % 2 == 0,)) for n in range(readers)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait(self, more: int = 60) -> None:
        """Until so many more answers have come."""
        asked = self.answers.total()
        wait_for(lambda: self.answers.total() >= asked + more, f"nothing is answered: {self.refused} {self.lost}")

    def _read(self, stays: bool) -> None:
        number, sock = 0, None
        while not self._stop.is_set():
            number += 1
            host, status = (("listed.test", 403), ("site.test", 200))[number % 2]
            self._stop.wait(PAUSE)
            try:
                sock = sock or socket.create_connection(self._place, DEADLINE)
            except OSError as fault:
                self.refused.append(repr(fault))
                continue
            try:
                answer, open_still = ask(sock, f"{host}:{self._port}", "/upgrade", stays)
            except (OSError, AssertionError) as fault:
                self.lost.append(repr(fault))
                sock.close()
                sock = None
                continue
            self.answers[answer] += 1
            if answer != status:
                self.wrong.append(f"{host} {answer}")
            if not (stays and open_still):
                sock.close()
                sock = None
        if sock is not None:
            sock.close()


def ask(sock: socket.socket, host: str, path: str, stays: bool) -> tuple[int, bool]:
    """The status of a whole answer, and whether the connection is to be used again."""
    close = "" if stays else "Connection: close\r\n"
    sock.sendall(f"GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n{close}\r\n".encode())
    head, body, length = b"", b"", 0
    while b"\r\n\r\n" not in head:
        piece = sock.recv(65536)
        assert piece, f"ended in the head: {head!r}"
        head += piece
    head, _, body = head.partition(b"\r\n\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (f.partition(b":") for f in head.split(b"\r\n")[1:])}
    length = int(fields[b"content-length"])
    while len(body) < length:
        piece = sock.recv(65536)
        assert piece, "ended in the body"
        body += piece
    return int(head.split()[1]), fields.get(b"connection", b"").lower() != b"close"


PROGRAM = f"#!{sys.executable}\nfrom sfs.cli.main import main\nimport sys\nsys.exit(main())\n"
BROKEN = f"#!{sys.executable}\nimport sys\nsys.exit('the new program has a fault')\n"


@pytest.fixture
def systemd(tmp_path):
    """A socket as systemd has one for what a service says of itself."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(DEADLINE)
        yield sock


@contextmanager
def upgradable(start, tmp_path: Path, *arguments: str):
    """A proxy, and the file that is its program."""
    script = tmp_path / "sfs"
    script.write_text(PROGRAM)
    environment = {"PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": str(tmp_path / "notify")}
    made = start({"level": 2, "block": ["listed.test"]}, *arguments, environment=environment)
    made.program = [sys.executable, str(script)]
    with made as proxy:
        try:
            yield proxy, script
        finally:
            for new in re.findall(STARTED, "".join(proxy.lines)):
                end(int(new))


def end(pid: int) -> None:
    if alive(pid):
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not alive(pid), "it does not end")


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    "arguments", [pytest.param((), marks=pytest.mark.long), ("--workers", "2")], ids=["one", "workers"]
)
def test_an_upgrade_under_load_loses_nothing(start, origin, systemd, tmp_path, arguments):
    last = threading.Event()
    origin.replies["site.test/upgrade"] = Reply(page("Upgrade", body="<p>text</p>" * 500))
    origin.replies["site.test/long"] = Reply(
        type="application/octet-stream", stream=lambda writer: write_until(writer, last)
    )
    with upgradable(start, tmp_path, *arguments) as (proxy, _), begin_download(proxy, origin, "/long") as download:
        old = proxy.process
        with Load(proxy, origin.http) as load:
            load.wait()
            old.send_signal(signal.SIGUSR2)
            new = int(proxy.said(STARTED)[1])
            load.wait()
            assert old.poll() is None  # a download goes on
            last.set()
            assert b"the end" in rest(download)
            assert old.wait(DEADLINE) == 0
            load.wait()
        assert [systemd.recv(99) for _ in range(2)] == [b"READY=1", b"READY=1"]
        assert systemd.recv(99) == f"MAINPID={new}".encode()
    assert (load.refused, load.lost, load.wrong) == ([], [], [])
    assert load.answers[200] and load.answers[403]
    assert not any("Traceback" in line for line in proxy.lines)


@pytest.mark.long
def test_a_program_that_cannot_start_changes_nothing_and_the_page_moves_with_the_next(start, origin, systemd, tmp_path):
    with upgradable(start, tmp_path, "--workers", "2", "--admin", "127.0.0.1:0") as (proxy, script):
        url, old = f"http://listed.test:{origin.http}/", proxy.process
        page_port = int(proxy.said(r"http://127\.0\.0\.1:([0-9]+)/setup/")[1])
        before = children(proxy)
        script.write_text(BROKEN)
        old.send_signal(signal.SIGUSR2)
        proxy.said("the new program has a fault")
        proxy.said("no upgrade: the new program ended before it served")
        assert (proxy.curl(url).status, children(proxy)) == (403, before)
        script.write_text(PROGRAM)
        old.send_signal(signal.SIGUSR2)
        proxy.said(STARTED)
        assert old.wait(DEADLINE) == 0
        assert proxy.curl(url).status == 403
        assert proxy.curl(f"http://127.0.0.1:{page_port}/").status == 403  # still none of a client's business
        assert Browser("127.0.0.1", page_port).get("/login").status == 200

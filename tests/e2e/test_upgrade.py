"""SIGUSR2 and SIGTERM under load, with real processes: nobody is refused a connection, and no answer is lost.

Two programs stand in one folder: this one, and one that cannot start. `now` says which is on the disk."""

import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.e2e.origin import Reply, page
from tests.e2e.proxy import ROOT, Proxy
from tests.e2e.test_end import begin_download, rest, write_until
from tests.e2e.test_workers import DEADLINE, children, wait_for, workers

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


@contextmanager
def upgradable(start, tmp_path: Path, *arguments: str):
    """A proxy whose program is a script on the disk; its `program` may be replaced while it runs."""
    script = tmp_path / "sfs"
    script.write_text(f"#!{sys.executable}\nfrom sfs.cli.main import main\nimport sys\nsys.exit(main())\n")
    script.chmod(0o755)
    made = start({"level": 2, "block": ["listed.test"]}, *arguments, environment={"PYTHONPATH": str(ROOT)})
    made.program = [sys.executable, str(script)]
    with made as proxy:
        yield proxy, script
        end_all(proxy)


def end_all(proxy: Proxy) -> None:
    """End the programs that took over."""
    for found in [line for line in proxy.lines if "serves now" in line]:
        pid = int(found.split("process ")[1].split()[0])
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda pid=pid: not alive(pid), "it does not end")


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one", "workers"])
def test_an_upgrade_under_load_loses_nothing(start, origin, tmp_path, arguments):
    origin.replies["site.test/upgrade"] = Reply(page("Upgrade", body="<p>text</p>" * 500))
    with upgradable(start, tmp_path, *arguments) as (proxy, script), Load(proxy, origin.http) as load:
        load.wait()
        old = proxy.process
        old.send_signal(signal.SIGUSR2)
        new = int(proxy.said(STARTED)[1])
        assert old.wait(DEADLINE) == 0
        load.wait()
        assert alive(new)
        load.__exit__()
        end_all(proxy)
    assert (load.refused, load.lost, load.wrong) == ([], [], [])
    assert load.answers[200] and load.answers[403]
    assert not any("Traceback" in line for line in proxy.lines)

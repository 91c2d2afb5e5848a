"""Profile isp and its subscribers: marked clients ask for marked names and URLs, in order and in nonsense; then all
that the proxy wrote, printed and tells is searched. And what a listed page looks like, and a crash."""

import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfs.proxy.metrics import FAMILIES
from tests.e2e.proxy import Curl, Proxy, read_all
from tests.programs import free_port

CLIENTS = ("127.77.66.55", "127.77.66.56")
MARK = "Zq7marked"
HOST = f"{MARK}.law.test"
STOP = {
    "name": {"ja": "見本ネット", "en": "Example Net"},
    "about": "https://net.example/blocking",
    "contact": ["https://net.example/contact"],
    "purpose": "court-order",
}
BLOCKED = 5  # of each client in each of two rounds; with an hour that ends among them there is still a number to see
NONSENSE = (
    f"GET http://{HOST}/ HTTP/1.1\r\nHost: {MARK}.other.test\r\n\r\n",
    f"GET http://{HOST}:99999/{MARK} HTTP/1.1\r\nHost: {HOST}:99999\r\n\r\n",
    f"GET http://{HOST}/%00%zz{MARK} HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n\r\n",
    f"{MARK} {MARK} {MARK}\r\n\r\n",
    f"GET /{MARK} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    f"GET http://nowhere.invalid/{MARK} HTTP/1.1\r\nHost: nowhere.invalid\r\nConnection: close\r\n\r\n",
    f"GET http://{MARK}.invalid/ HTTP/1.1\r\nHost: {MARK}.invalid\r\nConnection: close\r\n\r\n",
    f"CONNECT {MARK}.invalid:443 HTTP/1.1\r\nHost: {MARK}.invalid:443\r\n\r\n",
    f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n",
    f"GET http://plain.test/ HTTP/1.1\r\nHost: plain.test\r\nA: {MARK * 9000}\r\n\r\n",
    f"GET http://169.254.1.1/{MARK} HTTP/1.1\r\nHost: 169.254.1.1\r\nConnection: close\r\n\r\n",
    f"GET ftp://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    f"POST http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n{MARK}",
    f"GET http://{HOST}/{MARK}",
)


@dataclass
class Run:
    """What a proxy answered, told and left behind."""

    page: Curl
    picture: Curl
    metrics: str
    lines: list[str]
    files: dict[str, bytes]


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.long)])
def run(request, start, origin, tmp_path_factory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("isp")
    for name in ("home", "tmp", "lists"):
        (folder / name).mkdir()
    (folder / "lists/law.txt").write_text(f"{HOST}\nshared.test/{MARK}/page.html\n")
    config = {
        "profile": "isp",
        "stop_page": STOP,
        "metrics": f"127.0.0.1:{free_port()}",
        "lists": [{"name": "law", "url": str(folder / "lists/law.txt"), "mandatory": True}],
    }
    environment = {
        "HOME": str(folder / "home"),
        "XDG_DATA_HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONFAULTHANDLER": "1",
    }
    more = ("--workers", str(request.param)) if request.param > 1 else ()
    with start(config, *more, state=folder / "state", environment=environment) as proxy:
        page, picture = drive(proxy, origin)
        told = proxy.said(r"figures for Prometheus at (http://\S+/metrics)")[1]
        with urllib.request.urlopen(told, timeout=30) as answer:
            metrics = answer.read().decode()
        os.utime(folder / "lists/law.txt")
        proxy.process.send_signal(signal.SIGHUP)
        drive(proxy, origin)
        lines = proxy.lines
    files = {
        f"{part}/{path.relative_to(folder / part)}": path.read_bytes()
        for part in ("state", "home", "tmp")
        for path in (folder / part).rglob("*")
        if path.is_file()
    }
    yield Run(page, picture, metrics, lines, files)


def drive(proxy: Proxy, origin) -> tuple[Curl, Curl]:
    """Everything that a subscriber can do to be written down; the page of a listed address, and a picture there."""
    for client in CLIENTS:
        mine = ("--interface", client, "-A", MARK, "-e", f"http://{HOST}/{MARK}", "-b", f"a={MARK}")
        for path in ("/", f"/{MARK}?q={MARK}"):
            assert proxy.curl(f"http://plain.test:{origin.http}{path}", *mine).status == 200
        for _ in range(BLOCKED):
            page = proxy.curl(f"http://{HOST}:{origin.http}/{MARK}?q={MARK}", *mine, "-H", "Accept-Language: en")
            assert page.status == 451
        picture = proxy.curl(f"http://{HOST}:{origin.http}/{MARK}.png", *mine, document=False)
        assert proxy.curl(f"http://shared.test:{origin.http}/{MARK}/page.html", *mine, "-d", f"a={MARK}").status == 451
        assert proxy.curl(f"https://{HOST}:{origin.https}/{MARK}", *mine).status in (0, 451)
        for path in ("why", f"report?kind=shown&address={HOST}", f"{MARK}", "proxy.pac"):
            proxy.curl(f"http://sfs.home.arpa/{path}", *mine)
        _hello(proxy, client, origin.https)
        for request in NONSENSE:
            with socket.create_connection(("127.0.0.1", proxy.port), 15, (client, 0)) as sock:
                sock.sendall(request.encode())
                sock.shutdown(socket.SHUT_WR)
                with suppress(OSError):
                    read_all(sock, 20)
    return page, picture


def _hello(proxy: Proxy, client: str, port: int) -> None:
    """A tunnel to a site that is open, whose TLS names one that is listed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", proxy.port), 15, (client, 0)) as plain:
        plain.sendall(f"CONNECT plain.test:{port} HTTP/1.1\r\nHost: plain.test:{port}\r\n\r\n".encode())
        assert plain.recv(65536).startswith(b"HTTP/1.1 200")
        with pytest.raises(OSError), context.wrap_socket(plain, server_hostname=HOST):
            pass


def test_a_listed_page_says_who_blocks(run):
    assert 'rel="blocked-by"' in run.page.headers and "<https://net.example/blocking>" in run.page.headers
    assert "no-store" in run.page.headers
    assert "Example Net" in run.page.text and "A court or a law" in run.page.text
    assert (run.picture.status, run.picture.body[:3]) == (451, b"GIF")
    assert "<https://net.example/blocking>" in run.picture.headers


def test_nothing_of_a_subscriber_is_kept_or_told(run):
    marks = re.compile(rf"{MARK}|127\.77\.66\.5|law\.test|shared\.test|plain\.test".encode(), re.IGNORECASE)
    # The configuration is what the test wrote; the list stands elsewhere.
    texts = run.files | {"printed": "".join(run.lines).encode(), "metrics": run.metrics.encode()}
    assert [name for name, data in texts.items() if name != "state/config.yaml" and marks.search(data)] == []
    assert "state/log/counts.jsonl" in run.files


def test_what_is_told_are_tens_of_a_list(run):
    figures = [line for line in run.metrics.splitlines() if not line.startswith("#")]
    told = [line for line in figures if "blocked" in line]
    assert len(told) == 1
    assert re.fullmatch(r'sfs_mandatory_blocked_last_hour\{list="law"\} \d*0\.0', told[0])
    # All else is of the program: it stands still whatever subscribers do.
    names = {re.split("[{ ]", line)[0].removeprefix("sfs_").removesuffix("_total") for line in figures}
    assert not {name for name in names if name in FAMILIES and FAMILIES[name].traffic}
    assert names <= FAMILIES.keys()
    for line in run.files["state/log/counts.jsonl"].decode().splitlines():
        assert re.fullmatch(r'\{"hour": "\d{4}-\d\d-\d\dT\d\d", "list": "law", "blocked": \d*0\}', line)


def test_nothing_went_wrong_inside(run):
    assert not re.search("Traceback|crashed|Addon error|a check failed", "".join(run.lines))


@pytest.mark.skipif(sys.platform != "linux", reason="a crash is looked at as Linux has it")
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_crash_leaves_no_image_whatever_the_limit(start, tmp_path, workers):
    """Somebody raises the limit, as where a collector of crashes takes images through a pipe and heeds none."""
    more = ("--workers", str(workers)) if workers > 1 else ()
    (tmp_path / "law.txt").write_text(f"{HOST}\n")
    lists = [{"name": "law", "url": str(tmp_path / "law.txt"), "mandatory": True}]
    with start({"profile": "isp", "lists": lists}, *more, state=tmp_path / "isp") as proxy:
        pids = [proxy.process.pid, *_children(proxy.process.pid)]
        for pid in pids:
            soft, hard = resource.prlimit(pid, resource.RLIMIT_CORE)
            assert soft == 0
            resource.prlimit(pid, resource.RLIMIT_CORE, (hard, hard))
        assert _ending(pids[0]) == os.CLD_KILLED
        proxy.process.wait(30)
        _until_gone(pids[1:])


def test_such_a_crash_would_be_seen(tmp_path):
    """Of a program that lets itself be dumped, the same question has the other answer, where the system makes files."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    makes_files = hard != 0 and not Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "/"))
    raised = f"import resource, time; resource.setrlimit(resource.RLIMIT_CORE, ({hard}, {hard}))"
    code = f"{raised}; print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path) as child:
        assert child.stdout is not None and child.stdout.readline() == b"1\n"
        assert _ending(child.pid) in ((os.CLD_DUMPED,) if makes_files else (os.CLD_DUMPED, os.CLD_KILLED))


def _ending(pid: int) -> int:
    """How a child of ours ends that aborts."""
    os.kill(pid, signal.SIGABRT)
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert found is not None
    return found.si_code


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _until_gone(pids: list[int]) -> None:
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.05)

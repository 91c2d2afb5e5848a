"""SFS as a script of stock mitmdump: the same verdicts."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.network import Sink
from tests.e2e.origin import Reply, page
from tests.e2e.proxy import ROOT, WRAPPER, Proxy, read_all

SECONDS_TO_START = 60


class Mitmdump(Proxy):
    """`mitmdump -s sfs/proxy/addon.py` on a free port."""

    def __init__(self, config: Path, state: Path, names: Path, *arguments: str):
        super().__init__({}, state, names)
        self.config_file = config
        self.more = arguments

    def __enter__(self) -> "Mitmdump":
        mitmdump = Path(sys.executable).with_name("mitmdump")
        environment = os.environ | {"LD_PRELOAD": str(WRAPPER), "NSS_WRAPPER_HOSTS": str(self.names)}
        environment["PYTHONUNBUFFERED"] = "1"
        command = [mitmdump, "-s", ROOT / "sfs/proxy/addon.py", "--listen-host", "127.0.0.1", "--listen-port", "0"]
        self.process = subprocess.Popen(
            [*command, "--set", f"confdir={self.state / 'ca'}", "--set", f"sfs_config={self.config_file}", *self.more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        import threading

        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        end = time.monotonic() + SECONDS_TO_START
        while not self.port and self.process.poll() is None and time.monotonic() < end:
            self._reader.join(0.05)
        return self

    def _collect(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(r"listening at \S*?:(\d+)", line):
                self.port = int(found[1])


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "sfs.yaml"
    path.write_text(f"level: 2\nreach: [127.0.0.0/8]\nblock: [listed.test]\nstate: {tmp_path / 'state'}\n")
    return path


@pytest.mark.skipif(WRAPPER is None, reason="libnss-wrapper is not installed")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_script_of_mitmdump_gives_the_same_verdicts(tmp_path, config, origin, names):
    rta = '<meta name="RATING" content="RTA-5042-1996-1400-1577-RTA">'
    origin.replies["label.test/dump"] = Reply(page(meta=rta, body="SECRET"))
    origin.replies["plain.test/dump"] = Reply(page(body="<p>shown</p>"))
    with Mitmdump(config, tmp_path / "dump", names.file) as proxy:
        assert proxy.port, "".join(proxy.lines)
        assert "shown" in proxy.curl(f"http://plain.test:{origin.http}/dump").text
        labelled = proxy.curl(f"http://label.test:{origin.http}/dump")
        assert (labelled.status, "SECRET" in labelled.text) == (403, False)
        assert proxy.curl("http://listed.test/").status == 403
        assert proxy.curl("http://sfs.home.arpa/").status == 200
        assert (
            b"200"
            in proxy.raw(f"GET http://127.1:{proxy.port}/ HTTP/1.1\r\nHost: 127.1:{proxy.port}\r\n\r\n".encode())[:15]
        )
        with Sink("127.0.0.1") as sink, socket.create_connection(("127.0.0.1", proxy.port), 15) as client:
            client.sendall(f"CONNECT plain.test:{sink.port} HTTP/1.1\r\nHost: plain.test\r\n\r\n".encode())
            assert b" 200 " in client.recv(4096)
            client.sendall(b"SSH-2.0-what nobody judges\r\n\r\n")
            assert b" 400 " in read_all(client, 15)
            assert sink.visits == []
    assert "Traceback" not in "".join(proxy.lines)


@pytest.mark.skipif(WRAPPER is None, reason="libnss-wrapper is not installed")
def test_a_script_without_a_usable_configuration_lets_nothing_through(tmp_path, config, origin, names):
    config.write_text("level: 9\n")
    origin.replies["plain.test/closed"] = Reply(page(body="SECRET"))
    with Mitmdump(config, tmp_path / "dump", names.file) as proxy:
        if proxy.port and proxy.process.poll() is None:
            assert "SECRET" not in proxy.curl(f"http://plain.test:{origin.http}/closed").text
        else:
            assert proxy.process.wait(30) != 0
    assert "level" in "".join(proxy.lines)
    assert not origin.asked("plain.test", "/closed")

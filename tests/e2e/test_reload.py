"""A filter that is swapped while the proxy runs: what clients may reach follows it."""

import subprocess
import sys
import threading
import time

from tests.e2e.origin import Reply, page
from tests.e2e.proxy import ROOT, Proxy

# `serve` with a filter that is loaded anew for each line of standard input.
CHILD = """
import asyncio, sys, threading
from pathlib import Path
from sfs.cli.common import load
from sfs.sources.live import Live
from sfs.proxy.run import ready_line, serve

arguments = {"config": Path(sys.argv[1]), "state": sys.argv[2], "listen": "127.0.0.1:0"}
live = Live(load(arguments), lambda old: load(arguments))
ports = [int(sys.argv[3])]

def follow():
    for line in sys.stdin:
        ports.clear()
        live.reload()  # the loop is told, and does it before it takes the next connection
        print("reloaded", flush=True)

async def ready(listening):
    threading.Thread(target=follow, daemon=True).start()
    print(ready_line(live.filter, listening[0]), flush=True)

asyncio.run(serve(live, ready, admin_ports=lambda: ports))
"""


class Reloaded(Proxy):
    """A proxy of the child above."""

    def begin(self, admin_port: int) -> "Reloaded":
        command = [sys.executable, "-c", CHILD, str(self.config_file), str(self.state), str(admin_port)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self._reader.start()
        assert ready.wait(60) and self.port, "".join(self.lines)
        return self

    def reload(self) -> None:
        """Load the configuration anew; it holds when this returns."""
        assert self.process is not None and self.process.stdin is not None
        before = len(self.lines)
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        end = time.monotonic() + 30
        while not any("reloaded" in line for line in self.lines[before:]):
            assert time.monotonic() < end, "".join(self.lines)
            time.sleep(0.02)

    def __exit__(self, *fault: object) -> None:
        super().__exit__(*fault)
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.close()


def test_what_clients_may_reach_follows_a_reload(origin, tmp_path):
    origin.replies["127.0.0.1/reload"] = Reply(page("Reload"))
    url = f"http://127.0.0.1:{origin.http}/reload"
    proxy = Reloaded({"level": 2, "reach": ["127.0.0.0/8"]}, tmp_path, tmp_path / "names")
    proxy.begin(origin.http)
    try:
        assert proxy.curl(url).status == 403  # a network opens loopback, but none of our own ports
        proxy.reload()  # the origin's port is none of ours any more
        assert proxy.curl(url).status == 200
        proxy.config_file.write_text("level: 2\n")
        proxy.reload()
        assert proxy.curl(url).status == 403
    finally:
        proxy.__exit__()
    assert proxy.process.returncode == 0

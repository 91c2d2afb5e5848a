"""What the filter holds in memory while nobody asks: with a million names and the page of its administrator."""

import lzma
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.proxy import Proxy
from tests.lists.mirror import serving

pytestmark = pytest.mark.long  # a million names are compiled

MOST_OVER = 150 * 1024 * 1024  # bytes over what bare mitmproxy holds


@pytest.fixture(scope="module")
def names_of_a_million() -> bytes:
    data = os.environ.get("SFS_TEST_DATA")
    if not data:
        pytest.skip("SFS_TEST_DATA is not set: it has the million names")
    return lzma.decompress((Path(data) / "hosts" / "hosts-1m.txt.xz").read_bytes())


@contextmanager
def bare(folder: Path) -> Iterator[int]:
    """mitmdump without a filter; its process."""
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    command = ["mitmdump", "-q", "--listen-host", "127.0.0.1", "--listen-port", str(port), "--set", f"confdir={folder}"]
    child = subprocess.Popen([str(Path(sys.executable).parent / command[0]), *command[1:]])
    try:
        _until(lambda: _listens(port))
        yield child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _until(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def resident(pid: int) -> int:
    """Bytes, once they have not changed by a megabyte for two seconds."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 2:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        assert found
        if abs(int(found[1]) * 1024 - last) > 1 << 20:
            last, since = int(found[1]) * 1024, time.monotonic()
        time.sleep(0.2)
    return last


def test_a_million_names_and_the_page_cost_less_than_150_mb(
    start: Callable[..., Proxy], names_of_a_million: bytes, tmp_path: Path
) -> None:
    with bare(tmp_path / "bare") as pid:
        own = resident(pid)
    with serving() as mirror:
        url = mirror.put("/million.txt", names_of_a_million)
        config = {
            "level": 2,
            "default_lists": False,
            "lists": [{"name": "million", "url": url, "format": "plain", "category": "adult"}],
        }
        state = tmp_path / "state"
        with start(config, state=state) as proxy:
            update = [*proxy.program, "lists", "update", "--config", str(proxy.config_file), "--state", str(state)]
            subprocess.run(update, check=True, capture_output=True, timeout=300, cwd=proxy.folder)
    with start(config, "--admin", "127.0.0.1:0", state=state) as proxy:
        assert re.search(r"1\.0 M names", proxy.said("sfs: ready .*")[0])
        proxy.said("set the filter at")
        assert proxy.process is not None
        idle = resident(proxy.process.pid)
    print(f"idle: bare {own >> 20} MB, sfs {idle >> 20} MB, {(idle - own) >> 20} MB over")
    assert idle - own < MOST_OVER

"""`sfs run`: start, ready line, end."""

import socket
import subprocess
import sys

from tests.e2e.origin import Reply, page
from tests.e2e.proxy import ROOT


def test_a_level_alone_is_a_working_filter(start, origin):
    origin.replies["site.test/hello"] = Reply(page("Hello", body="<p>shown</p>"))
    with start({"level": 2}) as proxy:
        assert "level 2: " in proxy.lines[0]
        assert "no category lists yet" in proxy.lines[0]
        assert "HTTPS by name" in proxy.lines[0]
        answer = proxy.curl(f"http://site.test:{origin.http}/hello")
        assert (answer.status, "shown" in answer.text) == (200, True)


def test_sigterm_ends_it_cleanly(start):
    with start({"level": 2}) as proxy:
        proxy.process.terminate()
        assert proxy.process.wait(15) == 0


def test_a_port_in_use_is_said_and_ends_with_2(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "sfs", "run", "--level", "2", "--listen", f"127.0.0.1:{port}"]
        done = subprocess.run(
            [*command, "--state", str(tmp_path)], capture_output=True, text=True, cwd=ROOT, timeout=60
        )
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "mend: " in done.stderr


def test_no_level_and_no_terminal_ends_with_2_and_the_levels(tmp_path):
    command = [sys.executable, "-m", "sfs", "run", "--state", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "no level is chosen" in done.stderr
    assert "to 5" in done.stderr

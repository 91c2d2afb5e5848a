"""SIGHUP loads anew; of a terminal that went away it ends the program, unless nohup started it. Real terminals."""

import os
import pty
import signal
import subprocess
import sys

import pytest

CHILD = """
import asyncio, os, signal, sys
from sfs.cli.hangup import on_hangup

# Set either way: who runs the tests may have been started with nohup, and children inherit that.
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[1] == "nohup" else signal.SIG_DFL)
if sys.argv[2]:
    os.open(sys.argv[2], os.O_RDWR)  # the first terminal that the leader of a session opens is its own

async def main():
    on_hangup(lambda: print("reload", flush=True))
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("start", ["plain", "nohup"])
def test_a_terminal_that_closes_ends_what_was_started_in_it(start):
    master, slave = pty.openpty()
    command = [sys.executable, "-c", CHILD, start, os.ttyname(slave)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGHUP)
        assert child.stdout.readline() == "reload\n"
        os.close(slave)
        os.close(master)
        if start == "nohup":
            assert child.stdout.readline() == "reload\n"
            child.terminate()
        assert child.wait(30) == -signal.SIGTERM


def test_without_a_terminal_it_loads_anew():
    command = [sys.executable, "-c", CHILD, "plain", ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        for _ in range(2):
            child.send_signal(signal.SIGHUP)
            assert child.stdout.readline() == "reload\n"
        child.terminate()
        assert child.wait(30) == -signal.SIGTERM

"""`sfs run` with somebody at the terminal: it asks for the level, and offers to fetch lists."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.proxy import ROOT


class Terminal:
    """A command on a terminal of its own. `said` is all that it printed."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._own, other = pty.openpty()
        self.child = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, env=environment, cwd=ROOT, start_new_session=True
        )
        os.close(other)
        self.said = ""

    def until(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """What it prints that fits a pattern."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.said)):
            assert time.monotonic() < end, self.said
            if select.select([self._own], [], [], 0.2)[0]:
                self.said += os.read(self._own, 65_536).decode(errors="replace")
        return found

    def type(self, text: str) -> None:
        os.write(self._own, text.encode())

    def end(self) -> int:
        """Ctrl+C as the terminal sends it; the exit code."""
        self.child.send_signal(signal.SIGINT)
        code = self.child.wait(20)
        os.close(self._own)
        return code


def test_it_asks_for_the_level_and_offers_lists_and_fetches_none_that_nobody_wanted(tmp_path: Path) -> None:
    state = tmp_path / "state"
    command = [sys.executable, "-m", "sfs", "run", "--listen", "127.0.0.1:0", "--no-admin", "--state", str(state)]
    terminal = Terminal(command, os.environ | {"TERM": "xterm", "LC_ALL": "C", "XDG_DATA_HOME": str(tmp_path)})
    try:
        terminal.until("Choose a level")
        terminal.until("Level: ")
        terminal.type("1\n")
        offered = terminal.until(r"For this level ([0-9]+) public lists are recommended")
        assert int(offered[1]) > 10
        terminal.until(r"Fetch them now.*\?")
        terminal.type("n\n")
        terminal.until("later, type: sfs lists update")
        terminal.until(r"sfs: ready on \S+, level 1\r?\n")
        terminal.until("Please note: no lists of sites yet")
    finally:
        code = terminal.end()
    assert code in (0, 130)
    assert not (state / "lists").exists()

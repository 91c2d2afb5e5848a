"""A real `sfs bureau serve` beside a proxy: rated, hung, killed and back."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from sfs.pics.safetyonline import SERVICE
from sfs.pics.stored import StoredLabel
from sfs.sources.labels import LabelStore

ROOT = Path(__file__).parents[2]
READY = re.compile(r"sfs bureau: ready on 127\.0\.0\.1:(\d+)")


class Bureau:
    """Serves the store in `state`. Killed and started again it listens where it did."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.port = 0
        self.lines: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        state.mkdir(parents=True, exist_ok=True)
        self.store = LabelStore.open(state / "labels.db")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.store.close()

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}/ratings"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "sfs", "bureau", "serve", "--listen", f"127.0.0.1:{self.port}"]
        process = subprocess.Popen(
            [*command, "--state", str(self.state)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout is not None
        self._process, out = process, process.stdout
        for line in out:
            self.lines.append(line)
            if found := READY.match(line):
                self.port = int(found[1])
                self._reader = threading.Thread(target=lambda: self.lines.extend(out), daemon=True)
                self._reader.start()
                return
        raise AssertionError("the bureau ended before it was ready:\n" + "".join(self.lines))

    def hang(self) -> None:
        """It takes connections and answers none."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """As by a power cut."""
        process, self._process = self._process, None
        if process is not None and process.stdout is not None:
            process.kill()
            process.wait(10)
            self._reader.join(10)
            process.stdout.close()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def rate(self, for_: str, rating: int, *, generic: bool = True) -> None:
        """Put a label into its store, as somebody who rates does."""
        self.store.rate([StoredLabel(SERVICE, for_, (("lv", float(rating)),), generic=generic)], who="rater")

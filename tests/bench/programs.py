"""Programs as children of a benchmark: found, kept on one core, waited for, and what /proc says of them.

The proxies have one core, the load and the servers the other, so that neither takes the other's time."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.programs import end_program, listens

ROOT = Path(__file__).parents[2]
PROXY_CORE, LOAD_CORE = "0", "1"
WAIT = 60  # seconds for a program to take connections


@dataclass
class Running:
    """A program that takes connections. `ca`: of the certificates that its clients see; `ready`: seconds from its
    start until it took the first connection."""

    name: str
    port: int
    pid: int
    ca: Path
    ready: float = 0.0

    def pids(self) -> list[int]:
        """Its processes."""
        return [self.pid]

    def memory(self) -> float:
        """Resident memory, MB."""
        return _status(self.pid, "VmRSS")

    def peak(self) -> float:
        """The most resident memory since `forget_peak`, MB."""
        return _status(self.pid, "VmHWM")

    def forget_peak(self) -> None:
        """From now on count the peak anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def cpu(self) -> float:
        """Seconds of a processor that it has used."""
        return sum(_cpu(pid) for pid in self.pids())

    def sockets(self) -> int:
        """How many it holds."""
        held = 0
        for entry in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                held += os.readlink(entry).startswith("socket:")
            except FileNotFoundError:  # closed meanwhile
                continue
        return held


def _status(pid: int, key: str) -> float:
    found = re.search(rf"{key}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime


def pinned(*cores: str) -> list[str]:
    """Words before a command that keep it on these cores. None where there is one alone, or a system cannot do it: the
    figures then hold the load's own work."""
    if not hasattr(os, "sched_getaffinity") or (os.cpu_count() or 1) < 2:
        return []
    return [need("taskset"), "-c", ",".join(cores)]


def need(name: str) -> str:
    """The path of a program."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise SystemExit(f"{name} is not installed (Debian: {', '.join(PACKAGES)})")
    return found


PACKAGES = (
    *("nginx-light", "wrk", "curl", "util-linux", "openssl", "libnss-wrapper"),
    *("squid-openssl", "squidguard", "e2guardian"),
)


def run(command: Sequence[str], timeout: float = 240) -> str:
    """What it prints; SystemExit where it fails or complains."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT)
    if done.returncode != 0 or done.stderr:
        raise SystemExit(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


@contextmanager
def child(command: Sequence[str], port: int, more: dict[str, str] | None = None) -> Iterator[tuple[int, float]]:
    """A program that runs until the end and takes connections on `port`: its process id, and the seconds until it took
    the first. `more`: of its environment, which has no proxy."""
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()} | (more or {})
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, cwd=ROOT, env=environment
        )
        try:
            while not listens(port):
                if process.poll() is not None or time.perf_counter() > begin + WAIT:
                    said.seek(0)
                    text = said.read()[-4000:].decode(errors="replace")
                    raise SystemExit(f"{' '.join(command)}: takes no connections\n{text}")
                time.sleep(0.01)
            yield process.pid, time.perf_counter() - begin
        finally:
            end_program(process)

"""`sfs run` as a child on a free port, and the ways to talk to it: curl, raw sockets."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.programs import end_program

ROOT = Path(__file__).parents[2]
WRAPPER = next(iter(Path("/usr/lib").glob("*/libnss_wrapper.so")), None)
READY = re.compile(r"sfs: ready on (\S+):(\d+), (.*)")


class Proxy:
    """One running `sfs run`. `lines` is what it printed; `port` where it listens."""

    def __init__(self, config: dict, state: Path, names: Path, *arguments: str, environment: dict | None = None):
        self.state = state
        state.mkdir(parents=True, exist_ok=True)
        self.config_file = state / "config.yaml"
        self.config_file.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
        self.names = names
        self.arguments = arguments
        self.environment = environment or {}
        self.lines: list[str] = []
        self.port = 0
        self.process: subprocess.Popen | None = None
        self.program = [sys.executable, "-m", "sfs"]  # that of this checkout; an installed one stands elsewhere
        self.folder = ROOT

    def __enter__(self) -> "Proxy":
        environment = os.environ | self.environment
        if WRAPPER is not None:
            environment |= {"LD_PRELOAD": str(WRAPPER), "NSS_WRAPPER_HOSTS": str(self.names)}
        command = [*self.program, "run", "--config", str(self.config_file), "--state", str(self.state)]
        if "--listen" not in self.arguments:
            command += ["--listen", "127.0.0.1:0"]
        if "--admin" not in self.arguments:
            command += ["--no-admin"]  # a test that wants the page names a port; the others start faster
        self.process = subprocess.Popen(
            [*command, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=self.folder,
        )
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self._reader.start()
        if not ready.wait(60):
            self.process.kill()
            raise AssertionError("not ready after 60 s:\n" + "".join(self.lines))
        if not self.port:
            raise AssertionError("ended before it was ready:\n" + "".join(self.lines))
        return self

    def _read(self, ready: threading.Event) -> None:
        assert self.process is not None and self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := READY.match(line):
                self.port = int(found[2])
                ready.set()
        ready.set()

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        end_program(self.process)
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def said(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """What it printed that fits a pattern, waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.search(pattern, "".join(self.lines)):
                return found
            assert self.process is not None and self.process.poll() is None, "".join(self.lines)
            time.sleep(0.05)
        raise AssertionError(f"never said {pattern}:\n" + "".join(self.lines))

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate to trust for inspected pages."""
        return self.state / "ca" / "mitmproxy-ca-cert.pem"

    def memory(self, key: str = "VmRSS") -> int:
        """A memory figure of the process, in bytes, from /proc."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{key}:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def explain(self, *arguments: str, environment: dict | None = None) -> subprocess.CompletedProcess:
        """`sfs explain --json` with this proxy's configuration."""
        command = [sys.executable, "-m", "sfs", "explain", "--config", str(self.config_file), "--json", *arguments]
        more = os.environ | (environment or {})
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, env=more)

    def curl(self, url: str, *arguments: str, document: bool = True, ca: bool = True) -> "Curl":
        """Fetch `url` through the proxy with curl; as a document by its Accept."""
        command = [shutil.which("curl") or "curl", "-s", "-S", "--max-time", "30", "-x", f"http://{self.address}"]
        if document:
            command += ["-H", "Accept: text/html,*/*"]
        if ca and self.ca.is_file():
            command += ["--cacert", str(self.ca)]
        command += ["-D", "-", "-o", "-", *arguments, url]
        environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        done = subprocess.run(command, capture_output=True, timeout=60, env=environment)
        return Curl.of(done)

    def raw(self, data: bytes, timeout: float = 15.0) -> bytes:
        """Send bytes to the proxy's port; everything that comes back until the end or a quiet second."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as sock:
            sock.sendall(data)
            return read_all(sock, timeout)


def read_all(sock: socket.socket, timeout: float) -> bytes:
    """All bytes until the peer closes, a whole response with a Content-Length is here, or the time is up."""
    sock.settimeout(timeout)
    data = b""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            chunk = sock.recv(65536)
        except TimeoutError:
            break
        if not chunk:
            break
        data += chunk
        head, blank, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if blank and length and len(body) >= int(length[1]):
            break
    return data


@dataclass
class Curl:
    """What curl got. `status` is of the last response; 0 where there was none."""

    exit: int
    status: int
    headers: str
    body: bytes
    error: str

    @classmethod
    def of(cls, done: subprocess.CompletedProcess) -> "Curl":
        """Split the headers off; the CONNECT's own are left out."""
        rest, headers = done.stdout, b""
        while rest.startswith(b"HTTP/"):
            headers, _, rest = rest.partition(b"\r\n\r\n")
        status = int(headers.split(b" ", 2)[1]) if headers else 0
        return cls(done.returncode, status, headers.decode("latin-1"), rest, done.stderr.decode("utf-8", "replace"))

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")

    @property
    def blocked(self) -> bool:
        """Whether this is SFS's block page or its small answer."""
        return self.status in (403, 451) and "sfs" in (self.headers + self.text[:4000]).lower()

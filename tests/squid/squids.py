"""Debian's Squid as a child on a free port, with `sfs squid` inside it. Names come from a hosts file of the test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfs.cli.squid import command
from tests.programs import end_program, free_port, listens

WAIT = 60  # seconds for Squid to take connections
TEMPLATES = Path("/usr/share/squid/errors/templates")
CERTGEN = Path("/usr/lib/squid/security_file_certgen")


def program(name: str) -> str:
    """Its path; a skip where it is not installed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: squid-openssl, haproxy)")
    return found


def printed(*arguments: object) -> str:
    """What `sfs squid` with these arguments prints."""
    done = CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False, standalone_mode=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def as_nobody() -> list[str]:
    """Squid does not run as root, and its helper needs what root alone may read (this checkout's Python): in a user
    namespace it is somebody else by name and the same by right."""
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []


class Squid:
    """One running Squid. `port`: where it takes proxy requests; `login_port`: there only with a login (any). `lines`
    stand before the last, that allows all; `before`: words before its command."""

    def __init__(
        self,
        folder: Path,
        lines: str,
        *,
        hosts: Path | None = None,
        tls: str = "",
        more: str = "",
        log: bool = True,
        before: Sequence[str] = (),
    ) -> None:
        self.folder, self.before = folder, before
        self.port, self.login_port = free_port(), free_port()
        self.config = folder / "squid.conf"
        errors = folder / "errors"
        if not errors.is_dir():
            shutil.copytree(TEMPLATES, errors)
        named = f"hosts_file {hosts}\n" if hosts is not None else ""
        self.config.write_text(
            f"http_port 127.0.0.1:{self.port}{tls}\nhttp_port 127.0.0.1:{self.login_port} name=logins\n"
            f"pid_filename {folder}/squid.pid\ncache deny all\nnetdb_filename none\nvisible_hostname test\n"
            "logformat told %>Hs %rm %ru %un %ea\n"
            f"access_log {f'stdio:{folder}/access.log told' if log else 'none'}\n"
            f"cache_log {folder}/cache.log\ncoredump_dir {folder}\n"
            f"cache_effective_user {'nobody' if os.geteuid() == 0 else _user()}\nerror_directory {errors}\n"
            "shutdown_lifetime 0 seconds\npinger_enable off\ndns_timeout 1 seconds\nconnect_timeout 5 seconds\n"
            f"auth_param basic program {Path('/usr/lib/squid/basic_fake_auth')}\nauth_param basic children 1\n"
            "acl logins myportname logins\nacl known proxy_auth REQUIRED\nhttp_access deny logins !known\n"
            f"{named}{more}{lines}http_access allow all\n"
        )

    def __enter__(self) -> "Squid":
        words = [*self.before, *as_nobody(), program("squid"), "-N", "-f", str(self.config)]
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, cwd=self.folder
            )
        end = time.monotonic() + WAIT
        while not listens(self.port):
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                self.process.wait()
                words_said = (self.folder / "said").read_text(errors="replace")
                raise AssertionError(f"Squid does not take connections:\n{words_said}\n{self.log()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        end_program(self.process)

    def log(self) -> str:
        """What it said."""
        file = self.folder / "cache.log"
        return file.read_text(errors="replace")[-8000:] if file.is_file() else ""

    def accessed(self) -> list[str]:
        """The lines of its access log: status, method, URL, login, log= of the filter."""
        return (self.folder / "access.log").read_text(errors="replace").splitlines()

    def helpers(self) -> list[int]:
        """The process ids of `sfs squid`."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if parent == self.process.pid and b"squid" in words and b"--mode" in words:
                found.append(int(entry.name))
        return found

    def curl(self, url: str, *arguments: str, port: int | None = None) -> subprocess.CompletedProcess[str]:
        """curl through it, with the status line and what a tunnel answered in front of the body."""
        words = ["curl", "-sS", "-g", "-i", "--max-time", "30", "-x", f"http://127.0.0.1:{port or self.port}"]
        return subprocess.run([*words, *arguments, url], capture_output=True, text=True, errors="replace", timeout=60)


def ask(port: int, target: bytes, *, method: bytes = b"GET", host: bytes = b"example.com") -> bytes:
    """The whole answer of a proxy to a raw request; what came where it closed early."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.sendall(
            method
            + b" "
            + target
            + b" HTTP/1.1\r\nHost: "
            + host
            + b"\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        )
        try:
            while piece := sock.recv(65536):
                answer += piece
        except OSError:
            pass
    return answer


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name

"""e2guardian and squidGuard (behind Squid), real programs from Debian's packages, with lists of our tables.

Each peer is a proxy that takes raw requests; what it lets pass goes to a stub of an upstream proxy that says so. So
nothing looks a name up and nothing leaves this machine. What they answer is one of three: blocked, passed, refused (an
error of the peer's own, or a connection closed without an answer).
"""

import os
import pwd
import re
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.programs import child, need
from tests.programs import free_port

PASSED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\npassed"
BLOCKED = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nConnection: close\r\n\r\nblocked"
CLOSED = "blocked.invalid"  # where squidGuard sends what it blocks


@dataclass(frozen=True, slots=True)
class Lists:
    """What both peers can hold: names with all below them, and host/path beginnings."""

    domains: tuple[str, ...]
    urls: tuple[str, ...]


class Upstream(socketserver.ThreadingTCPServer):
    """The proxy above the peers: "passed" to everything, but "blocked" where squidGuard sent it."""

    allow_reuse_address = True
    daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        timeout = 10

        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head and len(head) < 200_000:
                piece = self.request.recv(65536)
                if not piece:
                    return
                head += piece
            self.request.sendall(BLOCKED if CLOSED.encode() in head.partition(b"\r\n")[0] else PASSED)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.port = self.server_address[1]


@contextmanager
def upstream() -> Iterator[int]:
    """Its port."""
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.port
        finally:
            server.shutdown()


def ask(port: int, target: str) -> str:
    """What a proxy answers to a request for `target`, as it stands, in one line: blocked, passed or refused."""
    host = re.match(r"[a-z]+://([^/?#\\]*)", target, re.IGNORECASE)
    named = (host[1] if host else target).rpartition("@")[2]
    request = f"GET {target} HTTP/1.1\r\nHost: {named}\r\nUser-Agent: test\r\nConnection: close\r\n\r\n"
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as sock:
            sock.sendall(request.encode("utf-8", "surrogateescape"))
            while piece := sock.recv(65536):
                answer += piece
                if len(answer) > 1_000_000:
                    break
    except OSError:
        return "refused"
    return verdict_of(answer)


def verdict_of(answer: bytes) -> str:
    """One of the three, by the body that the stub or the peer's own block page sent."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if body.startswith(b"passed"):
        return "passed"
    if body.startswith(b"blocked") or b"has been denied" in body.lower() or b"access denied" in body.lower():
        # Squid says "Access Denied" of itself too, for what it takes for no URL: its error pages name themselves.
        return "refused" if b"X-Squid-Error" in head else "blocked"
    return "refused"


@contextmanager
def squidguard(folder: Path, lists: Lists, parent: int) -> Iterator[int]:
    """Squid with squidGuard as its rewriter; its port."""
    user = _user("proxy", folder)
    base = folder / "squidguard"
    for name in ("db/listed", "log", "cache"):
        (base / name).mkdir(parents=True)
    (base / "db/listed/domains").write_text("".join(f"{name}\n" for name in lists.domains))
    (base / "db/listed/urls").write_text("".join(f"{url}\n" for url in lists.urls))
    guard = base / "squidGuard.conf"
    guard.write_text(
        f"dbhome {base}/db\nlogdir {base}/log\n"
        "dest listed {\n domainlist listed/domains\n urllist listed/urls\n}\n"
        f"acl {{\n default {{\n  pass !listed all\n  redirect http://{CLOSED}/\n }}\n}}\n"
    )
    port = free_port()
    config = base / "squid.conf"
    config.write_text(
        f"http_port 127.0.0.1:{port}\npid_filename {base}/squid.pid\ncache deny all\nnetdb_filename none\n"
        f"cache_effective_user {user}\naccess_log none\ncache_log {base}/log/cache.log\ncache_store_log none\n"
        f"coredump_dir {base}\nhttp_access allow all\nnever_direct allow all\nvisible_hostname test\n"
        f"cache_peer 127.0.0.1 parent {parent} 0 no-query no-digest default\n"
        f"url_rewrite_program /usr/bin/squidGuard -c {guard}\nurl_rewrite_children 2 startup=2 concurrency=0\n"
        "url_rewrite_bypass off\nshutdown_lifetime 0 seconds\npinger_enable off\n"
    )
    subprocess.run(["chown", "-R", user, str(base)], check=True)
    build = [need("squidGuard"), "-c", str(guard), "-C", "all"]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    subprocess.run(["chown", "-R", user, str(base)], check=True)
    with child([need("squid"), "-N", "-f", str(config)], port):
        yield port


@contextmanager
def e2guardian(folder: Path, lists: Lists, parent: int) -> Iterator[int]:
    """e2guardian with the same lists and without words; its port. Its deep look at URLs in URLs is on."""
    base = _copy_of_e2guardian(folder)
    (base / "lists/bannedsitelist").write_text("".join(f"{name}\n" for name in lists.domains))
    (base / "lists/localbannedsitelist").write_text("")
    (base / "lists/bannedsiteiplist").write_text("".join(f"{n}\n" for n in lists.domains if _is_address(n)))
    (base / "lists/bannedurllist").write_text("".join(f"{url}\n" for url in lists.urls))
    for name in ("exceptionsitelist", "exceptionurllist", "greysitelist", "bannedextensionlist", "bannedmimetypelist",
                 "bannedregexpurllist", "bannedphraselist", "weightedphraselist", "exceptionphraselist",
                 "urlregexplist", "bannedregexpheaderlist"):  # fmt: skip
        (base / "lists" / name).write_text("")
    _settle(base / "e2guardianf1.conf", {"deepurlanalysis": "on", "reportinglevel": "3", "naughtynesslimit": "50000"})
    with _e2guardian(base, parent, {"httpworkers": "20", "weightedphrasemode": "0"}) as (port, _):
        yield port


@contextmanager
def e2guardian_with_phrases(folder: Path, parent: int, before: Sequence[str]) -> Iterator[tuple[int, int]]:
    """e2guardian as its package has it, phrase lists and limits too, but for the log; its port and process id.
    `before`: words before its command."""
    with _e2guardian(_copy_of_e2guardian(folder), parent, {}, before) as found:
        yield found


def _copy_of_e2guardian(folder: Path) -> Path:
    base = folder / "e2guardian"
    shutil.copytree("/etc/e2guardian", base, ignore=shutil.ignore_patterns("private"))
    for path in base.rglob("*"):
        if path.is_file():
            text = path.read_text("latin-1")
            if "/etc/e2guardian" in text:
                path.write_text(text.replace("/etc/e2guardian", str(base)), "latin-1")
    return base


@contextmanager
def _e2guardian(
    base: Path, parent: int, values: dict[str, str], before: Sequence[str] = ()
) -> Iterator[tuple[int, int]]:
    user, port = _user("e2guardian", base), free_port()
    values |= {
        "filterip": "127.0.0.1", "filterports": str(port), "proxyip": "127.0.0.1", "proxyport": str(parent),
        "loglevel": "0", "nodaemon": "on", "nologger": "on", "daemonuser": f"'{user}'", "daemongroup": f"'{user}'",
        "pidfilename": f"'{base}/e2.pid'", "loglocation": f"'{base}/access.log'", "checkip": "127.0.0.1",
        "filecachedir": f"'{base}'",
    }  # fmt: skip
    _settle(base / "e2guardian.conf", values)
    subprocess.run(["chown", "-R", user, str(base)], check=True)
    with child([*before, need("e2guardian"), "-N", "-c", str(base / "e2guardian.conf")], port) as (pid, _):
        yield port, pid


def _settle(file: Path, values: dict[str, str]) -> None:
    lines = [
        line for line in file.read_text("latin-1").splitlines() if line.partition("=")[0].strip(" #") not in values
    ]
    file.write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in values.items())]) + "\n", "latin-1")


def _user(name: str, folder: Path) -> str:
    """The user that a peer runs as where we are root: its package's, who must be able to enter the folder."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    pwd.getpwnam(name)
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & 0o001 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    return name


def _is_address(name: str) -> bool:
    return bool(re.fullmatch(r"[0-9.]+", name))

"""Debian's resolvers as children on loopback and free ports, each with an output of SFS; and what dig gets from them.

Every name below example. exists upstream, an authoritative BIND of the test: an answer that SFS's output did not change
is known by its data.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfs.lists.mandatory import CANARY
from tests.programs import end_program, free_port

WAIT = 60  # seconds for a program to answer
UPSTREAM4, UPSTREAM6 = "198.51.100.1", "2001:db8:1::1"
STOP4, STOP6 = "192.0.2.80", "2001:db8::80"
EXEMPT = "127.0.0.2"  # a client for whom the list does not hold
TYPES = ("A", "AAAA", "HTTPS", "MX", "TXT")


def program(name: str, package: str) -> str:
    """Its path; a skip where it is not installed."""
    found = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package {package})")
    return found


@dataclass(frozen=True)
class Answer:
    """What dig got: the code, the data of the answer, the code of an extended error and its text."""

    status: str
    data: tuple[str, ...]
    error: int | None
    told: str = ""

    @property
    def stopped(self) -> bool:
        """Whether it leads to the stop page."""
        return self.status == "NOERROR" and bool(self.data) and set(self.data) <= {STOP4, STOP6}

    @property
    def empty(self) -> bool:
        """Whether there is such a name and no such data."""
        return self.status == "NOERROR" and not self.data

    @property
    def upstream(self) -> bool:
        """Whether it is what the world says."""
        return self.status == "NOERROR" and bool(self.data) and not set(self.data) & {STOP4, STOP6}


class Program:
    """A DNS server that runs. `command` starts it in the foreground; `port` answers at 127.0.0.1 and ::1. It is ready
    when it answers `ready`, and where it is `listing` not with what the world says of that name: BIND answers before
    its policy zone is in force."""

    listing = False

    def __init__(self, command: Sequence[object], folder: Path, port: int, ready: str = "other.example") -> None:
        self.command, self.folder, self.port, self.ready = [str(word) for word in command], folder, port, ready

    def __enter__(self) -> "Program":
        self.said = (self.folder / "said").open("wb")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self.said, stderr=subprocess.STDOUT, cwd=self.folder
        )
        end = time.monotonic() + WAIT
        while True:
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise AssertionError(f"{self.command[0]} does not answer:\n{self.words()}")
            if self._answers():
                return self
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        end_program(self.process)
        self.said.close()

    def words(self) -> str:
        """The last of what it said."""
        return (self.folder / "said").read_text(errors="replace")[-6000:]

    def ask(self, *questions: str, source: str = "127.0.0.1", key: str = "") -> list[Answer]:
        """The answers to questions ("name TYPE"), in their order. `source`: the address that asks; ::1 asks at ::1."""
        for _ in range(5):
            found = dig(self.port, questions, source=source, key=key)
            assert len(found) == len(questions), self.words()
            # Under load the world's answer may come too late for a resolver; that says nothing of the list.
            if not any(one.status == "SERVFAIL" for one in found):
                break
        return found

    def until(self, question: str, wanted: str) -> None:
        """Wait until the answer's data is `wanted` ('' for none)."""
        end = time.monotonic() + WAIT
        while True:
            (got,) = self.ask(question)
            if " ".join(got.data) == wanted:
                return
            assert time.monotonic() < end, f"{question}: {got}\n{self.words()}"
            time.sleep(0.1)

    def _answers(self) -> bool:
        found = dig(self.port, [f"{self.ready} A"], timeout=1)
        if len(found) != 1 or found[0].status not in ("NOERROR", "NXDOMAIN"):
            return False
        return not (self.listing and found[0].upstream)

    def with_list(self, canary: str = CANARY) -> "Program":
        """The same, ready when the list is in force, which its canary shows."""
        self.listing, self.ready = True, canary
        return self


class HiddenPrimary(Program):
    """A server that hands a zone out; it answers who has the key (as dig -y takes it), and nobody else."""

    def __init__(self, command: Sequence[object], folder: Path, port: int, zone: str, key: str) -> None:
        super().__init__(command, folder, port)
        self.zone, self.key = zone, key

    def _answers(self) -> bool:
        found = dig(self.port, [f"{self.zone} SOA"], key=self.key, timeout=1)
        return len(found) == 1 and bool(found[0].data)


def dig(
    port: int, questions: Sequence[str], *, source: str = "127.0.0.1", key: str = "", timeout: int = 10
) -> list[Answer]:
    """What dig prints for each question; fewer answers where some did not come."""
    words = [program("dig", "bind9-dnsutils"), "@::1" if ":" in source else "@127.0.0.1", "-p", str(port), "-b", source]
    words += ["-y", key] if key else []
    words += ["+noall", "+comments", "+answer", f"+time={timeout}", "+tries=1"]
    words += [word for question in questions for word in question.split()]
    said = subprocess.run(words, capture_output=True, text=True, timeout=timeout * len(questions) + 30).stdout
    found = []
    for part in said.split(";; Got answer:")[1:]:
        status = re.search(r"status: (\w+)", part)
        error = re.search(r"; EDE: (\d+)(?: \([^)]*\))?(?:: \((.*)\))?$", part, re.MULTILINE)
        rows = [line.split(None, 4) for line in part.splitlines() if line and not line.startswith(";")]
        data = tuple(sorted(row[4].strip('"') for row in rows if row[3] != "CNAME"))
        code, told = (int(error[1]), error[2] or "") if error else (None, "")
        found.append(Answer(status[1] if status else "", data, code, told))
    return found


def upstream(folder: Path) -> Program:
    """The world: every name below example. has data of all TYPES."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    records = f"A {UPSTREAM4}\n* AAAA {UPSTREAM6}\n* HTTPS 1 . alpn=h2\n* MX 10 mail.example.\n* TXT upstream"
    (folder / "example.zone").write_text(f"$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\n* {records}\n")
    (folder / "named.conf").write_text(
        _named_options(folder, port, "recursion no; ") + 'zone "example" { type primary; file "example.zone"; };\n'
    )
    return Program([program("named", "bind9"), "-g", "-c", folder / "named.conf"], folder, port)


def named(folder: Path, world: Program, policy: str, lines: str) -> Program:
    """BIND as a resolver. `policy`: words in its options; `lines`: beside them."""
    port = free_port()
    forward = f"forwarders {{ 127.0.0.1 port {world.port}; }}; forward only; dnssec-validation no; recursion yes; "
    (folder / "named.conf").write_text(_named_options(folder, port, forward + policy) + lines)
    return Program([program("named", "bind9"), "-g", "-c", folder / "named.conf"], folder, port)


def _named_options(folder: Path, port: int, more: str) -> str:
    return (
        f'options {{ directory "{folder}"; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; '
        f"listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 port {port} {{ ::1; }}; "
        f"allow-query {{ any; }}; {more}}};\n"
        "controls { };\n"
    )


def unbound(folder: Path, world: Program, lines: str, modules: str = "iterator") -> Program:
    """Unbound, with these lines at the end of its configuration."""
    port = free_port()
    (folder / "unbound.conf").write_text(
        f"server:\n  interface: 127.0.0.1\n  interface: ::1\n  port: {port}\n  access-control: 127.0.0.0/8 allow\n"
        f'  chroot: ""\n  username: ""\n  directory: "{folder}"\n  pidfile: "{folder}/unbound.pid"\n  use-syslog: no\n'
        f'  do-daemonize: no\n  do-not-query-localhost: no\n  module-config: "{modules}"\n  ede: yes\n'
        f'forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@{world.port}\n{lines}'
    )
    return Program([program("unbound", "unbound"), "-d", "-c", folder / "unbound.conf"], folder, port)


def kresd(folder: Path, world: Program, lines: str) -> Program:
    """Knot Resolver, with these lines before it forwards everything."""
    port = free_port()
    (folder / "kresd.conf").write_text(
        f"net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\nnet.listen('::1', {port}, {{ kind = 'dns' }})\n"
        f"cache.open(10 * MB, 'lmdb://{folder}/cache')\nmodules.unload('priming')\nmodules.unload('ta_update')\n"
        f"trust_anchors.remove('.')\n{lines}policy.add(policy.all(policy.STUB('127.0.0.1@{world.port}')))\n"
    )
    command = [program("kresd", "knot-resolver"), "-n", "-q", "-c", folder / "kresd.conf", folder]
    return Program(command, folder, port)


def pdns(folder: Path, world: Program, lines: str) -> Program:
    """PowerDNS Recursor, with these lines in its configuration."""
    port = free_port()
    (folder / "recursor.conf").write_text(
        f"local-address=127.0.0.1:{port}, [::1]:{port}\nsocket-dir={folder}\ndaemon=no\nthreads=1\ndnssec=off\n"
        f"forward-zones-recurse=.=127.0.0.1:{world.port}\nallow-from=127.0.0.0/8, ::1/128\nsecurity-poll-suffix=\n"
        f"dont-query=\nhint-file=no\nquiet=yes\n{lines}"
    )
    command = [program("pdns_recursor", "pdns-recursor"), f"--config-dir={folder}"]
    return Program(command, folder, port)


def dnsmasq(folder: Path, world: Program, lines: str) -> Program:
    """dnsmasq, with these lines in its configuration."""
    port = free_port()
    (folder / "dnsmasq.conf").write_text(
        f"port={port}\nlisten-address=127.0.0.1,::1\nbind-interfaces\nno-resolv\nno-hosts\npid-file=\nuser=\ngroup=\n"
        f"server=127.0.0.1#{world.port}\n{lines}"
    )
    return Program([program("dnsmasq", "dnsmasq-base"), "-k", "-C", folder / "dnsmasq.conf"], folder, port)

"""The room that all measures share: the origin, the names of the lists, and every proxy that is held against another,
each on the proxies' core."""

import os
import random
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from tests.bench import peers
from tests.bench.frame import Scale
from tests.bench.origin import SEED, Origin
from tests.bench.programs import LOAD_CORE, PROXY_CORE, ROOT, Running, child, pinned, run
from tests.programs import free_port

_SYLLABLES = ("ka", "to", "mi", "re", "so", "ba", "do", "ne", "lu", "vi", "xa", "po", "gra", "sten", "mark", "web")


class Room:
    """A context manager: nginx runs while it is entered, and this process keeps to the load's core."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self.folder, self.scale = folder, scale
        self.origin = Origin(folder / "origin")
        self._stack = ExitStack()
        self._made: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.origin.folder.mkdir()
        self.origin.prepare(self.scale.size)
        self._stack.enter_context(self.origin.running())
        if pinned(LOAD_CORE):
            self._stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
            os.sched_setaffinity(0, {int(LOAD_CORE)})
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def once(self, key: str, make: Callable[["Room"], Any]) -> Any:
        """What several parts need and is dear to make."""
        if key not in self._made:
            self._made[key] = make(self)
        return self._made[key]

    @cached_property
    def names(self) -> Path:
        """A list of made names, sorted, one a line."""
        file = self.folder / "names"
        file.write_text("".join(f"{name}\n" for name in made_names(self.scale.names)))
        return file

    @cached_property
    def _compiled(self) -> Path:
        """A state folder with that list in it; a short one is kept in memory alone."""
        state = self.folder / "compiled"
        state.mkdir()
        config = self._config("compiled", "")
        run([*_SFS, "lists", "update", "--config", str(config), "--state", str(state)])
        return state

    def _config(self, name: str, more: str) -> Path:
        file = self.folder / f"{name}.yaml"
        file.write_text(
            f"level: 2\ndefault_lists: false\nlists: [{{url: {self.names}, name: names, category: gambling}}]\n"
            f"reach: [127.0.0.0/8, '::1']\nupstream_ca: {self.origin.ca}\n{more}"
        )
        return file

    @contextmanager
    def sfs(
        self,
        name: str,
        more: str = "https: inspect\n",
        *,
        bare: bool = False,
        arguments: Sequence[str] = ("--admin", "127.0.0.1:0"),
        cores: Sequence[str] = (PROXY_CORE,),
    ) -> Iterator[Running]:
        """The whole filter at level 2 with the list of names; `bare`: the same proxy without it. `more`: of its
        configuration."""
        state = self.folder / f"state-{name}"
        if not state.exists():
            shutil.copytree(self._compiled, state)
        config, port = self._config(name, more), free_port()
        command = [*pinned(*cores), sys.executable, str(Path(__file__).with_name("tuned.py")), *(["--bare"] * bare)]
        command += ["--config", str(config), "--state", str(state), "--listen", f"127.0.0.1:{port}", *arguments]
        environment = self.origin.names | {"SFS_BENCH_HELD": str(self.held(name)), "PYTHONPATH": str(ROOT)}
        with child(command, port, environment) as (pid, ready):
            running = Running(name, port, pid, state / "ca" / "mitmproxy-ca-cert.pem", ready)
            self._check(running, bare)
            yield running

    def held(self, name: str) -> Path:
        """The file for what an `sfs` says on SIGRTMIN."""
        return self.folder / f"held-{name}.json"

    def _check(self, proxy: Running, bare: bool) -> None:
        """A listed name is refused by the filter, and looked for in vain without it."""
        with self.names.open() as file:
            listed = next(file).strip()
        status = answer_status(proxy.port, f"http://{listed}/")
        if (status == 403) is bare:
            raise SystemExit(f"{proxy.name} answers {status} for a name on the list")

    @contextmanager
    def stock(self, name: str = "mitmdump", arguments: Sequence[str] = ()) -> Iterator[Running]:
        """mitmdump as it comes."""
        folder, port = self.folder / f"state-{name}", free_port()
        command = [*pinned(PROXY_CORE), str(Path(sys.executable).with_name("mitmdump")), "-q"]
        command += ["--listen-host", "127.0.0.1", "-p", str(port), "--set", f"confdir={folder}"]
        command += ["--set", f"ssl_verify_upstream_trusted_ca={self.origin.ca}", *arguments]
        with child(command, port, self.origin.names) as (pid, ready):
            yield Running(name, port, pid, folder / "mitmproxy-ca-cert.pem", ready)

    @contextmanager
    def e2guardian(self) -> Iterator[Running]:
        """Debian's, with its own phrase lists as they come, in front of the origin."""
        folder = self.folder / "e2"
        folder.mkdir()
        with peers.e2guardian_with_phrases(folder, self.origin.http, pinned(PROXY_CORE)) as (port, pid):
            yield Running("e2guardian", port, pid, self.origin.ca)


_SFS = (sys.executable, "-m", "sfs")


def made_names(count: int) -> list[str]:
    """Different names of sites below .test, sorted as public lists are."""
    rng = random.Random(SEED)
    found: set[str] = set()
    while len(found) < count:
        found.add(f"{made_name(rng)}.{rng.choice(('com', 'net', 'org', 'co', 'or'))}.test")
    return sorted(found)


def made_name(rng: random.Random) -> str:
    """One label of a name."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 5))) + str(rng.randint(0, 99_999))


def fetch(port: int, url: str, fields: str = "Accept: text/html\r\n") -> tuple[bytes, bytes]:
    """Head and body of a proxy's answer to a request on a connection of its own."""
    host = url.split("/")[2]
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.sendall(f"GET {url} HTTP/1.1\r\nHost: {host}\r\n{fields}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def answer_status(port: int, url: str) -> int:
    """The status alone."""
    found = re.match(rb"HTTP/1\.[01] (\d{3})", fetch(port, url)[0])
    return int(found[1]) if found else 0

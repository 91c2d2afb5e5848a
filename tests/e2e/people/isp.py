"""An ISP's first day with a list, and the day on which an entry is withdrawn: every program is a real one.

A body hands out a table. It is imported, exported, and loaded in BIND (by transfer with TSIG from a hidden primary), in
Unbound, in Squid and in `sfs run`; dig and curl look at what subscribers get. Every output lies in memory, since the
list is confidential, and nothing that a command or a program says has a name of it. All names are reserved ones.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from sfs.export.outputs import in_memory
from sfs.export.transfer import bind_policy
from sfs.lists.canary import neighbours
from tests.e2e.origin import Names, Origin
from tests.e2e.proxy import ROOT, WRAPPER, Proxy
from tests.export.engines import programs
from tests.export.engines.programs import STOP4, STOP6, WAIT, HiddenPrimary, Program, program
from tests.squid.squids import Squid

MEMORY = Path("/dev/shm")
ZONE = "child-protection.rpz"
LISTED, GONE, SHARED, OVER = "listed.example", "gone.example", "shared.example", "over.example"
NEIGHBOURS = (f"x{LISTED}", f"{LISTED}.example", SHARED, OVER)
# As the made-up body hands it out. A page stands for itself; one entry is over since long.
HEAD = "URL,Domain,Basis,First listed,Expires\n"
STAYS = f"""\
,{LISTED},1 2 3 4,2026/01/05,
http://{SHARED}/a/page.html,,1 2,2026/01/06,
,{OVER},1 2 3 4,2020/01/01,2021-01-01
"""
LEAVES = f"""\
,{GONE},1 2 3 4,2026/01/05,
http://{SHARED}/b/old.html,,1 2,2026/01/06,
"""

pytestmark = pytest.mark.skipif(not in_memory(MEMORY), reason="/dev/shm is no tmpfs here")


@dataclass
class Isp:
    """The machines of a provider. `said`: what its commands said."""

    folder: Path
    said: list[str] = field(default_factory=list)

    def sfs(self, *arguments: object) -> str:
        """Run `sfs`; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "sfs", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        self.said.append(done.stderr)
        return done.stdout

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def take(self, table: str) -> None:
        """The body's table comes, becomes the list, and that what the programs load."""
        (self / "body.csv").write_text(f"{HEAD}{table}")
        self.sfs("lists", "import", self / "body.csv", "--purpose", "child-protection", "-o", self / "list")
        self.export("rpz", "zone", "primary/named.pid", "unbound/unbound.pid", more=("--stop", STOP4, "--stop", STOP6))
        self.export("squid", "squid.lines", "squid/squid.pid")
        self.seal()

    def export(self, format_: str, out: str, *servers: str, more: tuple[str, ...] = ()) -> None:
        """Write an output; servers that run are told of it."""
        self.sfs("lists", "export", "--format", format_, self / "list", "-o", self / out, *more, *self.told(*servers))

    def told(self, *servers: str) -> list[object]:
        """The words of a command that tells these servers."""
        return [word for file in servers if (self / file).exists() for word in ("--reload", self / file)]

    def seal(self) -> None:
        """What `sfs run` takes, which sees to its files by itself."""
        if not (self / "isp.key").exists():
            self.sfs("isp", "key", "-o", self / "isp.key")
        self.sfs("lists", "seal", self / "list", "-o", self / "sealed", "--key", self / "isp.key")


@pytest.fixture
def isp() -> Iterator[Isp]:
    folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix="sfs-test-isp-"))
    folder.chmod(0o755)  # Squid is somebody else
    try:
        yield Isp(folder)
    finally:
        shutil.rmtree(folder)


@dataclass
class Network:
    """What subscribers use: resolvers and proxies that run."""

    bind: Program
    unbound: Program
    squid: Squid
    proxy: Proxy
    origin: Origin
    primary: str

    def names(self, name: str, kind: str = "A") -> list[tuple[str, ...]]:
        """What each resolver says of a name."""
        return [resolver.ask(f"{name} {kind}")[0].data for resolver in (self.bind, self.unbound)]

    def pages(self, address: str) -> list[int]:
        """What each proxy answers for host/path."""
        host, _, path = address.partition("/")
        url = f"http://{host}:{self.origin.http}/{path}"
        return [int(self.squid.curl(url).stdout.split()[1]), self.proxy.curl(url).status]

    def closed(self, name: str, *pages: str) -> bool:
        """Whether a name is closed for everybody, and pages are."""
        names = self.names(name) + self.names(f"www.{name}")
        return set(names) == {(STOP4,)} and {code for page in pages for code in self.pages(page)} == {451}

    def open(self, name: str, *pages: str) -> bool:
        """Whether a name is open for everybody, and pages are."""
        names = self.names(name) + self.names(f"www.{name}")
        return set(names) == {(programs.UPSTREAM4,)} and {code for page in pages for code in self.pages(page)} == {200}


def until(look: Callable[[], bool]) -> None:
    """Wait for something within the bound of a change, a minute."""
    end = time.monotonic() + WAIT
    while not look():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture
def network(isp: Isp, origin: Origin, tmp_path: Path) -> Iterator[Network]:
    """The first day: the list comes and is loaded everywhere."""
    if WRAPPER is None:
        pytest.skip("libnss-wrapper is not installed: names of the tests cannot be resolved")
    for folder in ("primary", "bind", "unbound", "squid", "world", "state"):
        (isp / folder).mkdir()
    (isp / "squid").chmod(0o777)
    hosts = Names(isp / "hosts", {name: ["127.0.0.1"] for name in (LISTED, GONE, *NEIGHBOURS, *neighbours(ZONE))})
    hosts.write()
    isp.take(STAYS + LEAVES)
    with ExitStack() as stack:
        world = stack.enter_context(programs.upstream(isp / "world"))
        bind = stack.enter_context(hidden_primary_and_bind(isp, world, stack))
        isp.sfs(
            *("lists", "export", "--format", "unbound", isp / "list", "--zone-file", isp / "zone"), "-o", isp / "rpz"
        )
        include = f'include: "{isp / "rpz"}"\n'
        unbound = stack.enter_context(programs.unbound(isp / "unbound", world, include, "respip iterator").with_list())
        squid = Squid(isp / "squid", f"include {isp / 'squid.lines'}\n", hosts=hosts.file, log=False)
        stack.enter_context(squid)
        mine = {"name": "body", "url": str(isp / "sealed"), "mandatory": True, "key": str(isp / "isp.key")}
        config = {"reach": ["127.0.0.0/8"], "lists": [mine]}
        proxy = stack.enter_context(Proxy(config, isp / "state", hosts.file, "--profile", "isp"))
        listen = (isp / "listen").read_text()
        yield Network(bind, unbound, squid, proxy, origin, listen)


def hidden_primary_and_bind(isp: Isp, world: Program, stack: ExitStack) -> Program:
    """BIND as a resolver, whose zone comes from a BIND that SFS configured; both made, the primary started."""
    port, key = programs.free_port(), isp / "transfer.key"
    listen = f"127.0.0.1@{port}"
    (isp / "listen").write_text(listen)
    isp.sfs(
        *("lists", "export", "--format", "bind", isp / "list", "--primary", listen, "--key-file", key),
        *("-o", isp / "bind.lines"),
    )
    resolver = programs.named(isp / "bind", world, bind_policy([ZONE]), (isp / "bind.lines").read_text())
    isp.sfs(
        *("lists", "primary", isp / "zone", "--key-file", key, "--listen", listen, "--folder", isp / "primary"),
        *("--to", f"127.0.0.1@{resolver.port}", "-o", isp / "primary.conf"),
    )
    command = [program("named", "bind9"), "-g", "-c", isp / "primary.conf"]
    stack.enter_context(HiddenPrimary(command, isp / "primary", port, ZONE, key.read_text().strip()))
    return resolver.with_list()


def test_a_list_is_enforced_changed_and_taken_back(isp: Isp, network: Network) -> None:
    first = serial(isp)
    assert network.closed(LISTED, f"{LISTED}/", f"{SHARED}/a/page.html")
    assert network.closed(GONE, f"{GONE}/", f"{SHARED}/b/old.html")
    assert network.names(LISTED, "AAAA") == [(STOP6,)] * 2
    assert network.names(LISTED, "MX") == network.names(f"a.{LISTED}", "HTTPS") == [()] * 2
    # A page closes no site and no neighbour; what is over, and what only looks like a listed name, is open.
    for name in NEIGHBOURS:
        assert network.open(name, f"{name}/"), name
    assert network.pages(f"{SHARED}/a/other.html") == network.pages(f"{SHARED}/A/page.html") == [200, 200]

    isp.take(STAYS)
    until(lambda: network.open(GONE, f"{GONE}/", f"{SHARED}/b/old.html"))
    assert network.closed(LISTED, f"{LISTED}/", f"{SHARED}/a/page.html")
    assert serial(isp) > first

    isp.sfs("lists", "rollback", isp / "zone", *isp.told("primary/named.pid", "unbound/unbound.pid"))
    isp.sfs("lists", "rollback", isp / "squid.lines", *isp.told("squid/squid.pid"))
    isp.sfs("lists", "rollback", isp / "sealed")
    until(lambda: network.closed(GONE, f"{GONE}/", f"{SHARED}/b/old.html"))
    assert network.open(SHARED, f"{SHARED}/")
    assert selftest(isp, network) == []

    said = "".join(isp.said)
    assert "expired, not in force" in said and "left out: a unit of pages, and names alone are seen" in said
    for text in (
        said,
        "".join(network.proxy.lines),
        network.bind.words(),
        network.unbound.words(),
        network.squid.log(),
    ):
        assert not re.search("|".join(map(re.escape, (LISTED, GONE, OVER, SHARED))), text)


def selftest(isp: Isp, network: Network) -> list[object]:
    """What `sfs isp selftest` finds wrong with everybody who enforces the list."""
    resolvers = [
        {"name": name, "engine": name, "at": ["127.0.0.1", "::1"], "port": running.port, "look": []}
        for name, running in (("bind", network.bind), ("unbound", network.unbound))
    ]
    mine = {"zone": ZONE, "answer": [STOP4, STOP6], "file": str(isp / "zone"), "key_file": str(isp / "transfer.key")}
    plan = {
        "lists": [mine | {"primary": network.primary}],
        "resolvers": resolvers,
        "squid": [{"name": "squid", "at": f"127.0.0.1:{network.squid.port}"}],
        "proxies": [{"name": "proxy", "at": network.proxy.address}],
    }
    (isp / "plan.yaml").write_text(yaml.safe_dump(plan))
    words = [sys.executable, "-m", "sfs", "isp", "selftest", isp / "plan.yaml", "--json", "--state", isp / "state"]
    done = subprocess.run([str(one) for one in words], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr
    targets = json.loads(done.stdout)["targets"]
    assert {"bind", "unbound", "squid", "proxy"} <= {one["name"] for one in targets if one["asked"]}
    return [found for one in targets for found in one["findings"]]


def serial(isp: Isp) -> int:
    """Of the zone as it stands."""
    found = re.search(r"serial ([0-9]+)", (isp / "zone").read_text())
    assert found
    return int(found[1])

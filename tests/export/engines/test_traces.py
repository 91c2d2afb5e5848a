"""Who asked for which name stands nowhere: marked clients ask each resolver for marked names, in order and in nonsense,
and then all files that it wrote and all that it said are searched."""

import re
import socket
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfs.cli.isp import command
from sfs.export import quiet
from sfs.export.transfer import bind_policy, bind_secondary
from tests.export.engines import programs
from tests.export.engines.expressed import RESOLVERS, written
from tests.export.engines.programs import Program, dig, program

CLIENT, CLIENT_TCP = "127.77.66.55", "127.77.66.56"
MARK = "zq7marked"
NAMES = (f"{MARK}.tree.example", f"{MARK}.other.example", f"{MARK}.host.example", f"{MARK}.shared.example")
BROKEN = f"{MARK}.broken.test"  # nobody has it
QTYPE = {"A": 1, "SOA": 6, "AXFR": 252, "ANY": 255}
QUERY, NOTIFY, UPDATE = 0, 4, 5


def packet(name: str, kind: str = "A", opcode: int = QUERY, klass: int = 1, more: bytes = b"") -> bytes:
    """A question."""
    wire = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    head = struct.pack("!HHHHHH", 0x7171, opcode << 11 | 0x100, 1, 0, 0, 0)
    return head + wire + struct.pack("!HH", QTYPE[kind], klass) + more


NONSENSE = (
    packet(NAMES[0], "ANY"),
    packet(NAMES[1], "AXFR"),
    packet(f"{MARK}.zone.example", "SOA", NOTIFY),
    packet(f"{MARK}.zone.example", "SOA", UPDATE),
    packet(f"{MARK}.zone.example", "SOA", 7),
    packet(NAMES[0], klass=3),
    packet(NAMES[0], klass=7),
    packet(NAMES[0], more=f"{MARK}".encode() * 20),
    packet(NAMES[0])[:-3],
    packet(NAMES[0])[:-3].replace(b"\x04tree", b"\xc0\x0ctre"),
    f"GET /{MARK} HTTP/1.1\r\n\r\n".encode(),
    packet(f"{'x' * 63}.{MARK}.tree.example".replace("x" * 63, "x" * 62)) + b"\0" * 3000,
)


def drive(resolver: Program) -> None:
    """Everything that a client can do to be written down."""
    asked = [f"{name} {kind}" for name in NAMES for kind in ("A", "HTTPS", "TXT")]
    assert len(dig(resolver.port, asked, source=CLIENT)) == len(asked)
    dig(resolver.port, [f"{BROKEN} A"], source=CLIENT, timeout=2)
    dig(resolver.port, [f"{NAMES[0]} A +tcp"], source=CLIENT_TCP)
    for data in NONSENSE:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((CLIENT, 0))
            udp.sendto(data, ("127.0.0.1", resolver.port))
        with socket.create_connection(("127.0.0.1", resolver.port), 10, (CLIENT_TCP, 0)) as tcp:
            tcp.sendall(struct.pack("!H", len(data) + 9 * (len(data) % 2)) + data)
    # It has read what came before when it answers this.
    resolver.ask(f"{NAMES[1]} A", source=CLIENT)


def traces(folder: Path) -> list[str]:
    """The lines of all files that hold a mark, as text or as it stands in packets."""
    marks = re.compile(rb"zq7marked|127\.77\.66\.5|\x7f\x4d\x42[\x37\x38]", re.IGNORECASE)
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            found += [f"{path.name}: {line!r}" for line in path.read_bytes().splitlines() if marks.search(line)]
    return found


def bind(folder: Path, world: Program, cache: Path) -> Program:
    """As a service runs it: `-g`, which the other tests take, would send everything to the screen."""
    lines = [*bind_secondary("policy.rpz", written(folder, "rpz", exempt=True), None, secret=False)]
    comment, *more = quiet.bind(cache, "default_stderr")
    options = comment.removeprefix("# options { ").removesuffix(" };")
    started = programs.named(folder, world, f"{bind_policy(['policy.rpz'])} {options}", "\n".join([*lines, *more, ""]))
    started.command[started.command.index("-g")] = "-f"
    return started


def with_lines(name: str, engine: str, config: str) -> Callable[[Path, Program, Path], Program]:
    """A resolver as the table's tests start it, with its quiet lines in the same configuration."""

    def begin(folder: Path, world: Program, cache: Path) -> Program:
        started = RESOLVERS[name](folder, world)
        text, lines = (folder / config).read_text(), "".join(f"{line}\n" for line in quiet.ENGINES[engine](cache))
        # Knot takes its lines in their order, and those of the list come last.
        before, mark, after = text.partition("trust_anchors.remove('.')\n") if engine == "knot" else (text, "\n", "")
        (folder / config).write_text(before + mark + lines + after)
        return started

    return begin


SAMPLES = {
    "bind": bind,
    "rpz in Unbound": with_lines("rpz in Unbound", "unbound", "unbound.conf"),
    "unbound": with_lines("unbound", "unbound", "unbound.conf"),
    "rpz in PowerDNS Recursor": with_lines("rpz in PowerDNS Recursor", "pdns", "recursor.conf"),
    "pdns": with_lines("pdns", "pdns", "recursor.conf"),
    "rpz in Knot Resolver": with_lines("rpz in Knot Resolver", "knot", "kresd.conf"),
    "knot": with_lines("knot", "knot", "kresd.conf"),
}


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder) / "cache"


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_of_who_asked_for_what_is_kept(name, tmp_path, world, memory):
    with SAMPLES[name](tmp_path, world, memory) as resolver:
        drive(resolver)
        if "pdns" in name or "PowerDNS" in name:
            assert remembered(tmp_path) == []
    said = tmp_path / "said"
    assert said.is_file()
    assert traces(tmp_path) == []
    if name == "bind":
        assert b"all zones loaded" in said.read_bytes()  # its own state is told all the same


@pytest.mark.parametrize("name", ["rpz in BIND 9", "knot", "pdns"])
def test_without_these_lines_there_are_traces(name, tmp_path, world):
    """Else the search above finds nothing because it looks for nothing."""
    with RESOLVERS[name](tmp_path, world) as resolver:
        drive(resolver)
        found = remembered(tmp_path) if name == "pdns" else []
    assert found or traces(tmp_path) != []


def remembered(folder: Path) -> list[str]:
    """The last questions and who asked them, as PowerDNS tells its administrator."""
    found = []
    for what in ("top-queries", "top-remotes", "top-servfail-queries", "top-bogus-remotes", "top-largeanswer-remotes"):
        words = [program("rec_control", "pdns-recursor"), f"--socket-dir={folder}", what]
        said = subprocess.run(words, capture_output=True, text=True, timeout=60)
        found += [line for line in said.stdout.splitlines() if MARK in line or "127.77.66.5" in line]
    return found


def test_a_cache_on_a_strange_path_is_refused():
    for bad in ("cache", "/run/a b", "/run/');os.exit('"):
        done = CliRunner().invoke(command, ["quiet", "knot", "--cache", bad], standalone_mode=False)
        assert "is no plain path" in str(done.exception)


@pytest.mark.parametrize("engine", quiet.ENGINES)
def test_the_command_prints_them_and_what_its_service_needs(engine):
    done = CliRunner().invoke(command, ["quiet", engine], standalone_mode=False)
    assert done.exit_code == 0
    assert "LimitCORE=0" in done.stdout
    assert done.stdout.splitlines() == [*quiet.ENGINES[engine](Path("/run/knot-resolver/cache"))]

"""`sfs isp divert` with real name servers that lie (BIND behind PowerDNS Recursor), and what it writes in real nftables
and BIRD."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfs.cli.isp import command
from sfs.errors import SfsError
from tests.e2e.network import Namespace, Sink, why_no_namespaces
from tests.export.engines.programs import WAIT, Program, pdns, program
from tests.export.engines.programs import _named_options as named_options
from tests.programs import free_port

GOOD4, GOOD6, NEIGHBOUR = "192.0.2.10", "2001:db8::10", "192.0.2.110"
# What a hostile site may answer, and why it is not diverted.
KIND = "an address that is no site's"
LIES = {
    "private": ("A 10.0.0.1", f"{KIND}: private"),
    "unique-local": ("AAAA fd00::1", f"{KIND}: private"),
    "loopback": ("A 127.0.0.1", f"{KIND}: loopback"),
    "loopback6": ("AAAA ::1", f"{KIND}: loopback"),
    "link-local": ("AAAA fe80::1", f"{KIND}: link-local"),
    "metadata": ("A 169.254.169.254", f"{KIND}: metadata"),
    "multicast": ("A 224.0.0.1", f"{KIND}: multicast"),
    "multicast6": ("AAAA ff02::1", f"{KIND}: multicast"),
    "broadcast": ("A 255.255.255.255", f"{KIND}: multicast"),
    "unspecified": ("A 0.0.0.0", f"{KIND}: unspecified"),
    "carrier": ("A 100.64.0.1", f"{KIND}: reserved"),
    "class-e": ("A 240.0.0.1", f"{KIND}: reserved"),
    "mapped": ("AAAA ::ffff:192.0.2.20", "an address that stands for another one"),
    "tunnel": ("AAAA 2002:c000:214::1", "an address that stands for another one"),
    "nat64": ("AAAA 64:ff9b::192.0.2.20", "an address that stands for another one"),
    "resolver": ("A 8.8.8.8", "an address that is never diverted"),
    "network": ("A 104.16.9.9", "an address that is never diverted"),
    "network6": ("AAAA 2606:4700::1", "an address that is never diverted"),
    "own": ("A 192.0.2.200", "an address that is never diverted"),
    "large": ("A 203.0.113.7", "an address beside a very large site's"),
    "beside": ("A 203.0.113.99", "an address beside a very large site's"),
    "beside6": ("AAAA 2001:db8:ff::2", "an address beside a very large site's"),
    "leads": ("CNAME www.google.com.", "a name that leads to a very large site"),
    "many": ("\n".join(f" A 192.0.2.{number}" for number in range(101, 110)).strip(), "more than 8 addresses"),
    "none": ("TXT x", "no address"),
    "flees": ("", "IPv4 addresses that change from one question to the next"),
    "silent": ("", "no answer"),
    "nowhere": ("", "no address"),
}
LUA = """
count = 0
function preresolve(dq)
  local name = dq.qname:toString()
  if name == "silent.example." then dq.rcode = pdns.SERVFAIL return true end
  if name == "flees.example." and dq.qtype == pdns.A then
    count = count + 1
    dq:addAnswer(pdns.A, "192.0.2." .. (20 + count), 0)
    dq.variable = true
    return true
  end
  return false
end
"""

# An answer of the root that there is no such name says nothing of its whole top level here.
LINES = "lua-dns-script={folder}/lies.lua\ndisable-packetcache=yes\nroot-nx-trust=no\n"


def zone() -> str:
    """The whole world: two honest sites, one that is very large, and those that lie."""
    rows = ["$TTL 60", ". SOA ns.test. h.test. 1 60 60 60 60", ". NS ns.test.", "ns.test. A 127.0.0.1"]
    rows += [f"good.example. A {GOOD4}", f"good.example. AAAA {GOOD6}", "turns.example. CNAME good.example."]
    rows += ["google.com. A 203.0.113.7", "www.google.com. A 203.0.113.8", "google.com. AAAA 2001:db8:ff::1"]
    rows += [f"{name}.example. {said}" for name, (said, _) in LIES.items() if said]
    return "".join(f"{row}\n" for row in rows)


@pytest.fixture(scope="module")
def resolver(tmp_path_factory):
    """`ADDRESS@PORT` of a resolver that says all that."""
    folder = tmp_path_factory.mktemp("liar")
    (folder / "root.zone").write_text(zone())
    port = free_port()
    lines = named_options(folder, port, "recursion no; minimal-responses yes; ")
    (folder / "named.conf").write_text(f'{lines}zone "." {{ type primary; file "root.zone"; check-names ignore; }};\n')
    bind = Program([program("named", "bind9"), "-g", "-c", folder / "named.conf"], folder, port, "good.example")
    front = tmp_path_factory.mktemp("front")
    (front / "lies.lua").write_text(LUA)
    with bind, pdns(front, bind, LINES.format(folder=front)) as server:
        yield f"127.0.0.1@{server.port}"


def listed(folder: Path, *hosts: str, purpose: str = "test") -> Path:
    rows: list[dict] = [{"list": "body", "purpose": purpose, "serial": 7}]
    rows += [{"unit": "url-exact", "url": f"http://{host}/a", "approved": ["A. One", "B. Two"]} for host in hosts]
    path = folder / "list.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def divert(*arguments: object) -> tuple[str, int]:
    result = CliRunner().invoke(command, ["divert", *map(str, arguments)], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output, result.return_value or 0


def test_no_lie_pulls_anything_into_the_proxy(tmp_path, resolver):
    (tmp_path / "own.txt").write_text("192.0.2.128/25  # ours\n")
    hosts = [f"{name}.example" for name in LIES]
    file = listed(tmp_path, *hosts, "good.example", "turns.example", "www.google.com", "192.0.2.77", "8.8.4.4")
    out = tmp_path / "out"
    said, code = divert(file, "-o", out, "--resolver", resolver, "--never", tmp_path / "own.txt")
    plan = json.loads((out / "plan.json").read_text())
    assert code == 1 and sorted(plan["addresses"]) == sorted([GOOD4, GOOD6, "192.0.2.77"])
    lines = [f"{file}:{number}" for number in range(2, len(hosts) + 2)]
    for line, (name, (_, reason)) in zip(lines, LIES.items(), strict=True):
        (row,) = [row for row in said.splitlines() if f" not diverted: {reason} (" in row]
        assert line in row or row.endswith(", ...)"), (name, row)
    assert f"1 not diverted: a very large site ({file}:" in said
    assert plan["new"][GOOD4] == [f"{file}:{len(hosts) + 2}", f"{file}:{len(hosts) + 3}"]
    assert plan["waits"] == ["the first run: nothing is in force yet"]
    assert ".example" not in said and ".example" not in json.dumps(plan)
    assert not (out / "divert.nft").exists()


def test_each_lie_is_refused_for_its_own_reason(tmp_path, resolver):
    (tmp_path / "own.txt").write_text("192.0.2.128/25\n")
    for name in ("own", "beside6", "flees", "silent", "many", "tunnel"):
        file = listed(tmp_path, f"{name}.example")
        said, _ = divert(file, "-o", tmp_path / name, "--resolver", resolver, "--never", tmp_path / "own.txt")
        assert f"1 not diverted: {LIES[name][1]} ({file}:2)\n" in said
        assert json.loads((tmp_path / name / "plan.json").read_text())["addresses"] == {}


def test_a_plan_waits_for_a_name_then_small_changes_go_by_themselves(tmp_path, resolver):
    out, how = tmp_path / "out", ("--resolver", resolver, "--by-itself")
    said, code = divert(listed(tmp_path, "192.0.2.77"), "-o", out, *how)
    assert code == 1
    plan_id = said.split("plan ")[1].split()[0]
    said, code = divert("-o", out, "--approve", plan_id, "--by", "A. One")
    assert code == 0 and "in force, approved by A. One: 1 addresses" in said
    assert json.loads((out / "state.json").read_text())["approved"] == "A. One"
    assert "192.0.2.77," in (out / "divert.nft").read_text() and not (out / "plan.json").exists()
    before = (out / "divert.nft").read_text()
    said, code = divert(listed(tmp_path, "192.0.2.77"), "-o", out, *how)
    assert (said, code) == ("1 addresses, as before\n", 0) and (out / "divert.nft").read_text() == before
    said, code = divert(listed(tmp_path, "192.0.2.77", "good.example"), "-o", out, *how)
    assert code == 0 and "in force: 3 addresses, 2 new, 0 gone" in said
    said, code = divert(listed(tmp_path, "192.0.2.77"), "-o", out, *how)
    assert code == 1 and "2 of 3 addresses go" in said
    assert GOOD4 in (out / "divert.nft").read_text()  # nothing changes before somebody looked


def test_what_does_not_answer_stays_for_a_while(tmp_path, resolver):
    out = tmp_path / "out"
    said, _ = divert(listed(tmp_path, "good.example"), "-o", out, "--resolver", resolver)
    divert("-o", out, "--approve", said.split("plan ")[1].split()[0], "--by", "A. One")
    said, code = divert(listed(tmp_path, "silent.example"), "-o", out, "--resolver", resolver, "--by-itself")
    assert f"no answer ({tmp_path}/list.jsonl:2)" in said and code == 0 and "2 addresses, as before" in said
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1@{nobody.getsockname()[1]}"
        with pytest.raises(SfsError, match=f"no answer from {dead}"):
            divert(listed(tmp_path, "192.0.2.77"), "-o", out, "--resolver", dead, "--by-itself")
    assert GOOD4 in (out / "divert.nft").read_text()


def in_force(folder: Path, resolver: str, *hops: str) -> Path:
    words = [word for hop in hops for word in ("--next-hop", hop)]
    said, _ = divert(listed(folder, "good.example"), "-o", folder / "out", "--resolver", resolver, *words)
    divert("-o", folder / "out", "--approve", said.split("plan ")[1].split()[0], "--by", "A. One")
    return folder / "out"


def reached(target: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET) as sock:
        sock.settimeout(8)
        try:
            sock.connect((target, port))
        except OSError:
            return False
        return True


def test_nftables_marks_plain_http_to_these_addresses_alone(tmp_path, resolver):
    if shutil.which("nft") is None:
        pytest.skip("nft is not installed (Debian's package nftables)")
    if reason := why_no_namespaces():
        pytest.skip(reason)
    file = in_force(tmp_path, resolver) / "divert.nft"
    # What is marked is refused here, in the place of being led to a second stage.
    closed = "table inet t { chain c { type filter hook input priority 0; meta mark 0x5f5 reject with tcp reset; }; }"
    closed = closed.replace("meta mark", "meta l4proto tcp meta mark")
    network = Namespace()

    def nft(*words: str, text: str | None = None) -> str:
        done = subprocess.run(["nft", *words], input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        network.ip(f"address add {GOOD4}/32 dev lo", f"address add {NEIGHBOUR}/32 dev lo")
        network.ip(f"address add {GOOD6}/128 dev lo nodad")
        with network.run(Sink, "::", 80), network.run(Sink, "::", 81):
            network.run(lambda: nft("-f", "-", text=closed))
            targets = [(GOOD4, 80), (GOOD4, 81), (NEIGHBOUR, 80), (GOOD6, 80), (GOOD6, 81)]
            end = time.monotonic() + WAIT
            while not all(network.run(reached, *target) for target in targets):
                assert time.monotonic() < end  # the kernel takes a moment for the routes
            for _ in range(2):  # loaded again, it replaces itself
                network.run(lambda: nft("-f", str(file)))
            assert [network.run(reached, *target) for target in targets] == [False, True, True, False, True]
            sets = json.loads(network.run(lambda: nft("-j", "list", "table", "inet", "sfs-divert-test")))["nftables"]
            found = {row["set"]["name"]: row["set"].get("elem") for row in sets if "set" in row}
            assert found == {"divert4": [GOOD4], "divert6": [GOOD6]}
    finally:
        network.close()


def test_bird_takes_the_routes_and_tells_them_to_nobody(tmp_path, resolver):
    if reason := why_no_namespaces():
        pytest.skip(reason)
    out = in_force(tmp_path, resolver, "198.51.100.2", "2001:db8:2::2")
    conf, control = tmp_path / "bird.conf", tmp_path / "bird.ctl"
    conf.write_text(f'router id 192.0.2.1;\nprotocol device {{ }}\ninclude "{out}/divert.bird";\n')
    bird, client = program("bird", "bird2"), program("birdc", "bird2")
    assert subprocess.run([bird, "-p", "-c", conf], capture_output=True).returncode == 0
    network = Namespace()

    def asked(*words: str) -> str:
        done = subprocess.run([client, "-s", control, *words], capture_output=True, text=True, timeout=30)
        return done.stdout

    try:
        network.ip("link add veth0 type veth peer name veth1", "address add 198.51.100.1/24 dev veth0")
        network.ip("address add 2001:db8:2::1/64 dev veth0 nodad", "link set veth0 up", "link set veth1 up")
        command = [bird, "-f", "-c", str(conf), "-s", str(control), "-P", str(tmp_path / "pid")]
        process = network.run(lambda: subprocess.Popen(command, stderr=subprocess.DEVNULL))
        try:
            end = time.monotonic() + WAIT
            while "2 of 2 routes" not in asked("show", "route", "count"):
                assert process.poll() is None and time.monotonic() < end, asked("show", "route", "all")
                time.sleep(0.05)
            for target, hop, table in ((GOOD4, "198.51.100.2", "master4"), (GOOD6, "2001:db8:2::2", "master6")):
                said = asked("show", "route", "for", target, "table", table, "all")
                assert f"via {hop} on veth0" in said and "(65535,65281)" in said, said
            assert "Network not found" in asked("show", "route", "for", NEIGHBOUR, "table", "master4")
        finally:
            process.terminate()
            process.wait(20)
    finally:
        network.close()

"""A hidden primary as `sfs lists primary` configures it hands the zone to a BIND resolver: by AXFR, then by IXFR, to
who has the key and to nobody else; an entry that is withdrawn opens, and comes back with the version of before."""

import subprocess
from datetime import date

import pytest

from sfs.export import outputs
from sfs.export.reload import reload
from sfs.export.transfer import Key, Peer, Primary, bind_policy, bind_primary, bind_secondary, knot_primary, parse_peer
from tests.export.engines import programs
from tests.export.engines.expressed import output
from tests.export.engines.programs import STOP4, UPSTREAM4, HiddenPrimary, program
from tests.programs import free_port

KEY = Key("policy.rpz-key", "c2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2ZzMDE=")
DIG_KEY = f"hmac-sha256:{KEY.name}:{KEY.secret}"
NAMES = [f"n{number}.example" for number in range(200)]
TODAY = date(2026, 11, 28)


def transfer(port: int, kind: str, key: str = DIG_KEY) -> str:
    words = [program("dig", "bind9-dnsutils"), "@127.0.0.1", "-p", str(port), "+noall", "+answer", "+comments"]
    words += ["-y", key] if key else []
    return subprocess.run([*words, "policy.rpz", kind], capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("engine", ["bind", pytest.param("knot", marks=pytest.mark.long)])
def test_versions_come_by_transfer(engine, tmp_path, world):
    serving, resolving = tmp_path / "primary", tmp_path / "resolver"
    serving.mkdir()
    resolving.mkdir()
    zone, port = serving / "policy.zone", free_port()

    def export(lines: list[str]) -> None:
        before = outputs.read_version(zone)
        serial = outputs.next_serial(before.serial if before else 0, TODAY)
        outputs.put(zone, output("rpz", exempt=False, lines="\n".join(lines) + "\n", serial=serial)[0])

    export(NAMES)
    secondary = programs.named(
        resolving,
        world,
        bind_policy(["policy.rpz"]),
        "\n".join(bind_secondary("policy.rpz", parse_peer(f"127.0.0.1@{port}"), KEY, secret=True)) + "\n",
    )
    listen, told = parse_peer(f"127.0.0.1@{port}"), (Peer(parse_peer("127.0.0.1").address, secondary.port),)
    wanted = Primary("policy.rpz", zone, serving, listen, told, KEY)
    if engine == "bind":
        (serving / "named.conf").write_text("\n".join(bind_primary(wanted)) + "\n")
        command = [program("named", "bind9"), "-g", "-c", serving / "named.conf"]
    else:
        (serving / "knot.conf").write_text("\n".join(knot_primary(wanted)) + "\n")
        command = [program("knotd", "knot"), "-c", serving / "knot.conf"]
    pid_file = serving / ("named.pid" if engine == "bind" else "knot.pid")
    with HiddenPrimary(command, serving, port, "policy.rpz", DIG_KEY) as primary, secondary as resolver:
        assert "n7.example.policy.rpz." in transfer(port, "AXFR")
        assert "n7.example" not in transfer(port, "AXFR", key="")
        assert "n7.example" not in transfer(port, "AXFR", key=DIG_KEY.replace("MDE=", "MDI="))
        resolver.until("n7.example A", STOP4)

        export([name for name in NAMES if name != "n7.example"])
        reload(pid_file)
        resolver.until("n7.example A", UPSTREAM4)
        resolver.until("n8.example A", STOP4)
        difference = transfer(port, "IXFR=2026112801")
        assert "n7.example" in difference and "n8.example" not in difference

        assert outputs.roll_back(zone, TODAY) == 2026112803
        reload(pid_file)
        resolver.until("n7.example A", STOP4)
        resolver.until("canary.sfs.example TXT", "serial 2026112803")
    assert not [path for path in resolving.iterdir() if "n8.example" in path.read_text(errors="replace")]
    assert "n7.example" not in resolver.words() + primary.words()


def test_a_key_is_in_no_repr():
    assert KEY.secret not in repr(KEY)

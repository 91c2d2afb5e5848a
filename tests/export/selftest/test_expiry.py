"""What becomes of a list that nobody renews, in the real programs: the last good one stays, a zone that expired opens
(DNS goes on for everybody), and the self-test is the alarm."""

import json
import signal
import subprocess
import time
from contextlib import ExitStack

import pytest
import yaml
from click.testing import CliRunner

from sfs.cli.isp_selftest import selftest
from sfs.export import quiet
from sfs.export.transfer import (
    Key,
    Peer,
    Primary,
    bind_policy,
    bind_primary,
    bind_secondary,
    parse_peer,
)
from tests.export.engines import programs
from tests.export.engines.programs import STOP4, STOP6, UPSTREAM4, HiddenPrimary, Program, program
from tests.export.selftest.site import SERIAL, TREE, ZONE, How, Resolvers, output, world
from tests.programs import free_port

KEY = Key("policy.rpz-key", "c2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2Zzc2ZzMDE=")
KEY_LINE = f"hmac-sha256:{KEY.name}:{KEY.secret}"
TIMES = "300 60 2419200 60"
SHORT = "1 1 3 60"  # seconds: look for a new version, again where that failed, give up


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    """The world."""
    with world(tmp_path_factory.mktemp("world")) as running:
        yield running


class Logging(Program):
    """A BIND that keeps to its own `logging`, which -g would overrule."""

    def words(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def bind_by_transfer(folder, upstream, primary: int) -> Logging:
    """BIND as `sfs lists export --format bind` and `sfs isp quiet bind` have it, with its own words in a file."""
    folder.mkdir()
    policy = f"{bind_policy([ZONE])} min-refresh-time 1; min-retry-time 1;"
    lines = bind_secondary(ZONE, parse_peer(f"127.0.0.1@{primary}"), KEY, secret=True)
    channel = f'  channel file {{ file "{folder}/log"; severity info; }};'
    silent = (f"{line}\n{channel}" if line == "logging {" else line for line in quiet.bind(folder, "file"))
    made = programs.named(folder, upstream, policy, "\n".join([*lines, *silent, ""]))
    return Logging([program("named", "bind9"), "-f", "-c", folder / "named.conf"], folder, made.port)


def sheet(folder, port: int, primary: int) -> dict[str, list[str]]:
    """What is wrong, by name."""
    (folder / "key").write_text(f"{KEY_LINE}\n")
    plan = {
        "lists": [
            {"zone": ZONE, "answer": [STOP4, STOP6], "primary": f"127.0.0.1@{primary}", "key_file": "key",
             "file": "primary/policy.zone"},
        ],
        "resolvers": [{"name": "ns1", "engine": "bind", "at": "127.0.0.1", "port": port, "look": []}],
    }  # fmt: skip
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    words = [str(folder / "plan.yaml"), "--json", "--state", str(folder / "state")]
    done = CliRunner().invoke(selftest, words, catch_exceptions=False, standalone_mode=False)
    found = json.loads(done.stdout)
    assert done.return_value == (0 if found["result"] == "well" else 1)
    return {f"{one['name']} {one['engine']}": [fault["kind"] for fault in one["findings"]] for one in found["targets"]}


def test_a_zone_that_expired_opens_with_an_alarm_and_no_word_in_a_log(tmp_path, upstream):
    serving, port = tmp_path / "primary", free_port()
    serving.mkdir()
    zone = serving / "policy.zone"
    text = output("rpz", How(exempt=()))
    assert TIMES in text
    zone.write_text(text.replace(TIMES, SHORT))
    resolver = bind_by_transfer(tmp_path / "resolver", upstream, port)
    told = (Peer(parse_peer("127.0.0.1").address, resolver.port),)
    primary = Primary(ZONE, zone, serving, parse_peer(f"127.0.0.1@{port}"), told, KEY)
    (serving / "named.conf").write_text("\n".join(bind_primary(primary)) + "\n")
    with ExitStack() as stack:
        with HiddenPrimary(
            [program("named", "bind9"), "-g", "-c", serving / "named.conf"], serving, port, ZONE, KEY_LINE
        ):
            stack.enter_context(resolver)
            resolver.until(f"{TREE} A", STOP4)
            assert set(map(tuple, sheet(tmp_path, resolver.port, port).values())) == {()}
        # The primary is gone: what was transferred holds on, until it expires.
        resolver.until(f"{TREE} A", UPSTREAM4)
        said = sheet(tmp_path, resolver.port, port)
        assert said == {"policy.rpz list": [], "policy.rpz primary": ["no answer"], "ns1 bind": ["not loaded"]}
        assert "expired" in resolver.words()
    assert [line for line in resolver.words().splitlines() if "canary" in line] == []


def broken(resolver: Program) -> None:
    """What stands in its file is no zone any more."""
    file = next(resolver.folder.glob("list.rpz"))
    file.write_text(file.read_text().replace(f"serial {SERIAL}", f"serial {SERIAL + 1}") + "( no zone\n")


@pytest.mark.long
def test_a_file_never_expires_and_what_a_broken_one_does(tmp_path, upstream):
    resolvers = Resolvers(tmp_path, upstream)
    short = How(form="rpz", exempt=(), edit=lambda text: text.replace(TIMES, SHORT))
    end = {}
    for engine in ("bind", "unbound", "pdns"):
        with resolvers.start(engine, short) as resolver:
            time.sleep(5)  # past the time in the zone, which is the point
            assert resolver.ask(f"{TREE} A")[0].data == (STOP4,)
            broken(resolver)
            if engine == "pdns":
                words = ["rec_control", f"--socket-dir={resolver.folder}", "reload-lua-config"]
                subprocess.run(words, check=True, capture_output=True)
            else:
                resolver.process.send_signal(signal.SIGHUP)
            until = time.monotonic() + 10
            while time.monotonic() < until and resolver.process.poll() is None and _loads(resolver):
                time.sleep(0.1)
            answers = programs.dig(resolver.port, [f"{TREE} A"], timeout=10)
            end[engine] = "open" if any(one.upstream for one in answers) else "kept" if answers else "ended"
    # README.md says so; a check of the new file before a reload is the operator's.
    assert end == {"bind": "kept", "unbound": "ended", "pdns": "open"}


def _loads(resolver: Program) -> bool:
    """Whether the old list is still there, and nothing was said of the new one."""
    answers = programs.dig(resolver.port, [f"{TREE} A"], timeout=1)
    return "not loaded due to errors" not in resolver.words() and any(one.stopped for one in answers)

"""The unit and the container file, as text. tests/e2e/test_service.py runs what they ask for."""

import json
import re
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.export.container import container_file
from sfs.export.systemd import STATE, Service, exec_line, unit_file


def values(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


def test_the_service_runs_as_its_own_user_with_one_writable_folder():
    unit = unit_file(Service(("/opt/sfs/bin/sfs",), ("--level", "2"), "filter"))
    assert values(unit, "User") == ["filter"]
    assert values(unit, "ExecStart") == [f"/opt/sfs/bin/sfs run --state {STATE} --level 2"]
    assert (values(unit, "ProtectSystem"), values(unit, "StateDirectory")) == (["strict"], ["sfs"])
    assert values(unit, "CapabilityBoundingSet") == values(unit, "AmbientCapabilities") == [""]


def test_a_low_port_is_the_only_right_it_ever_gets():
    unit = unit_file(Service(("/opt/sfs/bin/sfs",), low_port=True))
    assert values(unit, "CapabilityBoundingSet") == values(unit, "AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]
    assert values(unit, "PrivateUsers") == []


def test_a_crash_leaves_no_image():
    assert values(unit_file(Service(("/opt/sfs/bin/sfs",))), "LimitCORE") == ["0"]


def test_a_program_in_a_home_can_be_read_but_not_written():
    assert values(unit_file(Service(("/home/x/sfs",), home=True)), "ProtectHome") == ["read-only"]


@pytest.mark.parametrize("user", ["", "Root", "a b", "a\nUser=root", "x" * 40, "1a"])
def test_what_is_no_user_is_refused(user):
    with pytest.raises(SfsError):
        unit_file(Service(("/opt/sfs/bin/sfs",), user=user))


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4))
def test_a_command_is_one_line_that_means_the_same_words(words):
    try:
        line = exec_line(words)
    except SfsError:
        assert any(not word.isprintable() for word in words)
        return
    assert "\n" not in line
    assert re.search(r"(?<!%)(%%)*%(?!%)", line) is None
    # A shell's rules for double quotes are those of a unit here, but for $ and %.
    told = shlex.split(line.replace("$$", "S"), posix=True)
    assert [word.replace("%%", "%") for word in told] == [word.replace("$", "S") for word in words]


def instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(" ", 1)) for line in lines]


@pytest.mark.parametrize("listen_all", [False, True])
def test_a_container_has_a_user_a_volume_and_forms_that_parse(listen_all):
    found = instructions(container_file(listen_all))
    known = {"FROM", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in found} == known
    assert dict(found)["USER"] == "sfs"
    order = [name for name, _ in found]
    assert order.index("USER") < order.index("ENTRYPOINT") and "RUN" not in order[order.index("USER") :]
    for name, value in found:
        if name in ("ENTRYPOINT", "CMD"):
            assert all(isinstance(word, str) for word in json.loads(value))
        if name == "HEALTHCHECK":
            check = json.loads(value.partition("CMD ")[2])
            compile(check[2], "health check", "exec")
        if name == "RUN":
            subprocess.run(["sh", "-n", "-c", value], check=True)


def test_a_container_listens_on_all_addresses_only_when_told_to():
    commands = [dict(instructions(container_file(wide)))["ENTRYPOINT"] for wide in (False, True)]
    assert "127.0.0.1:8080" in commands[0] and "0.0.0.0" not in commands[0]
    # The page that sets the filter too: nobody could open its link from outside the container.
    assert "0.0.0.0:8080" in commands[1] and "0.0.0.0:8081" in commands[1]

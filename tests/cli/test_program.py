"""How this sfs is called, for somebody who has to type it."""

import sys
from pathlib import Path

import pytest

from sfs.cli.program import link_command, program
from sfs.sources.places import default_state_dir
from sfs.sources.values import Listen

USUAL = Listen("127.0.0.1", 8081)


@pytest.fixture
def script(tmp_path, monkeypatch) -> Path:
    """The sfs of an environment, run by its path."""
    path = tmp_path / "env" / "bin" / "sfs"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(path), "run"])
    return path


def test_who_has_it_in_the_path_types_its_name_alone(script):
    assert program() == (str(script),)
    assert link_command(default_state_dir(), USUAL, {"PATH": str(script.parent)}) == "sfs admin link"


def test_who_has_not_types_its_whole_path(script):
    assert link_command(default_state_dir(), USUAL, {"PATH": "/nowhere"}) == f"{script} admin link"


def test_another_state_folder_and_another_address_are_named(script, tmp_path):
    said = link_command(tmp_path / "a b", Listen("192.0.2.7", 8443), {"PATH": str(script.parent)})
    assert said == f"sfs admin link --state '{tmp_path / 'a b'}' --admin 192.0.2.7:8443"


def test_a_service_is_asked_as_its_own_user(script, monkeypatch):
    monkeypatch.setattr("sfs.cli.program._user", lambda: "sfs")
    said = link_command(Path("/var/lib/sfs"), USUAL, {"PATH": str(script.parent)})
    assert said == f"sudo -u sfs {script} admin link --state /var/lib/sfs"

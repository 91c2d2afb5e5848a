"""What serves keeps no filter in memory that another has replaced: with its lists it may be hundreds of megabytes."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

from click.testing import CliRunner

from sfs.cli import run, squid
from sfs.cli.common import Chosen
from sfs.sources.filter import Filter
from sfs.sources.live import Live
from sfs.squid import loop
from sfs.squid.answers import AclAnswers
from sfs.squid.format import ACL, parse_format

CONFIG = "level: 2\ndefault_lists: false\nblock: [blocked.test]\n"


def references(live: Live) -> int:
    """How often something else refers to the first filter, after another has replaced it."""
    first: Filter = live.filter
    live.reload()
    assert live.filter is not first
    return sys.getrefcount(first) - 2  # `first`, and what counts


def test_the_proxy(tmp_path, monkeypatch):
    found = []

    async def serve(run):
        found.append(references(run.live))

    alone = ModuleType("run_alone")  # in the place of the whole proxy
    alone.serve_alone = serve
    monkeypatch.setitem(sys.modules, "sfs.cli.run_alone", alone)
    words = ["--config", str(config(tmp_path)), "--listen", "127.0.0.1:0", "--no-admin"]
    assert CliRunner().invoke(run.command, words, standalone_mode=False, catch_exceptions=False).return_value == 0
    assert found == [0]


def test_the_helper_of_squid(tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr(loop, "let_squid_first", lambda: None)  # here it would be this process
    monkeypatch.setattr(squid.gc, "freeze", lambda: None)
    monkeypatch.setattr(loop, "run", lambda helper, source, target: found.append(references(helper._live)))
    streams = SimpleNamespace(fileno=lambda: -1)
    monkeypatch.setattr(sys, "stdin", streams)
    monkeypatch.setattr(sys, "stdout", streams)
    squid._serve(Chosen(config(tmp_path), {}), AclAnswers(), parse_format(ACL), channels=True, whole=False)
    assert found == [0]


def config(folder: Path) -> Path:
    file = folder / "sfs.yaml"
    file.write_text(f"{CONFIG}state: {folder}/state\n")
    return file

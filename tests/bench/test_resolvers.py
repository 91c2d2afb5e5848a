"""The benchmarks of lists in resolvers run; what they say is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.export.engines.programs import program

BENCH = Path(__file__).parent


def said(name: str, *words: str) -> object:
    command = [sys.executable, str(BENCH / name), *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    # 1: a bar was missed, which a loaded machine may do.
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
def test_resolvers_are_compared_with_the_zone_of_a_script():
    program("dnsperf", "dnsperf")
    rows = said("resolvers.py", "--names", "2000", "--pairs", "1", "--seconds", "1", "--stop", "192.0.2.80")
    assert isinstance(rows, list)
    assert [row["resolver"] for row in rows] == ["bind", "unbound"]
    assert all(row["sfs"] > 0 and row["script"] > 0 and row["ratio"] > 0 for row in rows)


@pytest.mark.long
def test_every_export_and_a_change_is_timed():
    found = said("exports.py", "--entries", "500")
    assert isinstance(found, dict)
    assert len(found["took"]) == 11 and found["change"] > 0

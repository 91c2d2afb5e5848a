"""The benchmark runs; what it says is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("squid.py")


@pytest.mark.long
def test_the_benchmark_gives_a_figure_for_every_way():
    command = [
        sys.executable,
        str(BENCH),
        "--names",
        "2000",
        "--urls",
        "2000",
        "--pairs",
        "1",
        "--seconds",
        "1",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said["pipe"]) == {"uniform", "Zipf"}
    assert all(len(rates) == 1 and rates[0] > 0 for figures in said["pipe"].values() for rates in figures.values())
    assert len(said["squid"]) == 8
    assert all(len(rates) == 1 and rates[0] > 0 for rates in said["squid"].values())

"""The benchmark runs; what it says is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("proxy.py")


@pytest.mark.long
def test_the_benchmark_gives_a_figure_for_every_case():
    command = [sys.executable, str(BENCH), "--seconds", "0.2", "--pairs", "1", "--starts", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert len(said["cases"]) == 8
    runs = [run for of in said["cases"].values() for run in (*of["sfs"], *of["mitmdump"])]
    assert all(run["rate"] > 0 and run["cpu"] > 0 for run in runs)
    assert all(of["direct"] > 0 for of in said["cases"].values())
    assert all(len(of) == 1 for of in said["ready"].values())
    assert set(said["memory"]) == {"sfs", "mitmdump"}

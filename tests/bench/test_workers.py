"""The benchmark of workers runs; what it says is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("workers.py")


@pytest.mark.long
def test_the_benchmark_of_workers_gives_its_figures():
    command = [sys.executable, str(BENCH), "--seconds", "1", "--pairs", "1", "--case", "HTTP, 1 KB", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert all(of["ratio"][0] > 0 for of in said["cases"].values())
    assert len(said["cases"]) == 1 and len(said["resident"]) == len(said["shared"]) == 2
    assert all(0 < shared < resident for shared, resident in zip(said["shared"], said["resident"], strict=True))
    assert len(said["replaced"]) == 5

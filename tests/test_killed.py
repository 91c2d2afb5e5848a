"""Whatever is killed, wherever: the state of before or the new one is there, and whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.killed import CASES

SECONDS = 5  # of kills for each command


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_a_command_that_is_killed_leaves_the_old_state_or_the_new_one(tmp_path, name):
    words = [sys.executable, "-m", "tests.killed", name, str(tmp_path), str(SECONDS), "1"]
    done = subprocess.run(words, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    killed, rounds, steps = (int(word) for word in done.stdout.replace(",", "").split() if word.isdigit())
    assert steps > 1 and killed > 2, f"{killed} of {rounds}, {steps} steps"

"""The comparison with other filters runs, and says of ours what the tests of the tables say."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.bench.evasions import Score, table

BENCH = Path(__file__).with_name("evasions.py")


@pytest.mark.long
def test_every_peer_answers_every_row_and_ours_lets_none_pass():
    done = subprocess.run([sys.executable, str(BENCH), "--json"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said) == {"SFS", "squidGuard", "e2guardian"}
    told, near = (sum(said["SFS"][column].values()) for column in (0, 1))
    assert told > 300 and near > 70
    for evasions, neighbours in said.values():
        assert (sum(evasions.values()), sum(neighbours.values())) == (told, near)
        assert evasions["blocked"] > told / 4  # it is the filter that answers, not a program that fails at everything
        assert neighbours["shown"] > near / 2
    scores = {peer: Score(*map(Counter, columns)) for peer, columns in said.items()}
    assert table(scores, told, near) in (BENCH.parents[2] / "README.md").read_text("utf-8")
    assert "passed" not in said["SFS"][0] and said["SFS"][1]["blocked"] == said["SFS"][1]["refused"] == 0

"""An import that is killed at any moment loses nothing: run again it completes, and the store is that of an import that
nobody disturbed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sfs.sources.labels import LabelStore

HERE = Path(__file__).parent
LABELS = 500


def kept(folder: Path) -> list[tuple[object, ...]]:
    store = LabelStore.open(folder / "state" / "labels.db", create=False)
    try:
        return [(one.for_, one.ratings, one.generic, one.below, one.source) for one in store.each()]
    finally:
        store.close()


def rounds_in(folder: Path, rounds: int, seed: int, a: range, b: range) -> tuple[str, int]:
    folder.mkdir()
    for name, numbers in (("a", a), ("b", b)):
        (folder / f"{name}.txt").write_text("".join(f"n{number}.test\n" for number in numbers))
    run = subprocess.run(
        [sys.executable, HERE / "kill_rounds.py", folder, str(rounds), str(seed)],
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    version, killed = json.loads(run.stdout)
    return version, killed


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the rounds wait with pidfd, which Linux has")
@pytest.mark.parametrize("rounds", [50, pytest.param(200, marks=pytest.mark.long)])
def test_imports_that_are_killed_are_completed_by_the_next(tmp_path, rounds):
    lists = range(LABELS), range(LABELS // 3, LABELS + LABELS // 3)
    version, killed = rounds_in(tmp_path / "killed", rounds, rounds, *lists)
    assert rounds // 5 < killed < rounds
    wanted = lists["ab".index(version)]
    rounds_in(tmp_path / "whole", 0, 0, wanted, wanted)
    assert kept(tmp_path / "killed") == kept(tmp_path / "whole")
    assert not list((tmp_path / "killed" / "state" / "imports").glob("*.json"))

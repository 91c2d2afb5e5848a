"""Whatever was acknowledged is there after kill -9. The writer is another process; what it says is kept here."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sfs.errors import SfsError
from sfs.pics.safetyonline import SERVICE
from sfs.sources.labels import LabelStore
from sfs.text.url import parse_url
from tests.sources.label_writer import url

ROOT = Path(__file__).parents[2]
MOST_LINES = 20  # that a writer says before it is killed
LONGEST = 0.005  # seconds that it lives on after the last of them: two or three calls


class Writer:
    """The process that writers are forked from."""

    def __init__(self, database):
        self._database = database
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sources.label_writer"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def round(self, number, chance, end=None, least=0):
        """What one writer said until it was killed, at a point that `chance` gives; or until `end` had ended what it
        writes into."""
        print(self._database, number, chance.random(), file=self._process.stdin, flush=True)
        pid = int(self._process.stdout.readline().split()[1])
        lines = [self._process.stdout.readline() for _ in range(chance.randint(least, MOST_LINES))]
        time.sleep(chance.uniform(0, LONGEST))
        if end is None:
            os.kill(pid, signal.SIGKILL)
        else:
            end()
        lines += iter(self._process.stdout.readline, "ended\n")
        return [line.split() for line in lines]

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=60)


def acknowledged(lines):
    """The level of each label, None where it was withdrawn; and the batch that was being written, if one was."""
    levels, trying = {}, None
    for what, first, *more in lines:
        trying = range(int(first), int(first) + int(more[0])) if what == "trying" else None
        if what == "rated":
            levels[int(first)] = int(more[0])
        elif what == "withdrawn":
            levels[int(first)] = None
        elif what == "batch":
            levels |= dict.fromkeys(range(int(first), int(first) + int(more[0])), int(more[1]))
    return levels, trying


def levels_in(store, round_, numbers):
    now = datetime.now(UTC)
    found = store.find([parse_url(url(round_, number)) for number in numbers], [SERVICE], now)[0]
    return [None if label is None else int(label.ratings[0][1]) for label in found]


def check(database, round_, lines):
    """After a kill: every acknowledged label is found, a batch that was not acknowledged is there whole or not at all,
    and the history leads from each label to its first word."""
    levels, trying = acknowledged(lines)
    with closing(LabelStore.open(database)) as store:
        store.rate([], who="check")  # a server may still be busy with what the dead writer sent last: it ends first
        found = dict(zip(levels, levels_in(store, round_, levels), strict=True))
        # The call that the kill cut off may have come to its end: it was one withdrawal at most.
        wrong = {number: (found[number], level) for number, level in levels.items() if found[number] != level}
        assert len(wrong) <= 1 and all(there is None for there, _ in wrong.values()), wrong
        if trying:
            assert len({level is None for level in levels_in(store, round_, trying)}) == 1
        for number in list(levels)[-3:]:
            history = store.history(url(round_, number))
            assert history[0].label is not None
            last = history[-1].label
            assert (None if last is None else int(last.ratings[0][1])) == found[number]
    return {(round_, number): level for number, level in found.items()}


def run_rounds(database, rounds, seed):
    chance = random.Random(seed)
    everything = {}
    with closing(Writer(database)) as writer:
        for number in range(rounds):
            lines = writer.round(number, chance)
            everything |= check(database, number, lines)
    with closing(LabelStore.open(database)) as store:
        for round_ in {round_ for round_, _ in everything}:
            mine = {number: level for (r, number), level in everything.items() if r == round_}
            assert levels_in(store, round_, mine) == list(mine.values())
        return len(everything)


@pytest.mark.parametrize("rounds", [50, pytest.param(200, marks=pytest.mark.long)])
def test_what_was_acknowledged_survives_kill_9(tmp_path, rounds):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    database = tmp_path / "labels.db"
    LabelStore.open(database).close()
    acknowledged = run_rounds(database, rounds, seed)
    print(f"{acknowledged} labels acknowledged in {rounds} rounds")
    assert acknowledged > rounds


@pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=pytest.mark.long)])
def test_what_was_acknowledged_survives_kill_9_in_postgresql(postgres, rounds):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    database = postgres.database()
    LabelStore.open(database).close()
    assert run_rounds(database, rounds, seed) > 0


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.long)])
def test_what_was_acknowledged_survives_the_end_of_the_server(postgres, rounds):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    database = postgres.database()
    with closing(LabelStore.open(database)) as mine, closing(Writer(database)) as writer:
        for number in range(rounds):
            lines = writer.round(number, chance, postgres.stop, least=2)
            try:
                with pytest.raises(SfsError, match="does not answer"):
                    mine.serial()
            finally:
                postgres.start()
            assert mine.serial() > 0
            check(database, number, lines)

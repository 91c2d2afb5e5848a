"""Kills imports at random moments. Run as a program of its own: it forks, so that a round costs no start of Python.

    kill_rounds.py FOLDER ROUNDS SEED

In FOLDER a.txt and b.txt are two versions of list.txt. An import that comes to its end is followed by one of the other
version; the last one is left in peace. Prints the version that it took, and how many imports were killed.
"""

import json
import os
import random
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import sfs.cli.bureau_import  # noqa: F401 - here, so that no child has to
from sfs.cli.main import main
from sfs.lists.lines import odd_names
from sfs.sources.labels import LabelStore

IMPORT = ("sfs", "bureau", "import", "list.txt", "--rating", "2", "--replace", "--accept-smaller", "--batch", "50")


def start() -> int:
    child = os.fork()
    if child:
        return child
    try:
        os.dup2(os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        sys.argv = [*IMPORT, "--state", "state"]
        main()
    except SystemExit as left:
        os._exit(int(left.code or 0))
    os._exit(9)


def run(seconds: float | None) -> bool:
    """Whether an import came to its end within so many seconds; else it was killed."""
    child = start()
    opened = os.pidfd_open(child)
    if not select.select([opened], [], [], seconds)[0]:
        os.kill(child, signal.SIGKILL)
    os.close(opened)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    assert status == 0, Path("said.txt").read_text()
    return True


def check() -> None:
    """What the journal says the store keeps, it keeps."""
    if not Path("state/labels.db").exists():
        return
    store = LabelStore.open("state/labels.db")
    serial = store.serial()
    store.close()
    for path in Path("state/imports").glob("*.json"):
        assert json.loads(path.read_text())["serial"] <= serial


def kill_rounds(rounds: int, seed: int) -> tuple[str, int]:
    chance, version, killed = random.Random(seed), "a", 0
    shutil.copy("a.txt", "list.txt")
    odd_names(["example.com"])  # reads the public suffixes
    assert run(None)
    begun = time.monotonic()
    assert run(None)
    longest = time.monotonic() - begun  # from here on as long as it takes to kill two of three
    version = "b"
    shutil.copy("b.txt", "list.txt")
    for _ in range(rounds):
        if run(chance.uniform(0, longest)):
            longest *= 0.7
            version = "a" if version == "b" else "b"
            shutil.copy(f"{version}.txt", "list.txt")
        else:
            killed, longest = killed + 1, longest * 1.2
        check()
    assert run(None)
    return version, killed


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    print(json.dumps(kill_rounds(int(sys.argv[2]), int(sys.argv[3]))))

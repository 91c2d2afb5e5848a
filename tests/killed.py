"""A command that is killed with SIGKILL again and again: `python -m tests.killed CASE FOLDER SECONDS SEED`.

The command runs in a process of its own, forked here so that each run takes milliseconds. It ends itself in the middle
of a step that changes files (the audit events of Python tell when), a step drawn by the seed; or it is ended from
outside after a time drawn. After each the case looks whether the old state or the new one is there, whole.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from sfs.cli.bureau_import import import_files
from sfs.cli.isp_key import key as make_key
from sfs.cli.lists import command as lists
from sfs.export import outputs
from sfs.lists.list_key import read_list_key
from sfs.lists.mandatory_file import read_mandatory
from sfs.lists.sealed_file import open_sealed
from sfs.proxy.setup import CA_CERTIFICATE, prepare_ca
from sfs.sources.config import load_config
from sfs.sources.labels import LabelStore
from tests.compiled import current

NEVER = 1 << 30
WRITING = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.chmod", "os.truncate"})


@dataclass(frozen=True)
class Case:
    """`run`: the command, with the folder and the number of the round, which draws one of two contents by being even
    or odd. `check`: AssertionError or SfsError where what is there is not whole."""

    run: Callable[[Path, int], object]
    check: Callable[[Path], None]


def sfs(command, *words: object) -> None:
    command.main([str(word) for word in words], standalone_mode=False)


def names(number: int) -> list[str]:
    return [f"n{n}.{'even' if number % 2 == 0 else 'odd'}.example" for n in range(300 + number % 2)]


def source(folder: Path, number: int) -> Path:
    path = folder / f"source{number % 2}.txt"
    if not path.exists():
        path.write_text("".join(f"{name}\n" for name in names(number)))
    return path


def whole(found: object) -> None:
    kept = set(found)
    assert kept in (set(names(0)), set(names(1))), f"{len(kept)} entries"


def export(folder: Path, number: int) -> None:
    sfs(lists, "export", "--format", "unbound", source(folder, number), "--nxdomain", "-o", folder / "out",
        "--accept-change")  # fmt: skip


def check_export(folder: Path) -> None:
    for path in (folder / "out", outputs.previous_of(folder / "out")):
        version = outputs.read_version(path)
        if version is not None:
            words = (word.strip('".') for word in version.text.split())
            whole(word for word in words if word.endswith((".even.example", ".odd.example")))


def seal(folder: Path, number: int) -> None:
    sfs(lists, "seal", source(folder, number), "-o", folder / "sealed", "--key", folder / "key", "--accept-change")


def check_sealed(folder: Path) -> None:
    for path in (folder / "sealed", outputs.previous_of(folder / "sealed")):
        if path.exists():
            assert open_sealed(path, read_list_key(folder / "key")).head.entries in (300, 301)


def import_body(folder: Path, number: int) -> None:
    sfs(lists, "import", source(folder, number), "--purpose", "policy", "-o", folder / "list.jsonl")


def check_body(folder: Path) -> None:
    if (folder / "list.jsonl").exists():
        with (folder / "list.jsonl").open("rb") as file:
            whole(one.entry.host for one in read_mandatory(file, "list").entries)


def update(folder: Path, number: int) -> None:
    os.replace(source(folder, number), folder / "served" / "names")
    sfs(lists, "update", "names", "--config", folder / "config.yaml", "--state", folder / "state", "--accept-smaller")


def check_update(folder: Path) -> None:
    if (folder / "state" / "lists" / "names" / "state.json").exists():
        file = current(folder / "state", "names")
        assert file is not None and len(file.index) in (300, 301)


def change(folder: Path, number: int) -> None:
    sfs(lists, "import", source(folder, number), "--name", f"own{number % 5}", "--rating", 3,
        "--config", folder / "own.yaml", "--state", folder / "state")  # fmt: skip


def check_change(folder: Path) -> None:
    config = load_config(folder / "own.yaml", {"state": str(folder / "state")}, page_first=True)
    for listed in config.lists:
        if listed.path is not None:
            whole(listed.path.read_text().split())


def rate(folder: Path, number: int) -> None:
    sfs(import_files, source(folder, number), "--rating", 2, "--replace", "--accept-smaller", "--source", "s",
        "--state", folder / "state")  # fmt: skip


def check_rated(folder: Path) -> None:
    if (folder / "state" / "labels.db").exists():
        store = LabelStore.open(str(folder / "state" / "labels.db"))
        try:
            # An import goes on where it was; until then it is a part of either.
            assert {label.for_.partition("://")[2].strip("/") for label in store.each()} <= {*names(0), *names(1)}
        finally:
            store.close()


def new_key(folder: Path, number: int) -> None:
    (folder / "new.key").unlink(missing_ok=True)
    sfs(make_key, "-o", folder / "new.key")


def check_key(folder: Path) -> None:
    if (folder / "new.key").exists():
        read_list_key(folder / "new.key")


def new_ca(folder: Path, number: int) -> None:
    prepare_ca(SimpleNamespace(state=folder / f"ca{os.getpid()}"))


def check_ca(folder: Path) -> None:
    for state in folder.glob("ca*"):
        made = prepare_ca(SimpleNamespace(state=state))
        certificate = (made / CA_CERTIFICATE).read_bytes()
        assert certificate and certificate in (made / "mitmproxy-ca.pem").read_bytes()
        for path in sorted(made.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        made.rmdir()
        state.rmdir()


CASES = {
    "export": Case(export, check_export),
    "seal": Case(seal, check_sealed),
    "import": Case(import_body, check_body),
    "update": Case(update, check_update),
    "change": Case(change, check_change),
    "bureau": Case(rate, check_rated),
    "key": Case(new_key, check_key),
    "ca": Case(new_ca, check_ca),
}


def die_at(step: int) -> Callable[[], int]:
    """End this process at the step with this number that changes files. What is called to hear how many there were."""
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event in WRITING:
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: seen


def once(case: Case, folder: Path, number: int, step: int = NEVER, after: float = -1) -> tuple[bool, int]:
    """Whether the command was killed, and of how many steps it was. `step`: at which it ends itself; `after`: how many
    seconds until it is ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            steps = die_at(step)
            case.run(folder, number)
            os.write(writing, b"%d" % steps())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    if after >= 0:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), f"the command failed: {status}"
    with os.fdopen(reading, "rb") as said:
        return status != 0, int(said.read() or 0)


@contextmanager
def prepared(folder: Path) -> Iterator[None]:
    (folder / "served").mkdir()
    sfs(make_key, "-o", folder / "key")
    (folder / "own.yaml").write_text("level: 2\n")
    words = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", str(folder / "served")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().split("port ")[1].split()[0]
            row = f"{{name: names, url: 'http://127.0.0.1:{port}/names', format: plain, rating: 3}}"
            (folder / "config.yaml").write_text(f"level: 2\nlists: [{row}]\n")
            yield
        finally:
            server.kill()


def main(name: str, folder: Path, seconds: float, seed: int) -> None:
    case, dice = CASES[name], random.Random(seed)
    killed = rounds = 0
    with prepared(folder):
        once(case, folder, 0)
        began = time.monotonic()
        _, steps = once(case, folder, 1)  # whole, with a version of before
        lasts = time.monotonic() - began
        case.check(folder)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rounds += 1
            if rounds % 3:
                killed += once(case, folder, rounds, step=dice.randint(1, steps))[0]
            else:
                killed += once(case, folder, rounds, after=dice.uniform(0, lasts))[0]
            case.check(folder)
        for number in range(2):
            assert not once(case, folder, number)[0]  # nothing that was left behind is in the way
        case.check(folder)
    print(f"killed {killed} of {rounds}, {steps} steps")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))

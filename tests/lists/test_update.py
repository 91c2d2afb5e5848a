"""Bringing lists up to date: what is taken, what is refused, and that the old list survives every accident."""

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sfs.errors import SfsError
from sfs.lists import store, update
from sfs.lists.store import ListState
from sfs.lists.update import Options, Result, due_at, file_changed, is_due, update_lists
from sfs.sources.subscriptions import ListFormat, ListSource
from sfs.text.url import parse_url
from tests.compiled import current
from tests.lists.mirror import Mirror, page, serving

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STEPS = ("fetched", "unpacked", "compiled", "judged", "swapped", "cleaned")


def names(first: int, last: int) -> bytes:
    return b"".join(b"name%d.example\n" % number for number in range(first, last))


@pytest.fixture(scope="module")
def mirror():
    with serving() as running:
        yield running


@pytest.fixture
def listed(mirror: Mirror):
    """A list on the mirror."""
    url = mirror.put("/names", names(0, 500), etag='"1"')
    return ListSource("names", None, url, ListFormat.PLAIN, category="porn", rating=4)


def one(source: ListSource, state: Path, **options):
    [outcome] = update_lists([source], state, Options(**options))
    return outcome


def matches(state: Path, host: str, key: str = "names") -> bool:
    file = current(state, key)
    assert file is not None
    return bool(file.index.match(parse_url(f"http://{host}/")))


def test_a_list_comes_new_then_same_then_changed(listed, mirror: Mirror, tmp_path):
    first = one(listed, tmp_path)
    assert (first.result, first.added, first.state.count, first.state.etag) == (Result.NEW, 500, 500, '"1"')
    again = one(listed, tmp_path, now=lambda: NOW)
    assert (again.result, again.state.version, again.state.checked) == (Result.SAME, first.state.version, NOW)
    assert again.state.fetched == first.state.fetched
    assert mirror.asked[-1].headers["if-none-match"] == '"1"'
    mirror.put("/names", names(10, 520), etag='"2"')
    changed = one(listed, tmp_path)
    assert (changed.result, changed.added, changed.removed) == (Result.CHANGED, 20, 10)
    assert matches(tmp_path, "www.name519.example") and not matches(tmp_path, "name9.example")
    versions = [path.name for path in store.list_dir(tmp_path, "names").glob("V-*")]
    assert versions == [changed.state.version]


def test_the_same_bytes_without_an_etag_are_not_compiled_again(listed, mirror: Mirror, tmp_path):
    mirror.put("/names", names(0, 500))
    one(listed, tmp_path)
    folder = next(store.list_dir(tmp_path, "names").glob("V-*"))
    before = folder.stat().st_mtime_ns
    assert one(listed, tmp_path).result is Result.SAME
    assert folder.stat().st_mtime_ns == before


def test_another_format_reads_the_same_bytes_anew(mirror: Mirror, tmp_path):
    url = mirror.put("/hosts", b"0.0.0.0 a.example\n" * 30, etag='"1"')
    source = ListSource("names", None, url, ListFormat.PLAIN, rating=3)
    assert one(source, tmp_path).result is Result.FAILED
    assert one(replace(source, format=ListFormat.HOSTS), tmp_path).result is Result.NEW


def test_a_damaged_version_is_fetched_again_although_nothing_changed(listed, tmp_path):
    state = one(listed, tmp_path).state
    trie = store.list_dir(tmp_path, "names") / state.version / "names.trie"
    trie.write_bytes(trie.read_bytes()[:-9])
    assert current(tmp_path, "names") is None
    outcome = one(listed, tmp_path)
    assert outcome.result is Result.NEW
    assert matches(tmp_path, "name1.example")


def test_a_shrunk_list_passes_where_somebody_says_so(listed, mirror: Mirror, tmp_path):
    one(listed, tmp_path)
    mirror.put("/names", names(0, 100))
    refused = one(listed, tmp_path)
    assert (refused.result, refused.state.reason) == (Result.FAILED, "shrunk")
    assert "--accept-smaller" in (refused.state.failure or "")
    assert one(listed, tmp_path, accept_smaller=True).result is Result.CHANGED


def test_a_short_list_may_shrink(mirror: Mirror, tmp_path):
    source = ListSource("short", None, mirror.put("/short", names(0, 9)), ListFormat.PLAIN, rating=3)
    one(source, tmp_path)
    mirror.put("/short", names(0, 3))
    assert one(source, tmp_path).result is Result.CHANGED


def test_of_ten_names_half_may_go_and_no_more(mirror: Mirror, tmp_path):
    source = ListSource("short", None, mirror.put("/short", names(0, 20)), ListFormat.PLAIN, rating=3)
    one(source, tmp_path)
    mirror.put("/short", names(0, 10))
    assert one(source, tmp_path).result is Result.CHANGED
    mirror.put("/short", names(0, 4))
    assert one(source, tmp_path).state.reason == "shrunk"


def test_failures_are_counted_and_end_with_a_success(listed, mirror: Mirror, tmp_path):
    mirror.answers["/names"] = page(b"", status="500 Error")
    for tries in (1, 2, 3):
        failed = one(listed, tmp_path, now=lambda: NOW)
        assert (failed.state.tries, failed.state.failed, failed.state.version) == (tries, NOW, None)
    mirror.put("/names", names(0, 5))
    assert one(listed, tmp_path).state.tries == 0


def test_one_failure_stops_no_other_list(listed, mirror: Mirror, tmp_path):
    lost = replace(listed, name="lost", url=mirror.url("/lost"))
    assert [o.result for o in update_lists([lost, listed], tmp_path)] == [Result.FAILED, Result.NEW]


def test_a_fault_of_our_own_in_one_list_stops_no_other(listed, mirror: Mirror, tmp_path, monkeypatch):
    other = replace(listed, name="other", url=mirror.put("/others", names(0, 500)))
    unpack = update.unpack

    def strange(path: Path, folder: Path, member: str | None = None) -> Path:
        if "other" not in str(path):
            raise ValueError("a number of five thousand digits")
        return unpack(path, folder, member)

    monkeypatch.setattr(update, "unpack", strange)
    first, second = update_lists([listed, other], tmp_path)
    assert (first.result, first.state.reason, second.result) == (Result.FAILED, "damaged", Result.NEW)


def test_a_published_sum_is_compared(listed, mirror: Mirror, tmp_path):
    good = hashlib.sha256(names(0, 500)).hexdigest()
    source = replace(listed, sha256_url=mirror.put("/sums", f"{'0' * 64}  other\n{good.upper()}  names\n".encode()))
    assert one(source, tmp_path).result is Result.NEW
    mirror.put("/names", names(0, 501))
    failed = one(source, tmp_path)
    assert (failed.result, failed.state.reason) == (Result.FAILED, "checksum")
    mirror.put("/sums", b"nothing here\n")
    assert one(source, tmp_path).state.reason == "checksum"


def test_what_another_list_of_the_name_left_does_not_act(listed, mirror: Mirror, tmp_path):
    one(listed, tmp_path)
    other = replace(listed, url=mirror.url("/other"), category="games", rating=1)
    assert store.state_of(tmp_path, other).version is None
    moved = replace(listed, url=mirror.url("/other"))
    assert store.state_of(tmp_path, moved).version is not None
    assert store.state_of(tmp_path, moved).etag is None


# --- local files


def test_a_big_file_is_compiled_and_watched(tmp_path):
    path = tmp_path / "big.txt"
    path.write_bytes(names(0, 300))
    source = ListSource("big", path, None, ListFormat.PLAIN, rating=3)
    outcome = one(source, tmp_path)
    assert outcome.result is Result.NEW and not file_changed(outcome.state)
    assert one(source, tmp_path).result is Result.SAME
    assert not is_due(outcome.state, NOW)
    path.write_bytes(names(0, 301))
    assert file_changed(outcome.state) and is_due(outcome.state, NOW)
    assert one(source, tmp_path).added == 1
    path.unlink()
    assert one(source, tmp_path).result is Result.FAILED
    assert matches(tmp_path, "name300.example", "big")


# --- accidents

CHILD = """
import os, signal, sys
from pathlib import Path
from sfs.lists.update import Options, update_lists
from sfs.sources.subscriptions import ListFormat, ListSource

def step(name):
    if name == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

source = ListSource("names", None, sys.argv[1], ListFormat.PLAIN, category="porn", rating=4)
update_lists([source], Path(sys.argv[2]), Options(step=step))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
@pytest.mark.parametrize("step", STEPS)
def test_killed_after_any_step_a_whole_list_holds(listed, mirror: Mirror, tmp_path, step):
    one(listed, tmp_path)
    mirror.put("/names", names(100, 700))
    child = subprocess.run(
        [sys.executable, "-c", CHILD, listed.url, tmp_path, step], cwd=Path(update.__file__).parents[2]
    )
    assert child.returncode == -signal.SIGKILL
    new = step in ("swapped", "cleaned")
    assert matches(tmp_path, "name650.example") is new
    assert matches(tmp_path, "name50.example") is not new
    assert one(listed, tmp_path).result is (Result.SAME if new else Result.CHANGED)
    left = {path.name for path in store.list_dir(tmp_path, "names").iterdir()}
    assert left == {"state.json", store.state_of(tmp_path, listed).version}


@pytest.mark.parametrize("where", ["compile_list", "unpack", "save_state"])
def test_on_a_full_disk_the_old_list_holds(listed, mirror: Mirror, tmp_path, monkeypatch, where):
    one(listed, tmp_path)
    mirror.put("/names", names(100, 700))

    def full(*args, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(store if where == "save_state" else update, where, full)
        failed = one(listed, tmp_path)
    assert (failed.result, failed.state.reason) == (Result.FAILED, "space")
    assert matches(tmp_path, "name50.example")
    assert one(listed, tmp_path).result is Result.CHANGED


def test_two_updates_at_once_are_one(listed, tmp_path):
    with store.locked(tmp_path), pytest.raises(SfsError, match="already"):
        one(listed, tmp_path)
    assert one(listed, tmp_path).result is Result.NEW


def test_a_state_folder_that_is_none_is_named(listed, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SfsError, match="cannot be written"):
        one(listed, tmp_path / "file")


# --- when


def test_lists_are_looked_at_once_a_day():
    state = ListState("a", "a", url="https://a.example/", version="V-" + "0" * 12, checked=NOW)
    assert due_at(state) == NOW + timedelta(hours=24)
    assert not is_due(state, NOW + timedelta(hours=23))
    assert is_due(state, NOW + timedelta(hours=24))
    assert is_due(state, NOW - timedelta(days=90))
    assert is_due(ListState("a", "a", url="https://a.example/"), NOW)


@pytest.mark.parametrize(("tries", "hours"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 24), (900, 24)])
def test_after_failures_the_waits_grow(tries, hours):
    state = ListState("a", "a", url="https://a.example/", failed=NOW, tries=tries)
    assert due_at(state) == NOW + timedelta(hours=hours)


def test_progress_is_told_while_a_list_is_compiled(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(names(0, 150_000))
    told: list[tuple[str, int, int | None]] = []
    one(ListSource("own", path, None, ListFormat.PLAIN, rating=4), tmp_path, progress=lambda *said: told.append(said))
    size = path.stat().st_size
    assert told == [("own: read", min(at, size), None) for at in range(1 << 20, size + (1 << 20), 1 << 20)]


FULL = """
import resource, sys
from pathlib import Path
from sfs.lists.update import Result, update_lists
from sfs.sources.subscriptions import ListFormat, ListSource

bound = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (bound, bound))
source = ListSource("own", Path(sys.argv[1]) / "list.txt", None, ListFormat.PLAIN, rating=4)
(outcome,) = update_lists([source], Path(sys.argv[1]) / "state")
print(outcome.result, outcome.state.reason)
"""


@pytest.mark.parametrize("bound", [3_000, 30_000, 150_000, 300_000])
def test_disk_that_is_full_while_compiling_leaves_the_old_version(tmp_path, bound):
    """At the state, the names, the trie and the lines: a file may not grow past `bound`, as on a disk that is full."""
    path, state = tmp_path / "list.txt", tmp_path / "state"
    source = ListSource("own", path, None, ListFormat.PLAIN, rating=4)
    path.write_text("a.example\nb.example\n")
    (first,) = update_lists([source], state)
    assert first.result is Result.NEW
    dice = random.Random(1)
    path.write_text("".join(f"{dice.randrange(10**12)}-{n}.example\n" for n in range(20_000)))
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path, str(bound)], capture_output=True, text=True)
    assert done.stdout == "failed space\n", done.stderr
    after = store.state_of(state, source)
    assert after.version == first.state.version
    assert len(store.open_version(state, after).index) == 2
    assert {entry.name for entry in store.list_dir(state, "own").iterdir()} == {after.version, store.STATE}
    (mended,) = update_lists([source], state)
    assert (mended.result, mended.state.count) == (Result.CHANGED, 20_000)


DISK = """
import os, random, shutil, sys
from pathlib import Path
from sfs.lists import store
from sfs.lists.update import update_lists
from sfs.sources.subscriptions import ListFormat, ListSource

disk = Path(sys.argv[1])
state, path, dice = disk / "state", disk.parent / "list.txt", random.Random(1)
source = ListSource("own", path, None, ListFormat.PLAIN, rating=4)

def update(text):
    path.write_text(text)
    (outcome,) = update_lists([source], state)
    return outcome

def whole():
    known = store.state_of(state, source)
    kept = {known.version, store.STATE} if known.version else set()
    left = {entry.name for entry in store.list_dir(state, "own").iterdir()} - kept
    return len(store.open_version(state, known).index), sorted(left)

update("a.example\\nb.example\\n")
for free in map(int, sys.argv[2:]):
    room = shutil.disk_usage(disk).free
    with (disk / "ballast").open("wb") as ballast:
        ballast.write(b"x" * max(0, room - free))
    outcome = update("".join(f"{dice.randrange(10**12)}-{n}.example\\n" for n in range(20_000)))
    print(outcome.result, outcome.state.reason, outcome.fault.what[:80] if outcome.fault else "", *whole(), sep="|")
    (disk / "ballast").unlink()
print(update("c.example\\n" * 3 + "d.example\\n").result, *whole(), sep="|")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces of Linux")
def test_a_disk_that_is_really_full_leaves_the_old_version_and_nothing_half(tmp_path):
    """A small file system of its own, filled but for so many bytes: at the first file, the names, the trie."""
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "child.py").write_text(DISK)
    free = ("0", "4096", "100000", "300000", "500000")
    mounted = 'mount -t tmpfs -o size=8m none "$1" && shift && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", disk]
    root = Path(update.__file__).parents[2]
    run = [*command, sys.executable, tmp_path / "child.py", disk, *free]
    done = subprocess.run(run, capture_output=True, text=True, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
    lines = done.stdout.splitlines()
    assert len(lines) == len(free) + 1, done.stderr
    assert all(line.startswith("failed|space|") for line in lines[:-1]), lines
    assert all(line.endswith("|2|[]") for line in lines[:-1]), lines
    assert all("cannot be written: No space left on device" in line or "disk is full" in line for line in lines[:-1])
    assert lines[-1] == "changed|2|[]"

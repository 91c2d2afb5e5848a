"""What breaks while `sfs run` serves, or before it starts: what holds goes on to hold, and what was damaged is made
anew from its source."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sfs.lists import store
from sfs.lists.compile import NAMES
from tests.compiled import current
from tests.e2e.origin import Reply, page
from tests.e2e.proxy import ROOT
from tests.e2e.test_upgrade import Load
from tests.e2e.test_watch import BASE, Reader, pages, replace, running  # noqa: F401 - a fixture
from tests.e2e.test_workers import wait_for, workers
from tests.lists.mirror import serving

MANY = "".join(f"name{n}.example\n" for n in range(60_000))
REPLACED = 2.0  # seconds until somebody is there in the place of a worker


def update(config: Path, state: Path) -> None:
    command = [sys.executable, "-m", "sfs", "lists", "update", "--config", config, "--quiet", "--state", state]
    subprocess.run(command, check=True, cwd=ROOT, timeout=120)


def names_of(state: Path, key: str) -> Path:
    """The trie in force of a list."""
    known = json.loads((store.list_dir(state, key) / store.STATE).read_text())
    return store.list_dir(state, key) / known["version"] / NAMES


def is_sound(state: Path, key: str) -> bool:
    return current(state, key) is not None


def flip(path: Path) -> None:
    """One bit, in the file itself."""
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(-20, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-20, os.SEEK_END)
        file.write(bytes([byte ^ 4]))


def cut(path: Path) -> None:
    """Half of it, in its place."""
    beside = path.with_name("beside")
    beside.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    beside.replace(path)


@pytest.mark.long
@pytest.mark.parametrize("harm", [flip, cut])
def test_a_compiled_list_that_is_damaged_meanwhile_is_made_anew_and_never_opens(tmp_path, names, pages, harm):  # noqa: F811
    listed, state = tmp_path / "list.txt", tmp_path / "state"
    listed.write_text(MANY + "site.test\n")
    config = BASE + f"lists: [{{name: own, url: '{listed}', format: plain, rating: 4}}]\n"
    (tmp_path / "sfs.yaml").write_text(config)
    update(tmp_path / "sfs.yaml", state)
    with running(tmp_path, names, config) as proxy, Reader(proxy, pages) as reader:
        asked = (reader.ask("site.test"), reader.ask("kids.test"))
        assert asked == (403, 200)
        harm(names_of(state, "own"))
        assert not is_sound(state, "own")
        end = time.monotonic() + 120
        while not is_sound(state, "own"):
            assert (reader.ask("site.test"), reader.ask("kids.test")) == (403, 200)
            assert time.monotonic() < end, "".join(proxy.lines)
            time.sleep(0.05)  # what compiles has the lowest priority
        replace(listed, MANY + "kids.test\n")  # and the next one is not waited for
        proxy.said(r"reloaded: list own: \+1 -1\n")
        assert (reader.ask("site.test"), reader.ask("kids.test")) == (200, 403)


@pytest.mark.long
@pytest.mark.parametrize("harm", [flip, cut])
def test_a_compiled_list_that_is_damaged_at_the_start_is_fetched_anew(tmp_path, names, pages, harm):  # noqa: F811
    state = tmp_path / "state"
    with serving() as mirror:
        url = mirror.put("/names", b"site.test\nname1.example\n" * 50)
        config = BASE + f"lists: [{{name: theirs, url: '{url}', format: plain, rating: 4}}]\n"
        (tmp_path / "sfs.yaml").write_text(config)
        update(tmp_path / "sfs.yaml", state)
        harm(names_of(state, "theirs"))
        with running(tmp_path, names, config) as proxy, Reader(proxy, pages) as reader:
            assert any("the list theirs is damaged and does not act" in line for line in proxy.lines)
            wait_for(lambda: reader.ask("site.test") == 403, "it was not made anew")
            assert is_sound(state, "theirs")


@pytest.mark.long
def test_garbage_in_the_place_of_a_short_list_changes_nothing_and_is_named(tmp_path, names, pages):  # noqa: F811
    listed = tmp_path / "list.txt"
    listed.write_text("site.test\n")
    config = BASE + f"lists: [{{name: own, url: '{listed}', format: plain, rating: 4}}]\n"
    with running(tmp_path, names, config) as proxy, Reader(proxy, pages) as reader:
        for garbage in (b"<!doctype html><p>Moved</p>", b"\x1f\x8b packed", bytes(range(256)) * 50):
            replace_bytes(listed, garbage)
            before = len(proxy.lines)
            wait_for(
                lambda before=before: any(f"not in force: {listed}" in line for line in proxy.lines[before:]),
                "no word of it",
            )
            assert (reader.ask("site.test"), reader.ask("kids.test")) == (403, 200)


def replace_bytes(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(data)
    beside.replace(path)


@pytest.mark.long
def test_workers_killed_under_load_are_replaced_and_no_answer_is_wrong(start, origin):
    origin.replies["site.test/upgrade"] = Reply(page("Load"))
    kills, readers = 6, 4
    with (
        start({"level": 2, "block": ["listed.test"]}, "--workers", "2") as proxy,
        Load(proxy, origin.http, readers) as load,
    ):
        for number in range(kills):
            load.wait()
            before = set(workers(proxy))
            at = time.time()
            os.kill(sorted(before)[number % 2], signal.SIGKILL)
            wait_for(lambda before=before: len(set(workers(proxy)) - before) == 1, "nobody came in its place")
            (new,) = set(workers(proxy)) - before
            assert psutil.Process(new).create_time() - at < REPLACED
        load.wait()
    assert (load.refused, load.wrong) == ([], [])
    assert len(load.lost) <= kills * readers  # connections of who was killed

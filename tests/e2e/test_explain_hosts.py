"""`sfs explain -` on ten thousand real host names, half of them listed: exactly those are blocked."""

import json
import lzma
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from sfs.text.suffix import is_public_suffix
from tests.e2e.proxy import ROOT

DATA = os.environ.get("SFS_TEST_DATA")
HOSTS = 10_000
SEED = 2026  # as tests/rules measures the words, so that both speak of the same names
MOST_OTHERS = 5  # hosts that only their words block, at level 1, with the words that come with SFS

pytestmark = pytest.mark.skipif(not DATA, reason="SFS_TEST_DATA names no folder with hosts/hosts-1m.txt.xz")


@pytest.fixture(scope="module")
def hosts() -> list[str]:
    """The same ten thousand names each time."""
    with lzma.open(Path(DATA or "") / "hosts" / "hosts-1m.txt.xz", "rt", encoding="utf-8") as file:
        return random.Random(SEED).sample(file.read().split(), HOSTS)


@pytest.fixture(scope="module")
def listed(hosts) -> set[str]:
    """Half of them. No list of names may close a public suffix (tests/lists), so none is among them, nor a name that
    another one stands below: a listed one blocks itself alone."""
    above = {parent for name in hosts for parent in _parents(name)}
    sites = [name for name in hosts if name not in above and not is_public_suffix(name)]
    return set(random.Random(SEED).sample(sites, len(hosts) // 2))


def _parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels))]


def explain(config: dict, urls: list[str], folder: Path) -> tuple[list[dict], float]:
    """What `sfs explain --json -` says of each URL, in order, and the seconds from start to end."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "sfs", "explain", "--config", str(file), "--json", "-"]
    begin = time.perf_counter()
    done = subprocess.run(command, input="\n".join(urls), capture_output=True, text=True, cwd=ROOT, timeout=300)
    seconds = time.perf_counter() - begin
    assert done.returncode == 1, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], seconds


def configured(kind: str, listed: set[str], level: int, folder: Path) -> dict:
    """A configuration that blocks `listed`: as a subscribed list, or one by one as own entries."""
    if kind == "entries":
        return {"level": level, "block": [f"={name}" for name in sorted(listed)]}
    file = folder / "list.txt"
    file.write_text("".join(f"0.0.0.0 {name}\n" for name in sorted(listed)))
    return {"level": level, "lists": [{"url": str(file), "format": "hosts", "category": "malware"}]}


@pytest.mark.parametrize("kind", ["list", "entries"])
def test_at_level_4_exactly_the_listed_hosts_are_blocked(hosts, listed, tmp_path, kind, capsys):
    answers, seconds = explain(configured(kind, listed, 4, tmp_path), hosts, tmp_path)
    assert [answer["url"] for answer in answers] == hosts
    assert {answer["url"] for answer in answers if answer["action"] == "block"} == listed
    with capsys.disabled():
        print(f"\n  sfs explain -, {len(hosts)} hosts, {kind}: {seconds:.2f} s from start to end")


def test_at_level_1_words_and_shipped_names_block_hardly_any_other_host(hosts, listed, tmp_path, capsys):
    answers, seconds = explain(configured("list", listed, 1, tmp_path), hosts, tmp_path)
    blocked = {answer["url"]: answer for answer in answers if answer["action"] == "block"}
    others = {url: answer for url, answer in blocked.items() if url not in listed}
    with capsys.disabled():
        print(f"\n  level 1: {seconds:.2f} s; blocked beside the list: {len(others)}")
        for url, answer in others.items():
            print(f"    {url}  {answer['check']}  {answer['source']}")
    assert listed <= blocked.keys()
    # What leads past the filter is closed too, by a list that comes with SFS.
    shipped = ("rules/keywords/", "rules/circumvention.txt:")
    assert [answer for answer in others.values() if not answer["source"].startswith(shipped)] == []
    assert len(others) <= MOST_OTHERS

"""What the log says of a reload: counts and names, never an entry of anybody."""

import re
from pathlib import Path

import pytest

from sfs.sources import difference
from sfs.sources.config import load_config
from sfs.sources.difference import differences
from sfs.sources.filter import Filter, load_filter

BASE = "level: 2\ndefault_lists: false\n"


@pytest.fixture
def load(tmp_path):
    """A filter of a configuration, after the one before."""
    before: list[Filter] = []

    def loader(text: str, base: str = BASE) -> Filter:
        path = tmp_path / "sfs.yaml"
        path.write_text(f"state: {tmp_path / 'state'}\n{base}{text}", encoding="utf-8")
        before.append(load_filter(load_config(path), before[-1] if before else None))
        return before[-1]

    return loader


def listing(path: Path, more: str = "rating: 4") -> str:
    return f"lists: [{{name: own, url: '{path}', format: plain, {more}}}]\n"


def test_nothing_changed_is_no_line(load):
    one = load("block: [a.test, b.test]\n")
    assert differences(one, one) == ()
    assert differences(one, load("# a line above\nblock: [b.test, a.test]\n")) == ()  # moved, but the same


def test_settings_are_told_with_their_values_and_entries_by_their_count(load):
    old = load("block: [a.test, b.test]\nkeywords: {4: [blue widget]}\n")
    new = load("block: [b.test, c.test, d.test]\nhttps: sni\nlisten: 127.0.0.1:8899\n", BASE.replace("2", "1"))
    told = differences(old, new)
    assert set(told) == {
        "level: 2 -> 1",
        "block: +2 -1",
        "keywords: +0 -1",
        "https: auto -> sni",
        "listen: 127.0.0.1:8080 -> 127.0.0.1:8899 (from the next start on)",
    }
    assert not re.search("test|widget", " ".join(told))


def test_groups_are_told_by_name(load):
    old = load("groups: [{name: a, clients: [192.0.2.1]}, {name: b, clients: [192.0.2.2]}]\n")
    new = load("groups: [{name: b, clients: [192.0.2.2], level: 0}, {name: c, clients: [192.0.2.3]}]\n")
    assert differences(old, new) == ("group a: gone", "group b: changed", "group c: new")


def test_entries_of_a_list_are_counted(load, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("a.test\nb.test\n")
    old = load(listing(path))
    path.write_text("# moved\nb.test\nc.test\nd.test\n")
    new = load(listing(path))
    assert differences(old, new) == ("list own: +2 -1",)
    assert differences(load(""), new) == ("list own: new, 3 entries",)
    assert differences(new, load("")) == ("list own: gone, 3 entries",)
    assert differences(new, load(listing(path, "rating: 3"))) == ("list own: what is said of it changed",)


def test_of_a_list_too_long_to_compare_here_the_size_is_told(load, tmp_path, monkeypatch):
    path = tmp_path / "list.txt"
    path.write_text("a.test\nb.test\n")
    old = load(listing(path))
    path.write_text("b.test\nc.test\nd.test\n")
    new = load(listing(path))
    monkeypatch.setattr(difference, "COUNTED", 4)
    assert differences(old, new) == ("list own: 2 -> 3 entries",)


def test_of_a_mandatory_list_only_its_serial_is_told(load, tmp_path):
    path = tmp_path / "law.txt"
    path.write_text("a.test\n")
    old = load(listing(path, "mandatory: true"))
    path.write_text("secret.test\n")
    (told,) = differences(old, load(listing(path, "mandatory: true")))
    assert re.fullmatch("mandatory list own: [0-9a-f]{12} -> [0-9a-f]{12}", told)

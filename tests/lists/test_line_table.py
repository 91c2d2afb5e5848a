"""The lines of a compiled list: found in few bits, and each the line that a reader finds the name in."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.lists import line_table
from sfs.lists.compile import LINES, META, compile_list
from sfs.lists.compiled import open_compiled
from sfs.lists.line_table import MAX_RUNS, by_labels, by_letters, by_name
from sfs.text.url import parse_url

DICE = random.Random(6)
TOPS = ("example.com", "example.net", "test", "co.example")
NAMES = sorted({f"{DICE.choice('abwxz')}{DICE.randrange(10 ** DICE.randrange(1, 7))}.{top}" for top in TOPS * 500})


def labels(name: str) -> list[str]:
    return name.split(".")[::-1]


def shuffled(names: list[str]) -> list[str]:
    return random.Random(7).sample(names, len(names))


def sections(count: int) -> list[str]:
    """Sorted parts with a heading each."""
    return [line for n in range(count) for line in ("# part", "", *NAMES[n::count])]


ORDERS = {
    "by name": (NAMES, "name"),
    "by labels": (sorted(NAMES, key=labels), "labels"),
    "by letters": (sorted(NAMES, key=lambda name: name[::-1]), "letters"),
    "in parts": (sections(5), "name"),
    "in as many parts as may be": (sections(MAX_RUNS), "name"),
    "in too many parts": (sections(MAX_RUNS + 1), None),
    "in no order": (shuffled(NAMES), None),
    "with doubles": (sorted([*NAMES, *NAMES[::100]]), "name"),
    "with hosts": ([line for name in NAMES[:300] for line in (name, f"={name}")], None),
    "one name": (["example.com"], "name"),
    "no name": (["# nothing"], "name"),
    "with pages": ([*NAMES, *(f"{name}/x" for name in NAMES[::7])], "name"),
}


def compiled(folder: Path, lines: list[str]) -> dict[str, object]:
    """Compile lines and hold the line of each name against its place; what meta.json says of the table."""
    (folder / "list.txt").write_text("".join(line + "\n" for line in lines))
    compile_list(folder / "list.txt", "entries", folder / "c")
    index = open_compiled(folder / "c").index
    assert len(index) == len({line for line in lines if line and line[0] != "#"})
    for number, line in enumerate(lines, 1):
        if line and line[0] != "#":
            hits = index.match(parse_url(f"http://{line.strip('=')}"))
            assert [hit.line for hit in hits if hit.entry.text == line] == [lines.index(line) + 1], number
    table = json.loads((folder / "c" / META).read_text())["lines"]
    assert isinstance(table, dict)
    return table


@pytest.fixture(autouse=True)
def strides(monkeypatch):
    monkeypatch.setattr(line_table, "STRIDE", 4)  # so that short lists have several


@pytest.mark.parametrize("name", ORDERS)
def test_each_name_has_the_line_where_it_stands_first(tmp_path, name):
    lines, order = ORDERS[name]
    assert compiled(tmp_path, lines)["order"] == order


def test_names_in_order_take_five_bits_and_others_what_the_last_line_needs(tmp_path):
    for name, lines, bits in (("a", NAMES, 4), ("b", sections(5), 7), ("c", shuffled(NAMES), 11)):
        (tmp_path / name).mkdir()
        table = compiled(tmp_path / name, lines)
        assert table["bits"] == bits
        size = (tmp_path / name / "c" / LINES).stat().st_size * 8 / len(NAMES)
        assert bits <= size < bits + 2  # samples, runs and steps included


@settings(max_examples=60)
@given(st.lists(st.sampled_from([*NAMES[:60], "# note", "", "=a.test", "a.test"]), max_size=80), st.booleans())
def test_any_order_gives_the_lines_of_the_source(tmp_path_factory, lines, in_order):
    compiled(tmp_path_factory.mktemp("t", numbered=True), sorted(lines) if in_order else lines)


def test_orders_of_a_key():
    assert [of("moc.elpmaxe.") for of in (by_name, by_labels, by_letters)] == [
        "example.com",
        "com.example",
        "moc.elpmaxe.",
    ]
    assert by_name("moc.elpmaxe.=") == "example.com"

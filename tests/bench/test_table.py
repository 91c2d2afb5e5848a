"""The table is printed by one command, and the README shows it; what it says is for people to read."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.frame import Found, Measure, Side, holds, in_turn, markdown
from tests.bench.table import MEASURES, PARTS, Report

TABLE = Path(__file__).with_name("table.py")
README = TABLE.parents[2] / "README.md"
LITTLE = ("--pairs", "1", "--seconds", "1", "--names", "20000", "--urls", "2000", "--size", str(1 << 24))
SHORT = ("--minutes", "0.1", "--idle", "10", "--active", "4")
# What may be below zero, or be zero: differences, and what nothing is left of.
MAY_BE_ZERO = ("first-", "soak-", "download-memory")


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TABLE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def check(part: str) -> None:
    """A part gives every one of its measures."""
    done = ran("--only", part, "--json", *LITTLE, *SHORT)
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)["measures"]
    assert set(said) == {measure.key for measure in PARTS[part].MEASURES}, done.stderr
    for key, of in said.items():
        assert of["values"], key
        assert key.startswith(MAY_BE_ZERO) or min(of["values"]) > 0, key
    if part == "soak":
        assert said["soak-errors"]["values"] == [0], said
        assert said["soak-left"]["values"] == [0], said


def test_the_quickest_part_gives_its_figures():
    check("lists")


@pytest.mark.long
@pytest.mark.parametrize("part", [part for part in PARTS if part != "lists"])
def test_a_part_gives_its_figures(part):
    check(part)


def test_the_readme_shows_the_measures_of_the_command():
    shown = re.search(r"<!-- speed -->\n((?:\|.*\n)+)", README.read_text("utf-8"))
    assert shown is not None
    rows = [line.split(" | ") for line in shown[1].splitlines()]
    made = [line.split(" | ") for line in Report().section().splitlines() if line.startswith("|")]
    assert [row[:2] for row in rows] == [row[:2] for row in made], "put in what `table.py --readme` prints"
    assert not [row for row in rows if "not measured" in row]


def test_figures_of_several_runs_are_joined(tmp_path):
    first, second = MEASURES[0], MEASURES[1]
    for name, measure, value in (("one", first, 1.0), ("two", second, 2.0), ("three", first, 3.0)):
        report = Report(day="2026-11-28", cores=2, processor="A 1", found={measure.key: Found([value], "beside")})
        (tmp_path / name).write_text(json.dumps(report.as_json()))
    files = [word for name in ("one", "two", "three") for word in ("--join", str(tmp_path / name))]
    done = ran(*files)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:4] == [
        f"| {first.name} | at least 2 | 3.00 |  | yes | beside |",
        f"| {second.name} | at least 1.7 | 2.00 |  | yes | beside |",
    ]
    section = ran(*files, "--readme").stdout
    assert section.startswith("On 2026-11-28, on a machine with 2 cores (A 1), the proxies")
    assert section.count("not measured") == len(MEASURES) - 2


def test_a_bar_holds_where_the_spread_leaves_it():
    ratio, size = Measure("r", "ratio", 2.0), Measure("s", "size", 7, Side.UNDER)
    at_most = Measure("m", "most", 7, Side.MOST)
    assert holds(ratio, Found([1.9, 2.2, 2.3, 2.4, 9.0])) is True
    assert holds(ratio, Found([1.0, 1.6, 2.1, 2.2, 2.3])) is False
    assert holds(size, Found([7.0])) is False and holds(at_most, Found([7.0])) is True
    assert holds(at_most, Found([6.0, 7.0, 8.0])) is False
    assert holds(Measure("n", "nothing to reach", None), Found([1.0])) is None
    assert Found([1.0, 2.0, 3.0, 4.0, 5.0]).spread == 1.0 and Found([4.0]).spread == 0.0


def test_ways_are_measured_there_and_back():
    asked = []
    gave = in_turn({name: lambda name=name: asked.append(name) or len(asked) for name in "ABC"}, 2)
    assert asked == list("ABCCBA")
    assert gave == {"A": [1, 6], "B": [2, 5], "C": [3, 4]}


def test_the_table_is_read_by_people():
    measure = Measure("k", "name", 5, Side.UNDER, " ms", 1)
    assert markdown([measure], {"k": Found([1.0, 2.0, 4.0], "said")}).splitlines()[-1] == (
        "| name | under 5 ms | 2.0 ms ± 0.8 | 1.0 to 4.0 | yes | said |"
    )
    assert markdown([measure], {}).splitlines()[-1] == "| name | under 5 ms | not measured | | | |"


def test_every_measure_has_a_name_of_its_own():
    assert len({measure.key for measure in MEASURES}) == len({measure.name for measure in MEASURES}) == len(MEASURES)

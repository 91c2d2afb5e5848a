"""What is listed opens in no spelling, and what only looks so closes in none: the tables and chains of transforms,
through `sfs explain`. SFS_SEED sets the seed of the chains."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from sfs.match.entry import parse_entry
from tests.evasion_cases import Evasion, configuration, evasions, listed, neighbours
from tests.evasions import Case, evasion_cases, neighbour_cases

ROOT = Path(__file__).parents[1]
DATA = os.environ.get("SFS_TEST_DATA")
SEED = int(os.environ.get("SFS_SEED", "2026"))
CASES, LOOK_ALIKES = 10_000, 2_000
LEVELS = (0, 1, 2)  # those of children


def explain(config: dict, urls: Iterable[str], folder: Path) -> dict[str, dict]:
    """What one `sfs explain` says of each URL. One with a line feed cannot stand on a line of its input."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    lines, others = [], []
    for url in dict.fromkeys(urls):
        (others if "\n" in url else lines).append(url)
    command = [sys.executable, "-m", "sfs", "explain", "--config", str(file), "--json", "-", "--", *others]
    done = subprocess.run(command, input="\n".join(lines).encode(), capture_output=True, cwd=ROOT, timeout=300)
    assert done.returncode == 1, done.stderr.decode()
    return dict(zip([*lines, *others], map(json.loads, done.stdout.splitlines()), strict=True))


def by(answer: dict) -> str:
    return "refused" if answer["check"] == "bad-request" else answer["check"]


def rests_on(answer: dict, line: str) -> bool:
    """Whether the verdict names this entry, not another one that happens to cover the page."""
    entry = parse_entry(line)
    return entry is not None and (answer["source"] or "").endswith(f" {entry.text}")


def blocked_as_said(row: Evasion, answer: dict, level: int) -> bool:
    if answer["action"] != "block":
        return False
    if level == 0 and row.place.startswith("wrapped"):
        return by(answer) == "subscribed"  # level 0 has no wrappers at all
    return by(answer) == row.by and (row.by != "entry" or rests_on(answer, row.entry))


@dataclass
class Judged:
    """The tables and the chains of one level, and what was said of each URL."""

    level: int
    cases: list[Case]
    others: list[Case]
    answers: dict[str, dict]

    def opened(self) -> list[tuple]:
        """Which respelled pages did not meet their own entry."""
        return [
            (case.of, case.url, case.chain, answer["action"], by(answer), answer["source"])
            for case in self.cases
            if by(answer := self.answers[case.url]) != "entry" or not rests_on(answer, case.of)
        ]

    def closed(self) -> list[tuple]:
        """Which look-alikes are not shown, respelled or as they are."""
        urls = [*((case.url, case.chain) for case in self.others), *((case.of, ()) for case in self.others)]
        return [
            (url, chain, by(answer), answer["source"])
            for url, chain in urls
            if (answer := self.answers[url])["action"] != "allow"
        ]


def judge(level: int, seed: int, folder: Path, part: int = 1) -> Judged:
    """`part`: one of how many parts of the chains."""
    cases = list(evasion_cases(CASES // part, seed))
    others = list(neighbour_cases(LOOK_ALIKES // part, seed))
    urls = [row.url for row in (*evasions(), *neighbours())]
    urls += [*(case.url for case in (*cases, *others)), *(case.of for case in others)]
    return Judged(level, cases, others, explain(configuration(level), urls, folder))


@pytest.fixture(scope="module", params=LEVELS)
def judged(request, tmp_path_factory) -> Judged:
    """All the chains at level 2, a tenth of them at the others."""
    level = request.param
    return judge(level, SEED + level, tmp_path_factory.mktemp("evasions"), 1 if level == 2 else 10)


def test_no_row_of_the_tables_opens(judged):
    wrong = [
        (row.place, row.entry, row.url, answer["action"], by(answer), answer["source"])
        for row in evasions()
        if not blocked_as_said(row, answer := judged.answers[row.url], judged.level)
    ]
    assert wrong == []


def test_no_look_alike_of_the_table_closes(judged):
    closed = [
        (row.place, row.entry, row.url, by(answer), answer["source"])
        for row in neighbours()
        if (answer := judged.answers[row.url])["action"] != "allow" and (judged.level or by(answer) != "subscribed")
    ]
    assert closed == []  # level 0 shows nothing through a wrapper


def test_no_chain_of_transforms_opens_a_page(judged, capsys):
    with capsys.disabled():
        print(
            f"\n  level {judged.level}: {len(judged.cases)} chains, {len(judged.others)} look-alikes, SFS_SEED={SEED}"
        )
    assert judged.opened()[:20] == []


def test_no_chain_of_transforms_closes_a_look_alike(judged):
    assert judged.closed()[:20] == []


def test_the_tables_are_as_long_as_they_should_be_and_most_rows_come_from_outside():
    rows = list(evasions())
    assert len(rows) >= 250
    assert sum(row.outside for row in rows) >= 100
    assert len({(row.entry, row.url) for row in rows}) == len(rows) - _same_elsewhere(rows)
    assert {row.by for row in rows} == {"entry", "url-words", "refused"}
    assert all(row.source and row.note for row in (*rows, *neighbours()))


def _same_elsewhere(rows: list[Evasion]) -> int:
    """Rows that several sources have: each names its own."""
    found = Counter((row.entry, row.url) for row in rows)
    sources = Counter((row.entry, row.url, row.source) for row in rows)
    assert max(sources.values()) == 1
    return sum(count - 1 for count in found.values())


@pytest.mark.skipif(DATA is None, reason="SFS_TEST_DATA names no folder with conformance vectors")
def test_each_row_after_a_vector_names_a_row_of_that_file():
    vectors = Path(DATA or "") / "vectors"
    whatwg = {
        row["input"]
        for row in json.loads((vectors / "whatwg-urltestdata.json").read_text("utf-8"))
        if isinstance(row, dict)
    }
    safe = {row["url"] for row in json.loads((vectors / "safe-browsing-canonical.json").read_text("utf-8"))}
    for start, known in (("WHATWG ", whatwg), ("Safe Browsing ", safe)):
        named = [row.source.removeprefix(start) for row in evasions() if row.source.startswith(start)]
        assert named and [text for text in named if text not in known] == []


def test_nor_where_a_subscribed_list_has_the_entries(tmp_path):
    file = tmp_path / "list.txt"
    file.write_text("\n".join(listed()) + "\n", encoding="utf-8")
    subscribed = {"url": str(file), "format": "entries", "category": "malware"}
    cases, others = list(evasion_cases(CASES // 10, SEED)), list(neighbour_cases(LOOK_ALIKES // 10, SEED))
    answers = explain(
        {"level": 2, "https": "inspect", "lists": [subscribed]}, (case.url for case in (*cases, *others)), tmp_path
    )
    assert [case for case in cases if by(answers[case.url]) != "subscribed"] == []
    assert [case for case in others if answers[case.url]["action"] != "allow"] == []


@pytest.mark.long
def test_nor_do_a_hundred_thousand_others(tmp_path, capsys):
    start = random.randrange(10**6)
    with capsys.disabled():
        print(f"\n  twelve times {CASES} chains, from SFS_SEED={start}")
    for seed in range(start, start + 12):
        judged = judge(seed % 3, seed, tmp_path)
        assert (judged.opened(), judged.closed()) == ([], []), f"SFS_SEED={seed}"


def test_the_same_seed_makes_the_same_chains_of_every_entry():
    assert list(evasion_cases(500, 7)) == list(evasion_cases(500, 7)) != list(evasion_cases(500, 8))
    assert {case.of for case in evasion_cases(500, 7)} == set(listed())
    assert {len(case.chain) for case in evasion_cases(500, 7)} == {2, 3, 4}
    assert len({case.url for case in evasion_cases(CASES, 7)}) > CASES * 0.9

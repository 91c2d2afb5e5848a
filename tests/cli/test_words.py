"""`sfs words try`: the words in texts, counted. The words of the tests are stand-ins from a configuration."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfs.cli.words import command
from sfs.errors import SfsError

CONFIG = """level: 2
keywords:
  2: [blue widget]
  4: ["red + widget", "!red cross widget"]
groups:
  - {name: small, clients: [192.0.2.1], level: 0, keywords: {1: ["風車\\tsub"]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.yaml").write_text(CONFIG, encoding="utf-8")
    texts = tmp_path / "texts"
    (texts / "below").mkdir(parents=True)
    (texts / "a.txt").write_text("nothing\nA Blue  Widget, a blue widget\nred cross widget\n", encoding="utf-8")
    page = "<title>青い風車</title><p>風<b>車</b>小屋<script>blue widget</script><p>red<p>widget"
    (texts / "below" / "b.html").write_bytes(f'<meta charset="euc-jp">{page}'.encode("euc_jp"))
    (texts / "below" / "c.bin").write_bytes(b"\x7fELF\0\0\0\1blue widget")
    (texts / "d.txt").write_bytes("a red one, a widget".encode("utf-16"))
    return tmp_path


def run(folder: Path, *arguments: object, given: bytes | None = None) -> str:
    words = ["try", *map(str, arguments), "--config", str(folder / "own.yaml")]
    result = CliRunner().invoke(command, words, input=given, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def test_hits_are_counted_by_rating_and_shown_where_they_stand(folder):
    value = json.loads(run(folder, folder / "texts", "--json"))
    assert value["files"] == 3
    assert value["characters"] == len("nothingA Blue  Widget, a blue widgetred cross widget") + len(
        "青い風車風車小屋redwidgeta red one, a widget"
    )
    assert {row["rating"]: row["hits"] for row in value["ratings"]} == {4: 1, 3: 0, 2: 2, 1: 2}
    assert value["ratings"][0]["per_million"] == pytest.approx(1e6 / value["characters"], abs=0.001)
    assert [(row["word"], row["hits"]) for row in value["words"]] == [
        ("blue widget", 2),
        ("風車", 2),
        ("red + widget", 1),
    ]
    first = value["words"][0]
    assert first["where"].endswith("own.yaml:3:7")
    assert first["examples"][0] == {
        "file": str(folder / "texts" / "a.txt"),
        "line": 2,
        "before": "a ",
        "found": "blue widget",
        "after": ", a blue widget",
    }


def test_for_people_the_worst_words_come_first(folder):
    lines = run(folder, folder / "texts", "--worst", 1).splitlines()
    assert lines[0] == "3 files, 88 characters"
    assert lines[4].split() == ["3", "0", "0.00"]
    assert lines[8].startswith("2 x blue widget  (rating 2, ")
    assert lines[9].endswith("a.txt:2: a [blue widget], a blue widget")
    assert lines[-1] == "and 2 words more: --worst 3"


@pytest.mark.parametrize(
    ("option", "value", "left"), [("--level", 1, {4, 3, 2}), ("--rating", 3, {4, 3}), ("--level", 4, set())]
)
def test_only_what_is_asked_for_is_counted(folder, option, value, left):
    found = json.loads(run(folder, folder / "texts", "--json", option, value))
    assert {row["rating"] for row in found["ratings"]} == left
    assert all(row["rating"] in left for row in found["words"])


def test_standard_input_and_the_place_of_a_text(folder):
    text = b"http://example.com/blue-widget/"
    assert json.loads(run(folder, "-", "--json", given=text))["words"] == []
    found = json.loads(run(folder, "-", "--json", "--place", "url", given=text))["words"]
    assert [row["word"] for row in found] == ["blue widget"]
    assert found[0]["examples"][0]["file"] == "standard input"


def test_shipped_words_count_without_a_configuration(folder):
    result = CliRunner().invoke(command, ["try", str(folder / "texts"), "--json"], standalone_mode=False)
    assert json.loads(result.output)["words"] == []


def test_both_level_and_rating_are_refused(folder):
    with pytest.raises(SfsError, match="say the same"):
        run(folder, folder / "texts", "--level", 1, "--rating", 2)

"""What the README pages of rules/ and profiles/ show holds for the code."""

import re
from pathlib import Path

import pytest
import yaml

from sfs.errors import RuleError, Where
from sfs.lists.formats import FORMATS, WORD_FORMATS
from sfs.match.entry import parse_entry
from sfs.sources.yaml_nodes import MapNode, load_plain, parse_yaml
from sfs.text.search import Engines
from sfs.text.unwrap import Wrappers
from sfs.text.url import parse_url

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"


def _blocks(page: Path, kind: str) -> list[str]:
    """The fenced blocks of a page that are marked with `kind`."""
    found: list[str] = []
    inside: list[str] | None = None
    mark = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.startswith("```"):
            if inside is not None:
                inside.append(line)
        elif inside is None:
            inside, mark = [], line.removeprefix("```")
        else:
            if mark == kind:
                found.append("\n".join(inside))
            inside = None
    return found


def _first_cells(page: Path, before: str) -> list[str]:
    """The first column of the table that follows the text `before`."""
    rows: list[str] = []
    for line in page.read_text(encoding="utf-8").split(before, 1)[1].splitlines():
        if line.startswith("| "):
            rows.append(line.removeprefix("| ").split(" | ", 1)[0])
        elif rows:
            break
    return [re.sub("</?code>", "`", cell).replace("&#124;", "|") for cell in rows[2:]]


def test_the_entries_shown_parse_to_what_is_said() -> None:
    cells = _first_cells(RULES / "README.md", "One a line, the same in these files")
    entries = [parse_entry(text) for cell in cells for text in re.findall("`([^`]+)`", cell)]
    units = [entry.unit.name if entry else None for entry in entries]
    assert units == ["TREE", "HOST", "PREFIX", "PAGE", "EXACT", "TREE", "TREE", "HOST", "HOST", None]


def test_the_lines_said_to_be_refused_are_refused() -> None:
    cells = _first_cells(RULES / "README.md", "What is refused, and what to write instead")
    assert len(cells) == 5
    for cell in cells:
        with pytest.raises(RuleError):
            parse_entry(cell.strip("`"))


def test_the_rows_of_search_engines_are_rows(tmp_path: Path) -> None:
    (shown,) = _blocks(RULES / "README.md", "yml")
    (tmp_path / "rows.yaml").write_text(shown, "utf-8")
    engines = Engines(load_plain(tmp_path / "rows.yaml"))
    assert engines.words("www.example.com", "/any", "q=zoo") == ("zoo",)
    assert engines.words("example.co.jp", "/s", "k=zoo") == ("zoo",)
    assert engines.words("example.co.jp", "/tag/red-panda", "") == ("red-panda", "red panda")
    assert engines.words("example.co.jp", "/tag/all", "k=zoo") == ()


def test_every_format_of_lists_is_in_the_table() -> None:
    cells = _first_cells(RULES / "README.md", "## Formats of lists")
    assert [cell.strip("`") for cell in cells] == [*FORMATS, *WORD_FORMATS]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split(" of the catalogue. Formats:", 1)[1].split(";", 1)[0]
    assert [name.strip() for name in shown.split(",")] == list(FORMATS)


@pytest.mark.parametrize("folder", ["", "allowlist", "ratings"])
def test_lines_shown_parse(folder: str) -> None:
    blocks = _blocks(RULES / folder / "README.md", "")
    lines = [line for block in blocks if "mend:" not in block for line in block.splitlines()]
    assert lines
    for line in lines:
        entry, _, rating = line.partition("\t")
        assert parse_entry(entry) is not None
        assert folder != "ratings" or re.fullmatch(r"[0-4](\t# .*)?", rating)


@pytest.mark.parametrize("folder", ["rules/allowlist", "rules/ratings", "profiles"])
def test_yaml_shown_reads(folder: str) -> None:
    blocks = _blocks(ROOT / folder / "README.md", "yaml")
    assert blocks
    for block in blocks:
        document = parse_yaml(block.encode(), "README.md")
        assert isinstance(document.root, MapNode) and not document.faults


def test_the_rows_of_wrappers_shown_find_the_url_in_the_one_above_them() -> None:
    (block,) = _blocks(RULES / "README.md", "yml wrappers")
    wrappers = Wrappers(yaml.safe_load(block))
    urls = [parse_url(url) for url in re.findall(r"^# .*?(https?://\S+?)(?::? |$)", block, re.M)]
    assert len(urls) == len(wrappers.wrappers) == 4
    for url in urls:
        found = wrappers.unwrap(url.host, url.sent.path, url.sent.query)
        assert [one.inner for one in found] == ["https://other.example/"]


def test_the_fault_shown_is_the_fault_given() -> None:
    with pytest.raises(RuleError) as caught:
        parse_entry("exa mple.jp", Where("rules/allowlist/start-ja.txt", 41))
    assert str(caught.value) in _blocks(RULES / "allowlist" / "README.md", "")


@pytest.mark.parametrize("folder", ["rules/allowlist", "rules/ratings", "profiles"])
def test_every_file_beside_a_readme_is_named_in_it(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / folder).iterdir() if path.suffix in (".txt", ".yaml")}
    assert names
    assert all(name in text or (name.endswith(".txt") and "`*.txt`" in text) for name in names)

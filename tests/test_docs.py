"""README and the pages beside it, against the code: their commands run, their examples load, their tables are current.

In README.md a block marked `sh` is run line by line, in one folder, `sh provider` in one in memory; `sh install` is run
by test_packaging.py, since it fetches packages. A block that begins with `# name.ext` is that file.
`python tests/test_docs.py` writes the tables.
"""

import contextlib
import http.client
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import click
import pytest

from sfs.cli.levels import rows as level_rows
from sfs.cli.main import COMMANDS, cli
from sfs.core.decide import ROWS
from sfs.core.facts import Https
from sfs.core.verdict import Action, Verdict
from sfs.errors import SfsError
from sfs.export.outputs import in_memory
from sfs.match.words import Place
from sfs.proxy.pages import decision_code
from sfs.sources.categories import load_categories
from sfs.sources.config import load_config
from sfs.sources.describe import duration_text
from sfs.sources.filter import load_filter
from sfs.sources.https import OWN_CA, https_mode
from sfs.sources.journal import Record
from sfs.sources.settings import settings_table
from sfs.sources.subscriptions import BureauSource

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "sfs" / "README.md"
PAGES = sorted(
    path for folder in ("sfs", "rules", "profiles", "tests") for path in (README, *(ROOT / folder).rglob("*.md"))
)
READY = re.compile(r"sfs: ready on (\S+):(\d+), ")


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands behind the fence, its line, and its text."""

    mark: str
    line: int
    text: str

    @property
    def file(self) -> str | None:
        """The name of the file that this block is, by its first line."""
        found = re.match(r"(?:# |<!-- )([\w-]+\.(?:yaml|txt|html))(?: -->)?\n", self.text)
        return found[1] if found else None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    found = re.finditer(r"^```([^\n]*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(block[1].strip(), block.string.count("\n", 0, block.start()) + 1, block[2]) for block in found]


BLOCKS = blocks(README)
COMMAND_LINES = [line for block in BLOCKS if block.mark == "sh" for line in block.text.splitlines()]
RUNS = [line for line in COMMAND_LINES if line.startswith("sfs run")]
OTHERS = [line for line in COMMAND_LINES if line not in RUNS]
EXAMPLES = [block for page in dict.fromkeys(PAGES) for block in blocks(page) if block.mark == "yaml"]
IS_CATEGORIES = re.compile(r"^(categories|unrated|refused):\n", re.MULTILINE)


# Tables


def as_table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ("---",) * len(head), *lines))


def levels_table() -> str:
    """What `sfs levels` prints."""
    head, *lines = level_rows()
    return as_table(head, lines)


def rows_table() -> str:
    """The order of checks."""
    lines = [(str(number), f"`{row.name}`", row.why) for number, row in enumerate(ROWS, 1)]
    return as_table(("#", "check", "why it stands there"), lines)


TABLES = {"levels": (README, levels_table), "settings": (README, settings_table), "rows": (ARCHITECTURE, rows_table)}


def _table_at(text: str, name: str) -> re.Match[str]:
    found = re.search(rf"(?<=<!-- {name} -->\n)(?:\|[^\n]*\n)*", text)
    assert found is not None, f"<!-- {name} --> is gone"
    return found


def write_tables() -> None:
    """Put what the code says into the pages."""
    for name, (page, make) in TABLES.items():
        text = page.read_text(encoding="utf-8")
        place = _table_at(text, name)
        page.write_text(text[: place.start()] + make() + text[place.end() :], encoding="utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_those_of_the_code(name):
    page, make = TABLES[name]
    assert _table_at(page.read_text(encoding="utf-8"), name)[0] == make(), "run `python tests/test_docs.py`"


# Commands


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where a reader would be, with the files of the README."""
    made = tmp_path_factory.mktemp("reader")
    for block in BLOCKS:
        if block.file:
            (made / block.file).write_text(block.text, encoding="utf-8")
    return made


def environment_of(folder: Path) -> dict[str, str]:
    """A reader's shell: this `sfs` first in PATH, its data kept in `folder`."""
    scripts = sysconfig.get_path("scripts")
    return os.environ | {"PATH": f"{scripts}:{os.environ['PATH']}", "XDG_DATA_HOME": str(folder / "data")}


@cache  # the same line in the same folder says the same; each costs a second
def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one line of a reader's shell."""
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment_of(folder), capture_output=True, text=True, timeout=120
    )


@contextlib.contextmanager
def started(command: str, folder: Path, environment: dict[str, str], timeout: float = 60) -> Iterator[tuple[str, int]]:
    """Run a line that starts the filter, in a process group of its own: (what it printed until it was ready and one
    line more, port). Ended with SIGTERM, which has to end all of it."""
    child = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    late = threading.Timer(timeout, os.killpg, (child.pid, signal.SIGKILL))
    late.start()
    with child:
        assert child.stdout is not None
        printed = ""
        try:
            while not (ready := READY.search(printed)) and (line := child.stdout.readline()):
                printed += line
            assert ready, f"not ready:\n{printed}"
            yield printed + child.stdout.readline(), int(ready[2])
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            child.stdout.read()
            child.wait()
            late.cancel()


def help_page(port: int) -> str:
    """http://sfs.home.arpa/, through the proxy on this port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "http://sfs.home.arpa/", headers={"Accept-Language": "en"})
        answer = connection.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, body
        return body
    finally:
        connection.close()


def on_free_port(command: str) -> str:
    """The same start on a port that the system chooses: 8080 may be taken where tests run."""
    listening = command.replace(":8080", ":0") if ":8080" in command else f"{command} --listen 127.0.0.1:0"
    return f"{listening} --admin 127.0.0.1:0"


def without_figures(text: str) -> str:
    return re.sub(r"\d+", "N", re.sub(r"(?<=/setup/)\S+", "LINK", text))


@pytest.mark.parametrize("command", OTHERS, ids=lambda line: line.partition("://")[0])
def test_commands_of_the_readme_run(command, folder):
    done = run(command, folder)
    assert done.returncode in ((0, 1) if "explain" in command else (0,)), done.stderr
    assert done.stdout
    # These say beside what they print what to do with it.
    if not command.startswith(("sfs policy", "sfs service", "sfs isp page")):
        assert not done.stderr


@pytest.mark.parametrize("command", RUNS)
def test_starts_of_the_readme_show_the_help_page(command, folder):
    with started(on_free_port(command), folder, environment_of(folder)) as (_, port):
        assert "The filter is on for this device" in help_page(port)


def test_the_ready_line_shown_is_the_one_printed(folder, tmp_path):
    shown = next(block.text for block in BLOCKS if block.text.startswith("sfs: ready"))
    first = BLOCKS[0].text.splitlines()[0]
    command = first.partition("#")[0].partition("uv run ")[2].strip()
    assert command == "sfs run --level 2"
    # A state of its own: a line of the page imports a list into that of the reader.
    environment = environment_of(tmp_path) | {"LC_ALL": "C.UTF-8"}
    last = shown.splitlines()[-1]
    assert without_figures(on_terminal(on_free_port(command), folder, environment, last)) == without_figures(shown)


def on_terminal(command: str, folder: Path, environment: dict[str, str], last: str) -> str:
    """What a command prints on a terminal, up to its line `last`; nobody types."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    late = threading.Timer(60, child.kill)
    late.start()
    printed = b""
    try:
        while not printed.endswith(f"{last}\r\n".encode()):
            printed += os.read(ours, 65536)  # OSError once it has ended
    finally:
        late.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        child.wait(20)
        os.close(ours)
    return printed.decode().replace("\r\n", "\n")


def test_the_page_shown_is_not_shown_for_its_text(folder):
    command = next(line for line in OTHERS if "--html page.html" in line)
    assert "body-words: body-words, rating 3" in run(command, folder).stdout


def test_the_explanation_shown_is_the_one_printed(folder):
    number, shown = next((n, block) for n, block in enumerate(BLOCKS) if block.text.startswith("blocked  "))
    assert run(BLOCKS[number - 1].text.splitlines()[0], folder).stdout == shown.text


def test_the_import_shown_is_the_one_printed(folder):
    shown = next(block.text for block in BLOCKS if block.text.startswith("blockers: "))
    assert run("sfs lists import blockers.txt --rating 4 --report left.jsonl", folder).stdout == shown


@pytest.mark.skipif(not in_memory(Path("/dev/shm")), reason="/dev/shm is no tmpfs here: the list would be on a disk")
def test_the_first_day_of_a_provider_goes_as_written(folder):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        for name in ("body.txt", "next.txt"):
            shutil.copy(folder / name, memory)
        lines = [line for block in BLOCKS if block.mark == "sh provider" for line in block.text.splitlines()]
        said = [run.__wrapped__(line, Path(memory)) for line in lines]  # a line that stands there twice is run twice
        assert [done.stderr for done in said if done.returncode != 0] == []
        zone = (Path(memory) / "policy.zone").read_text()
        assert "gone.example A 192.0.2.80" in zone  # after the way back
    words = "".join(done.stdout + done.stderr for done in said)
    assert "left out: a unit of pages" in words and "4 lines go, 0 come" in words and "the version of before" in words
    assert not re.search(r"(blocked|gone|shared)\.example", words)


def test_explanations_say_what_their_section_says(folder):
    def verdicts(part: str) -> list[str]:
        command = next(line for line in COMMAND_LINES if part in line)
        return [line.split()[0] for line in run(command, folder).stdout.splitlines() if not line.startswith(" ")]

    assert verdicts("--config my.yaml https://example.com/") == ["shown", "blocked"]
    assert verdicts("--config own.yaml") == ["blocked"] * 4
    assert verdicts("--config family.yaml") == ["blocked"]
    assert verdicts("--header 'Rating: RTA") == ["blocked"]


def test_the_guard_shown_cancels_the_words_above_it(folder):
    filter_ = load_filter(load_config(folder / "own.yaml", state=folder))
    words = filter_.policies.default.words
    assert words is not None
    assert [hit.rule.rating for hit in words.find("A red widget is here", Place.META)] == [3]
    assert words.find("A red cross widget is here", Place.META) == ()


def test_commands_and_options_that_are_named_exist():
    options = {name for command in COMMANDS for param in _params(_command(command)) for name in param.opts}
    others = {"--all", "--proxy-server"}  # of .ci/run, of Chromium
    for page in (README, ARCHITECTURE):
        text = page.read_text(encoding="utf-8")
        assert {words for words in re.findall(r"`sfs ([a-z]+(?: [a-z]+)?)", text) if not _is_command(words)} == set()
        assert set(re.findall(r"`(--[a-z-]+)", text)) <= options | others
    in_blocks = {name for line in COMMAND_LINES for name in re.findall(r"(?<=\s)--[a-z-]+", line)}
    assert in_blocks <= options


def _command(name: str):
    command = cli.get_command(None, name)
    assert command is not None
    return command


def _params(command):
    """The parameters of a command and of those below it."""
    below = [_params(one) for one in _below(command).values()]
    return [*command.params, *(param for params in below for param in params)]


def _is_command(words: str) -> bool:
    """Whether `sfs WORDS` begins with a command, and where that is a group names one of its own."""
    name, _, more = words.partition(" ")
    return name in COMMANDS and (not more or more in (_below(_command(name)) or {more}))


def _below(command):
    """The commands of a group; {} for any other."""
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command)
    return {name: command.get_command(context, name) for name in command.list_commands(context)}


def test_the_script_of_the_checks_ends_with_the_tests_of_the_readme():
    _, tests = BLOCKS[0].text.splitlines()
    command = tests.partition("#")[0].partition(" && ")[2].strip()
    assert command == "uv run pytest"
    steps = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("step ")]
    assert steps[-1] == f"step {command}"


# Examples


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml")))
def test_every_profile_loads(name, tmp_path):
    config = load_config(None, {"profile": name, "level": 2}, state=tmp_path)
    assert not config.warnings
    assert not load_filter(config).report.skipped


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: f"line{block.line}-{block.text.splitlines()[0]}")
def test_every_example_loads(block, folder, tmp_path):
    # In the folder of the README's own files, since the examples name some of them.
    path = folder / "example.yaml"
    path.write_text(block.text, encoding="utf-8")
    if IS_CATEGORIES.search(block.text):
        assert load_categories(path)
        return
    config = load_config(path, state=tmp_path)
    assert not config.warnings
    if config.level is None:
        config = load_config(path, {"level": 2}, state=tmp_path)
    assert not load_filter(config).report.skipped


def test_there_are_examples():
    assert len(EXAMPLES) >= 8
    assert {block.file for block in BLOCKS if block.mark == "yaml"} >= {"my.yaml", "inspect.yaml", "family.yaml"}


def test_the_error_shown_is_the_one_given(tmp_path, monkeypatch):
    shown = next(block.text for block in blocks(ARCHITECTURE) if "mend: " in block.text)
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text("level: 7\n", encoding="utf-8")
    with pytest.raises(SfsError) as caught:
        load_config(Path("my.yaml"), state=tmp_path)
    assert str(caught.value) == shown.rstrip("\n")


def test_the_record_shown_has_what_a_record_has():
    shown = next(json.loads(block.text) for block in BLOCKS if block.mark == "json")
    verdict = Verdict(Action.BLOCK, "self-label", "self-label", 2)
    record = json.loads(Record(datetime.now(UTC), "default", "example.com", verdict, decision_code()).line())
    assert list(shown) == list(record)
    assert re.fullmatch("[A-Z2-7]{10}", shown["code"]) and len(record["code"]) == 10
    assert datetime.fromisoformat(shown["time"]).tzinfo is not None


def test_auto_is_by_name_until_a_device_has_proved_trust(tmp_path):
    config = load_config(None, {"level": 2}, state=tmp_path)
    assert https_mode(config) is Https.SNI
    assert https_mode(config, trusted=True) is Https.INSPECT
    assert f"`{OWN_CA}`" in README.read_text(encoding="utf-8")


def test_a_bureau_is_asked_as_the_table_says(tmp_path):
    text = README.read_text(encoding="utf-8").partition("### Label bureaus")[2].partition("\n## ")[0]
    file = tmp_path / "own.yaml"
    file.write_text("level: 2\n" + text.partition("```yaml\n")[2].partition("```")[0])
    first, second = load_config(file, {}, tmp_path).bureaus
    assert (first.ask, first.trust, second.ask, second.trust) == ("host", True, "url", False)
    keys = re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE)
    assert dict(keys)["timeout"] == f"{first.timeout.total_seconds() * 1000:g} ms"
    assert dict(keys)["keep"] == duration_text(first.keep)
    assert {key for key, _ in keys} == {item.name for item in fields(BureauSource)}


# Pages


@pytest.mark.parametrize("page", dict.fromkeys(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


def test_the_architecture_page_names_every_room():
    text = ARCHITECTURE.read_text(encoding="utf-8")
    folders = {path.name for path in (ROOT / "sfs").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders
    assert [name for name in sorted(folders) if f"| `{name}/` |" not in text] == []
    assert [path.name for path in (ROOT / "sfs").glob("*.py") if f"`{path.name}`" not in text] == []


if __name__ == "__main__":
    sys.exit(write_tables())

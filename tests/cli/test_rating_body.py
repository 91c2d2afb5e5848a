"""What the pages for a rating body say: its first five commands, one after the other, and what each of them does."""

import contextlib
import os
import re
import subprocess
import sysconfig
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "rules" / "ratings" / "README.md"


def block(page: Path, mark: str) -> str:
    """The only fenced block of a page with a mark."""
    found = re.findall(rf"^```{mark}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


@pytest.fixture
def shell(tmp_path):
    """Runs a line where a reader would."""
    scripts = sysconfig.get_path("scripts")
    environment = os.environ | {"PATH": f"{scripts}:{os.environ['PATH']}", "XDG_DATA_HOME": str(tmp_path / "data")}

    def run(line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "ratings.csv").write_text(block(PAGE, "csv"), encoding="utf-8")
    run.environment = environment  # type: ignore[attr-defined]
    return run


@contextlib.contextmanager
def serving(line: str, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address that a bureau answers at, on a port that the system chooses."""
    child = subprocess.Popen(
        ["bash", "-c", f"exec {line} --listen 127.0.0.1:0"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    late = threading.Timer(60, child.kill)
    late.start()
    with child:
        assert child.stdout is not None
        try:
            found = re.search(r"ask at (http://\S+)", child.stdout.readline())
            assert found is not None
            yield found[1]
        finally:
            child.terminate()
            child.stdout.read()
            child.wait()
            late.cancel()


def test_both_pages_say_the_same():
    assert block(PAGE, "sh bureau") == block(ROOT / "README.md", "sh bureau")
    assert len(block(PAGE, "sh bureau").splitlines()) == 5


def test_the_five_commands_of_a_rating_body(shell, tmp_path):
    take, rate, query, serve, export = block(PAGE, "sh bureau").splitlines()
    assert shell(take) == "ratings: 2 new, 0 changed, 0 as before\n"
    assert "rated" in shell(rate)
    answers = shell(query)
    assert re.findall(r"lv ?=? ?(\d)", answers) == ["0", "1"]
    with serving(serve, tmp_path, shell.environment) as address:
        asked = "&".join(
            f"u={quote(f'"{url}"', safe='')}" for url in ("http://kids.example.com/", "http://example.edu/")
        )
        with urllib.request.urlopen(f"{address}?{asked}", timeout=20) as answer:
            said = answer.read().decode()
        assert "(lv 0)" in said and 'not-labeled "http://example.edu/"' in said
    assert shell(export) == "3 labels in backup.csv\n"
    assert shell("sfs bureau import backup.csv").startswith("backup: 0 new, 0 changed, 3 as before")

"""`sfs profile`: files in and out, and what its exit codes say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sfs.cli.profile import command
from sfs.errors import LabelError, SfsError
from sfs.sources.config import load_config

README = Path(__file__).parents[2] / "profiles" / "README.md"
SHOWN = dict(
    re.findall(r"^```(prf|yml|text)\n((?:\(Pics|# From|school\.prf).*?)^```$", README.read_text("utf-8"), re.M | re.S)
)


def run(*arguments: object) -> Result:
    """The command, as the shell runs it."""
    done = CliRunner().invoke(command, list(map(str, arguments)), standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The profile of the README, as a file in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "school.prf").write_text(SHOWN["prf"], encoding="utf-8")
    return "school.prf"


def test_the_import_shown_is_the_one_made(school: str) -> None:
    done = run("import", school)
    assert (done.stdout, done.stderr, done.return_value) == (SHOWN["yml"], SHOWN["text"], 0)


def test_what_was_imported_is_a_configuration_and_goes_out_again(school: str, tmp_path: Path) -> None:
    assert not run("import", school, "-o", "school.yaml").stdout
    config = load_config(tmp_path / "school.yaml", state=tmp_path)
    assert (config.level, [one.entry.text for one in config.block]) == (1, ["bad.example"])
    assert run("export", "--config", "school.yaml", "-o", "again.prf").return_value == 0
    again = run("import", "again.prf").stdout
    assert again.splitlines()[3:] == SHOWN["yml"].splitlines()[1:]


def test_the_exit_code_says_that_more_is_shown(school: str, tmp_path: Path) -> None:
    text = SHOWN["prf"].replace("*://*@bad.example:*/*", "*://*@192.0.2.0!24:*/*")
    (tmp_path / school).write_text(text, encoding="utf-8")
    done = run("import", school)
    assert done.return_value == 1
    assert "school.prf:4:24: shows more: *://*@192.0.2.0!24:*/* is left out" in done.stderr
    assert done.stderr.endswith("sfs: 1 of these close pages there, and do not in what was written\n")


def test_a_level_may_be_given_where_the_configuration_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert 'RejectIf "(Page1.lv > 2)"' in run("export", "--level", "2").stdout
    assert 'RejectIf "otherwise"' in run("export", "--profile", "only-allowed").stdout
    with pytest.raises(SfsError, match="no level is chosen"):
        run("export")


def test_what_cannot_be_read_or_written_is_said(school: str, tmp_path: Path) -> None:
    (tmp_path / "not.prf").write_bytes(b"\xff\xfe(")
    with pytest.raises(LabelError, match=r"not\.prf:1:1: .*no profile"):
        run("import", "not.prf")
    with pytest.raises(SfsError, match=r"missing\.prf: cannot be read"):
        run("import", "missing.prf")
    with pytest.raises(SfsError, match="cannot be written"):
        run("import", school, "-o", tmp_path / "none" / "school.yaml")


def test_a_disk_that_is_full_leaves_the_configuration_of_before(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="another system than Unix")
    config = tmp_path / "school.yaml"
    config.write_text("level: 1\n")
    config.chmod(0o640)

    def export(room: int) -> int:
        """With so many bytes for each file."""
        words = [sys.executable, "-m", "sfs", "profile", "export", "--level", "2", "-o", str(config)]
        limit = (resource.RLIMIT_FSIZE, (room, room))
        done = subprocess.run(words, timeout=60, capture_output=True, preexec_fn=lambda: resource.setrlimit(*limit))
        return done.returncode

    assert (export(100), config.read_text()) == (2, "level: 1\n")
    assert export(100_000) == 0 and config.read_text().startswith("(PicsRule-1.1")
    assert config.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["school.yaml"]

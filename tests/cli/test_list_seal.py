"""`sfs lists seal`, `sfs isp key`, and what other commands say of a sealed list: never what stands in it."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from sfs.cli.explain import command as explain
from sfs.cli.isp import command as isp
from sfs.cli.lists import command as lists
from sfs.errors import SfsError
from sfs.lists.list_key import make_key

MARK = "marked"  # in every entry, and nowhere else


def run(command, *arguments: object, text: str | None = None) -> tuple[str, int]:
    """What is printed, both ways."""
    result = CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False, input=text)
    if result.exception is not None:
        raise result.exception
    return result.output, result.return_value or 0


def rows(*hosts: str, purpose: str = "policy", serial: int = 7) -> str:
    head = {"list": "body", "purpose": purpose, "serial": serial}
    return "".join(f"{json.dumps(row)}\n" for row in (head, *({"unit": "host", "host": host} for host in hosts)))


@pytest.fixture
def key(tmp_path) -> Path:
    path = tmp_path / "isp.key"
    make_key(path)
    return path


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "list.jsonl"
    path.write_text(rows(f"{MARK}1.example", f"{MARK}2.example", f"{MARK}.sub.example"))
    return path


@pytest.fixture
def sealed(tmp_path, key, source) -> Path:
    run(lists, "seal", source, "-o", tmp_path / "list.sealed", "--key", key)
    return tmp_path / "list.sealed"


def configured(folder: Path, **more: object) -> Path:
    row = {"name": "body", "url": str(folder / "list.sealed"), "mandatory": True, "key": str(folder / "isp.key")} | more
    path = folder / "config.yaml"
    row = {name: value for name, value in row.items() if value is not None}
    path.write_text(yaml.safe_dump({"profile": "isp", "lists": [row]}))
    return path


def blocked(config: Path, *urls: str) -> list[dict]:
    said, _ = run(explain, "--config", config, "--json", *urls)
    answers = [json.loads(line) for line in said.splitlines()]
    return [answer for answer in answers if answer["action"] == "block"]


def test_a_key_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    said, _ = run(isp, "key")
    assert str(tmp_path / "sfs" / "isp.key") in said
    with pytest.raises(SfsError, match="already"):
        run(isp, "key")


def test_a_sealed_list_blocks_by_number(tmp_path, sealed):
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    config = configured(tmp_path)
    (answer,) = blocked(config, f"http://{MARK}2.example/a", "http://other.example/")
    assert (answer["check"], answer["source"], answer["entry"]) == ("mandatory", "body 7", 3)
    canaries = ["http://canary.sfs.example/", "http://a.policy-rpz.canary.sfs.example/"]
    assert [answer["entry"] for answer in blocked(config, *canaries)] == [0, 0]  # it can be seen that the list holds
    assert not blocked(config, "http://open.canary.sfs.example/", "http://xpolicy-rpz.canary.sfs.example/")
    said, _ = run(explain, "--config", config, f"http://{MARK}2.example/a")
    assert "[body 7, entry 3]" in said


def test_a_version_follows_another_and_comes_back(tmp_path, key, source, sealed):
    config = configured(tmp_path)
    said, _ = run(lists, "seal", source, "-o", sealed, "--key", key)
    assert "nothing changed" in said
    source.write_text(rows(f"{MARK}1.example", serial=8))
    run(lists, "seal", source, "-o", sealed, "--key", key)
    assert not blocked(config, f"http://{MARK}2.example/")
    source.write_text(rows(f"{MARK}1.example", f"{MARK}9.example", serial=8))  # the same serial for another list
    run(lists, "seal", source, "-o", sealed, "--key", key)
    assert blocked(config, f"http://{MARK}9.example/")[0]["source"] > "body 2026"
    said, _ = run(lists, "rollback", sealed)
    assert "serial 8" in said
    assert not blocked(config, f"http://{MARK}9.example/") and blocked(config, f"http://{MARK}1.example/")
    run(lists, "rollback", sealed)  # a second time takes that back
    assert blocked(config, f"http://{MARK}9.example/")
    with pytest.raises(SfsError, match="serial 8 is below"):
        source.write_text(rows(f"{MARK}1.example", serial=8))
        run(lists, "seal", source, "-o", sealed, "--key", key)


def test_a_list_that_went_wrong_is_refused(tmp_path, key, source):
    out = tmp_path / "list.sealed"
    source.write_text(rows(*(f"{MARK}{number}.example" for number in range(300))))
    run(lists, "seal", source, "-o", out, "--key", key)
    before = out.read_bytes()
    source.write_text(rows(*(f"{MARK}{number}.example" for number in range(100)), serial=8))
    with pytest.raises(SfsError, match=r"200 digests would go and 0 come, of 300 entries") as fault:
        run(lists, "seal", source, "-o", out, "--key", key)
    assert out.read_bytes() == before and MARK not in str(fault.value)
    run(lists, "seal", source, "-o", out, "--key", key, "--accept-change")
    assert out.read_bytes() != before
    source.write_text(rows(serial=9))
    with pytest.raises(SfsError, match="nothing is left of 100 entries"):
        run(lists, "seal", source, "-o", out, "--key", key)
    with pytest.raises(SfsError, match="100 entries"):
        run(lists, "seal", source, "-o", out, "--key", key, "--most", 99)
    source.write_text(rows(f"{MARK}.example", purpose="security", serial=9))
    with pytest.raises(SfsError, match="purpose policy, which cannot become security"):
        run(lists, "seal", source, "-o", out, "--key", key)


def test_rollback_needs_a_version_of_before(sealed):
    with pytest.raises(SfsError, match="no version of before"):
        run(lists, "rollback", sealed)


def test_a_confidential_list_comes_from_no_disk(tmp_path, key, source):
    out = tmp_path / "list.sealed"
    text = rows(f"{MARK}.example", purpose="child-protection")
    source.write_text(text)
    words = [sys.executable, "-m", "sfs", "lists", "seal", "-", "-o", str(out), "--key", str(key)]
    with source.open() as opened:
        done = subprocess.run(words, stdin=opened, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "lies on a disk" in done.stderr
    with pytest.raises(SfsError, match="lies on a disk") as fault:
        run(lists, "seal", source, "-o", out, "--key", key)
    assert not out.exists() and MARK not in str(fault.value) + done.stderr
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and MARK not in done.stdout + done.stderr
    assert MARK.encode() not in out.read_bytes()


def test_what_is_left_out_is_said_by_its_line(tmp_path, key, source):
    source.write_text(
        rows(f"{MARK}.example")
        + '{"unit": "host", "host": "marked.old.example", "expires": "2020-01-01"}\n'
        + '{"unit": "host", "host": "marked.dns.example", "methods": ["dns"]}\n'
        + '{"unit": "url-query-keys", "url": "http://marked.example/a?q", "keys": ["q", "p"]}\n'
    )
    said, _ = run(lists, "seal", source, "-o", tmp_path / "list.sealed", "--key", key)
    assert f"1 expired, not in force ({source}:3)\n" in said and ": 1 entries, serial 7;" in said
    assert f"1 left out: its methods leave this out ({source}:4)\n" in said
    assert f"1 left out: a key that stands not once in the query ({source}:5)\n" in said and MARK not in said


def test_no_command_says_what_stands_in_a_list(tmp_path, key, source, sealed):
    config = configured(tmp_path)
    said = [
        run(lists, "check", sealed)[0],
        run(lists, "check", sealed, "--key", key)[0],
        run(lists, "stats", sealed)[0],
    ]
    assert "--key tells" in said[0] and "yes, and whole" in said[1] and "entries: 3" in said[2]
    said += [run(lists, "check", source)[0], run(lists, "check", source, "--json")[0]]
    assert "host: 3" in said[3] and json.loads(said[4])["in force"] == 3
    said.append(run(lists, "stats", "--config", config)[0])
    for words in (("export", "body"), ("export", "body", "--format", "rpz", "--nxdomain"), ("diff", "body", source)):
        with pytest.raises(SfsError) as fault:
            run(lists, *words, "--config", config)
        said.append(str(fault.value))
    done = subprocess.run(
        [sys.executable, "-m", "sfs", "check", "--config", str(config)], capture_output=True, text=True, timeout=60
    )
    said.append(done.stdout + done.stderr)
    assert done.returncode == 0 and "list body: 3 entries" in done.stdout
    assert MARK not in "".join(said)


@pytest.mark.parametrize(
    ("more", "text", "what"),
    [
        ({"key": None}, None, "a sealed list without its key"),
        ({"key": None}, rows(f"{MARK}.example"), "a mandatory list that is not sealed"),
        ({"mandatory": None, "category": "gambling"}, None, "a key, and the list is not mandatory"),
        ({}, rows(f"{MARK}.example"), "no sealed list"),
        ({"key": None}, f"{MARK} x\n" * 30, "no list in the format entries"),
        ({"key": "missing.key"}, None, "there is no file"),
    ],
)
def test_what_cannot_be_loaded_is_named_without_its_text(tmp_path, sealed, more, text, what):
    if text is not None:
        sealed.write_text(text)
    with pytest.raises(SfsError, match=what) as fault:
        run(explain, "--config", configured(tmp_path, **more), "http://a.example/")
    assert MARK not in str(fault.value)


def test_a_bad_line_of_a_plain_mandatory_list_is_named_without_its_text(tmp_path, sealed):
    sealed.write_text(f"{MARK}.example\n{MARK} x.example\n")
    config = configured(tmp_path, key=None)
    assert blocked(config, f"http://{MARK}.example/")
    done = subprocess.run(
        [sys.executable, "-m", "sfs", "check", "--config", str(config)], capture_output=True, text=True, timeout=60
    )
    assert "list.sealed:2:7: a line that is no entry" in done.stdout and MARK not in done.stdout + done.stderr

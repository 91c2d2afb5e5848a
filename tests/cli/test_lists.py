"""`sfs lists`: every command against a real server of lists."""

import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sfs.cli.explain import command as explain_command
from sfs.cli.lists import command
from sfs.errors import SfsError
from sfs.lists import store
from sfs.lists.update import due_at
from sfs.sources.choice import lists_in_use, wanted
from sfs.sources.config import load_config
from tests.lists.mirror import Mirror, serving

DATA = Path(os.environ["SFS_TEST_DATA"]) if os.environ.get("SFS_TEST_DATA") else None
BODY = b"".join(b"name%d.example\n" % n for n in range(300))


@pytest.fixture(scope="module")
def mirror():
    with serving() as running:
        yield running


@pytest.fixture
def house(mirror: Mirror, tmp_path):
    """A configuration with a list on the mirror, one in a file and a mandatory one."""
    url = mirror.put("/names", BODY, etag='"1"')
    (tmp_path / "own.txt").write_text("own.example\n")
    (tmp_path / "law.txt").write_text("law.example\n")
    config = tmp_path / "sfs.yaml"
    config.write_text(
        f"level: 2\nstate: {tmp_path / 'state'}\ndefault_lists: false\nlists:\n"
        f"- {{name: names, url: '{url}', format: plain, category: gambling}}\n"
        "- {name: own, url: own.txt, rating: 3}\n- {name: law, url: law.txt, mandatory: true}\n"
    )
    return config


def run(*arguments: object, config: Path | None = None) -> Result:
    words = [str(word) for word in arguments] + ([] if config is None else ["--config", str(config)])
    result = CliRunner().invoke(command, words, standalone_mode=False, catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_update_then_nothing_new_then_a_change(house, mirror: Mirror):
    assert "names: new, 300 names" in run("update", config=house).output
    assert "names: same" in run("update", "names", config=house).output
    mirror.put("/names", BODY[len(b"name0.example\n") :] + b"more.example\n", etag='"2"')
    assert "(+1 -1)" in run("update", config=house).output
    assert run("update", "--quiet", config=house).output == ""
    assert "no list is due" in run("update", "--due", config=house).output


def test_a_failure_is_loud(house, mirror: Mirror):
    run("update", config=house)
    mirror.put("/names", b"<html>login</html>")
    result = run("update", config=house)
    assert result.return_value == 1
    assert "web page" in result.output
    table = run("stats", config=house).output
    assert "failed:" in table and "300" in table
    assert run("update", "--due", config=house).return_value == 0  # it waits an hour


def test_a_list_that_is_not_in_use_is_named(house):
    with pytest.raises(SfsError, match="ut1-games"):
        run("update", "ut1-games", config=house)


def test_stats_show_every_list(house):
    lines = run("stats", config=house).output.splitlines()
    assert [line.split()[0] for line in lines] == ["list", "names", "own", "law"]
    assert "rating 3 (gambling)" in lines[1] and "never fetched" in lines[1]
    assert "mandatory" in lines[3]


def test_explain_blocks_a_name_of_the_list(house):
    run("update", config=house)
    arguments = ["http://www.name7.example/", "--config", str(house)]
    result = CliRunner().invoke(explain_command, arguments, standalone_mode=False)
    assert result.return_value == 1
    assert "category-rating, rating 3  [names:8 name7.example]" in result.output


def test_export_and_diff(house, tmp_path):
    run("update", config=house)
    text = run("export", "names", config=house).output
    assert sorted(text.encode().splitlines()) == sorted(BODY.splitlines())
    (tmp_path / "new.txt").write_bytes(BODY.replace(b"name0.example", b"zero.example"))
    result = run("diff", "names", tmp_path / "new.txt", config=house)
    assert (result.return_value, result.output) == (1, "-name0.example\n+zero.example\n")
    assert run("export", "own", config=house).output == "own.example\n"


@pytest.mark.parametrize("arguments", [("export", "law"), ("diff", "law", __file__)])
def test_a_mandatory_list_is_never_shown(house, arguments):
    with pytest.raises(SfsError, match="mandatory"):
        run(*arguments, config=house)


def test_check_reads_what_it_is_given(tmp_path):
    (tmp_path / "a").write_bytes(gzip.compress(b"||a.example^\n||b.example^\n! note\n" * 3))
    assert "2 names in the format adblock" in run("check", tmp_path / "a").output
    (tmp_path / "b").write_text("a.example\nnot a name\n")
    assert "1 names in the format plain, 1 lines skipped" in run("check", tmp_path / "b", "--format", "plain").output
    (tmp_path / "c").write_text("<html></html>")
    result = run("check", tmp_path / "c", "--format", "plain")
    assert result.return_value == 1 and "web page" in result.output


def test_compile_writes_a_folder(tmp_path):
    (tmp_path / "a").write_bytes(BODY)
    assert "300 names" in run("compile", tmp_path / "a", tmp_path / "out", "--format", "plain").output
    assert (tmp_path / "out" / "names.trie").exists()
    with pytest.raises(SfsError, match="there already"):
        run("compile", tmp_path / "a", tmp_path / "out", "--format", "plain")


def test_import_takes_a_list_into_use(house, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, body in (("bad/domains", b"deep.example\n"), ("bad/urls", b"site.example/a/\n")):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    (tmp_path / "bad.tar.gz").write_bytes(packed.getvalue())
    result = run("import", tmp_path / "bad.tar.gz", "--name", "Bad ones", "--rating", "4", config=house)
    assert "Bad ones: " in result.output and "0 lines skipped" in result.output
    config = load_config(house)
    assert {source.name: source.rating for source in config.lists}["Bad ones"] == 4
    assert {"deep.example", "site.example/a/"} <= set(run("export", "Bad ones", config=house).output.splitlines())
    run(
        "import", tmp_path / "own.txt", "--name", "Bad ones", "--category", "malware", "--format", "plain", config=house
    )
    assert run("export", "Bad ones", config=house).output == "own.example\n"
    with pytest.raises(SfsError, match="--category"):
        run("import", tmp_path / "own.txt", "--name", "x", config=house)
    with pytest.raises(SfsError, match="no category"):
        run("import", tmp_path / "own.txt", "--name", "x", "--category", "gamblin", "--format", "plain", config=house)


def test_the_catalogue_is_printed():
    output = run("catalogue").output
    assert "ut1-gambling *" in output and "nothing (unified)" in output and "were not tried" in output


def test_what_was_asked_for_without_a_network_is_tried_again_in_the_background(tmp_path, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    config = load_config(None, {"level": 4}, tmp_path)
    assert wanted(lists_in_use(config, {4}), config.state) == ()
    result = run("update", "--level", 4, "--state", tmp_path)
    assert result.return_value == 1
    again = wanted(lists_in_use(config, {4}), config.state)
    assert again and all(due_at(store.state_of(config.state, source)) is not None for source in again)


@pytest.mark.skipif(DATA is None, reason="SFS_TEST_DATA names no folder")
@pytest.mark.parametrize("name", ["hosts", "domains", "adblock", "dnsmasq"])
def test_public_lists_in_four_formats_are_the_same_list(name, mirror: Mirror, tmp_path):
    assert DATA is not None
    body = (DATA / "formats" / "ransomware" / f"{name}.txt").read_bytes()
    format_ = {"domains": "plain"}.get(name, name)
    url = mirror.put(f"/{name}", body)
    config = tmp_path / "sfs.yaml"
    lists = f"lists: [{{name: names, url: '{url}', format: {format_}, category: ransomware}}]\n"
    config.write_text(f"level: 2\nstate: {tmp_path / 'state'}\ndefault_lists: false\n{lists}")
    assert run("update", config=config).return_value == 0
    plain = (DATA / "formats" / "ransomware" / "domains.txt").read_text().splitlines()
    names = {line for line in plain if line and not line.startswith("#")}
    assert set(run("export", "names", config=config).output.split()) == names


@pytest.mark.long
@pytest.mark.skipif(DATA is None, reason="SFS_TEST_DATA names no folder")
def test_a_million_names_come_once_and_are_mapped(mirror: Mirror, tmp_path):
    assert DATA is not None
    packed = (DATA / "hosts" / "hosts-1m.txt.xz").read_bytes()
    url = mirror.put("/million", packed, etag='"1"')
    config = tmp_path / "sfs.yaml"
    lists = f"lists: [{{name: million, url: '{url}', format: plain, category: malware}}]\n"
    config.write_text(f"level: 4\nstate: {tmp_path / 'state'}\ndefault_lists: false\n{lists}")
    assert run("update", config=config).return_value == 0
    assert "million: same" in run("update", config=config).output
    host = lzma.decompress(packed).decode().splitlines()[500_000]
    arguments = [f"http://{host}/", "--config", str(config)]
    result = CliRunner().invoke(explain_command, arguments, standalone_mode=False)
    assert result.return_value == 1 and "subscribed: security" in result.output

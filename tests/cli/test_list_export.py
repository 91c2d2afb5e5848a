"""`sfs lists export --format`, `rollback`, `import --purpose`, `primary`: what they write, and what they refuse."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfs.cli.lists import command
from sfs.errors import SfsError
from sfs.export import reload
from sfs.export.outputs import in_memory
from sfs.lists.list_key import make_key
from sfs.lists.sealed_file import MAGIC

SHM = Path("/dev/shm")
SECRET = "name-of-a-secret.example"


def run(*arguments: object) -> tuple[str, str, int]:
    result = CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout, result.stderr, result.return_value or 0


@pytest.fixture
def listed(tmp_path) -> Path:
    path = tmp_path / "list.txt"
    path.write_text("tree.example\n=host.example\nshared.example/a\n")
    return path


@pytest.fixture
def memory() -> Iterator[Path]:
    if not in_memory(SHM):
        pytest.skip("/dev/shm is no tmpfs here: a confidential list is read from no disk")
    with tempfile.TemporaryDirectory(dir=SHM, prefix="sfs-test-") as folder:
        yield Path(folder)


@pytest.fixture
def secret(memory) -> Path:
    """A confidential list."""
    path = memory / "secret.jsonl"
    rows = [{"list": "s", "purpose": "child-protection"}, {"unit": "domain-tree", "host": SECRET}]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def sfs(*arguments: object, **how) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "sfs", "lists", *map(str, arguments)]
    return subprocess.run(words, text=True, timeout=60, **{"capture_output": True, **how})


def test_it_is_printed_and_what_is_left_out_is_said(listed):
    text, said, code = run("export", "--format", "rpz", listed, "--stop", "192.0.2.80")
    assert "*.tree.example A 192.0.2.80\n" in text and "shared" not in text and code == 0
    assert said == f"1 left out: a unit of pages, and names alone are seen ({listed}:3)\n"


@pytest.mark.parametrize(
    "how",
    [
        (),
        ("--nxdomain", "--stop", "192.0.2.80"),
        ("--stop", "here"),
        ("--stop", "192.0.2"),
        ("--stop", "fe80::1%eth0"),
        ("--nxdomain", "--exempt", "x"),
    ],
)
def test_an_answer_has_to_be_chosen(listed, how):
    with pytest.raises(SfsError):
        run("export", "--format", "rpz", listed, *how)


@pytest.mark.parametrize("engine", ["dnsmasq", "hosts", "pac", "bird"])
def test_who_cannot_exempt_clients_says_so(listed, engine):
    more = ["--proxy", "192.0.2.1:80"] if engine == "pac" else [] if engine == "bird" else ["--nxdomain"]
    with pytest.raises(SfsError, match="cannot be told"):
        run("export", "--format", engine, listed, "--exempt", "192.0.2.0/24", *more)


def test_a_version_is_compared_replaced_and_put_back(listed, tmp_path):
    out = tmp_path / "policy.zone"
    export = ("export", "--format", "rpz", listed, "--nxdomain", "-o", out)
    run(*export)
    first = out.read_text()
    assert run(*export)[1].endswith("nothing changed, serial " + first.split("serial ")[1].split("\n")[0] + "\n")
    listed.write_text("tree.example\n=other.example\n")
    text, said, code = run(*export, "--diff")
    assert (text, code) == ("-host.example CNAME .\n+other.example CNAME .\n", 1) and out.read_text() == first
    assert "1 lines go, 1 come" in said
    run(*export)
    assert "other.example CNAME ." in out.read_text()
    run("rollback", out)
    assert "host.example CNAME ." in out.read_text() and "other.example" not in out.read_text()
    assert int(out.read_text().split("serial ")[1].split("\n")[0]) == int(first.split("serial ")[1].split("\n")[0]) + 2


def test_size_and_change_have_bounds(listed, tmp_path):
    out = tmp_path / "out"
    listed.write_text("".join(f"n{number}.example\n" for number in range(500)))
    export = ("export", "--format", "dnsmasq", listed, "--nxdomain", "-o", out)
    with pytest.raises(SfsError, match="500 entries"):
        run(*export, "--most", "499")
    run(*export)
    listed.write_text("n1.example\n")
    with pytest.raises(SfsError, match="--accept-change"):
        run(*export)
    assert "n2.example" in out.read_text()
    run(*export, "--accept-change")
    assert "n2.example" not in out.read_text()


def test_two_commands_at_once_give_two_versions_two_serials(tmp_path):
    out, running = tmp_path / "policy.zone", []
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(f"n{number}.example\n")
        words = ["export", "--format", "rpz", "--nxdomain", tmp_path / f"{number}.txt", "-o", out]
        command_ = [sys.executable, "-m", "sfs", "lists", *map(str, words)]
        running.append(subprocess.Popen(command_, stderr=subprocess.PIPE, text=True))
    said = [one.communicate(timeout=60)[1] for one in running]
    serials = [line.split("serial ")[1].split(";")[0] for line in said if "serial" in line]
    assert len(set(serials)) == 3, said


def test_another_file_to_compare_with_lets_no_serial_fall_and_no_purpose_mix(listed, secret, tmp_path):
    out, other = tmp_path / "policy.zone", tmp_path / "other.zone"
    how = ("export", "--format", "rpz", listed, "--nxdomain", "-o", out)
    run(*how, "--serial", "4000000000")
    run("export", "--format", "rpz", listed, "--nxdomain", "-o", other, "--serial", "1")
    listed.write_text("tree.example\nnew.example\n")
    _, said, _ = run(*how, "--against", other)
    assert "serial 4000000001" in said
    with pytest.raises(SfsError, match="cannot become security"):
        run(*how, "--against", tmp_path / "none", "--purpose", "security")


@pytest.mark.parametrize(
    ("how", "what"),
    [
        (("--format", "rpz", "--nxdomain", "--most", "2"), "3 entries, where 2 are the most"),
        (("--format", "rpz", "--nxdomain", "--reload", "named.pid"), "--reload without a file"),
        (("--format", "pac", "--proxy", "filter.example:99999"), "is no proxy"),
    ],
)
def test_what_cannot_be_meant_is_refused(listed, how, what):
    with pytest.raises(SfsError, match=what):
        run("export", listed, *how)


def test_an_output_with_nothing_of_the_list_says_so(tmp_path):
    (tmp_path / "empty.txt").write_text("# nothing\n")
    _, said, code = run("export", "--format", "rpz", "--nxdomain", tmp_path / "empty.txt")
    assert said == "nothing of the list stands in this output\n" and code == 0


def test_purposes_never_mix_and_never_change(listed, secret, tmp_path):
    with pytest.raises(SfsError, match="child-protection and policy"):
        run("export", "--format", "rpz", listed, secret, "--nxdomain")
    out = tmp_path / "out"
    run("export", "--format", "rpz", listed, "--nxdomain", "-o", out)
    with pytest.raises(SfsError, match="cannot become security"):
        run("export", "--format", "rpz", listed, "--nxdomain", "-o", out, "--purpose", "security")


@pytest.mark.parametrize("engine", ["hosts", "pac", "dnsmasq"])
def test_a_confidential_list_is_never_written_in_the_open(secret, engine):
    done = sfs("export", "--format", engine, secret, "--nxdomain")
    assert done.returncode == 2 and "never written as" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_a_confidential_list_goes_to_a_pipe_or_into_memory(secret, tmp_path):
    export = ("export", "--format", "rpz", secret, "--nxdomain")
    assert f"*.{SECRET} CNAME .\n" in sfs(*export).stdout
    if in_memory(tmp_path):
        pytest.skip("the folder of the tests is in memory")
    done = sfs(*export, "-o", tmp_path / "out")
    assert done.returncode == 2 and "goes to no disk" in done.stderr and not (tmp_path / "out").exists()
    with (tmp_path / "file").open("w") as file:
        done = sfs(*export, capture_output=False, stdout=file, stderr=subprocess.PIPE)
    assert done.returncode == 2 and "pipe" in done.stderr and (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("kind", ["list", "plain", "body", "standard input", "in use"])
def test_a_confidential_list_is_read_from_no_disk(secret, tmp_path, kind):
    """One rule for import, export and seal, wherever the list says or is said to be confidential."""
    if in_memory(tmp_path):
        pytest.skip("the folder of the tests is in memory")
    on_disk, said = tmp_path / "list", ("--purpose", "child-protection")
    on_disk.write_text(secret.read_text() if kind in ("list", "standard input") else f"{SECRET}\n")
    config = tmp_path / "config.yaml"
    config.write_text(f"profile: isp\nlists: [{{name: body, url: {on_disk}, format: hosts, mandatory: true}}]\n")
    key = tmp_path / "isp.key"
    make_key(key)
    export = ("export", "--format", "squid")
    commands: dict[str, list[tuple[object, ...]]] = {
        "list": [(*export, on_disk), ("seal", on_disk, "-o", tmp_path / "sealed", "--key", key)],
        "plain": [(*export, on_disk, *said), ("seal", on_disk, "-o", tmp_path / "sealed", "--key", key, *said)],
        "body": [("import", on_disk, *said)],
        "standard input": [(*export, "-")],
        "in use": [(*export, "body", *said, "--config", config)],
    }
    for command_ in commands[kind]:
        with on_disk.open() as given:
            done = sfs(*command_, stdin=given)
        assert (done.returncode, done.stdout) == (2, "") and SECRET not in done.stderr
        assert "a confidential list that lies on a disk" in done.stderr
    assert not (tmp_path / "sealed").exists()


def test_in_memory_versions_are_compared_by_number_alone(secret):
    out = secret.parent / "out"
    export = ("export", "--format", "squid", secret, "-o", out)
    assert sfs(*export).returncode == 0
    secret.write_text(secret.read_text().replace(SECRET, f"other.{SECRET}"))
    done = sfs(*export, "--diff")
    assert done.returncode == 1 and "1 lines go, 1 come" in done.stderr and SECRET not in done.stdout + done.stderr
    assert sfs(*export).returncode == 0 and sfs("rollback", out).returncode == 0
    assert f" .{SECRET}\n" in out.read_text()


def test_a_bad_line_of_a_confidential_list_is_named_by_its_number(tmp_path):
    (tmp_path / "list.txt").write_text(f"{SECRET}\n{SECRET}:a\n")
    done = sfs("export", "--format", "rpz", tmp_path / "list.txt", "--purpose", "child-protection", "--nxdomain")
    assert done.returncode == 2 and "list.txt:2" in done.stderr and SECRET not in done.stdout + done.stderr


def test_a_body_is_imported_and_exported_through_pipes(memory):
    (memory / "body.csv").write_text(f"url,reason\nhttp://{SECRET}/A/../b,c1\n{SECRET}.*,\n")
    done = sfs("import", memory / "body.csv", "--purpose", "child-protection")
    assert done.returncode == 1 and json.loads(done.stdout.splitlines()[1])["url"] == f"http://{SECRET}/b"
    assert "1 a regular expression (body.csv:3)" in done.stderr and SECRET not in done.stderr
    again = sfs("export", "--format", "squid", "-", input=done.stdout)
    assert again.returncode == 0 and "url_regex" in again.stdout and "access_log none" in again.stdout
    assert SECRET not in again.stderr


def test_no_crash_leaves_an_image_of_a_list_behind():
    words = [sys.executable, "-m", "sfs", "lists", "import", "-", "--purpose", "child-protection"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"http://{SECRET}/\n".encode() * 5000)  # more than a pipe holds: all of it is being read
        process.stdin.flush()
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        process.stdin.close()
        assert SECRET in process.stdout.read().decode()
    assert limits.partition("Max core file size")[2].split()[0] == "0"


@pytest.mark.parametrize("more", [("--category", "adult"), ("--rating", "0"), ("--report", "r.json"), ("--only", "x")])
def test_a_mandatory_list_takes_nothing_of_a_list_of_categories(listed, more):
    with pytest.raises(SfsError, match="are for lists of categories"):
        run("import", listed, "--purpose", "policy", *more)


def test_what_is_imported_keeps_its_purpose(tmp_path):
    (tmp_path / "body.txt").write_text("http://a.example/x\n")
    out = tmp_path / "list.jsonl"
    assert run("import", tmp_path / "body.txt", "--purpose", "court-order", "-o", out)[2] == 0
    with pytest.raises(SfsError, match="cannot become policy"):
        run("import", tmp_path / "body.txt", "--purpose", "policy", "-o", out)
    first = json.loads(out.read_text().splitlines()[0])["serial"]
    run("import", tmp_path / "body.txt", "--purpose", "court-order", "-o", out)
    assert json.loads(out.read_text().splitlines()[0])["serial"] == first + 1


def test_a_list_of_which_most_is_refused_takes_no_place(tmp_path):
    out, body = tmp_path / "list.jsonl", tmp_path / "body.txt"
    body.write_text("http://a.example/x\nhttp://b.example/\n")
    run("import", body, "--purpose", "policy", "-o", out)
    before = out.read_text()
    body.write_text("http://a.example/x\n<html>\n/regex.*/\n")
    with pytest.raises(SfsError, match="mostly no such list: 1 a regular expression"):
        run("import", body, "--purpose", "policy", "-o", out)
    assert out.read_text() == before


def test_files_that_are_something_else_are_named_as_that(listed, tmp_path):
    (tmp_path / "list.jsonl").write_text('{"list": "a", "purpose": "policy"}\n')
    with pytest.raises(SfsError, match="in the form of SFS already"):
        run("import", tmp_path / "list.jsonl", "--purpose", "policy", "-o", tmp_path / "new.jsonl")
    (tmp_path / "other").write_text("a b c\n")
    with pytest.raises(SfsError, match="a file that is no mandatory list"):
        run("import", listed, "--purpose", "policy", "-o", tmp_path / "other")
    with pytest.raises(SfsError, match="there is no file"):
        run("export", "--format", "rpz", tmp_path / "none", "--nxdomain")
    (tmp_path / "body.sealed").write_bytes(MAGIC + b'{"list": "a", "purpose": "policy", "serial": 1, "entries": 1, ')
    with pytest.raises(SfsError, match="sealed list"):
        run("export", "--format", "rpz", tmp_path / "body.sealed", "--nxdomain")


def test_entries_are_named_by_the_list_in_which_they_stand(listed, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("a.example\nb.example/x\n")
    said = run("export", "--format", "rpz", listed, other, "--nxdomain")[1]
    assert f"({listed}:3, {other}:2)" in said


def test_a_dash_is_standard_output(listed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "tree.example CNAME ." in run("export", "--format", "rpz", listed, "--nxdomain", "-o", "-")[0]
    assert '"host": "tree.example"' in run("import", listed, "--purpose", "policy", "-o", "-")[0]
    assert [*tmp_path.iterdir()] == [listed]


def test_a_line_is_one_of_the_file_and_not_of_what_the_body_sent(tmp_path):
    body, listed = tmp_path / "body.txt", tmp_path / "list.jsonl"
    body.write_text("a.example\n\n# two lines that are no entries\nhttp://b.example/x\n")
    run("import", body, "--purpose", "policy", "-o", listed)
    assert f"({listed}:3)" in run("export", "--format", "rpz", listed, "--nxdomain")[1]


def test_a_list_that_would_be_empty_waits_for_somebody(listed, tmp_path):
    out = tmp_path / "policy.zone"
    export = ("export", "--format", "rpz", listed, "--nxdomain", "-o", out)
    run(*export)
    listed.write_text("# nothing\n")
    with pytest.raises(SfsError, match="nothing of the list would be left"):
        run(*export)
    assert "host.example" in out.read_text()
    run(*export, "--accept-change")
    assert "host.example" not in out.read_text() and "canary.sfs.example" in out.read_text()


def test_no_process_is_told_that_is_no_server(listed, tmp_path):
    out, pid = tmp_path / "policy.zone", tmp_path / "pid"
    export = ("export", "--format", "rpz", listed, "--nxdomain", "-o", out, "--reload", pid)
    for text in (str(os.getpid()), "1", "-1", "0", "x", "999999999", "9" * 1000):
        pid.write_text(text)
        with pytest.raises(SfsError, match=r"no process id|is none of them"):
            run(*export)
    assert not out.exists()


def test_a_server_that_is_not_ours_to_tell_is_known_before_its_file_is_written(listed, tmp_path, monkeypatch):
    out, pid = tmp_path / "policy.zone", tmp_path / "pid"
    pid.write_text(str(os.getpid()))
    monkeypatch.setattr(reload, "SERVERS", {Path("/proc/self/comm").read_text().strip()})

    def not_ours(number: int, what: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", not_ours)
    with pytest.raises(SfsError, match="cannot be told: Operation not permitted"):
        run("export", "--format", "rpz", listed, "--nxdomain", "-o", out, "--reload", pid)
    assert not out.exists()


@pytest.mark.parametrize(
    ("resolver", "word"), [("unbound", "zonefile: "), ("knot", "policy.rpz("), ("pdns", "rpzFile(")]
)
def test_resolvers_are_told_how_a_zone_is_loaded(listed, tmp_path, resolver, word):
    out, zone = tmp_path / "lines", tmp_path / "policy.zone"
    load = ("export", "--format", resolver, listed, "--zone-file", zone, "--exempt", "2001:db8::/32")
    assert run(*load, "-o", out)[1] == f"{out}: {resolver} loads policy.rpz so\n"
    assert word in out.read_text() and str(zone) in out.read_text() and "tree.example" not in out.read_text()
    beside = tmp_path / "lines.exempt"
    assert beside.exists() == (resolver == "unbound")
    if resolver == "unbound":
        assert "32.zz.db8.2001.rpz-client-ip CNAME rpz-passthru.\n" in beside.read_text()
        with pytest.raises(SfsError, match="say -o"):
            run(*load)
    with pytest.raises(SfsError, match="loads no zone"):
        run("export", "--format", "squid", listed, "--zone-file", zone)


def test_a_recursor_takes_the_zone_by_transfer_and_who_knows_no_key_does_not(listed, tmp_path):
    come = ("--primary", "2001:db8::1@5354", "--key-file", tmp_path / "key")
    text = run("export", "--format", "pdns", listed, *come)[0]
    assert 'rpzPrimary("[2001:db8::1]:5354", "policy.rpz"' in text and "tsigsecret" in text
    for resolver in ("unbound", "knot"):
        with pytest.raises(SfsError, match="no transfer with a key"):
            run("export", "--format", resolver, listed, *come)


@pytest.mark.parametrize("network", ["::ffff:192.0.2.0/120", "192.0.2.1/24", "x"])
def test_networks_that_no_resolver_sees_are_refused(listed, network):
    with pytest.raises(SfsError, match="is no network"):
        run("export", "--format", "rpz", listed, "--nxdomain", "--exempt", network)


def test_bind_is_told_where_the_zone_comes_from(listed, tmp_path):
    text, _, _ = run("export", "--format", "bind", listed, "--zone-file", "/run/sfs/policy.zone")
    assert 'response-policy { zone "policy.rpz" policy given log no' in text and '"/run/sfs/policy.zone"' in text
    key = tmp_path / "key"
    text, _, _ = run("export", "--format", "bind", listed, "--primary", "192.0.2.1@5354", "--key-file", key)
    assert key.stat().st_mode & 0o777 == 0o600
    assert (
        "type secondary; primaries { 192.0.2.1 port 5354 key" in text and key.read_text().strip().rsplit(":")[2] in text
    )
    with pytest.raises(SfsError, match="where does the zone come from"):
        run("export", "--format", "bind", listed)


@pytest.mark.parametrize("engine", ["bind", "knot"])
def test_a_primary_is_configured_for_a_zone(listed, tmp_path, engine):
    zone = tmp_path / "policy.zone"
    run("export", "--format", "rpz", listed, "--nxdomain", "-o", zone)
    how = ("--key-file", tmp_path / "key", "--to", "192.0.2.53", "--listen", "192.0.2.1@54")
    text, _, _ = run("primary", zone, "--engine", engine, *how)
    assert "policy.rpz" in text and "192.0.2.53" in text and "tree.example" not in text
    listed.write_text("tree.example\n")
    out = tmp_path / "primary.conf"
    assert run("primary", zone, "--engine", engine, *how, "-o", out)[1] == (
        f"{out}: {engine} hands policy.rpz out at 192.0.2.1@54\n"
    )
    with pytest.raises(SfsError, match="no zone"):
        run("export", "--format", "hosts", listed, "--nxdomain", "-o", tmp_path / "hosts")
        run("primary", tmp_path / "hosts", "--engine", engine, *how)

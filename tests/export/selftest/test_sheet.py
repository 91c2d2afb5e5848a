"""The sheet: what it says, what its signature holds, and the command that prints it."""

import asyncio
import ipaddress
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from click.testing import CliRunner

from sfs.cli.isp_selftest import selftest
from sfs.errors import SfsError
from sfs.export import outputs
from sfs.export.selftest import sheet, signing
from sfs.export.selftest.findings import Finding, Kind
from sfs.export.selftest.plan import AskedList, Engine
from sfs.export.selftest.run import Result, Target
from sfs.export.selftest.versions import versions
from tests.programs import free_port

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FAULT = Finding(Kind.BYPASS, "policy.rpz", "answers there without the list", ("[::1]:53/udp",))
RESULT = Result(
    NOW,
    {"policy.rpz": 2026112802},
    {"policy.rpz": timedelta(hours=3)},
    (Target("ns1", Engine.BIND, 100, 2, (FAULT,), ("x",)), Target("ns2", Engine.KNOT, 90, 0, ())),
)


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(selftest, list(map(str, words)), catch_exceptions=False, standalone_mode=False)
    return done.return_value, done.stdout


def plan(folder, **more: object):
    """A plan whose stop page is at a port that nobody has: one fault."""
    folder.mkdir(exist_ok=True)
    pages = [f"http://127.0.0.1:{free_port()}/"]
    lists = [{"zone": "policy.rpz", "answer": "nxdomain", "serial": 2026112801}]
    (folder / "plan.yaml").write_text(yaml.safe_dump({"lists": lists, "stop_pages": pages} | more))
    return folder / "plan.yaml"


def test_the_text_says_who_is_well_and_what_is_wrong_where():
    text = sheet.as_text(sheet.as_json(RESULT))
    assert "ns1 (bind): 1 wrong\n  BYPASS of policy.rpz: answers there without the list [[::1]:53/udp]\n" in text
    assert "  not answered: 2 questions for names outside of the list\n  stays open here: x\n" in text
    assert "ns2 (knot): well" in text and text.endswith("1 fault.")
    assert "list policy.rpz: serial 2026112802, 3.0 hours old" in text


def test_a_sheet_is_signed_and_a_changed_one_is_found(tmp_path):
    state, kept = tmp_path / "state", tmp_path / "kept.json"
    code, text = run(plan(tmp_path), "--state", state, "-o", kept)
    assert code == 1 and "PAGE DOWN" in text
    printed = tmp_path / "printed.txt"
    printed.write_text(text)
    for path in (kept, printed):
        assert run("--verify", path, "--state", state) == (0, f"{path}: as it was signed\n")
        signer = json.loads(kept.read_text())["signer"]
        assert run("--verify", path, "--signer", signer, "--state", tmp_path / "elsewhere")[0] == 0
        assert "with another key" in run("--verify", path, "--state", tmp_path / "elsewhere")[1]
        path.write_text(path.read_text().replace("page", "pace", 1))
        assert run("--verify", path, "--state", state) == (1, f"{path}: not as it was signed\n")


def test_the_key_is_for_its_owner_alone(tmp_path):
    key = signing.own_key(tmp_path)
    path = tmp_path / "selftest" / "signing.key"
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert signing.public_text(signing.own_key(tmp_path)) == signing.public_text(key)
    path.chmod(0o640)
    with pytest.raises(SfsError, match="others may read"):
        signing.own_key(tmp_path)
    path.chmod(0o600)
    path.write_text("short\n")
    with pytest.raises(SfsError, match="no key"):
        signing.own_key(tmp_path)


def test_what_is_no_signature_is_none():
    key = signing.Ed25519PrivateKey.generate()
    public, signature = signing.public_text(key), signing.sign(key, b"sheet")
    assert signing.verified(public, b"sheet", signature)
    for by, data, said in ((public, b"other", signature), ("x", b"sheet", signature), (public, b"sheet", "é")):
        assert not signing.verified(by, data, said)


@pytest.mark.parametrize("text", ["", "x", "{}", "[]", '{"signer": 1}', "\n-- signed: a", "{" * 5000])
def test_what_is_no_sheet_is_refused(tmp_path, text):
    (tmp_path / "sheet").write_text(text)
    with pytest.raises(SfsError, match="no sheet"):
        run("--verify", tmp_path / "sheet", "--signer", "x")


def test_a_resolver_that_is_not_there_is_named_once_for_all_lists(tmp_path):
    lists = [{"zone": zone, "answer": "nxdomain", "serial": 1} for zone in ("a.rpz", "b.rpz")]
    gone = {"name": "gone", "engine": "bind", "at": "127.0.0.1", "port": free_port(), "look": free_port()}
    code, text = run(
        plan(tmp_path, lists=lists, resolvers=[gone], within="5 seconds"), "--json", "--state", tmp_path / "state"
    )
    found = {one["name"]: one["findings"] for one in json.loads(text)["targets"]}
    assert (code, found["gone"]) == (1, [{"kind": "no answer", "what": "does not answer"}])


def test_json_alone_and_the_ways_to_say_nothing(tmp_path):
    code, text = run(plan(tmp_path), "--json", "--quiet", "--state", tmp_path / "state")
    found = json.loads(text)
    assert (code, found["result"], found["targets"][-1]["findings"][0]["kind"]) == (1, "faults", "page down")
    with pytest.raises(SfsError, match="no plan"):
        run("--state", tmp_path)


def test_what_is_not_installed_is_named_with_what_installs_it(tmp_path):
    code = "import sys; sys.modules['dns'] = None; from sfs.cli.main import main; main()"
    words = [sys.executable, "-c", code, "isp", "selftest", str(plan(tmp_path)), "--state", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "pip install 'sfs-filter[isp]'" in done.stderr


def of_file(folder, serial: int):
    file = folder / "policy.zone"
    outputs.put(file, f"; SFS, policy list policy.rpz, serial {serial}\nsecret.example A 192.0.2.80\n")
    return file


def known(tested: AskedList, now: datetime):
    return asyncio.run(versions(tested, now))


def test_the_version_of_a_file_and_the_one_before_while_it_is_on_its_way(tmp_path):
    stop = (ipaddress.ip_address("192.0.2.80"),)
    file = of_file(tmp_path, 2026112801)
    asked = AskedList("policy.rpz", stop, file=file, max_age=timedelta(hours=1))
    now = datetime.now(UTC)
    first = known(asked, now)
    assert (first.expected.serial, first.expected.before, first.at_list) == (2026112801, None, ())
    of_file(tmp_path, 2026112802)
    assert known(asked, now).expected.before == 2026112801
    assert known(asked, now + timedelta(hours=2)).expected.before is None
    (old,) = known(asked, now + timedelta(hours=2)).at_list
    assert old.kind is Kind.OLD_LIST and "secret" not in old.what
    os.utime(file, (time.time() - 7200,) * 2)
    assert known(asked, now).at_list[0].kind is Kind.OLD_LIST
    outputs.touch(file)
    assert known(asked, datetime.now(UTC)).at_list == ()


def test_a_file_of_another_list_tells_nothing(tmp_path):
    file = of_file(tmp_path, 7)
    for zone, path in (("other.rpz", file), ("policy.rpz", tmp_path / "none")):
        found = known(AskedList(zone, (), file=path, max_age=timedelta(hours=1)), NOW)
        assert [one.kind for one in found.at_list] == [Kind.NO_VERSION, Kind.OLD_LIST]


def test_the_age_of_a_serial_by_its_day():
    found = known(AskedList("policy.rpz", (), serial=2026112702, max_age=timedelta(days=1)), NOW)
    assert (found.age, [one.kind for one in found.at_list]) == (timedelta(hours=36), [Kind.OLD_LIST])
    assert known(AskedList("policy.rpz", (), serial=2026112802, max_age=timedelta(days=1)), NOW).at_list == ()
    for serial in (7, 2026990101):
        assert known(AskedList("policy.rpz", (), serial=serial), NOW).age is None

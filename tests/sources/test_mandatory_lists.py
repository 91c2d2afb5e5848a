"""Sealed lists in a filter: what did not change is taken over, what cannot be used leaves the last good one."""

from pathlib import Path

import pytest
import yaml

from sfs.errors import SfsError
from sfs.lists.list_key import ListKey, make_key
from sfs.lists.mandatory import Purpose, Report
from sfs.lists.mandatory_file import read_mandatory
from sfs.lists.sealed_file import write_sealed
from sfs.lists.sealing import Sealing
from sfs.match.sealed import Digests, SealedIndex
from sfs.sources.config import load_config
from sfs.sources.filter import Filter, load_filter
from sfs.sources.live import Live
from sfs.sources.watched import files_of
from sfs.squid.hosts import Hosts
from sfs.text.url import parse_url
from tests.lists.sealed_lists import SALT


@pytest.fixture
def key(tmp_path) -> ListKey:
    return make_key(tmp_path / "isp.key")


def put(folder: Path, key: ListKey, *lines: str, serial: int = 7) -> None:
    sealing = Sealing(Digests(key.secret, SALT))
    sealing.add(read_mandatory((line.encode() for line in lines), "l").entries, Report(), "l")
    data = write_sealed("l", Purpose.POLICY, serial, sealing.count, sealing.table(), key, SALT)
    (folder / "list.sealed").write_bytes(data)


def live_of(folder: Path, **more: object) -> Live:
    row = {"name": "body", "url": str(folder / "list.sealed"), "mandatory": True, "key": str(folder / "isp.key")}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"level": 2, "default_lists": False, "lists": [row]} | more))

    def load(before: Filter | None) -> Filter:
        return load_filter(load_config(config, {"state": str(folder / "state")}), before)

    return Live(load(None), load)


def listed(live: Live, host: str) -> bool:
    (one,) = live.filter.ruleset.mandatory
    return bool(one.index.match(parse_url(f"http://{host}/")))


def test_a_new_list_holds_and_one_that_did_not_change_is_taken_over(tmp_path, key):
    put(tmp_path, key, "a.example")
    live = live_of(tmp_path)
    first = live.filter.ruleset.mandatory[0]
    assert isinstance(first.index, SealedIndex) and (first.id, first.serial) == ("body", "7")
    assert live.reload().ruleset.mandatory[0].index is first.index
    put(tmp_path, key, "b.example", serial=8)
    live.reload()
    assert listed(live, "b.example") and not listed(live, "a.example")
    assert live.told == ("mandatory list body: 7 -> 8",)


def test_what_cannot_be_used_leaves_the_last_good_list(tmp_path, key):
    put(tmp_path, key, "a.example")
    live = live_of(tmp_path)
    sealed = tmp_path / "list.sealed"
    good = sealed.read_bytes()
    for bad in (good[:-1] + bytes([good[-1] ^ 1]), good[:50], b"", b"a.example\n"):
        sealed.write_bytes(bad)
        with pytest.raises(SfsError) as fault:
            live.reload()
        assert listed(live, "a.example") and "a.example" not in str(fault.value)
    sealed.write_bytes(good)
    (tmp_path / "isp.key").unlink()
    make_key(tmp_path / "isp.key")
    with pytest.raises(SfsError, match="sealed with another key"):
        live.reload()
    sealed.unlink()
    with pytest.raises(SfsError, match="there is no file"):
        live.reload()
    assert listed(live, "a.example")


@pytest.mark.parametrize("cut", ["", "# nothing\n", "n1.example\n" * 50])
def test_a_list_in_clear_that_was_cut_leaves_the_last_good_one(tmp_path, cut):
    row = {"name": "law", "url": str(tmp_path / "law.txt"), "mandatory": True}
    (tmp_path / "law.txt").write_text("".join(f"n{number}.example\n" for number in range(200)))
    live = live_of(tmp_path, lists=[row])
    (tmp_path / "law.txt").write_text(cut)
    with pytest.raises(SfsError, match=r"shrank from 200 entries to \d+"):
        live.reload()
    assert listed(live, "n199.example")
    (tmp_path / "law.txt").write_text("".join(f"n{number}.example\n" for number in range(150)))
    live.reload()
    assert listed(live, "n149.example") and not listed(live, "n199.example")
    (tmp_path / "law.txt").write_text(cut)
    live_of(tmp_path, lists=[row])  # a start takes it as it is


def test_a_list_without_a_serial_is_told_by_its_checksum(tmp_path, key):
    put(tmp_path, key, "a.example", serial=0)
    (one,) = live_of(tmp_path).filter.ruleset.mandatory
    assert len(one.serial) == 12 and int(one.serial, 16)


def test_the_list_and_its_key_are_looked_at(tmp_path, key):
    put(tmp_path, key, "a.example")
    assert {tmp_path / "list.sealed", tmp_path / "isp.key"} <= set(files_of(live_of(tmp_path).filter))


def test_the_helper_in_squid_answers_by_a_sealed_list(tmp_path, key):
    put(tmp_path, key, "a.example", "=h.example", "p.example/a")
    filter_ = live_of(tmp_path, checks="mandatory").filter
    hosts = Hosts(filter_, filter_.policies.default)
    verdicts = [hosts.of_host(host) for host in ("x.a.example", "h.example", "x.h.example", "p.example", "o.example")]
    assert [getattr(one, "source", one) for one in verdicts] == ["body 7", "body 7", True, False, True]

"""Sealed lists as files: what was written is read again; what was cut, changed or sealed with another key is not."""

import os
import stat
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.lists.list_key import ListKey, make_key, read_list_key
from sfs.lists.mandatory import Purpose, Report
from sfs.lists.mandatory_file import read_mandatory
from sfs.lists.sealed_file import MAGIC, look_at, open_sealed, write_sealed
from sfs.lists.sealing import Sealing
from sfs.match.sealed import Digests
from sfs.text.url import parse_url
from tests.lists.sealed_lists import KEY, SALT

LINES = [b"tree.example", b"=host.example", b"pages.example/secret/", b"pages.example/a?q"]


@lru_cache
def data_of(key: bytes = KEY) -> bytes:
    sealing = Sealing(Digests(key, SALT))
    sealing.add(read_mandatory(LINES, "l").entries, Report(), "l")
    return write_sealed("body", Purpose.POLICY, 7, sealing.count, sealing.table(), ListKey(key), SALT)


def opened(folder: Path, data: bytes, key: bytes = KEY):
    path = folder / "list.sealed"
    path.write_bytes(data)
    return open_sealed(path, ListKey(key))


def test_what_was_written_is_read_again(tmp_path):
    found = opened(tmp_path, data_of())
    head = found.head
    assert (head.name, head.purpose, head.serial, head.entries) == ("body", Purpose.POLICY, 7, 4)
    assert look_at(tmp_path / "list.sealed") == head
    urls = [
        "http://a.tree.example/",
        "http://host.example/",
        "http://pages.example/secret/x",
        "http://pages.example/a?q",
    ]
    assert [[hit.line for hit in found.index.match(parse_url(url))] for url in urls] == [[1], [2], [3], [4]]
    assert not found.index.match(parse_url("http://pages.example/"))


def test_nothing_of_an_entry_or_the_key_stands_in_the_file():
    data = data_of()
    assert data.startswith(MAGIC)
    assert not [word for word in (b"example", b"tree", b"secret", b"host", KEY, KEY.hex().encode()) if word in data]
    assert data != data_of(key=bytes(32))


def test_another_key_opens_nothing(tmp_path):
    with pytest.raises(SfsError, match="sealed with another key"):
        opened(tmp_path, data_of(), bytes(32))


@given(at=st.integers(0, 10_000), value=st.integers(1, 255))
def test_a_byte_that_was_changed_is_seen(tmp_path_factory, at, value):
    data = bytearray(data_of())
    data[at % len(data)] ^= value
    with pytest.raises(SfsError):
        opened(tmp_path_factory.getbasetemp(), bytes(data))


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda data: MAGIC + data), st.integers(0, 500)))
def test_any_bytes_give_an_error(tmp_path_factory, data):
    if isinstance(data, int):
        data = data_of()[: data % len(data_of())]
    with pytest.raises(SfsError):
        opened(tmp_path_factory.getbasetemp(), data)


def test_a_file_whose_head_lies_is_refused_though_its_checksum_is_right(tmp_path):
    sealing = Sealing(Digests(KEY, SALT))
    sealing.add(read_mandatory(LINES, "l").entries, Report(), "l")
    table = sealing.table()
    data = write_sealed("l", Purpose.POLICY, 7, 4, replace(table, bits=table.bits + 1), ListKey(KEY), SALT)
    with pytest.raises(SfsError, match="cut"):
        opened(tmp_path, data)


def test_what_is_not_there_or_something_else(tmp_path):
    with pytest.raises(SfsError, match="cannot be read"):
        open_sealed(tmp_path / "missing", ListKey(KEY))
    (tmp_path / "list").write_text("tree.example\n")
    assert look_at(tmp_path / "list") is look_at(tmp_path / "missing") is None
    with pytest.raises(SfsError, match="no sealed list"):
        open_sealed(tmp_path / "list", ListKey(KEY))


def test_a_key_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys" / "isp.key"
    key = make_key(path)
    assert read_list_key(path) == key and len(key.secret) == 32 and key.secret.hex() not in repr(key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with pytest.raises(SfsError, match="there is a file already"):
        make_key(path)
    os.chmod(path, 0o640)
    with pytest.raises(SfsError, match="others may read"):
        read_list_key(path)


@pytest.mark.parametrize("text", ["", "x", "sfs-list-key-1:00", "sfs-list-key-1:" + "0" * 64 + " x", "\0" * 300])
def test_a_file_that_is_no_key(tmp_path, text):
    path = tmp_path / "isp.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(SfsError, match="no key of sealed lists") as fault:
        read_list_key(path)
    assert "0000" not in str(fault.value)


def test_a_key_that_is_missing_or_cannot_be_made(tmp_path):
    with pytest.raises(SfsError, match="there is no key"):
        read_list_key(tmp_path / "isp.key")
    with pytest.raises(SfsError, match="cannot be read"):
        read_list_key(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SfsError, match="cannot be written"):
        make_key(tmp_path / "file" / "isp.key")

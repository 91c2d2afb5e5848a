"""The CA and the state folder before the start."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from mitmproxy.certs import CertStore

from sfs.errors import SfsError
from sfs.proxy.setup import CA_CERTIFICATE, prepare_ca


def config(state: Path) -> SimpleNamespace:
    return SimpleNamespace(state=state)


@pytest.fixture(scope="module")
def cas(tmp_path_factory) -> tuple[bytes, bytes]:
    """Two CAs, each certificate and key in PEM."""
    folders = [tmp_path_factory.mktemp("ca") for _ in range(2)]
    for folder in folders:
        CertStore.from_store(folder, "mitmproxy", 2048)
    return tuple((folder / "mitmproxy-ca.pem").read_bytes() for folder in folders)


def test_a_ca_is_made_once_and_only_its_owner_reads_it(tmp_path):
    folder = prepare_ca(config(tmp_path / "state"))
    made = (folder / "mitmproxy-ca.pem").read_bytes()
    assert prepare_ca(config(tmp_path / "state")) == folder
    assert (folder / "mitmproxy-ca.pem").read_bytes() == made
    assert b"PRIVATE KEY" not in (folder / CA_CERTIFICATE).read_bytes()
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0
        assert [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077] == []


def test_an_own_ca_is_taken(tmp_path, cas):
    (tmp_path / "ca.pem").write_bytes(cas[0])
    folder = prepare_ca(config(tmp_path))
    assert (folder / "mitmproxy-ca.pem").read_bytes() == cas[0]
    assert b"PRIVATE KEY" not in (folder / CA_CERTIFICATE).read_bytes()


@pytest.mark.parametrize("what", ["rubbish", "no-key", "other-key", "empty"])
def test_a_file_that_is_no_ca_is_named_before_anything_is_taken(tmp_path, cas, what):
    first, second = (data.replace(b"\r\n", b"\n") for data in cas)
    certificate = first[first.index(b"-----BEGIN CERTIFICATE-----") :]
    key = second[: second.index(b"-----BEGIN CERTIFICATE-----")]
    pem = b"-----BEGIN %s-----\nxx\n-----END %s-----\n"
    data = {
        "rubbish": b"".join(pem % (name, name) for name in (b"CERTIFICATE", b"PRIVATE KEY")),
        "no-key": certificate,
        "other-key": key + certificate,
        "empty": b"",
    }[what]
    (tmp_path / "ca.pem").write_bytes(data)
    with pytest.raises(SfsError) as caught:
        prepare_ca(config(tmp_path))
    assert "ca.pem" in str(caught.value)
    assert not (tmp_path / "ca" / "mitmproxy-ca.pem").exists()


def test_a_broken_ca_of_before_is_named(tmp_path):
    folder = prepare_ca(config(tmp_path))
    (folder / "mitmproxy-ca.pem").write_bytes(b"half a fi")
    with pytest.raises(SfsError) as caught:
        prepare_ca(config(tmp_path))
    assert "move the folder away" in str(caught.value)


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SfsError) as caught:
        prepare_ca(config(tmp_path / "file" / "state"))
    assert "--state" in str(caught.value)

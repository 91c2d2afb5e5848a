"""The CA and the state folder before the start."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from mitmproxy.certs import CertStore

from sfs.errors import SfsError
from sfs.proxy.setup import CA_CERTIFICATE, joined_ca, prepare_ca


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


@pytest.fixture
def full(monkeypatch):
    """A disk that is full when a file is to be put in its place."""

    def replace(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)


def test_the_joined_cas_are_whole_at_any_time_and_their_owners_alone(tmp_path, cas):
    extra = tmp_path / "extra.pem"
    extra.write_bytes(cas[0])
    joined = joined_ca(extra, tmp_path)
    before, node = joined.read_bytes(), joined.stat().st_ino
    assert before.endswith(b"\n" + cas[0])
    assert joined_ca(extra, tmp_path).stat().st_ino == node  # nothing to do
    with joined.open("rb") as reading:
        extra.write_bytes(cas[1])
        assert joined_ca(extra, tmp_path).read_bytes().endswith(b"\n" + cas[1])
        assert reading.read() == before
    if os.name == "posix":
        assert joined.stat().st_mode & 0o777 == 0o600


def test_the_joined_cas_stay_where_the_new_ones_cannot_be_written(tmp_path, cas, full):
    extra, joined = tmp_path / "extra.pem", tmp_path / "upstream-ca.pem"
    extra.write_bytes(cas[0])
    joined.write_bytes(b"as before")
    with pytest.raises(SfsError) as caught:
        joined_ca(extra, tmp_path)
    assert "upstream-ca.pem" in str(caught.value) and "No space left" in str(caught.value)
    assert joined.read_bytes() == b"as before"
    assert {path.name for path in tmp_path.iterdir()} == {"extra.pem", "upstream-ca.pem"}


def test_an_own_ca_that_was_taken_by_half_is_taken_again(tmp_path, cas, monkeypatch):
    """The certificate for the devices and the key that signs belong together, whenever the power fails."""
    (tmp_path / "ca.pem").write_bytes(cas[0])
    folder = prepare_ca(config(tmp_path))
    certificate = (folder / CA_CERTIFICATE).read_bytes()
    stock = os.replace

    def once(source, target):
        stock(source, target)
        monkeypatch.undo()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", once)
    (tmp_path / "ca.pem").write_bytes(cas[1])
    with pytest.raises(SfsError):
        prepare_ca(config(tmp_path))
    assert (folder / "mitmproxy-ca.pem").read_bytes() == cas[0]
    assert prepare_ca(config(tmp_path)) == folder
    assert (folder / "mitmproxy-ca.pem").read_bytes() == cas[1]
    assert certificate != (folder / CA_CERTIFICATE).read_bytes() in cas[1].replace(b"\r\n", b"\n")

"""What the proxy needs before it starts: its CA, the CAs it trusts, what clients may reach."""

import ipaddress
import os
import ssl
import tempfile
from pathlib import Path

import certifi
from mitmproxy.certs import CertStore

from sfs.errors import SfsError
from sfs.lists.private import write_private
from sfs.proxy.reach import Reach
from sfs.sources.config import Config
from sfs.sources.https import own_ca
from sfs.text.address import Network

CA_FOLDER = "ca"  # in the state folder; mitmproxy's names begin with mitmproxy-
CA_CERTIFICATE = "mitmproxy-ca-cert.pem"
CA_NAME = "SFS filter"


def prepare_ca(config: Config) -> Path:
    """The folder of the CA that signs for inspected hosts, with the CA in it: the owner's own (STATE/ca.pem), else one
    made here once. All of it readable for the owner alone. SfsError where the state folder cannot be written, or what
    is there is no CA."""
    try:
        return _prepared(config)
    except OSError as fault:
        raise SfsError(
            f"state {str(config.state)!r}: {fault.strerror}", mend="name a folder that you may write to, with --state"
        ) from None
    except ValueError:
        raise SfsError(
            f"the CA in {str(config.state / CA_FOLDER)!r} cannot be read", mend="move the folder away: a new CA is made"
        ) from None


def _prepared(config: Config) -> Path:
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = config.state / CA_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    own = own_ca(config)
    target = folder / "mitmproxy-ca.pem"
    previous_mask = os.umask(0o077)
    try:
        if own is not None and (not target.is_file() or target.read_bytes() != own.read_bytes()):
            _take_own(own, target, folder / CA_CERTIFICATE)
        if not target.is_file():
            _make_ca(folder, target)
        CertStore.from_store(folder, "mitmproxy", 2048)  # ValueError where it is broken
    finally:
        os.umask(previous_mask)
    return folder


def _make_ca(folder: Path, target: Path) -> None:
    """A new CA. Its files come into the folder whole, the one with the key last: a start that is killed before that
    leaves none, and the next one makes another."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as work:
        # The name under which every system lists it, and by which it is found again to be removed.
        CertStore.create_store(Path(work), "mitmproxy", 2048, organization=CA_NAME, cn=CA_NAME)
        for made in sorted(Path(work).iterdir(), key=lambda path: path.name == target.name):
            write_private(folder / made.name, made.read_bytes())


def _take_own(own: Path, target: Path, certificate: Path) -> None:
    data = own.read_bytes()
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    if b"PRIVATE KEY-----" not in data or begin not in data or end not in data:
        raise SfsError(
            f"{own.name} in the state folder has no certificate with its key",
            mend="put both into the file, in PEM, or remove the file to let SFS make a CA",
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(own, password="")  # "": no question on the terminal
        fits = True
    except (ssl.SSLError, ValueError):
        fits = False
    if not fits:
        raise SfsError(
            f"{own.name} in the state folder holds no certificate and key that belong together",
            mend="put a CA certificate and its key, without a password, into the file",
        )
    # The key last: where it is as the owner's, all of this was done.
    write_private(certificate, data[data.index(begin) : data.index(end) + len(end)] + b"\n")
    write_private(target, data)


def reach_of(config: Config) -> Reach:
    """What clients may reach by the configuration; the ports are known later."""
    return Reach(entries=config.reach)


def named_clients(config: Config) -> tuple[Network, ...]:
    """The ranges that groups name: served even where they are not private."""
    return tuple(network for group in config.groups for network in group.clients)


def joined_ca(extra: Path, folder: Path) -> Path:
    """One file with mitmproxy's CAs and `extra`: mitmproxy replaces its list by the file given. SfsError where
    `extra` holds no certificate, or the folder cannot be written."""
    try:
        added = extra.read_bytes()
    except OSError as fault:
        raise SfsError(f"upstream_ca {str(extra)!r}: {fault.strerror}", mend="name a readable PEM file") from None
    if b"-----BEGIN CERTIFICATE-----" not in added:
        raise SfsError(f"upstream_ca {str(extra)!r} holds no certificate", mend="name a PEM file")
    joined, all_of_them = folder / "upstream-ca.pem", Path(certifi.where()).read_bytes() + b"\n" + added
    if not joined.is_file() or joined.read_bytes() != all_of_them:
        write_private(joined, all_of_them)  # whole at any time: another process may be reading it
    return joined


def is_loopback(host: str) -> bool:
    """Whether a listener's host is this machine's loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_for_others(host: str) -> bool:
    """Whether other devices can be told this host to reach us: an address that is neither loopback nor "all"."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not (ip.is_loopback or ip.is_unspecified)

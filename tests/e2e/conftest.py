"""Real programs on loopback: `sfs run`, an origin server, curl, Chromium."""

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.e2e.browser import missing
from tests.e2e.origin import Names, Origin
from tests.e2e.proxy import WRAPPER, Proxy

HOSTS = [
    "site.test",
    "kids.test",
    "rated.test",
    "listed.test",
    "words.test",
    "label.test",
    "plain.test",
    "find.test",
    "help-line.test",
    "other.test",
    "www.site.test",
    "charset.test",
    "big.test",
    "engine.test",
    "nodecrypt.test",
    "deep.listed.test",
    "host.test",
    "deep.host.test",
    "grown.test",
    "open.test",
    "category.test",
    "danger.test",
    "tunnel.test",
    "law.test",
    "penguin.test",
    "search.test",
]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory) -> tuple[Path, Path, Path]:
    """An origin CA, and a certificate with its key for every host of the tests: (ca, certificate, key)."""
    return issue(tmp_path_factory.mktemp("origin-ca"), HOSTS)


def issue(folder: Path, hosts: Iterable[str]) -> tuple[Path, Path, Path]:
    """A new CA in `folder`, and a certificate of it with its key for these hosts: (ca, certificate, key)."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    ca, ca_key, key, certificate = (folder / name for name in ("ca.pem", "ca.key", "site.key", "site.pem"))
    request, extensions = folder / "site.csr", folder / "site.ext"
    names = ",".join(f"DNS:{host}" for host in hosts)
    extensions.write_text(f"subjectAltName={names},IP:127.0.0.1\n")

    def run(*command: object) -> None:
        subprocess.run([str(part) for part in ("openssl", *command)], check=True, capture_output=True)

    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *ec, "-keyout", ca_key, "-out", ca, "-days", 30, "-subj", "/CN=origin CA")
    run("req", *ec, "-keyout", key, "-out", request, "-subj", "/CN=site.test")
    run(
        *("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", certificate),
        *("-days", 30, "-extfile", extensions),
    )
    return ca, certificate, key


@pytest.fixture(scope="session")
def origin(certificates) -> Origin:
    """One origin server for all tests of a session; each test sets the replies it needs on paths of its own."""
    with Origin(certificates[1], certificates[2]) as server:
        yield server


@pytest.fixture(scope="session")
def names(tmp_path_factory) -> Names:
    """The names of the tests, all on loopback."""
    if WRAPPER is None:
        pytest.skip("libnss-wrapper is not installed: names of the tests cannot be resolved")
    made = Names(tmp_path_factory.mktemp("names") / "hosts", {host: ["127.0.0.1"] for host in HOSTS})
    made.write()
    return made


@pytest.fixture(scope="session")
def start(tmp_path_factory, names, certificates):
    """Start a proxy: start(config, *arguments) is a context manager. Loopback is opened, so that it reaches the
    origin, and the origin's CA is trusted."""

    def begin(config: dict, *arguments: str, state: Path | None = None, **more) -> Proxy:
        folder = state or tmp_path_factory.mktemp("state")
        full = {"reach": ["127.0.0.0/8"], "upstream_ca": str(certificates[0])} | config
        return Proxy(full, folder, names.file, *arguments, **more)

    return begin


@pytest.fixture(scope="module")
def play() -> Iterator[Playwright]:
    """What starts browsers, for the tests of a module: while it is there, its thread can run no other loop."""
    if reason := missing():
        pytest.skip(reason)
    with sync_playwright() as running:
        yield running

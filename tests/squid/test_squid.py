"""`sfs squid` inside a real Squid, set up with what `sfs squid config` prints."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import issue
from tests.e2e.origin import Origin
from tests.squid.squids import CERTGEN, Squid, printed, program

HOSTS = ["example.com", "blocked.test", "later.test", "folder.test", "secret.test", "anna.test", "plain.test"]
CONFIG = """\
level: 2
language: en
default_lists: false
block: [blocked.test, folder.test/closed/]
never_decrypt: [secret.test]
groups:
- {name: anna, users: [anna], block: [anna.test]}
"""
PAGE = "http://pages.test/blocked?code={code}&check={check}&host={host}"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[tuple[Origin, Path, Path]]:
    """An origin for all names, its CA, and the hosts file that leads there."""
    program("squid")
    folder = tmp_path_factory.mktemp("site")
    ca, certificate, key = issue(folder, HOSTS)
    hosts = folder / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in HOSTS))
    with Origin(certificate, key) as origin:
        yield origin, ca, hosts


def config_in(folder: Path) -> Path:
    file = folder / "sfs.yaml"
    file.write_text(f"{CONFIG}state: {folder}/state\n")
    return file


def own_ca(folder: Path) -> Path:
    """A CA for Squid: certificate and key in one file."""
    both = folder / "bump.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=test -keyout bump.key -out bump.crt"
    subprocess.run(command.split(), check=True, capture_output=True, cwd=folder)
    both.write_bytes((folder / "bump.key").read_bytes() + (folder / "bump.crt").read_bytes())
    return both


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not come to hold"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def spliced(tmp_path_factory, site) -> Iterator[Squid]:
    """As external ACL, with the name of the handshake."""
    folder = tmp_path_factory.mktemp("spliced")
    lines = printed("config", "--config", config_in(folder), "--tls", "splice", "--children", 1, "--ttl", 0)
    squid = Squid(
        folder, lines, hosts=site[2], tls=f" ssl-bump generate-host-certificates=off tls-cert={own_ca(folder)}"
    )
    (folder / "errors" / "ERR_SFS").write_text(printed("page", "--language", "en", "--level", 2))
    with squid:
        yield squid


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory, site) -> Iterator[Squid]:
    """As rewriter."""
    folder = tmp_path_factory.mktemp("rewritten")
    lines = printed("config", "--config", config_in(folder), "--mode", "rewrite", "--page", PAGE, "--children", 1)
    with Squid(folder, lines, hosts=site[2]) as squid:
        yield squid


@pytest.fixture(scope="module")
def bumped(tmp_path_factory, site) -> Iterator[Squid]:
    """As external ACL, HTTPS opened."""
    folder = tmp_path_factory.mktemp("bumped")
    lines = printed("config", "--config", config_in(folder), "--tls", "bump", "--children", 1, "--page", PAGE)
    if not CERTGEN.is_file():
        pytest.skip("squid-openssl is not installed")
    database = folder / "certificates"
    subprocess.run([CERTGEN, "-c", "-s", database, "-M", "4MB"], check=True, capture_output=True)
    more = (
        f"sslcrtd_program {CERTGEN} -s {database} -M 4MB\nsslcrtd_children 1\ntls_outgoing_options cafile={site[1]}\n"
    )
    tls = f" ssl-bump generate-host-certificates=on tls-cert={own_ca(folder)}"
    with Squid(folder, lines, hosts=site[2], tls=tls, more=more) as squid:
        yield squid


def test_pages_are_shown_and_a_block_has_our_page_with_its_code(spliced, site):
    origin = site[0]
    shown = spliced.curl(f"http://example.com:{origin.http}/some?page")
    assert " 200 " in shown.stdout.partition("\n")[0]
    closed = spliced.curl(f"http://blocked.test:{origin.http}/some")
    assert " 403 " in closed.stdout.partition("\n")[0]
    assert "blocked.test" in closed.stdout
    assert not origin.asked("blocked.test")
    until(lambda: any("blocked.test" in line for line in spliced.accessed()))
    line = next(line for line in spliced.accessed() if f"http://blocked.test:{origin.http}/some" in line)
    code = line.split()[4].partition("%20")[0]
    assert len(code) == 10
    assert code in closed.stdout


def test_a_folder_is_closed_and_the_rest_of_its_site_is_not(spliced, site):
    origin = site[0]
    assert " 403 " in spliced.curl(f"http://folder.test:{origin.http}/closed/x").stdout.partition("\n")[0]
    assert " 200 " in spliced.curl(f"http://folder.test:{origin.http}/open/x").stdout.partition("\n")[0]


def test_https_is_judged_by_connect_and_by_the_name_in_the_handshake(spliced, site):
    origin, ca, _ = site
    trusting = ("--cacert", str(ca))
    shown = spliced.curl(f"https://example.com:{origin.https}/a", *trusting)
    assert "A page" in shown.stdout, shown.stderr
    closed = spliced.curl(f"https://blocked.test:{origin.https}/a", *trusting)
    assert closed.returncode != 0  # Squid offers its page inside, under a certificate that curl does not trust
    assert "A page" not in closed.stdout
    # CONNECT to one host, the handshake names another.
    to = ("--connect-to", f"blocked.test:{origin.https}:plain.test:{origin.https}")
    fronted = spliced.curl(f"https://blocked.test:{origin.https}/a", *trusting, *to)
    assert fronted.returncode != 0
    assert "A page" not in fronted.stdout
    assert not origin.asked("blocked.test")


def test_a_login_has_its_own_policy(spliced, site):
    url, port = f"http://anna.test:{site[0].http}/x", spliced.login_port
    assert " 200 " in spliced.curl(url).stdout.partition("\n")[0]
    assert " 407 " in spliced.curl(url, port=port).stdout.partition("\n")[0]
    assert " 200 " in spliced.curl(url, "--proxy-user", "ben:x", port=port).stdout.partition("\n")[0]
    assert " 403 " in spliced.curl(url, "--proxy-user", "Anna:x", port=port).stdout.partition("\n")[0]


def test_a_new_list_holds_without_a_restart(spliced, site):
    url = f"http://later.test:{site[0].http}/x"
    assert " 200 " in spliced.curl(url).stdout.partition("\n")[0]
    before = spliced.helpers()
    file = spliced.folder / "sfs.yaml"
    text = file.read_text()
    file.write_text(text.replace("blocked.test,", "blocked.test, later.test,"))
    until(lambda: " 403 " in spliced.curl(url).stdout.partition("\n")[0])
    # What is no configuration changes nothing.
    file.write_text("level: seven\n")
    until(lambda: "the old filter stays" in spliced.log())
    assert " 403 " in spliced.curl(url).stdout.partition("\n")[0]
    file.write_text(text)
    until(lambda: " 200 " in spliced.curl(url).stdout.partition("\n")[0])
    assert spliced.helpers() == before


def test_a_helper_that_is_killed_is_started_again_and_nothing_opens_meanwhile(spliced, site):
    url = f"http://blocked.test:{site[0].http}/again"
    (helper,) = spliced.helpers()
    os.kill(helper, signal.SIGKILL)
    for number in range(5):
        assert " 200 " not in spliced.curl(f"{url}{number}").stdout.partition("\n")[0]
    until(lambda: " 200 " in spliced.curl(f"http://example.com:{site[0].http}/again").stdout.partition("\n")[0])
    assert helper not in spliced.helpers()


@pytest.mark.skipif(
    not hasattr(os, "SCHED_BATCH") or os.sched_getscheduler(0) != os.SCHED_OTHER,
    reason="the system has no such scheduler, or another was chosen for these tests",
)
def test_a_helper_never_pushes_squid_off_its_core(spliced, site):
    until(lambda: [os.sched_getscheduler(pid) for pid in spliced.helpers()] == [os.SCHED_BATCH])
    assert os.sched_getscheduler(spliced.process.pid) == os.SCHED_OTHER


def test_a_rewriter_sends_what_is_blocked_to_the_block_page(rewritten, site):
    origin = site[0]
    assert " 200 " in rewritten.curl(f"http://example.com:{origin.http}/").stdout.partition("\n")[0]
    closed = rewritten.curl(f"http://blocked.test:{origin.http}/x").stdout
    assert " 302 " in closed.partition("\n")[0]
    place = next(line for line in closed.splitlines() if line.lower().startswith("location:"))
    assert place.split("code=")[1][:10].isalnum()
    assert "check=entry&host=blocked.test" in place
    tunnel = rewritten.curl(f"https://blocked.test:{origin.https}/x")
    assert tunnel.returncode != 0
    assert not origin.asked("blocked.test", "/x")


def test_opened_https_is_judged_by_whole_urls(bumped, site):
    origin, ca, _ = site
    own = ("--cacert", str(bumped.folder / "bump.crt"))
    shown = bumped.curl(f"https://folder.test:{origin.https}/open/a", *own)
    assert "A page" in shown.stdout, shown.stderr
    closed = bumped.curl(f"https://folder.test:{origin.https}/closed/a", *own)
    assert "Location: http://pages.test/blocked?code=" in closed.stdout, closed.stdout + closed.stderr
    assert not origin.asked("folder.test", "/closed/a")
    # What is never to be decrypted goes through as it is: with the origin's own certificate.
    secret = bumped.curl(f"https://secret.test:{origin.https}/a", "--cacert", str(ca))
    assert "A page" in secret.stdout, secret.stderr


def test_squid_reads_the_lines_of_every_setting(tmp_path):
    shutil.copytree("/usr/share/squid/errors/templates", tmp_path / "errors")
    for mode in ("acl", "rewrite"):
        for page in ((), ("--page", PAGE)):
            if mode == "rewrite" and not page:
                continue
            lines = printed("config", "--level", 2, "--mode", mode, *page)
            squid = Squid(tmp_path, lines)
            (tmp_path / "errors" / "ERR_SFS").write_text("closed")
            command = [program("squid"), "-k", "parse", "-f", str(squid.config)]
            said = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert said.returncode == 0, said.stderr
            assert "ERROR" not in said.stderr

"""Bureau, proxy, origin and browser, all real: a page opens and closes with its label, and a bureau that is away holds
nobody up."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import sync_playwright

from sfs.pics.safetyonline import SERVICE
from tests.e2e.browser import Reader, chromium, missing, trust
from tests.e2e.bureau import ROOT, Bureau
from tests.e2e.origin import Names, Origin, Reply, page
from tests.e2e.proxy import WRAPPER, Proxy

QUICK = {"timeout": "500 ms", "keep": "1 second"}
LONG = 20.0  # seconds until a test that waits in vain fails


@pytest.fixture(scope="module")
def bureaus(tmp_path_factory) -> Iterator[tuple[Bureau, Bureau]]:
    """Two bureaus that know nothing yet."""
    with Bureau(tmp_path_factory.mktemp("one")) as one, Bureau(tmp_path_factory.mktemp("two")) as two:
        yield one, two


def asking(*bureaus: Bureau, level: int = 2, **more: object) -> dict:
    """A configuration that asks these."""
    said = [{"url": bureau.url, **QUICK} for bureau in bureaus]
    return {"level": level, "default_lists": False, "bureaus": said, **more}


@pytest.fixture(scope="module")
def asked(start, bureaus) -> Iterator[Proxy]:
    """A proxy that asks both."""
    with start(asking(*bureaus)) as proxy:
        yield proxy


def until(true: Callable[[], object]) -> None:
    """Wait for what comes within the time that answers are kept."""
    end = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_what_is_rated_on_this_machine_counts_at_the_next_request(start, origin: Origin, tmp_path: Path) -> None:
    url = f"http://rated.test:{origin.http}/here/page"

    def rate(*arguments: str) -> None:
        command = [sys.executable, "-m", "sfs", "bureau", "rate", *arguments, "--state", str(tmp_path)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)

    with start({"level": 2, "default_lists": False, "state": str(tmp_path)}, state=tmp_path) as proxy:
        assert not proxy.curl(url).blocked
        rate("http://rated.test", "4", "--generic")
        assert proxy.curl(url).blocked
        rate(url, "1")
        assert not proxy.curl(url).blocked
        assert proxy.curl(f"http://rated.test:{origin.http}/here/other").blocked
        assert proxy.curl(f"https://rated.test:{origin.https}/").exit == 56  # by name, CONNECT refused
        said = proxy.explain(url, "--offline")
        assert said.returncode == 0 and '"rating": 1' in said.stdout


def test_a_label_that_changes_counts_within_the_time_that_answers_are_kept(
    asked: Proxy, origin: Origin, bureaus
) -> None:
    one, _ = bureaus
    url = f"http://plain.test:{origin.http}/changes"
    assert not asked.curl(url).blocked
    for rating in (4, 1, 3):
        one.rate("http://plain.test", rating)
        until(lambda rating=rating: asked.curl(url).blocked == (rating > 2))
    explained = asked.explain(url).stdout
    assert f"bureau 127.0.0.1:{one.port} SafetyOnline2" in explained and '"action": "block"' in explained
    assert '"action": "allow"' in asked.explain(url, "--offline").stdout
    assert "2 label bureaus asked" in "".join(asked.lines)


def test_of_two_that_disagree_the_strictest_counts(asked: Proxy, origin: Origin, bureaus) -> None:
    one, two = bureaus
    one.rate("http://label.test", 1)
    two.rate("http://label.test", 3)
    two.rate("http://site.test", 1)
    assert asked.curl(f"http://label.test:{origin.http}/x").blocked
    assert not asked.curl(f"http://site.test:{origin.http}/x").blocked
    assert asked.curl(f"https://label.test:{origin.https}/x").exit == 56


def test_a_bureau_on_loopback_is_ours_to_ask_and_nobody_elses(start, origin: Origin, bureaus) -> None:
    one, _ = bureaus
    one.rate("http://listed.test", 4)
    with start(asking(one, reach=[])) as proxy:
        said = proxy.curl(f"http://listed.test:{origin.http}/")
        assert said.blocked and "blocked" not in said.error
        assert proxy.curl(one.url).status in (403, 502)
        assert "PICS" not in proxy.curl(f"{one.url}?u=%22http%3A%2F%2Flisted.test%2F%22").text


@pytest.mark.parametrize("level", [0, pytest.param(2, marks=pytest.mark.long)])
def test_a_bureau_that_is_killed_hangs_and_comes_back(start, origin: Origin, tmp_path, level: int) -> None:
    usual, waits = 5.0, 0.5  # seconds that a busy machine may take for a page; and that a bureau may
    with Bureau(tmp_path / "bureau") as bureau, start(asking(bureau, level=level)) as proxy:
        for host, rating in (("open.test", 0), ("category.test", 4)):
            bureau.rate(f"http://{host}", rating)

        def blocked(host: str, path: str = "/") -> bool:
            begin = time.monotonic()
            said = proxy.curl(f"http://{host}:{origin.http}{path}")
            assert time.monotonic() - begin < usual + waits
            assert said.blocked or said.status == 200
            return said.blocked

        assert not blocked("open.test") and blocked("category.test")
        for away in (bureau.hang, bureau.kill):
            away()
            until(lambda: blocked("open.test") == (level == 0))  # once what it said does not count any more
            for number in range(5):
                assert blocked("category.test", f"/{number}")  # what it closed stays closed
                assert blocked("tunnel.test", f"/{number}") == (level == 0)  # what it never spoke of
            if away == bureau.hang:
                bureau.go_on()
            else:
                bureau.start()
            until(lambda: not blocked("open.test"))
            assert blocked("category.test")


def test_a_remote_bureau_learns_no_page_and_nothing_of_help(start, origin: Origin, names: Names, tmp_path) -> None:
    site = f"http://other.test:{origin.http}/"
    answer = f'(PICS-1.1 "{SERVICE}" l gen true for "{site}" r (lv 4))'
    origin.replies["/ratings"] = Reply(answer.encode(), type="application/pics-labels")
    asked = f"https://find.test:{origin.https}/ratings"  # by a certificate that upstream_ca vouches for
    config = {"default_lists": False, "bureaus": [{"url": asked, "timeout": "5 seconds"}]}
    before = len(origin.asked("find.test"))  # tests of other files ask this host too

    def questions() -> set[str]:
        return {one.path for one in origin.asked("find.test")[before:]}

    with start({"level": 2} | config) as proxy:
        assert proxy.curl(f"{site}private/page?name=anna").blocked
        proxy.curl(f"http://127.0.0.1:{origin.http}/inside")
        proxy.curl("http://printer/")
        proxy.curl("https://www.childhelp.org/")
        told = questions()
        assert told and all(f"u=%22http%3A%2F%2Fother.test%3A{origin.http}%2F%22" in path for path in told)
        (tmp_path / "stranger.yaml").write_text(yaml.safe_dump({"level": 0} | config))
        proxy.config_file = tmp_path / "stranger.yaml"  # without that certificate
        environment = {"LD_PRELOAD": str(WRAPPER), "NSS_WRAPPER_HOSTS": str(names.file)}
        assert "bureau-away" in proxy.explain(site, environment=environment).stdout
        assert questions() == told


@pytest.mark.browser
def test_a_reader_sees_a_page_open_and_close_with_its_label(
    start, origin: Origin, certificates, bureaus, tmp_path: Path
) -> None:
    if reason := missing():
        pytest.skip(reason)
    one, two = bureaus
    origin.replies["grown.test/story"] = Reply(page("A story", body="<h1>A story</h1>"))
    with ExitStack() as stack:
        proxy = stack.enter_context(start(asking(one, two, https="inspect")))
        trust(tmp_path, proxy.ca, certificates[0])
        play = stack.enter_context(sync_playwright())
        browser = stack.enter_context(chromium(play, tmp_path))
        reader = stack.enter_context(Reader(browser, proxy.address))
        for url in (f"http://grown.test:{origin.http}/story", f"https://grown.test:{origin.https}/story"):
            until(lambda url=url: not reader.open(url).blocked)
            for bureau in (one, two):
                bureau.rate(url, 4, generic=False)
                until(lambda url=url: reader.open(url).blocked)
                bureau.rate(url, 1, generic=False)
                until(lambda url=url: not reader.open(url).blocked)

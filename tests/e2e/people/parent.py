"""A parent who was never trained: from the wheel to a filter that protects, explains itself and can be changed.

Every program is a real one: the wheel in an environment of its own, `sfs run`, a server of lists with a million names,
an origin with TLS, Debian's Chromium at the width of a phone, its certificate store. `Steps` counts what the parent
does by hand up to the first blocked HTTPS page; README.md names that number.
"""

import io
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright

from tests.e2e.browser import chromium
from tests.e2e.origin import Names, Origin, Reply, page
from tests.e2e.proxy import ROOT, Proxy
from tests.lists.mirror import Mirror, serving

PHONE = {"width": 360, "height": 740}
PASSWORD = "orange-teapot-7"
COUNTED = re.compile(r"\*\*([0-9]+)\*\* clicks and commands")  # in README.md
MOST_STEPS = 8
LISTED, CLOSED, SHOWN = "listed.test", "category.test", "plain.test"

pytestmark = pytest.mark.browser


@dataclass
class Steps:
    """What the parent did by hand: a command of a terminal, an address, or a click."""

    done: list[str] = field(default_factory=list)

    def take(self, what: str) -> None:
        self.done.append(what)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`sfs` of the wheel, in an environment of its own, away from this checkout."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed: the wheel cannot be built")
    folder = tmp_path_factory.mktemp("wheel")
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}

    def run(*command: object) -> None:
        done = subprocess.run(
            [str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr

    python = Path(sys.executable).resolve()
    run(uv, "build", "--wheel", "--python", python, "--out-dir", folder / "dist", ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    run(uv, "venv", "--python", python, folder / "env")
    run(uv, "pip", "install", "--python", folder / "env", f"{wheel}[admin]")
    return folder / "env" / "bin" / "sfs"


@pytest.fixture(scope="module")
def mirror() -> Iterator[Mirror]:
    """A server of lists: a million names, and a category as UT1 packs it."""
    data = os.environ.get("SFS_TEST_DATA")
    if not data:
        pytest.skip("SFS_TEST_DATA is not set: it has the million names")
    names = lzma.decompress((Path(data) / "hosts" / "hosts-1m.txt.xz").read_bytes())
    with serving() as server:
        server.put("/million.txt", names + f"{LISTED}\n".encode(), etag='"1"')
        server.put("/gambling.tar.gz", packed("gambling", f"{CLOSED}\ncasino.example\n".encode()))
        yield server


def packed(name: str, domains: bytes) -> bytes:
    """A category as UT1 packs it: NAME/domains in a tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for file, data in (("domains", domains), ("urls", b""), ("usage", b"black\n")):
            info = tarfile.TarInfo(f"{name}/{file}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@dataclass
class Home:
    """The parent's machine: the filter, a browser whose certificates lie in `home`, the web that it reaches."""

    proxy: Proxy
    origin: Origin
    play: Playwright
    folder: Path

    def https(self, host: str, path: str = "/") -> str:
        return f"https://{host}:{self.origin.https}{path}"

    @contextmanager
    def browser(self, language: str = "ja-JP") -> Iterator[Page]:
        """Chromium at the width of a phone with the filter as its proxy. Like any browser it asks its own machine
        (127.0.0.1) without the proxy; Playwright has to be told."""
        with chromium(self.play, self.folder) as browser:
            context = browser.new_context(
                proxy={"server": f"http://{self.proxy.address}", "bypass": "127.0.0.1"},
                locale=language,
                viewport=PHONE,
                accept_downloads=True,
                service_workers="block",
            )
            context.set_default_timeout(30_000)
            yield context.new_page()
            context.close()


@pytest.fixture
def home(
    installed: Path,
    mirror: Mirror,
    play: Playwright,
    origin: Origin,
    names: Names,
    certificates: tuple[Path, Path, Path],
    tmp_path: Path,
) -> Iterator[Home]:
    for host in (LISTED, CLOSED, SHOWN):
        origin.replies[f"{host}/"] = Reply(page("A page", body=f"<p>this is {host}</p>"))
    config = {
        "reach": ["127.0.0.0/8"],
        "upstream_ca": str(certificates[0]),
        "default_lists": False,
        "lists": [
            {"name": "million", "url": mirror.url("/million.txt"), "format": "plain", "category": "adult"},
            {"name": "gambling", "url": mirror.url("/gambling.tar.gz"), "format": "squidguard", "category": "gambling"},
        ],
    }
    browser_home = tmp_path / "home"
    browser_home.mkdir()
    proxy = Proxy(config, tmp_path / "state", names.file, "--level", "2", "--admin", "127.0.0.1:0")
    proxy.program, proxy.folder = [str(installed)], tmp_path
    with proxy:
        yield Home(proxy, origin, play, browser_home)


def test_a_parent_protects_a_child_in_five_minutes(home: Home, tmp_path: Path) -> None:
    steps = Steps()
    steps.take("sfs run --level 2")
    link = home.proxy.said(r"http://127\.0\.0\.1:[0-9]+/setup/\S+")[0]
    settings = link.partition("/setup/")[0]
    assert "no category lists yet" in home.proxy.said("sfs: ready .*")[0]

    with home.browser() as tab:
        steps.take("chromium --proxy-server=127.0.0.1:8080 http://127.0.0.1:8081/setup/...")
        tab.goto(link)
        tab.fill("#password", PASSWORD)
        tab.fill("#again", PASSWORD)
        press(tab, "button[name=level][value='1']")
        steps.take("password typed, level 1 chosen; the lists come by themselves")
        assert state_of(tab)["level"] == "1"
        lists_arrive(tab, settings)

        tab.goto(settings)
        press(tab, f"a[href='http://{home.proxy.address}/']")
        steps.take("the help page")
        assert tab.locator("img.proof").count() >= 1
        assert tab.locator(f"a[href='{settings}/']").count() == 1  # the way back, for who forgets the address
        with tab.expect_download() as download:
            tab.click("details[open] a[href='/ca.pem']")
        steps.take("the certificate for this device")
        certificate = tmp_path / "sfs-ca.pem"
        download.value.save_as(certificate)
        # By name it is closed already; the browser can only say that it does not reach the site.
        assert blocked_by_name(tab, home.https(LISTED))

    install(home.folder, certificate)
    steps.take("certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n sfs -i sfs-ca.pem")

    with home.browser() as tab:
        tab.goto("http://sfs.home.arpa/")
        steps.take("chromium --proxy-server=127.0.0.1:8080 http://sfs.home.arpa/")
        tab.wait_for_function(PROVED)
        shown = tab.goto(home.https(LISTED))
        steps.take("the page of a site on a list")
        assert shown is not None and shown.status == 403
        assert tab.locator("html").get_attribute("lang") == "ja"
        assert "このページは" in tab.inner_text("h1")
        count_holds(steps)

        code = "".join(tab.inner_text(".code").split())
        assert re.fullmatch("[A-Z2-7]{10}", code)
        explains_and_opens(home, tab, settings, code)
        pauses(home, tab, settings)
        takes_back(home, tab, settings)


# A function: a second look at an expression is forbidden by the policy of the page (CSP).
PROVED = """() => Array.from(document.images).some(
  image => image.src.startsWith("https://check.sfs.home.arpa/") && image.complete && image.naturalWidth > 0)"""


def press(tab: Page, button: str) -> None:
    """Click a button of a form and wait for the page that answers: a click alone does not, and what comes next would
    meet the old page, or cut the form off."""
    with tab.expect_navigation():
        tab.click(button)


def state_of(tab: Page) -> dict[str, str]:
    """The level that the first page of the settings marks as the present one."""
    here = tab.locator("button.level[aria-current=true]")
    return {"level": here.get_attribute("value") or ""}


def lists_arrive(tab: Page, settings: str) -> None:
    """The page of the lists, which renews itself while they are fetched, until it shows both."""
    end = time.monotonic() + 300  # they are fetched at a low priority, beside tests that are not
    tab.goto(f"{settings}/lists")
    while "1,000,0" not in tab.inner_text("main") or tab.locator(".running").count():
        assert time.monotonic() < end, tab.inner_text("main")
        tab.wait_for_timeout(500)
        tab.goto(f"{settings}/lists")
    assert tab.locator(".fault").count() == 0


def blocked_by_name(tab: Page, url: str) -> bool:
    """Whether Chromium says that the tunnel was refused."""
    try:
        tab.goto(url)
    except Exception as fault:
        return "ERR_TUNNEL_CONNECTION_FAILED" in str(fault)
    return False


def install(home: Path, certificate: Path) -> None:
    """What the help page says for Chromium on Linux."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True, exist_ok=True)
    base = ["certutil", "-d", f"sql:{store}"]
    if not (store / "cert9.db").exists():
        subprocess.run([*base, "-N", "--empty-password"], check=True, timeout=60)
    subprocess.run([*base, "-A", "-t", "C,,", "-n", "sfs", "-i", str(certificate)], check=True, timeout=60)


def count_holds(steps: Steps) -> None:
    """The number in README.md is that of this scenario, and small."""
    said = COUNTED.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert said is not None and int(said[1]) == len(steps.done) <= MOST_STEPS, steps.done


def explains_and_opens(home: Home, tab: Page, settings: str, code: str) -> None:
    """Why, by the code of the block page, and the button that opens the site. The browser was closed in between: the
    page asks for the password again, and goes on to where it was asked for."""
    tab.goto(f"{settings}/why")
    tab.fill("#password", PASSWORD)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#q")
    tab.fill("#q", code)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#answer")
    assert LISTED in tab.inner_text("#answer")
    assert "million" in tab.inner_text("main")
    press(tab, "form[action='/sites/choose']:has(input[value=allow]) button")
    tab.goto(home.https(LISTED))
    assert f"this is {LISTED}" in tab.inner_text("body")


def pauses(home: Home, tab: Page, settings: str) -> None:
    """A pause opens the other site, and ends by itself. The button says 15 minutes; here it is one."""
    shown = tab.goto(home.https(CLOSED))
    assert shown is not None and shown.status == 403
    tab.goto(settings)
    tab.eval_on_selector("form[action='/pause'] [name=minutes]", "field => { field.value = '1' }")
    press(tab, "form[action='/pause'] button")
    assert tab.locator(".state.paused").count() == 1
    tab.goto(home.https(CLOSED))
    assert f"this is {CLOSED}" in tab.inner_text("body")
    end = time.monotonic() + 90
    while (shown := tab.goto(home.https(CLOSED))) is None or shown.status != 403:
        assert time.monotonic() < end, "the pause does not end"
        tab.wait_for_timeout(500)
    tab.goto(settings)
    assert tab.locator(".state.paused").count() == 0


def takes_back(home: Home, tab: Page, settings: str) -> None:
    """Undo closes again what was opened; a second undo takes the level back."""
    tab.goto(settings)
    press(tab, "form[action='/undo'] button")
    shown = tab.goto(home.https(LISTED))
    assert shown is not None and shown.status == 403
    tab.goto(settings)
    press(tab, "form[action='/undo'] button")
    assert state_of(tab)["level"] == "2"

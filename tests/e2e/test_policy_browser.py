"""`sfs policy chrome` in a real Chromium, in its own view of /etc: whatever it is started with, it goes through the
proxy."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browser import ARGUMENTS, CHROMIUM, missing
from tests.e2e.network import why_no_namespaces
from tests.e2e.origin import Reply, page
from tests.e2e.proxy import ROOT, Proxy

pytestmark = pytest.mark.browser

MANAGED = "/etc/chromium/policies/managed"
# Everything a reader would try on the command line; every name leads to the origin server where no proxy is used.
ROUND = ("--no-proxy-server", "--proxy-bypass-list=*", "--host-resolver-rules=MAP * 127.0.0.1")
# The rows of chrome://policy that have a value, through the shadow roots that they stand in.
ROWS = """() => {
  const found = [];
  const walk = node => {
    if (node.tagName === 'POLICY-ROW') found.push(node.shadowRoot || node);
    if (node.shadowRoot) walk(node.shadowRoot);
    for (const child of node.children || []) walk(child);
  };
  walk(document.documentElement);
  const text = (root, name) => (root.querySelector(name)?.textContent || '').trim();
  return found.map(row => [text(row, '.policy.row .name'), text(row, '.policy.row .messages')]);
}"""


@contextmanager
def managed(folder: Path, policies: str | None, *more: str) -> Iterator[Browser]:
    """A Chromium that sees `policies` (JSON) as those of its machine, whose own stay untouched; None: none."""
    put = "mount -t tmpfs none /etc/chromium"
    if policies is not None:
        (folder / "sfs.json").write_text(policies)
        put += f" && mkdir -p {MANAGED} && cp '{folder}/sfs.json' {MANAGED}/"
    script = folder / "chromium"
    script.write_text(f"""#!/bin/sh
exec unshare -m sh -c 'mount --make-rprivate / && {put.replace("'", '"')} && exec {CHROMIUM} "$@"' sh "$@"
""")
    script.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower() and key != "DISPLAY"}
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=script, args=[*ARGUMENTS, *more], env=environment | {"HOME": str(folder)}
        )
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def proxy(start, origin) -> Iterator[Proxy]:
    if reason := missing() or why_no_namespaces():
        pytest.skip(reason)
    for host in ("site.test", "other.test"):
        origin.replies[f"{host}/managed"] = Reply(page("Managed", body="<p>from the server</p>"))
    with start({"level": 2, "https": "inspect", "block": ["other.test"]}) as running:
        yield running


def policy(proxy: Proxy, *arguments: str) -> str:
    """What `sfs policy chrome` prints for this proxy."""
    command = [sys.executable, "-m", "sfs", "policy", "chrome", "--proxy", proxy.address, "--state", str(proxy.state)]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_without_the_policy_a_reader_goes_round_the_proxy(proxy, origin, tmp_path):
    with managed(tmp_path, None, *ROUND) as browser:
        window = browser.new_page()
        window.goto(f"http://other.test:{origin.http}/managed")
        assert "from the server" in window.text_content("body")


@pytest.mark.parametrize("way", [(), ("--pac",)], ids=["fixed", "pac"])
def test_with_the_policy_a_closed_page_stays_closed(proxy, origin, tmp_path, way):
    policies = policy(proxy, "--level", "1", *way)
    with managed(tmp_path, policies, *ROUND) as browser:
        window = browser.new_page()
        closed = window.goto(f"http://other.test:{origin.http}/managed")
        assert closed.status == 403 and "from the server" not in window.text_content("body")
        # The certificate of the policy is trusted: nobody installed it.
        opened = window.goto(f"https://site.test:{origin.https}/managed")
        assert opened.status == 200 and "from the server" in window.text_content("body")
        assert "SFS filter" in opened.security_details()["issuer"]
        window.goto("chrome://policy")
        window.wait_for_function(f"() => ({ROWS})().filter(row => row[0]).length > 5")
        said = dict(window.evaluate(ROWS))
        assert {name: said.get(name) for name in json.loads(policies)} == dict.fromkeys(json.loads(policies), "OK")

"""`scan_body` with real programs: what a reader gets of pages whose words stand in their text alone."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest

from sfs.core.body import MAX_BODY
from tests.e2e.origin import Reply, page
from tests.e2e.proxy import Proxy

WORDS = ["blue widget", "red widget", "green widget", "青い皿", "赤い皿", "緑の皿"]
ENGLISH = "<p>A blue <b>wid</b>get, a red &#119;idget and a <i>green widget</i>.</p>"
JAPANESE = "<p>「青い皿」と「赤<!-- -->い皿」、それに<br>緑の<span>皿</span>です。</p>"
LONG = "<p>" + "nothing here, nothing there. " * 20_000 + "</p>"  # 580 KB
SCRIPT = "<script>var barred = ['blue widget', 'red widget', 'green widget'];</script><p>A page</p>"
DATA = f"<script type='application/ld+json'>[\"{', '.join(WORDS)}\"]</script>"


@pytest.fixture(scope="module")
def proxy(start) -> Iterator[Proxy]:
    """Level 2 with scanning; from 127.0.0.9 without; 127.0.0.8 at level 3."""
    config = {
        "level": 2,
        "https": "inspect",
        "scan_body": True,
        "keywords": {3: WORDS},
        "groups": [
            {"name": "unscanned", "clients": ["127.0.0.9"], "scan_body": False},
            {"name": "grown", "clients": ["127.0.0.8"], "level": 3},
        ],
    }
    with start(config) as running:
        yield running


def tiny(body: bytes) -> list[bytes]:
    return [body[at : at + 3] for at in range(0, len(body), 3)]


UTF_8 = page(body=ENGLISH)
REPLIES = {
    "utf-8": (Reply(UTF_8), True),
    "japanese": (Reply(page(body=JAPANESE)), True),
    "shift_jis": (Reply(page(body=JAPANESE, charset="shift_jis"), type="text/html"), True),
    "euc-jp": (Reply(JAPANESE.encode("euc_jp"), type="text/html; charset=EUC-JP"), True),
    "iso-2022-jp": (Reply(page(body=JAPANESE, charset="iso-2022-jp"), type="text/html"), True),
    "gzip": (Reply(gzip.compress(UTF_8), headers=(("Content-Encoding", "gzip"),)), True),
    "br": (Reply(brotli.compress(UTF_8), headers=(("Content-Encoding", "br"),)), True),
    "chunked": (Reply(chunks=tiny(UTF_8), chunked=True), True),
    "gzip-chunked": (
        Reply(chunks=tiny(gzip.compress(UTF_8)), chunked=True, headers=(("Content-Encoding", "gzip"),)),
        True,
    ),
    "long": (Reply(page(body=LONG + ENGLISH)), True),
    "long-gzip": (Reply(gzip.compress(page(body=LONG + ENGLISH)), headers=(("Content-Encoding", "gzip"),)), True),
    "plain-text": (Reply(", ".join(WORDS).encode(), type="text/plain; charset=utf-8"), True),
    "data": (Reply(page(body=DATA)), True),
    "dies": (Reply(page(body=ENGLISH) + b"x" * 100, length=len(UTF_8) + 5000, die=True), True),
    "gone": (Reply(UTF_8, status=404), True),
    "script": (Reply(page(body=SCRIPT)), False),
    "one-word": (Reply(page(body="<p>blue widget, " * 100)), False),
    "part-of-words": (Reply(page(body="<p>blue widgets, redwidget, green widgetry</p>")), False),
    "too-late": (Reply(page(body="<p>" + "x " * (MAX_BODY // 2) + ENGLISH)), False),
    "long-harmless": (Reply(page(body=LONG)), False),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_page_is_shown_or_not_by_its_text(proxy, origin, name):
    reply, blocked = REPLIES[name]
    path = f"/text/{name}"
    origin.replies[path] = reply
    got = proxy.curl(f"http://words.test:{origin.http}{path}", "--compressed")
    assert got.blocked is blocked, got.text[:300]
    if blocked:
        assert "widget" not in got.text
    else:
        assert got.body == reply.body  # every byte, as it was sent


def test_over_https_too_where_it_is_inspected(proxy, origin):
    origin.replies["/text/tls"] = Reply(UTF_8)
    assert proxy.curl(f"https://words.test:{origin.https}/text/tls").blocked
    assert proxy.curl(f"https://words.test:{origin.https}/text/tls", "--http1.1").blocked


@pytest.mark.parametrize("address", ["127.0.0.8", "127.0.0.9"])
def test_a_group_may_scan_or_not_and_has_its_level(proxy, origin, address):
    origin.replies["/text/group"] = Reply(UTF_8)
    got = proxy.curl(f"http://words.test:{origin.http}/text/group", "--interface", address)
    assert (got.status, got.body) == (200, UTF_8)


def test_what_a_page_loads_is_not_read(proxy, origin):
    origin.replies["/text/loaded"] = Reply(UTF_8)
    got = proxy.curl(f"http://words.test:{origin.http}/text/loaded", "-H", "Sec-Fetch-Dest: empty")
    assert (got.status, got.body) == (200, UTF_8)


def test_explain_says_how_many_points_and_which_lines(proxy, tmp_path: Path):
    file = tmp_path / "page.html"
    file.write_bytes(UTF_8)
    done = proxy.explain("--html", str(file), "http://words.test/")
    assert done.returncode == 1, done.stderr
    assert '"check": "body-words", "reason": "body-words"' in done.stdout
    assert f'"source": "text: 150 points, limit 120: {proxy.config_file}:' in done.stdout
    assert "widget" not in done.stdout

"""Search words in forms that are long, or whose length nobody says: judged by what is searched of any form."""

import subprocess
from collections.abc import Iterator

import pytest

from sfs.text.fields import MAX_FORM
from tests.e2e.origin import Reply
from tests.e2e.proxy import Proxy

FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
WAYS = ["--http1.1", "--http2"]


@pytest.fixture(scope="module")
def proxy(start, origin) -> Iterator[Proxy]:
    origin.replies["/search"] = Reply(b"found", type="text/plain")
    with start({"level": 2, "https": "inspect", "keywords": {3: ["penguin"]}}) as running:
        yield running


def post(proxy: Proxy, url: str, body: bytes, *fields: str, way: str = "--http1.1") -> str:
    """The status that curl got, for a body that it sends as it stands."""
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", way, "-H", "Expect:", "--max-time", "60"]
    command += ["-x", f"http://{proxy.address}", "--cacert", str(proxy.ca), "--data-binary", "@-"]
    command += [part for field in fields for part in ("-H", field)]
    return subprocess.run([*command, url], input=body, capture_output=True, timeout=90, check=False).stdout.decode()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("body", "field", "status"),
    [
        (b"q=penguin", FORM, "403"),
        (b"q=puffin", FORM, "200"),
        (b'{"q": "penguin"}', JSON, "403"),
        (b"pad=" + b"a" * 100_000 + b"&q=penguin", FORM, "403"),
        (b"pad=" + b"a" * 100_000 + b"&q=puffin", FORM, "200"),
        (b"q=puffin&pad=" + b"a" * MAX_FORM, FORM, "414"),
        (b'{"q": "puffin", "pad": "' + b"a" * 2 * MAX_FORM + b'"}', JSON, "200"),
    ],
)
@pytest.mark.parametrize("length", [True, False])
def test_search_words_are_found_however_a_form_is_sent(proxy, origin, way, body, field, status, length):
    # With an empty Content-Length curl sends none: in HTTP/2 a body needs none.
    more = () if length else (CHUNKED,) if way == "--http1.1" else ("Content-Length:",)
    assert post(proxy, f"https://search.test:{origin.https}/search", body, field, *more, way=way) == status


def test_a_long_form_to_any_other_host_streams(proxy, origin):
    body = b"q=penguin&pad=" + b"a" * 2 * MAX_FORM
    assert post(proxy, f"https://site.test:{origin.https}/search", body, FORM) == "200"

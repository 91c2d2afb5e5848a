"""The vectors of others: what browsers parse (WHATWG), and what Safe Browsing makes one URL of."""

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import ada_url
import pytest

from sfs.errors import UrlError
from sfs.text.refused import named_by
from sfs.text.url import DEFAULT_PORTS, SCHEMES, Url, canonical_host, parse_url

DATA = os.environ.get("SFS_TEST_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="SFS_TEST_DATA names no folder with conformance vectors")

# Rows that differ, each with its rule. A host of dots alone is the DNS root: no resolver has an address for it.
WHATWG_DIFFER = {"http://./": "host of dots alone", "http://../": "host of dots alone"}

# A browser takes any number of slashes before the host (WHATWG URL, "special authority ignore slashes state"), so what
# Safe Browsing calls invalid opens a page, and is judged by the host that is opened.
OPENED = {
    "http:///blah#ref": "slashes before the host",
    "http:///blah?query#ref": "slashes before the host",
    "http:///blah;param": "slashes before the host",
    "http:///blah;param?query#ref": "slashes before the host",
}


def _rows(name: str) -> list[dict]:
    rows = json.loads((Path(DATA or "") / "vectors" / name).read_text(encoding="utf-8"))
    return [row for row in rows if isinstance(row, dict)]


def _parsed(text: str | bytes, base: str | None = None) -> Url | None:
    """What we make of a text, which a browser has joined to the page it stands on; None where it is refused."""
    try:
        return parse_url(ada_url.join_url(base, text) if base else text)
    except (UrlError, ValueError):
        return None


def _as_whatwg_says(row: dict) -> bool:
    url = _parsed(row["input"], row.get("base"))
    scheme = SCHEMES.get(row.get("protocol", "").removesuffix(":"))
    if row.get("failure") or scheme is None:
        return url is None
    if url is None:
        return False
    port = int(row["port"]) if row["port"] else None
    query = unquote_to_bytes(row["search"][1:]) if row["search"] else None
    return (url.scheme, url.host, url.port) == (
        scheme,
        canonical_host(row["hostname"]),
        None if port == DEFAULT_PORTS[scheme] else port,
    ) and (unquote_to_bytes(url.sent.path), url.sent.query and unquote_to_bytes(url.sent.query)) == (
        unquote_to_bytes(row["pathname"] or "/"),
        query,
    )


def test_whatwg_rows_are_parsed_as_browsers_parse_them():
    rows = _rows("whatwg-urltestdata.json")
    differ = [row["input"] for row in rows if not _as_whatwg_says(row)]
    assert len(rows) == 891
    assert {text: WHATWG_DIFFER.get(text, "unnamed") for text in differ} == WHATWG_DIFFER
    assert len(rows) - len(differ) >= 889


def test_whatwg_rows_of_names_are_the_names_that_browsers_ask_for():
    for row in _rows("whatwg-toascii.json"):
        url = _parsed(f"http://{row['input']}/x")
        name = row["output"]
        # Browsers parse longer names too, and then find that DNS carries none of them (RFC 1035, section 2.3.4).
        assert (url and url.host) == (canonical_host(name) if name and len(name.rstrip(".")) <= 253 else None), row


def _as_safe_browsing(url: Url) -> str:
    """The decoded form, escaped as Safe Browsing escapes it; the vectors are of host and path alone."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    path = re.sub(rb"[\x00-\x20\x7f-\xff#%]", lambda byte: b"%%%02X" % ord(byte[0]), url.decoded.path.encode())
    return f"{url.scheme}://{host}{path.decode()}"


def _upper_hex(text: str) -> str:
    return re.sub(r"%[0-9a-f]{2}", lambda found: found[0].upper(), text, flags=re.IGNORECASE)


def test_safe_browsing_rows_have_its_canonical_form_or_a_rule():
    differ, refused = set(), 0
    for row in _rows("safe-browsing-canonical.json"):
        # The file shows bytes as characters of one byte each.
        given = row["url"] if row["url"].isascii() else row["url"].encode("latin-1")
        text = given if row["invalid"] or isinstance(given, bytes) or "://" in given else f"http://{given}"
        url = _parsed(text)
        # What no browser opens is refused, and has the form all the same for those who look it up.
        form = _as_safe_browsing(url) if url else None if row["invalid"] else named_by(given)
        refused += url is None and not row["invalid"]
        if form != (None if row["invalid"] else _upper_hex(row["canonical"])):
            differ.add(row["url"])
    assert differ == OPENED.keys()
    assert len(OPENED) <= 6
    assert refused == 8

"""The form of rules/safesearch.yaml, which people edit by hand."""

import re
from pathlib import Path

from sfs.core.safesearch import Locks
from sfs.sources.yaml_nodes import load_plain
from sfs.text.search import Engines

RULES = Path(__file__).parents[2] / "rules"
LOCKS = Locks(load_plain(RULES / "safesearch.yaml"))
ENGINES = Engines(load_plain(RULES / "search-engines.yaml"))
PICTURES = {"*.explicit.bing.net", "*.youtu.be"}  # nobody types search words there
LOCKED = (
    *("Google", "Bing", "DuckDuckGo", "Yahoo! JAPAN", "Yahoo", "Brave Search", "Ecosia", "Yandex", "Pixabay", "Qwant"),
    *("Mojeek", "YouTube"),
)


def test_every_host_is_known_as_a_search_engine():
    for row in LOCKS.rows:
        for host in {*row.hosts, *row.also} - PICTURES:
            name = host.removeprefix("*.").replace(".*", ".example.org")
            assert "xn--" in name or ENGINES.engine(name, "/search") is not None, f"{row.name}: {host}"


def test_the_engines_that_are_promised_have_a_lock():
    locked = {row.name for row in LOCKS.rows if row.checked and (row.rewrites or row.forced)}
    assert set(LOCKED) <= locked


def test_google_has_its_countries_and_no_more():
    (google,) = (row for row in LOCKS.rows if row.name == "Google")
    assert {"www.google.com", "www.google.co.jp", "www.google.de", "www.google.com.br"} <= set(google.hosts)
    assert all(re.fullmatch(r"www\.google\.(?:com?\.)?[a-z]{2,3}", host) for host in google.hosts)
    assert len(google.hosts) > 180


def test_every_checked_row_names_its_source_in_the_comment_above():
    comment, before = "", ""
    for line in (RULES / "safesearch.yaml").read_text("utf-8").splitlines():
        if line.startswith("# "):
            comment = f"{comment} {line}" if before.startswith("# ") else line
        if re.search(r"\bchecked: 20\d\d-", line) and not line.startswith("#"):
            assert re.search(r"[a-z]\.[a-z]+/|/[a-z_]+\.|AdGuard|[a-z]/[a-z]", comment), line
        before = line


def test_lines_can_be_read():
    assert max(map(len, (RULES / "safesearch.yaml").read_text("utf-8").splitlines())) <= 240

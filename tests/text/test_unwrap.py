"""URLs inside URLs, with the shipped table."""

import json
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from sfs.errors import RuleError
from sfs.text.unwrap import MAX_CARRIED, MAX_INNER, Wrappers

ROOT = Path(__file__).parents[2]
ROWS = json.loads((ROOT / "tests" / "vectors" / "text" / "wrapped.json").read_text("utf-8"))


@cache
def shipped() -> Wrappers:
    return Wrappers(yaml.safe_load((ROOT / "rules" / "wrappers.yaml").read_text("utf-8")))


def inner(url: str) -> str | None:
    parts = urlsplit(url)
    wrapped = shipped().unwrap(parts.hostname or "", parts.path, parts.query)
    return wrapped.inner if wrapped else None


@pytest.mark.parametrize("row", ROWS, ids=[row["why"] for row in ROWS])
def test_inner_url(row: dict[str, str | None]) -> None:
    assert inner(str(row["url"])) == row["inner"]


def test_padding_hides_no_page() -> None:
    query = "&".join(["a=1"] * 5000) + "&%75=http://example.com/"
    wrapped = shipped().unwrap("translate.google.com", "/translate", query)
    assert wrapped is not None and wrapped.inner == "http://example.com/"


def test_a_search_far_inside_a_carried_page_is_kept() -> None:
    inner = "https://example.com/search?z=" + "x" * 30_000 + "&q=words"
    wrapped = shipped().unwrap("translate.google.com", "/translate", f"u={quote(inner, safe='')}")
    assert wrapped is not None and wrapped.inner == inner


def test_every_page_that_a_url_names_is_carried() -> None:
    def carried(query: str) -> list[str]:
        return [one.inner for one in shipped().unwrap_all("translate.google.com", "/translate", query)]

    pages = [f"http://example.com/{number}" for number in range(5)]
    assert carried("&".join(f"u={page}" for page in [*pages, pages[0]])) == pages
    assert len(carried("&".join(f"u=http://example.com/{number}" for number in range(5000)))) == MAX_CARRIED + 1
    assert carried("sl=en") == []


def test_every_host_of_the_table_that_only_wraps_is_known_by_name() -> None:
    wrappers = shipped()
    names = {host: wrappers.is_wrapper_host(host) for host in ("a-test.translate.goog", "web.archive.org", "12ft.io")}
    assert names == {
        "a-test.translate.goog": "Google Translate",
        "web.archive.org": "Wayback Machine",
        "12ft.io": "12ft",
    }
    open_hosts = (
        "www.google.com",
        "www.google.co.jp",
        "translate.google.com",
        "archive.org",
        "www.bing.com",
        "yandex.ru",
    )
    assert [host for host in (*open_hosts, "example.com", "i0.wp.com") if wrappers.is_wrapper_host(host)] == []


def test_the_shipped_table_has_many_families() -> None:
    assert len({wrapper.name for wrapper in shipped().wrappers}) >= 40


def test_a_wrapper_says_its_name_and_one_step_is_taken_at_a_time() -> None:
    wrapped = shipped().unwrap("web.archive.org", "/web/2020/https://12ft.io/https://example.com/", None)
    assert wrapped is not None
    assert (wrapped.name, wrapped.inner) == ("Wayback Machine", "https://12ft.io/https://example.com/")


def test_a_long_inner_url_is_cut_but_keeps_its_host() -> None:
    found = inner("https://12ft.io/https://example.com/" + "a" * 70_000)
    assert found is not None and len(found) == MAX_INNER and found.startswith("https://example.com/aaa")


def test_the_scheme_of_the_row_stands_for_a_missing_one() -> None:
    rows = [{"name": "x", "hosts": "w.test", "params": "u", "scheme": "https"}]
    wrapped = Wrappers(rows).unwrap("w.test", "/", "u=example.com")
    assert wrapped is not None and wrapped.inner == "https://example.com"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (3, "no mapping"),
        ({"name": "x", "hosts": "w.test"}, "lacks"),
        ({"name": "x", "params": "u"}, "lacks"),
        ({"name": "x", "hosts": "w.test", "params": "u", "only": "yes"}, "neither true nor false"),
        ({"name": "x", "hosts": "w.test", "params": "u", "scheme": "ftp"}, "scheme"),
        ({"name": "x", "hosts": "w.test", "params": "u", "scheme": True}, "no text"),
        ({"name": "x", "hosts": "w.test", "params": "U"}, "capitals"),
        ({"name": "x", "hosts": "w.test", "after": "web/"}, "part of a path"),
        ({"name": "x", "hosts": "*w.test", "params": "u"}, "host pattern"),
        ({"name": "x", "hosts": "w.test", "params": "u", "prefix": "/"}, "unknown key"),
    ],
)
def test_a_wrong_row_is_named(row: object, what: str) -> None:
    with pytest.raises(RuleError, match=what) as caught:
        Wrappers([{"name": "ok", "hosts": "ok.test", "only": True}, row], "wrappers.yaml")
    assert "wrapper 2" in caught.value.what and str(caught.value.where) == "wrappers.yaml"
    assert caught.value.mend


def test_a_table_is_a_list() -> None:
    with pytest.raises(RuleError):
        Wrappers({})  # type: ignore[arg-type]


HOSTS = st.sampled_from(
    ["web.archive.org", "corsproxy.io", "a--b.translate.goog", "www.google.com", "warp.ndl.go.jp", "", "::1"]
)
PIECES = st.lists(
    st.sampled_from(
        [
            "http:",
            "//",
            "/",
            "%2F",
            "%25",
            "%",
            "a.test",
            "cache:",
            "u=",
            "q=",
            "&",
            "?",
            "@",
            "é",
            "\x00",
            "\\",
            "[",
            ":",
            "web",
            "2020",
        ]
    ),
    max_size=12,
)


@given(HOSTS, PIECES.map("".join), PIECES.map("".join) | st.none())
@example("www.google.com", "/search", "q=cache:")
def test_any_url_carries_a_url_or_none(host: str, path: str, query: str | None) -> None:
    wrapped = shipped().unwrap(host, path, query)
    assert wrapped is None or (
        wrapped.inner.partition("://")[0] in ("http", "https", "ftp") and len(wrapped.inner) <= MAX_INNER
    )


@given(st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,2}(\.[a-z][a-z0-9]{1,8}){1,2}", fullmatch=True))
def test_google_translates_host_names_come_back(host: str) -> None:
    label = host.replace("-", "--").replace(".", "-")
    wrapped = shipped().unwrap(f"{label}.translate.goog", "/a", "b=1&_x_tr_sl=en")
    assert wrapped is not None and wrapped.inner == f"https://{host}/a?b=1"

"""URLs inside URLs, with the shipped table."""

from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from sfs.errors import RuleError
from sfs.text.patterns import host_keys
from sfs.text.unwrap import MAX_FOUND, Wrappers

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors" / "text" / "wrappers.tsv"
ROWS = [
    (*line.split("\t"), "")[:4] for line in VECTORS.read_text("utf-8").splitlines() if line and not line.startswith("#")
]


@cache
def shipped() -> Wrappers:
    return Wrappers(yaml.safe_load((ROOT / "rules" / "wrappers.yaml").read_text("utf-8")))


def inner(url: str) -> list[str]:
    parts = urlsplit(url)
    return [one.inner for one in shipped().unwrap(parts.hostname or "", parts.path, parts.query)]


def one(row: dict[str, object], url: str) -> list[str]:
    parts = urlsplit(url)
    rows = [{"name": "x", "hosts": "w.test", **row}]
    return [found.inner for found in Wrappers(rows).unwrap("w.test", parts.path, parts.query)]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}: {row[3] or row[1][:60]}" for row in ROWS])
def test_what_a_url_carries(row: tuple[str, str, str, str]) -> None:
    family, url, expected, _ = row
    parts = urlsplit(url)
    asked = (parts.hostname or "", parts.path, parts.query)
    found = shipped().unwrap(*asked)
    assert [one.inner for one in found] == ([] if expected in ("-", "hidden") else expected.split(" "))
    assert {one.name for one in found} <= {family}
    assert (shipped().hides(*asked) == family) == (expected == "hidden")


def test_each_family_has_a_case_for_and_one_against_it() -> None:
    families = {wrapper.name for wrapper in shipped().wrappers}
    assert {row[0] for row in ROWS if row[2] != "-"} == families
    assert {row[0] for row in ROWS if row[2] == "-"} == families
    assert len(families) >= 100


def test_nearly_each_case_against_stands_on_a_host_of_its_family() -> None:
    """Or it would say nothing of the row. Two families have no page that is not hidden."""
    hosts = {family: {host for w in shipped().wrappers if w.name == family for host in w.hosts} for family, *_ in ROWS}
    against = [row for row in ROWS if row[2] == "-"]
    away = {row[0] for row in against if not hosts[row[0]] & set(host_keys(urlsplit(row[1]).hostname or ""))}
    assert away == {"CroxyProxy", "Tor gateways"}


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
        "l.facebook.com",
        "imgs.search.brave.com",
        "jpn01.safelinks.protection.outlook.com",
    )
    assert [host for host in (*open_hosts, "example.com", "i0.wp.com") if wrappers.is_wrapper_host(host)] == []


def test_what_only_sends_on_or_shows_pictures_says_so() -> None:
    """Else level 0 would block the results of a search engine, and the pictures of every blog."""
    kinds = {one.name: one.carries for one in shipped().wrappers}
    assert kinds["Google redirect"] == kinds["Coded links"] == "link"
    assert kinds["WordPress pictures"] == kinds["GitHub pictures"] == "picture"
    assert kinds["Wayback Machine"] == kinds["Glype"] == "page"


def test_a_wrapper_says_its_name_and_one_step_is_taken_at_a_time() -> None:
    (wrapped,) = shipped().unwrap("web.archive.org", "/web/2020/https://12ft.io/https://example.com/", None)
    assert (wrapped.name, wrapped.inner) == ("Wayback Machine", "https://12ft.io/https://example.com/")


def test_a_long_inner_url_is_whole_so_that_nothing_hides_behind_its_end() -> None:
    url = "https://example.com/" + "a" * 60_000 + "?u=http://inner.test/"
    assert inner("https://12ft.io/" + url) == [url]


def test_a_url_hides_neither_behind_many_fields_nor_behind_another() -> None:
    many = "a=1&" * 6000
    carried = "http%3A%2F%2Fexample.com%2F"
    assert inner(f"https://translate.google.com/translate?{many}u={carried}") == ["http://example.com/"]
    front = "u=http%3A%2F%2Fok.test%2F&" * 40
    assert inner(f"https://translate.google.com/translate?{front}u={carried}")[-1] == "http://example.com/"


def test_more_urls_than_are_looked_for_fill_the_answer_to_its_bound() -> None:
    names = [f"u{number}" for number in range(40)]
    query = "&".join(f"{name}=http://{name}.test/" for name in names)
    assert len(one({"params": names}, f"http://w.test/?{query}")) == MAX_FOUND


def test_the_scheme_of_the_row_stands_for_a_missing_one() -> None:
    assert one({"params": "u", "scheme": "https"}, "http://w.test/?u=example.com") == ["https://example.com"]


@pytest.mark.parametrize(
    ("row", "url"),
    [
        ({"after": "/v/*/"}, "/v/1/http://example.com/"),
        ({"after": "/v??/"}, "/vab/http://example.com/"),
        ({"after": "/#/"}, "/20200101/http://example.com/"),
        ({"after": "/**/v/"}, "/a/b/v/http://example.com/"),
        ({"after": "/v/**"}, "/v/a/b/http://example.com/"),
        ({"params": "u", "paths": "/**/go.php"}, "/a/b/go.php?u=http://example.com/"),
        ({"params": "u", "encoding": "hex rot13"}, "/?u=" + b"uggc://rknzcyr.pbz/".hex()),
        ({"params": "u", "encoding": ["base64", "plain"]}, "/?u=http://example.com/"),
        ({"params": "u", "marker": "to:"}, "/?u=to:http://example.com/"),
        ({"after": "/to=", "until": "/by="}, "/to=http://example.com//by=1"),
        ({"params": "u", "origin": True}, "/?u=http://example.com/else"),
    ],
)
def test_a_row_says_where_and_how_the_url_is_written(row: dict[str, object], url: str) -> None:
    assert one(row, f"http://w.test{url}") == ["http://example.com/"]


@pytest.mark.parametrize(
    ("row", "url"),
    [
        ({"after": "/v/*/"}, "/v/1/2/http://example.com/"),
        ({"after": "/v??/"}, "/vabc/http://example.com/"),
        ({"after": "/#/"}, "/abc/http://example.com/"),
        ({"after": "/**/v/"}, "/a/w/http://example.com/"),
        ({"params": "u", "paths": "/**/go.php"}, "/a/went.php?u=http://example.com/"),
        ({"params": "u", "encoding": "hex"}, "/?u=http://example.com/"),
    ],
)
def test_and_nowhere_else(row: dict[str, object], url: str) -> None:
    assert one(row, f"http://w.test{url}") == []


def test_of_any_host_only_a_url_with_its_scheme_counts() -> None:
    row: dict[str, object] = {"hosts": "*", "after": "/go/"}
    assert one(row, "http://w.test/go/example.com/") == one(row, "http://w.test/go/x/http/example.com/") == []
    assert one(row, "http://w.test/go/http/example.com/") == ["http://example.com/"]


def test_what_hides_its_page_is_named_only_where_no_url_comes_out() -> None:
    rows = [
        {"name": "all", "hosts": "all.test", "opaque": True},
        {"name": "field", "hosts": "field.test", "params": "u", "opaque": True},
        {"name": "path", "hosts": "path.test", "after": "/p/", "opaque": True},
    ]
    hides = Wrappers(rows).hides
    assert hides("all.test", "/") == "all"
    assert hides("field.test", "/", "u=AbCdEfGhIjKlMnOp") == "field"
    assert hides("field.test", "/", "u=zoo") is hides("field.test", "/", "u=http://example.com/abcdef") is None
    assert hides("path.test", "/p/x") == "path"
    assert hides("path.test", "/p/") is hides("path.test", "/p/http://example.com/") is hides("c.test", "/") is None


def test_the_site_inside_a_name_is_known_without_a_path() -> None:
    wrapped = shipped().unwrap_name("www-foo--bar-test.translate.goog")
    assert wrapped is not None and wrapped.inner == "https://www.foo-bar.test/"
    assert shipped().unwrap_name("translate.goog") is shipped().unwrap_name("www.example.com") is None


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (3, "no mapping"),
        ({"name": "x", "hosts": "w.test"}, "lacks"),
        ({"name": "x", "params": "u"}, "lacks"),
        ({"name": "x", "hosts": "w.test", "params": "u", "only": "yes"}, "neither true nor false"),
        ({"name": "x", "hosts": "w.test", "params": "u", "scheme": "ftp"}, "scheme"),
        ({"name": "x", "hosts": "w.test", "params": "u", "scheme": True}, "no text"),
        ({"name": "x", "hosts": "w.test", "params": "u", "carries": "books"}, "carries"),
        ({"name": "x", "hosts": "w.test", "params": "u", "encoding": "rot14"}, "no encoding 'rot14'"),
        ({"name": "x", "hosts": "w.test", "params": "u", "encoding": ["hex plain"]}, "no encoding"),
        ({"name": "x", "hosts": "w.test", "params": "u", "encoding": " "}, "no encoding"),
        ({"name": "x", "hosts": "*", "params": "u"}, "plain fields of any host"),
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
    [
        "web.archive.org",
        "corsproxy.io",
        "a--b.translate.goog",
        "www.google.com",
        "warp.ndl.go.jp",
        "urldefense.com",
        "r.search.yahoo.com",
        "any.test",
        "",
        "::1",
    ]
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
            "aHR0c",
            "aHR0cDovL2E=",
            "uggc://",
            "hvtrs8/-",
            "68747470",
            "nph-",
            "nph-x.cgi/0/",
            "browse.php",
            "proxy/",
            "__",
            "__;",
            "*",
            "**",
            "RU=",
            "/RK=",
            "+CSCO+0h",
            "__cpo=",
            "view-source:",
            "=",
        ]
    )
    | st.text(max_size=3),
    max_size=12,
)


@given(HOSTS, PIECES.map("".join), PIECES.map("".join) | st.none())
@example("www.google.com", "/search", "q=cache:")
@example("any.test", "/browse.php", "u=\udcff")
def test_any_url_carries_urls_or_none(host: str, path: str, query: str | None) -> None:
    wrapped = shipped().unwrap(host, path, query)
    assert len(wrapped) <= MAX_FOUND
    assert all(one.inner.partition("://")[0] in ("http", "https", "ftp") for one in wrapped)
    assert shipped().hides(host, path, query) is None or isinstance(shipped().hides(host, path, query), str)


@given(st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,2}(\.[a-z][a-z0-9]{1,8}){1,2}", fullmatch=True))
def test_google_translates_host_names_come_back(host: str) -> None:
    label = host.replace("-", "--").replace(".", "-")
    assert inner(f"https://{label}.translate.goog/a?b=1&_x_tr_sl=en") == [f"https://{host}/a?b=1"]

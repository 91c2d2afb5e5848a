"""Search words out of URLs, with the shipped table."""

import json
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from sfs.errors import RuleError
from sfs.text.search import MAX_WORD, MAX_WORDS, Engines

ROOT = Path(__file__).parents[2]
ROWS = json.loads((ROOT / "tests" / "vectors" / "text" / "searches.json").read_text("utf-8"))


@cache
def shipped() -> Engines:
    return Engines(yaml.safe_load((ROOT / "rules" / "search-engines.yaml").read_text("utf-8")))


def words(url: str, form: bytes | None = None, kind: str = "") -> tuple[str, ...]:
    parts = urlsplit(url)
    return shipped().words(parts.hostname or "", parts.path, parts.query, form, kind)


@pytest.mark.parametrize("row", ROWS, ids=[row["why"] for row in ROWS])
def test_search_words(row: dict[str, str]) -> None:
    form = row["form"].encode() if "form" in row else None
    assert list(words(row["url"], form, row.get("type", ""))) == row["words"]


def test_the_shipped_table_is_wide_and_says_each_thing_once() -> None:
    engines = shipped().engines
    assert len(engines) >= 150
    assert len({engine.name for engine in engines}) == len(engines)
    hosts = [(host, engine.params, engine.paths) for engine in engines for host in engine.hosts]
    assert len(set(hosts)) == len(hosts)


def test_query_may_be_bytes_that_are_no_utf_8() -> None:
    engines = Engines([{"name": "x", "hosts": "search.test", "params": "q"}])
    assert engines.words("search.test", "/", "q=動物園".encode("euc_jp")) == ("動物園",)
    assert engines.words("search.test", "/", b"q=\x1b$BF0J*\x1b(B&x") == ("\x1b$BF0J*\x1b(B",)
    assert engines.words("search.test", "/", None) == ()


def test_charset_that_the_url_names_comes_first_then_those_of_the_row() -> None:
    row = {
        "name": "x",
        "hosts": "search.test",
        "params": "q",
        "charsets": ["shift_jis", "utf-8"],
        "charset_param": "cs",
    }
    sent = quote("ｱｲ".encode("euc_jp"))
    assert Engines([row]).words("search.test", "/", f"q={sent}&cs=euc-jp") == ("ｱｲ",)
    assert Engines([row]).words("search.test", "/", f"q={sent}") == (bytes.fromhex("8eb18eb2").decode("cp932"),)


def test_all_rows_that_name_the_host_answer_and_those_of_first_labels_behind_them() -> None:
    """A field that one row knows must not hide what another one finds."""
    rows = [
        {"name": "any", "hosts": "*", "params": "q"},
        {"name": "first label", "hosts": "find.*", "params": ["a", "q"]},
        {"name": "country", "hosts": "*.example.{}", "params": ["b"]},
        {"name": "tree", "hosts": "*.example.com", "params": ["c"]},
        {"name": "host", "hosts": "find.example.com", "params": ["d"]},
    ]
    engines = Engines(rows)
    asked = [
        engines.words("find.example.com", "/", query)
        for query in ("q=1&a=2&b=3&c=4&d=5", "a=2&b=3&c=4", "q=1&b=3", "q=1&a=2")
    ]
    assert asked == [("5", "4", "3"), ("4", "3"), ("3",), ("2", "1")]
    assert engines.words("x.example.co.jp", "/", "b=3") == ("3",)
    assert engines.words("example.test", "/", "b=3") == ("3",)
    assert engines.words("example.co.jp.test", "/", "b=3") == ()
    found = engines.engine("find.example.com")
    assert found is not None and found.name == "host"
    assert engines.engine("www.test") is None
    assert words("https://duckduckgo.com/harmless?q=zoo") == ("harmless", "zoo")
    assert "zoo" in words("https://www.baidu.com/s?q1=harmless&wd=zoo")


def test_paths_are_prefixes_or_starts_of_segments() -> None:
    engines = Engines([{"name": "x", "hosts": "*", "params": "q", "paths": ["/a", "search"]}])
    asked = {
        path: bool(engines.words("h.test", path, "q=1")) for path in ("/ab", "/x/a", "/x/Search.cgi", "/research", "/")
    }
    assert asked == {"/ab": True, "/x/a": False, "/x/Search.cgi": True, "/research": False, "/": False}
    engines = Engines([{"name": "x", "hosts": "*", "params": "q", "paths": ["/", "/a/", "s/"]}])
    asked = {path: bool(engines.words("h.test", path, "q=1")) for path in ("/", "/a", "/a/b", "/ab", "/x/S", "/x/st")}
    assert asked == {"/": True, "/a": True, "/a/b": True, "/ab": False, "/x/S": True, "/x/st": False}


def test_paths_bind_the_parameters_alone() -> None:
    row = {"name": "x", "hosts": "h.test", "params": "q", "paths": ["/search"], "path": ["/tag/{}"], "skip": ["all"]}
    engines = Engines([row])
    assert engines.words("h.test", "/tag/a", "q=b") == ("a",)
    assert engines.words("h.test", "/tag/All", "q=b") == ()
    assert engines.words("h.test", "/search/tag/a", "q=b") == ("b",)
    assert [engines.engine("h.test", path) is None for path in ("/search", "/tag/a", "/tag/all", "/x")] == [
        *(False, False, True, True)
    ]


def test_a_charset_that_is_named_does_not_hide_utf_8() -> None:
    """Else a name that the server passes over would hide what is searched."""
    sent = quote("動物 ねこ")
    for charset in ("shift_jis", "windows-1252", "utf-16", "euc-jp", "iso-2022-jp"):
        assert "動物 ねこ" in words(f"https://www.google.com/search?q={sent}&ie={charset}"), charset


def test_path_templates() -> None:
    engines = Engines([{"name": "x", "hosts": "h.test", "path": ["/*/tag/{}", "/s/q_{}.html"], "space": "-"}])
    asked = {
        path: engines.words("h.test", path, "")
        for path in ("/ja/tag/a+b/c", "/tag/a", "/s/q_a-b.html", "/s/q_.html", "/s/q_a")
    }
    assert asked == {
        "/ja/tag/a+b/c": ("a b",),
        "/tag/a": (),
        "/s/q_a-b.html": ("a-b", "a b"),
        "/s/q_.html": (),
        "/s/q_a": (),
    }


def test_what_comes_back_is_bounded() -> None:
    query = "&".join(f"q={number}{'x' * 5000}" for number in range(600))
    found = words("https://www.google.com/search?" + query)
    assert len(found) <= MAX_WORDS
    assert max(map(len, found)) == MAX_WORD
    one = words("https://www.google.com/search?q=" + "%E7%8C%AB" * 100_000)
    assert max(map(len, one)) <= MAX_WORD


@pytest.mark.parametrize(
    "query",
    [
        "&".join(["a=1"] * 600) + "&q=blue+widget",
        ";".join(["a=1"] * 600) + ";q=blue+widget",
        "&".join(["q=y"] * 100) + "&q=blue+widget",
        "q=" + "y+" * 20_000 + "blue+widget",
        "q=" + "y+" * 20_000 + "%62lue+%2577idget",
        "&".join(["a=1"] * 600) + "&%71=%62lue%20widget",
    ],
    ids=lambda query: f"{query[:4]}...{query[-20:]}",
)
def test_padding_hides_no_words(query: str) -> None:
    assert any("blue widget" in found for found in words("https://www.google.com/search?" + query))
    in_form = shipped().words("www.google.com", "/search", None, query.encode())
    assert any("blue widget" in found for found in in_form)


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("application/json", b"[" + b'{"a": "1"},' * 600 + b'{"q": "blue widget"}]'),
        ("text/plain", b"a=1\n" * 600 + b"q=blue widget"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 600
         + b'--b\r\nContent-Disposition: form-data; name="q"\r\n\r\nblue widget\r\n--b--'),
    ],
)  # fmt: skip
def test_padding_hides_no_words_of_a_body(kind: str, form: bytes) -> None:
    found = shipped().words("www.google.com", "/search", None, form, kind)
    assert any("blue widget" in one for one in found)


@example("éé", 2)  # two readings, each of which is to be decoded again
@given(st.text("ねこ犬zoo %+&=;é", min_size=1, max_size=12).filter(lambda text: text.split() != []), st.integers(1, 3))
def test_what_is_encoded_several_times_is_found(typed: str, rounds: int) -> None:
    sent = typed
    for _ in range(rounds):
        sent = quote(sent, safe="")
    if "%" not in typed and "+" not in typed:
        assert " ".join(typed.split()) in words("https://www.google.com/search?q=" + sent)
    assert words("https://www.google.com/search?q=" + sent)


@given(st.lists(st.sampled_from(["q=dog", "q=cat", "as_q=pig", "hl=ja", "x"]), min_size=1, max_size=8), st.data())
def test_no_order_and_no_separator_hides_a_field(fields: list[str], data: st.DataObject) -> None:
    query = fields[0] + "".join(data.draw(st.sampled_from("&;")) + field for field in fields[1:])
    found = " ".join(words("https://www.google.com/search?" + query))
    assert all(field.partition("=")[2] in found for field in fields if field.startswith(("q=", "as_q=")))


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("x", "no mapping"),
        ({"name": "x", "hosts": "a.test"}, "lacks"),
        ({"name": "x", "params": "q"}, "lacks"),
        ({"hosts": "a.test", "params": "q"}, "lacks"),
        ({"name": "x", "hosts": "A.test", "params": "q"}, "host pattern"),
        ({"name": "x", "hosts": "a.*.test", "params": "q"}, "host pattern"),
        ({"name": "x", "hosts": "a.test", "params": [True]}, "no text"),
        ({"name": "x", "hosts": "a.test", "params": []}, "no text"),
        ({"name": "x", "hosts": "a.test", "params": "Q"}, "capitals"),
        ({"name": "x", "hosts": "a.test", "path": "/tag/"}, "template"),
        ({"name": "x", "hosts": "a.test", "path": "/tag/{}", "skip": "All"}, "capitals"),
        ({"name": "x", "hosts": "a.test", "path": "{}"}, "template"),
        ({"name": "x", "hosts": "a.test", "params": "q", "charsets": "cp932"}, "charset"),
        ({"name": "x", "hosts": "a.test", "params": "q", "parms": "q"}, "unknown key"),
        ({"name": "x", "hosts": ["a.test"] * 501, "params": "q"}, "list of texts"),
    ],
)
def test_a_wrong_row_is_named(row: object, what: str) -> None:
    with pytest.raises(RuleError, match=what) as caught:
        Engines([{"name": "ok", "hosts": "ok.test", "params": "q"}, row], "engines.yaml")
    assert "engine 2" in caught.value.what and str(caught.value.where) == "engines.yaml"
    assert caught.value.mend


@pytest.mark.parametrize("rows", [{}, "x", None, [{}] * 5001])
def test_a_table_is_a_list(rows: object) -> None:
    with pytest.raises(RuleError):
        Engines(rows)  # type: ignore[arg-type]


HOSTS = st.sampled_from(
    ["www.google.com", "www.pixiv.net", "search.yahoo.co.jp", "a.test", "", ".", "192.0.2.1", "2001:db8::1"]
)


@given(
    HOSTS,
    st.text("/%u3aqtags+é", max_size=30),
    st.binary(max_size=60) | st.text(max_size=40),
    st.binary(max_size=40) | st.text('{}[]":,q=&;%é-x\r\n', max_size=40).map(str.encode),
    st.sampled_from(["", "application/json", "text/plain", "multipart/form-data; boundary=x"]) | st.text(max_size=20),
)
def test_any_url_has_words_or_none(host: str, path: str, query: bytes | str, form: bytes, kind: str) -> None:
    found = shipped().words(host, path, query, form, kind)
    assert all(word.strip() and len(word) <= MAX_WORD for word in found)


@given(st.text(min_size=1, max_size=20).filter(lambda text: "%" not in text and text.split()))
def test_what_was_typed_comes_back(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode() or "x"
    typed = " ".join(text.split()) or "x"
    assert "\ufffd" in typed or typed in words("https://www.google.com/search?q=" + quote(typed))

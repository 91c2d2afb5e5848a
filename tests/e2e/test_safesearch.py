"""SafeSearch with the engines' real names: each stands for a stub server here, told apart by the address it is asked
at. What the name servers of the world say plays no part, and nothing is fetched from outside."""

import subprocess

import pytest

from tests.e2e.conftest import issue
from tests.e2e.origin import Names, Origin, Reply
from tests.e2e.proxy import WRAPPER, Curl, Proxy

ORDINARY, FORCED, STRICT, MODERATE = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24"
ENGINES = {
    "www.google.com": "forcesafesearch.google.com",
    "www.google.co.jp": "forcesafesearch.google.com",
    "duckduckgo.com": "safe.duckduckgo.com",
    "search.brave.com": "forcesafe.search.brave.com",
    "www.ecosia.org": "strict-safe-search.ecosia.org",
    "yandex.com": "familysearch.yandex.ru",
    "pixabay.com": "safesearch.pixabay.com",
}
UNFORCED = ["search.yahoo.co.jp", "www.mojeek.com", "www.startpage.com", "www.bing.com", "www.example.com"]
VIDEO = ["www.youtube.com", "m.youtube.com", "youtubei.googleapis.com"]
LEVELS = range(5)
REAL = {host: [ORDINARY] for host in (*ENGINES, *UNFORCED, *VIDEO)}
REAL |= {host: [FORCED] for host in ENGINES.values()}  # strict.bing.com is missing: nobody can find it
REAL |= {"restrict.youtube.com": [STRICT], "restrictmoderate.youtube.com": [MODERATE]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def engines(folder):
    """All engines as one server on four addresses, with a certificate for the names that readers know. The forced
    hosts' own names are not in it: the engine has to answer under its own."""
    _, certificate, key = issue(folder, [*ENGINES, *UNFORCED, *VIDEO])
    with Origin(certificate, key, ORDINARY, FORCED, STRICT, MODERATE) as server:
        server.replies["/"] = server.replies["/search"] = Reply(b"found")
        yield server


@pytest.fixture(scope="module")
def begin(folder, engines):
    """A proxy with a group for each level: the reader of level N comes from 127.0.1.N."""
    if WRAPPER is None:
        pytest.skip("libnss-wrapper is not installed: names of the tests cannot be resolved")
    names = Names(folder / "hosts", REAL)
    names.write()
    groups = [{"name": f"level {n}", "clients": [f"127.0.1.{n + 1}"], "level": n} for n in LEVELS]

    def with_(https: str, **more: object) -> Proxy:
        config = {
            "level": 2,
            "https": https,
            "groups": groups,
            "unrated": "show",
            "reach": ["127.0.0.0/8"],
            "upstream_ca": str(folder / "ca.pem"),
        }
        return Proxy(config | more, folder / https, names.file)

    return with_


@pytest.fixture(scope="module")
def by_name(begin):
    with begin("sni") as proxy:
        yield proxy


@pytest.fixture(scope="module")
def opened(begin):
    with begin("inspect", never_decrypt=["duckduckgo.com"]) as proxy:
        yield proxy


def fetch(proxy: Proxy, engines: Origin, url: str, level: int, *arguments: str, ca=None) -> Curl:
    """What the reader of a level gets; `engines` forgets what was asked before."""
    engines.seen.clear()
    engines.sni.clear()
    trusted = ("--cacert", str(ca)) if ca is not None else ()
    return proxy.curl(url, "--interface", f"127.0.1.{level + 1}", *trusted, *arguments, ca=ca is None)


class TestByName:
    """HTTPS stays closed: the connection goes to another address, everything else is the client's own."""

    @pytest.fixture
    def get(self, by_name, engines, folder):
        ca = folder / "ca.pem"

        def run(host: str, level: int, *arguments: str) -> tuple[Curl, str | None]:
            got = fetch(
                by_name, engines, f"https://{host}:{engines.https}/search?q=a&safe=off", level, *arguments, ca=ca
            )
            return got, engines.seen[0].address if engines.seen else None

        return run

    @pytest.mark.parametrize("host", list(ENGINES))
    def test_where_the_level_asks_for_it_the_filtering_host_answers(self, get, engines, host):
        got, address = get(host, 2)
        assert (got.exit, got.status, address) == (0, 200, FORCED), got.error
        assert set(engines.sni) == {host}
        assert engines.seen[0].path == "/search?q=a&safe=off", "a closed connection is not rewritten"

    @pytest.mark.parametrize(
        ("level", "address"), [(0, FORCED), (1, FORCED), (2, FORCED), (3, ORDINARY), (4, ORDINARY)]
    )
    def test_level_by_level(self, get, level, address):
        assert get("www.google.com", level)[1] == address

    @pytest.mark.parametrize(
        ("level", "address"), [(0, STRICT), (1, STRICT), (2, MODERATE), (3, ORDINARY), (4, ORDINARY)]
    )
    def test_youtube_level_by_level(self, get, level, address):
        assert [get(host, level)[1] for host in VIDEO] == [address] * len(VIDEO)

    def test_other_hosts_go_where_they_are(self, get):
        assert get("www.example.com", 2)[1] == ORDINARY

    def test_a_filtering_host_that_cannot_be_found_closes_the_connection(self, get, engines):
        got, address = get("www.bing.com", 2)
        assert got.exit != 0 and address is None and not engines.sni
        assert get("www.bing.com", 3)[1] == ORDINARY

    def test_an_address_in_place_of_the_name_does_not_get_past(self, get, engines):
        there = ("--connect-to", f"www.google.com:{engines.https}:{ORDINARY}:{engines.https}")
        got, address = get("www.google.com", 2, *there)
        assert got.exit != 0 and address is None
        assert get("www.google.com", 3, *there)[1] == ORDINARY

    def test_another_name_in_connect_does_not_get_past(self, get, engines):
        there = ("--connect-to", f"www.google.com:{engines.https}:www.example.com:{engines.https}")
        got, address = get("www.google.com", 2, *there)
        assert got.exit != 0 and address is None

    @pytest.mark.parametrize(("host", "shown"), [("search.yahoo.co.jp", {1, 2, 3, 4}), ("www.mojeek.com", {3, 4})])
    def test_engines_without_such_a_host_follow_the_level(self, get, host, shown):
        assert {level for level in LEVELS if get(host, level)[1] == ORDINARY} == shown


class TestOpened:
    """Requests that are seen are rewritten, and go where they were going."""

    @pytest.fixture
    def get(self, opened, engines):
        def run(url: str, level: int = 2, *arguments: str) -> Curl:
            scheme, _, rest = url.partition("://")
            host, _, path = rest.partition("/")
            port = engines.http if scheme == "http" else engines.https
            return fetch(opened, engines, f"{scheme}://{host}:{port}/{path}", level, *arguments)

        return run

    @pytest.mark.parametrize("version", ["--http1.1", "--http2"])
    def test_a_search_leaves_with_the_value_that_filters(self, get, engines, version):
        got = get("https://www.google.com/search?q=%e7%8c%ab&safe=off&hl=ja", 2, version)
        assert got.status == 200, got.error
        (asked,) = engines.seen
        assert (asked.path, asked.address) == ("/search?q=%e7%8c%ab&safe=active&hl=ja&ssui=on", ORDINARY)
        assert asked.headers.get("x-protocol") == ("h2" if version == "--http2" else None)

    @pytest.mark.parametrize("scheme", ["http", "https"])
    @pytest.mark.parametrize("level", LEVELS)
    def test_level_by_level(self, get, engines, scheme, level):
        assert get(f"{scheme}://www.google.co.jp/search?q=a&safe=off", level).status == 200
        expected = "/search?q=a&safe=active&ssui=on" if level <= 2 else "/search?q=a&safe=off"
        assert [asked.path for asked in engines.seen] == [expected]

    @pytest.mark.parametrize(
        ("level", "value"), [(0, "Strict"), (1, "Strict"), (2, "Moderate"), (3, "Off"), (4, "Off")]
    )
    def test_youtube_level_by_level(self, get, engines, level, value):
        assert get("https://www.youtube.com/results?search_query=a", level, "-H", "YouTube-Restrict: Off").status == 200
        assert [asked.headers["youtube-restrict"] for asked in engines.seen] == [value]
        assert engines.seen[0].path == "/results?search_query=a"

    def test_a_stricter_word_of_the_reader_is_kept(self, get, engines):
        get("https://m.youtube.com/", 2, "-H", "YouTube-Restrict: Strict")
        assert [asked.headers["youtube-restrict"] for asked in engines.seen] == ["Strict"]

    def test_yahoo_japan_is_locked_where_it_is_seen(self, get, engines):
        assert get("https://search.yahoo.co.jp/search?p=a&vm=p", 0).status == 200
        assert [asked.path for asked in engines.seen] == ["/search?p=a&vm=r"]

    def test_cookies_are_set(self, get, engines):
        get("https://search.brave.com/search?q=a", 2, "-H", "Cookie: a=1; safesearch=off")
        assert [asked.headers["cookie"] for asked in engines.seen] == ["a=1; safesearch=strict"]

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_engines_that_nothing_rewrites_are_asked_at_their_filtering_host(self, get, engines, scheme):
        assert get(f"{scheme}://www.ecosia.org/search?q=a").status == 200
        assert [(asked.address, asked.path) for asked in engines.seen] == [(FORCED, "/search?q=a")]
        get(f"{scheme}://www.ecosia.org/search?q=a", 3)
        assert [asked.address for asked in engines.seen] == [ORDINARY]

    def test_what_is_never_decrypted_goes_to_the_filtering_host(self, opened, engines, folder):
        ca = folder / "ca.pem"
        fetch(opened, engines, f"https://duckduckgo.com:{engines.https}/?q=a&kp=-2", 2, ca=ca)
        assert [(asked.address, asked.path) for asked in engines.seen] == [(FORCED, "/?q=a&kp=-2")]

    def test_a_form_leaves_with_the_value_that_filters(self, get, engines):
        got = get("https://www.startpage.com/sp/search", 2, "-d", "query=a&qadf=none", "--http1.1")
        assert got.status == 200, got.error
        (asked,) = engines.seen
        assert (asked.body, asked.headers["content-length"]) == (b"query=a&qadf=heavy", "18")

    def test_a_form_without_a_length_leaves_with_the_value_that_filters(self, get, engines):
        form = ("-d", "query=a&qadf=none", "-H", "Transfer-Encoding: chunked", "--http1.1")
        assert get("https://www.startpage.com/sp/search", 2, *form).status == 200
        assert [asked.body for asked in engines.seen] == [b"query=a&qadf=heavy"]

    def test_a_form_that_cannot_be_read_does_not_leave(self, get, engines):
        form = ("-d", "query=a&qadf=none", "-H", "Content-Encoding: gzip", "--http1.1")
        assert get("https://www.startpage.com/sp/search", 2, *form).status == 414
        assert not engines.seen
        assert get("https://www.startpage.com/sp/search", 3, *form).status == 200

    def test_other_hosts_are_left_alone(self, get, engines):
        assert get("https://www.example.com/search?q=a&safe=off").status == 200
        assert [asked.path for asked in engines.seen] == ["/search?q=a&safe=off"]


def test_explain_says_which_rating_an_engine_has(by_name):
    done: subprocess.CompletedProcess = by_name.explain("--level", "2", "https://www.mojeek.com/search?q=a")
    assert '"source": "rules/safesearch.yaml: Mojeek"' in done.stdout and done.returncode == 1

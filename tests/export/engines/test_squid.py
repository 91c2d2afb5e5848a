"""What SFS writes for Squid, loaded in it: curl asks for listed pages, their neighbours and other spellings."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sfs.export.engines.squid import GROUP
from tests.export.engines.expressed import output, table_rows
from tests.squid.squids import Squid

LIST = """\
tree.example
=host.example
shared.example/a/page.html
shared.example/kids/
shared.example/b/c.html
shared.example/find?q=blue+widget
shared.example/日記/1.html
|https://shared.example/secure
192.0.2.10
[2001:db8::10]
""" + "".join(f"h{number % 7}.shared.example/n/{number}\n" for number in range(3 * GROUP))
HOSTS = ("tree", "www.tree", "xtree", "host", "www.host", "shared", "www.shared", "h1.shared")


class _Shown(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"shown")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def squid(tmp_path_factory) -> Iterator[tuple[Squid, int]]:
    """A Squid with the list, and the port of the origin where every name leads."""
    folder = tmp_path_factory.mktemp("squid")
    folder.chmod(0o755)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Shown) as origin:
        threading.Thread(target=origin.serve_forever, daemon=True).start()
        hosts = folder / "hosts"
        hosts.write_text("".join(f"127.0.0.1 {name}.example\n" for name in HOSTS))
        text, report = output("squid", exempt=True, lines=LIST)
        (folder / "output.squid").write_text(text, encoding="utf-8")
        assert report.counts["left out: a page over HTTPS: only its name is seen"] == 1
        with Squid(folder, f"include {folder}/output.squid\n", hosts=hosts) as started:
            yield started, origin.server_port
        origin.shutdown()


def status(squid: tuple[Squid, int], path: str, *arguments: str) -> int:
    """What Squid answers for host/path; the host has the port of the origin."""
    started, port = squid
    host, slash, rest = path.partition("/")
    said = started.curl(f"http://{host}:{port}{slash}{rest}", "--path-as-is", *arguments).stdout
    return int(said.split()[1])


@pytest.mark.parametrize(
    "path",
    [
        "tree.example/",
        "www.tree.example/any",
        "a.b.tree.example/",
        "TREE.example/",
        "tree.example./",
        "host.example/x",
        "shared.example/a/page.html",
        "shared.example/a/page.html?x=1",
        "shared.example/a/./page.html",
        "shared.example//a//page.html",
        "shared.example/x/../a/page.html",
        "shared.example/a/%70age.html",
        "shared.example/a/page%2Ehtml",
        "shared.example/a/%2570age.html",
        "shared.example/%2561%25252Fpage%25252ehtml",
        "shared.example/a/%252E/page.html",
        "shared.example/x%252f%252E%252E%252Fa/page.html",
        "shared.example/kids%252Fx",
        "shared.example/%25E6%2597%25A5%E8%A8%98/1.html",
        "shared.example/find?q=blue%252Bwidget",
        "h0.shared.example/n/0",
        "h1.shared.example/n/106",
        "h5.shared.example/n/299",
        "user@shared.example/a/page.html",
        "shared.example/kids/",
        "shared.example/kids",
        "shared.example/kids/x/y?z",
        "shared.example/a/../b//c%2Ehtml",
        "shared.example/find?q=blue+widget",
        "shared.example/%E6%97%A5%E8%A8%98/1.html",
        "192.0.2.10/",
        "[2001:db8::10]/",
    ],
)
def test_what_is_listed_is_refused(squid, path):
    assert status(squid, path) == 451


@pytest.mark.parametrize(
    "path",
    [
        "xtree.example/",
        "www.host.example/",
        "shared.example/",
        "shared.example/a/",
        "shared.example/a/page.htmlx",
        "shared.example/a/Page.html",
        "shared.example/a/pagexhtml",
        "shared.example/a/%2571age.html",
        "shared.example/a/page%252Fhtml",
        "h1.shared.example/n/0",
        "h1.shared.example/n/1060",
        "shared.example/kidsx",
        "www.shared.example/a/page.html",
        "shared.example/x?u=http://tree.example/",
        "shared.example/x?/a/page.html",
        "shared.example/find?q=blue+widget&p=2",
        "shared.example/find",
        "shared.example/secure",
        "shared.example/B/c.html",
    ],
)
def test_what_is_not_listed_is_shown(squid, path):
    assert status(squid, path) == 200


def test_over_https_names_are_refused_and_pages_are_not_seen(squid):
    started, port = squid
    assert "451" in started.curl("https://www.tree.example/").stdout.split("\n")[0]
    tunnel = started.curl(f"https://shared.example:{port}/a/page.html", "-k")
    assert "200" in tunnel.stdout.split("\n")[0]


def test_an_exempted_client_sees_everything(squid):
    assert status(squid, "tree.example/", "--interface", "127.0.0.2") == 200
    assert status(squid, "shared.example/a/page.html", "--interface", "127.0.0.2") == 200


def test_squid_warns_of_nothing(squid):
    assert "WARNING: '" not in squid[0].log() and "is a subdomain of" not in squid[0].log()


def test_it_is_the_row_of_the_table(squid):
    def closed(*paths: str) -> list[bool]:
        return [status(squid, path) == 451 for path in paths]

    page = closed("shared.example/a/page.html", "shared.example/a/") == [True, False]
    tunnel = squid[0].curl(f"https://shared.example:{squid[1]}/a/page.html", "-k").stdout.split("\n")[0]
    exempt = status(squid, "tree.example/", "--interface", "127.0.0.2")
    assert table_rows()["squid"] == (
        "squid",
        "yes" if closed("tree.example/", "a.b.tree.example/") == [True, True] else "no",
        "yes" if closed("host.example/", "www.host.example/") == [True, False] else "no",
        "over HTTP" if page and "200" in tunnel else "no",
        "yes" if closed("192.0.2.10/", "[2001:db8::10]/") == [True, True] else "no",
        "-",
        "yes" if exempt == 200 else "no",
        "-",
        "no",
    )

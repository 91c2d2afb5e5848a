"""The stop page as files: in a real nginx and a real HAProxy, asked with curl for any host and any path."""

import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfs.cli.isp import command
from sfs.errors import SfsError
from sfs.export.stop_site import outdated, site
from sfs.sources.helplines import helplines_from
from sfs.sources.places import rules_dir
from sfs.sources.values import Listen
from sfs.sources.yaml_nodes import load_plain
from sfs.web.texts import language_of
from tests.web.test_stop import STOP

TODAY = date(2026, 11, 28)
HELP = helplines_from(load_plain(rules_dir() / "helplines.yaml"))
MARK = "Zq7marked"
ASKED = {
    "a page": (["http://listed.example/a/{mark}.html?q={mark}"], 1),
    "another host": (["http://xn--mller-kva.{mark}.test/"], 1),
    "an address": (["http://192.0.2.7/"], 1),
    "no host": (["http://listed.example/", "--http1.0", "-H", "Host:"], 1),
    "HEAD": (["http://listed.example/", "--head"], 0),
    "POST": (["http://listed.example/{mark}", "-d", "user={mark}&password={mark}"], 1),
    "a long POST": (["http://listed.example/", "--data-binary", "@{body}"], 1),
    "PUT": (["http://listed.example/", "-X", "PUT", "-d", "x"], 1),
    "OPTIONS": (["http://listed.example/", "-X", "OPTIONS"], 1),
    "TRACE": (["http://listed.example/", "-X", "TRACE"], 1),
    "an asterisk": (["http://listed.example/", "-X", "OPTIONS", "--request-target", "*"], 1),
    "no path that is one": (["http://listed.example/", "--request-target", "/%00%zz/../..//{mark}"], 1),
    "a part of it": (["http://listed.example/", "-H", "Range: bytes=0-9"], 1),
    "what is known already": (["http://listed.example/", "-H", "If-None-Match: *"], 1),
    "its own files": (["http://listed.example/en.html"], 1),
    "its configuration": (["http://listed.example/nginx.conf"], 1),
    "a picture": (["http://listed.example/a.png", "-H", "Accept: image/png"], 1),
    "a long path": (["http://listed.example/" + "a" * 4000], 1),
    "a cookie": (["http://listed.example/", "-H", "Cookie: a={mark}"], 1),
}


class Server:
    """One of them, on loopback, with all that it writes in its folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder, self.port = name, folder, _free_port()
        found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        if found is None:
            pytest.skip(f"{name} is not installed (Debian: nginx-light, haproxy)")
        self.program = found
        files = site(STOP, HELP, [Listen("127.0.0.1", self.port), Listen("::1", self.port)], TODAY)
        folder.chmod(0o755)
        for file, data in files.items():
            (folder / file).write_bytes(data)

    def __enter__(self) -> "Server":
        nginx = ["-e", "stderr", "-p", str(self.folder), "-c", "nginx.conf", "-g", f"daemon off; {_user()}"]
        words = nginx if self.name == "nginx" else ["-db", "-f", str(self.folder / "haproxy.cfg")]
        self.said = (self.folder / "said").open("wb")
        self.process = subprocess.Popen([self.program, *words], cwd="/", stdout=self.said, stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("::1", self.port), 1).close()
                return self
            except OSError:
                said = (self.folder / "said").read_text()
                assert self.process.poll() is None and time.monotonic() < end, said
                time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.said.close()

    def ask(self, *arguments: str, at: str = "127.0.0.1") -> tuple[int, dict[str, str], bytes]:
        """Status, header fields and body of what curl gets, whatever host it asks for."""
        words = ["curl", "-sS", "-i", "-g", "--path-as-is", "-m", "20", "--connect-to", f"::[{at}]:{self.port}"]
        done = subprocess.run([*words, *arguments], capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        if head.split(b" ")[1] == b"100":
            head, _, body = body.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = [line.partition(": ") for line in lines[1:]]
        names = [name.lower() for name, _, _ in fields]
        assert len(names) == len(set(names)), names
        return int(lines[0].split()[1]), {name.lower(): value for name, _, value in fields}, body


def _user() -> str:
    """Its workers read the folders of the tests, which are root's where the tests are."""
    return "user root;" if os.geteuid() == 0 else ""


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def server(request, tmp_path_factory):
    with Server(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.mark.parametrize("what", ASKED)
def test_whatever_is_asked_for_the_answer_is_the_page(server, what, tmp_path):
    arguments, has_body = ASKED[what]
    body = tmp_path / "body"
    body.write_bytes(b"a" * 3_000_000 if what == "a long POST" else b"")
    status, fields, got = server.ask(*(word.format(mark=MARK, body=body) for word in arguments))
    assert status == 451
    assert fields["link"] == '<https://net.example/blocking>; rel="blocked-by"'
    assert fields["cache-control"] == "no-store"
    assert fields["referrer-policy"] == "no-referrer"
    assert fields["content-type"] == "text/html; charset=utf-8"
    assert not {"set-cookie", "etag", "last-modified", "location"} & fields.keys()
    assert "sha256-" in fields["content-security-policy"]
    page = (server.folder / "en.html").read_bytes()
    assert int(fields["content-length"]) == len(page)
    assert got == (page if has_body else b"")


@pytest.mark.parametrize(
    "header",
    [
        *("", "ja", "JA", "ja-JP,ja;q=0.9,en;q=0.8", "en-US,en;q=0.9,ja;q=0.8", "en, ja", "ja, en"),
        *("fr", "de,ja;q=0.5", "fr-FR,fr;q=0.9,en;q=0.5,ja;q=0.1", "fr, ja;q=0.7, en;q=0.3", "zh-TW,zh;q=0.9"),
    ],
)
def test_it_is_in_the_language_that_the_proxy_would_choose(server, header):
    language = language_of(header)
    status, fields, got = server.ask("http://listed.example/", "-H", f"Accept-Language: {header}", at="::1")
    assert (status, fields["content-language"], fields["vary"]) == (451, language, "Accept-Language")
    assert got == (server.folder / f"{language}.html").read_bytes()


def test_a_request_that_is_none_leaves_no_trace_either(server):
    """Bytes that are no HTTP, a head that is too long, an end in the middle."""
    for data in (b"\x16\x03\x01 Zq7marked\r\n\r\n", b"GET /Zq7marked HTTP/1.1\r\nHost: a b Zq7marked\r\n\r\n",
                 b"GET / HTTP/1.1\r\nA: " + b"Zq7marked" * 9000 + b"\r\n\r\n", b"GET /Zq7marked"):  # fmt: skip
        with socket.create_connection(("127.0.0.1", server.port), 20) as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except OSError:  # it has ended the connection already
                continue
    status, _, _ = server.ask("http://listed.example/")
    assert status == 451


def test_nothing_of_what_was_asked_is_kept(tmp_path):
    """All files and all words of both, after everything above."""
    for name in ("nginx", "haproxy"):
        folder = tmp_path / name
        folder.mkdir()
        with Server(name, folder) as server:
            for what in ASKED:
                test_whatever_is_asked_for_the_answer_is_the_page(server, what, folder)
            test_a_request_that_is_none_leaves_no_trace_either(server)
            (folder / "body").unlink()
        kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert folder / "said" in kept
        # Where Debian's programs write unless they are told otherwise.
        usual = [path for path in Path("/var/log").rglob(f"{name}*/*") if path.is_file() and os.access(path, os.R_OK)]
        kept |= {path: path.read_bytes() for path in usual if path.suffix == ".log"}
        found = [path.name for path, data in kept.items() if MARK.encode() in data or b"listed.example" in data]
        assert found == []


def test_no_log_is_named_anywhere():
    files = site(STOP, HELP, [Listen("127.0.0.1", 80)], TODAY)
    nginx = [line.split() for line in files["nginx.conf"].decode().splitlines()]
    assert [words[1] for words in nginx if words and words[0] == "access_log"] == ["off;"]
    assert [words[1] for words in nginx if words and words[0] == "error_log"] == ["/dev/null"]
    haproxy = [line.split() for line in files["haproxy.cfg"].decode().splitlines()]
    assert not [words for words in haproxy if words and words[0] in ("log", "stats", "set-dumpable")]


@pytest.mark.parametrize("bad", ["https://net.example/$host", "https://net.example/%20"])
def test_what_a_server_would_take_for_more_than_text_is_written_into_no_configuration(bad):
    """stop_page_of lets it into no address; here it is stopped once more."""
    with pytest.raises(AssertionError):
        site(replace(STOP, about=bad), HELP, [Listen("127.0.0.1", 80)], TODAY)


def test_old_checks_are_counted_for_the_readers_of_the_page():
    first, second, *rest = [line for line in HELP if line.country == "JP"]
    lines = [replace(first, checked=date(2026, 11, 1)), replace(second, checked=date(2026, 1, 1)), *rest]
    far = [line for line in HELP if line.country == "GB"]
    assert outdated(STOP, [*lines, *far], TODAY) == (len(lines), len(rest), 1)
    assert outdated(replace(STOP, country=None), [*lines, *far], TODAY)[0] == len(lines) + len(far)


def test_the_command_writes_it_and_warns_of_lines_that_nobody_checked(tmp_path):
    config = tmp_path / "isp.yaml"
    config.write_text(
        "profile: isp\nstop_page: {name: Example Net, about: 'https://net.example', contact: [a@net.example]}\n"
    )
    words = ["page", "-o", str(tmp_path / "site"), "--config", str(config), "--listen", "192.0.2.80:80"]
    done = CliRunner().invoke(command, [*words, "--purpose", "court-order"], standalone_mode=False)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "site").iterdir()) == [
        "en.html", "haproxy.cfg", "ja.html", "nginx.conf",
    ]  # fmt: skip
    assert "A court or a law" in (tmp_path / "site/en.html").read_text()
    assert "listen 192.0.2.80:80 default_server;" in (tmp_path / "site/nginx.conf").read_text()
    assert "help lines" in done.stderr and "never checked" in done.stderr
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "site").iterdir()} == {"0o644"}


def test_the_configuration_of_somebody_else_is_not_replaced(tmp_path):
    config, etc = tmp_path / "isp.yaml", tmp_path / "nginx"
    config.write_text("stop_page: {name: Example Net, about: 'https://net.example/', contact: [a@net.example]}\n")
    etc.mkdir()
    (etc / "nginx.conf").write_text("events {}\n")
    words = ["page", "--config", str(config), "-o"]
    done = CliRunner().invoke(command, [*words, str(etc)], standalone_mode=False)
    assert isinstance(done.exception, SfsError) and done.exception.mend == "name a folder of its own"
    assert {path.name: path.read_text() for path in etc.iterdir()} == {"nginx.conf": "events {}\n"}
    for _ in range(2):  # and our own are
        assert CliRunner().invoke(command, [*words, str(tmp_path / "stop")], standalone_mode=False).exception is None


def test_without_a_name_there_is_no_page(tmp_path):
    config = tmp_path / "none.json"
    config.write_text(json.dumps({"level": 2}))
    done = CliRunner().invoke(command, ["page", "-o", str(tmp_path), "--config", str(config)], standalone_mode=False)
    assert isinstance(done.exception, SfsError)
    assert "stop_page:" in str(done.exception)

"""Who looks for help leaves no trace: every help host and help word is driven through every level and profile, is
shown, and is then looked for in all that SFS wrote, printed and answers. And what a block leaves behind: time, group,
host, check and code; in profile isp nothing but a rounded count.

The help hosts are real names, so the names file leads each of them to the origin on loopback."""

import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from tests.e2e.batch import Answer, Batch
from tests.e2e.origin import Names, Reply, page
from tests.e2e.proxy import ROOT, Proxy, read_all

HELP_HOSTS = tuple(
    dict.fromkeys(
        host.lstrip("=")
        for line in yaml.safe_load((ROOT / "rules/helplines.yaml").read_text("utf-8"))
        for host in line["hosts"] or ()
    )
)
SEARCH = "find.test"
ALLOWED_SEARCH = "search.test"
SECRET = "Zq7secret"  # stands beside every help word, in paths, queries, forms and headers of what is asked
GROUPS = {
    "level 0": {"level": 0},
    "level 1": {"level": 1},
    "level 2": {"level": 2},
    "level 3": {"level": 3},
    "level 4": {"level": 4},
    "visits 0": {"level": 0, "record": "visits"},
    "visits 2": {"level": 2, "record": "visits"},
    "visits 4": {"level": 4, "record": "visits"},
    "nothing": {"level": 2, "record": "nothing"},
    "school": {"level": 1, "profile": "school"},
    "only-allowed": {"profile": "only-allowed", "record": "visits"},
    "isp": {"profile": "isp"},
}
CLIENTS = {name: f"127.0.1.{number + 1}" for number, name in enumerate(GROUPS)}
NOTICED = tuple(name for name in GROUPS if name.endswith((" 0", " 1", " 2")) or name in ("nothing", "school"))
ACCEPT = "Accept: text/html,*/*"


def help_words() -> tuple[str, ...]:
    """A search text for each line of the help words."""
    lines = [
        line
        for name in ("ja", "en")
        for line in (ROOT / f"rules/keywords/help-{name}.txt").read_text("utf-8").splitlines()
    ]
    rules = [line.partition("\t")[0].strip() for line in lines if line.strip() and not line.startswith(("#", "!"))]
    return tuple(rule.replace(" + ", " ") for rule in rules)


WORDS = help_words()
FEW_WORDS = WORDS[::60]


def configuration(folder: Path, https: str) -> dict:
    """Everything that could block a help host stands against it: a law's list, a list of malware, one of rating 4."""
    text = "\n".join(HELP_HOSTS) + "\n"
    (folder / "all.txt").write_text(text)
    (folder / "law.txt").write_text(text + "law.test\n")
    return {
        "level": 2,
        "https": https,
        "groups": [{"name": name, "clients": [CLIENTS[name]]} | more for name, more in GROUPS.items()],
        "keywords": {1: ["penguin"]},
        "block": ["listed.test"],
        "allow": [ALLOWED_SEARCH],
        "ratings": {"rated.test": 4},
        "lists": [
            {"name": "law", "url": str(folder / "law.txt"), "mandatory": True},
            {"name": "malware", "url": str(folder / "all.txt"), "category": "malware", "final": True},
            {"name": "four", "url": str(folder / "all.txt"), "rating": 4},
        ],
    }


@dataclass
class Run:
    """What one proxy answered and left behind. `certificates`: what each tunnel ended in; `files`: by name."""

    mode: str
    answers: dict[tuple[str, ...], Answer] = field(default_factory=dict)
    certificates: dict[tuple[str, str], bytes] = field(default_factory=dict)
    why: dict[str, tuple[Answer, Answer]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def log(self) -> list[dict]:
        """The decision log."""
        texts = [data for name, data in sorted(self.files.items()) if "decisions-" in name]
        return [json.loads(line) for text in texts for line in text.decode().splitlines()]

    @property
    def traces(self) -> bytes:
        """All that was written and printed. The configuration, which the test wrote, is left out."""
        kept = [data for name, data in self.files.items() if name != "config.yaml"]
        return b"\n".join([*kept, "".join(self.lines).encode()])


AT_ONCE = 40  # help hosts in the names file: nss_wrapper takes about a hundred names
NEEDED = (SEARCH, ALLOWED_SEARCH, "listed.test", "law.test", "plain.test", "rated.test")


@contextmanager
def led_to_loopback(names: Names, hosts: tuple[str, ...]) -> Iterator[None]:
    """These hosts resolve to the origin's address."""
    before = dict(names.names)
    names.names = {host: ["127.0.0.1"] for host in (*NEEDED, *hosts)}
    names.write()
    try:
        yield
    finally:
        names.names = before
        names.write()


@pytest.fixture(scope="module", params=["inspect", "sni"])
def run(request, names, start, origin, certificates, tmp_path_factory) -> Run:
    """Everything is asked by everybody, once with HTTPS opened and once by name; then the proxy ends."""
    found = Run(request.param)
    origin.replies["/help-page"] = Reply(page("Help", body="<p>you are not alone</p>"))
    origin.seen.clear()
    with start(configuration(tmp_path_factory.mktemp("lists"), request.param)) as proxy:
        before = {name: _why(proxy, client) for name, client in CLIENTS.items()}
        for first in range(0, len(HELP_HOSTS), AT_ONCE):
            hosts = HELP_HOSTS[first : first + AT_ONCE]
            with led_to_loopback(names, hosts):
                for name in CLIENTS:
                    asked = hosts if request.param == "inspect" else hosts[::6]
                    found.answers |= _ask_hosts(proxy, origin, name, asked, tmp_path_factory.mktemp("answers"))
                    chosen = hosts if name == "visits 0" else hosts[::6]
                    found.certificates |= _tunnels(proxy, origin, name, chosen)
                    if first == 0:
                        _broken(proxy, CLIENTS[name], hosts)
        for name in CLIENTS:
            folder = tmp_path_factory.mktemp("answers")
            found.answers |= _search(proxy, origin, name, folder, certificates[0], opened=request.param == "inspect")
        found.why = {name: (before[name], _why(proxy, client)) for name, client in CLIENTS.items()}
        _ordinary(proxy, origin, tmp_path_factory.mktemp("ordinary"), found, request.param, certificates[0])
        found.lines = proxy.lines
        state = proxy.state
    found.files = {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file()}
    return found


def _why(proxy: Proxy, client: str) -> Answer:
    done = proxy.curl("http://sfs.home.arpa/why", "--interface", client)
    return Answer(done.status, 0, "1.1", done.exit, done.error, done.headers, done.body)


def _ask_hosts(proxy: Proxy, origin, name: str, hosts: tuple[str, ...], folder: Path) -> dict[tuple[str, ...], Answer]:
    batch: Batch[tuple[str, ...]] = Batch(proxy, folder)
    for host in hosts:
        batch.add((name, "host", host), f"http://{host}:{origin.http}/help-page?{SECRET}", **_as(name))
    return batch.run()


def _as(name: str) -> dict:
    return {"client": CLIENTS[name], "headers": [ACCEPT, f"Referer: http://{HELP_HOSTS[0]}/{SECRET}"]}


def _search(
    proxy: Proxy, origin, name: str, folder: Path, origin_ca: Path, *, opened: bool
) -> dict[tuple[str, ...], Answer]:
    """Every help word once, by who is recorded most; some by everybody and in every way."""
    batch: Batch[tuple[str, ...]] = Batch(proxy, folder)
    for word in WORDS if opened and name == "visits 0" else ():
        query = quote(f"{word} {SECRET}")
        batch.add((name, "word", word), f"http://{SEARCH}:{origin.http}/search?q={query}", **_as(name))
    for word in FEW_WORDS:
        query = quote(f"{word} {SECRET}")
        search = f":{origin.http}/search?q={query}"
        batch.add((name, "word", word), f"http://{SEARCH}{search}", **_as(name))
        batch.add((name, "allowed", word), f"http://{ALLOWED_SEARCH}{search}", **_as(name))
        batch.add((name, "go on", word), f"http://{SEARCH}{search}&sfs-go-on=1", **_as(name))
        batch.add((name, "post", word), f"http://{SEARCH}:{origin.http}/search", **_as(name), data=f"q={query}")
        part = {"client": CLIENTS[name], "headers": ["Accept: image/png"]}
        batch.add((name, "part", word), f"http://rated.test{search}", **part)
        if opened:
            tls = f"https://{ALLOWED_SEARCH}:{origin.https}/search?q={query}&tls"
            trust = origin_ca if name == "isp" else proxy.ca  # of a provider's readers nothing is decrypted
            batch.add((name, "allowed", f"{word} (https)"), tls, **_as(name), trust=trust)
    return batch.run()


def _tunnels(proxy: Proxy, origin, name: str, hosts: tuple[str, ...]) -> dict[tuple[str, str], bytes]:
    return {(name, host): certificate_behind(proxy, CLIENTS[name], host, origin.https) for host in hosts}


def certificate_behind(proxy: Proxy, client: str, host: str, port: int) -> bytes:
    """The certificate that a tunnel to `host` ends in, after one page was fetched through it; OSError for none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", proxy.port), 15, (client, 0)) as plain:
        plain.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = plain.recv(65536)
        if not answer.startswith(b"HTTP/1.1 200"):
            return answer
        with context.wrap_socket(plain, server_hostname=host) as tls:
            tls.sendall(f"GET /help-page HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/html\r\n\r\n".encode())
            assert b"you are not alone" in read_all(tls, 15)
            return tls.getpeercert(binary_form=True) or b""


def _broken(proxy: Proxy, client: str, hosts: tuple[str, ...]) -> None:
    """Help hosts that do not answer, and one that is asked in nonsense: errors must not be written down either."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = nobody.getsockname()[1]
    for request in (
        f"GET http://{hosts[1]}:{closed}/{SECRET} HTTP/1.1\r\nHost: {hosts[1]}:{closed}\r\nConnection: close\r\n\r\n",
        f"GET http://{hosts[3]}/{SECRET} HTTP/1.1\r\nHost: {hosts[4]}\r\nConnection: close\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", proxy.port), 15, (client, 0)) as sock:
            sock.sendall(request.encode())
            assert re.match(rb"HTTP/1.1 (502|504|400) ", read_all(sock, 15))
    with pytest.raises(OSError):
        certificate_behind(proxy, client, hosts[2], closed)


def _ordinary(proxy: Proxy, origin, folder: Path, found: Run, mode: str, origin_ca: Path) -> None:
    """What is no search for help: blocks, and pages that are shown."""
    batch: Batch[tuple[str, ...]] = Batch(proxy, folder)
    headers = [ACCEPT, f"Cookie: a={SECRET}", f"Referer: http://site.test/{SECRET}", f"User-Agent: {SECRET}"]
    for name, client in CLIENTS.items():
        more = {"client": client, "headers": headers}
        http, https = f":{origin.http}/{SECRET}?q={SECRET}", f":{origin.https}/{SECRET}?q={SECRET}"
        trust = proxy.ca if mode == "inspect" and name != "isp" else origin_ca
        batch.add((name, "listed"), f"http://listed.test{http}", **more)
        batch.add((name, "listed tls"), f"https://listed.test{https}", **more, trust=trust)
        batch.add((name, "words"), f"http://{SEARCH}:{origin.http}/search?q=penguin+{SECRET}", **more)
        batch.add((name, "form"), f"http://{SEARCH}:{origin.http}/search", **more, data=f"q=penguin+{SECRET}")
        batch.add((name, "law"), f"http://law.test{http}", **more)
        batch.add((name, "law tls"), f"https://law.test{https}", **more, trust=trust)
        batch.add((name, "plain"), f"http://plain.test{http}", **more)
    found.answers |= batch.run()


def test_every_help_host_is_shown_to_everybody_whatever_stands_against_it(run):
    asked = {key: answer for key, answer in run.answers.items() if key[1] == "host"}
    assert {key[0] for key in asked} == set(GROUPS)
    if run.mode == "inspect":
        assert len(asked) == len(HELP_HOSTS) * len(GROUPS)
    not_shown = [key for key, answer in asked.items() if b"you are not alone" not in answer.body]
    assert not_shown == []


def test_nothing_went_wrong_inside(run):
    text = "".join(run.lines)
    assert not re.search("Traceback|crashed|Addon error|a check failed", text), text


def test_no_help_host_is_ever_decrypted(run, certificates):
    theirs = ssl.PEM_cert_to_DER_cert(certificates[1].read_text())
    assert {host for _, host in run.certificates} == set(HELP_HOSTS)
    assert {name for name, _ in run.certificates} == set(GROUPS)
    assert [key for key, certificate in run.certificates.items() if certificate != theirs] == []


def test_a_search_for_help_is_shown_after_the_help_lines_at_levels_0_to_2_and_at_once_above(run):
    for (name, what, word), answer in [(key, a) for key, a in run.answers.items() if key[1] == "allowed"]:
        noticed = name in NOTICED or name == "only-allowed"
        assert (name, word, answer.status) == (name, word, 200)
        assert (b"sfs-go-on" in answer.body) is noticed, (name, what, word)


def test_the_same_on_any_other_engine_but_where_only_allowed_sites_are_shown(run):
    for (name, _, word), answer in [(key, a) for key, a in run.answers.items() if key[1] == "word"]:
        if name == "only-allowed":
            assert answer.status == 403
            continue
        assert (name, word, answer.status) == (name, word, 200)
        assert (b"sfs-go-on" in answer.body) is (name in NOTICED), (name, word)


def test_who_goes_on_gets_the_search_and_the_mark_stays_here(run, origin):
    going = {key: answer for key, answer in run.answers.items() if key[1] in ("go on", "post")}
    assert {answer.status for key, answer in going.items() if key[0] != "only-allowed"} == {200}
    assert not any(b"sfs-go-on" in answer.body for answer in going.values())
    upstream = [asked for asked in origin.seen if asked.host == SEARCH]
    assert upstream
    assert not any("sfs-go-on" in asked.path + str(asked.headers) for asked in upstream)


def test_nothing_written_or_printed_holds_a_help_host(run):
    assert [host for host in HELP_HOSTS if host.encode() in run.traces] == []


def test_nothing_written_or_printed_holds_a_word_that_was_searched_for(run):
    traces = run.traces
    assert SECRET.encode() not in traces
    long = [word for word in WORDS if len(word.encode()) >= 8]
    assert len(long) > 200
    forms = {word: (word.encode(), quote(word).encode(), json.dumps(word)[1:-1].encode()) for word in long}
    assert [word for word, texts in forms.items() if any(text in traces for text in texts)] == []


def test_nothing_written_holds_a_search_for_help_at_all(run):
    """Not even that there was one: the engines' own hosts stand in the log for other searches alone."""
    searches = [row for row in run.log if row["host"] == SEARCH and row["group"] in ("visits 0", "level 0")]
    assert {row["check"] for row in searches} == {"search-words"}
    assert len(searches) == 4, searches  # the two ordinary searches of each of these groups
    assert [row for row in run.log if row["host"] == ALLOWED_SEARCH] == []


def test_why_shows_no_help_host(run):
    for name, (before, after) in run.why.items():
        assert (before.status, after.status) == (200, 200)
        assert after.body == before.body, name


def test_an_ordinary_block_leaves_time_group_host_check_and_code_and_nothing_else(run):
    recorded = [row for row in run.log if row["host"] == "listed.test"]
    assert {row["group"] for row in recorded} == set(GROUPS) - {"nothing", "isp"}
    assert len(recorded) == 2 * (len(GROUPS) - 2)
    assert {frozenset(row) for row in run.log} == {frozenset({"time", "group", "host", "check", "code"})}


def test_no_address_of_a_client_is_written(run):
    assert re.search(rb"127\.0\.1\.\d", run.traces) is None


def test_visits_are_recorded_where_a_group_asks_for_them_and_by_host_alone(run):
    shown = [row for row in run.log if row["code"] is None]
    assert {row["group"] for row in shown if row["host"] == "plain.test"} == {"visits 2", "visits 4"}
    assert {row["group"] for row in shown} <= {"visits 0", "visits 2", "visits 4", "only-allowed"}


def test_isp_and_a_law_s_list_leave_rounded_counts_alone(run):
    assert [row for row in run.log if row["group"] == "isp" or row["host"] == "law.test"] == []
    assert run.answers["isp", "law"].status == 451
    counts = [json.loads(line) for line in run.files["log/counts.jsonl"].decode().splitlines()]
    assert all(set(row) == {"hour", "list", "blocked"} and row["blocked"] % 10 == 0 for row in counts)
    assert b"law.test" not in run.traces

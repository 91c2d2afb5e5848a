"""The two protocols line by line, with hostile lines, faults, reloads and bounded memory; without Squid."""

import io
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.cli.common import Chosen
from sfs.errors import SfsError
from sfs.sources.filter import Filter
from sfs.sources.live import Live
from sfs.squid import helper as helpers
from sfs.squid import hosts, kept
from sfs.squid.answers import AclAnswers, RewriteAnswers
from sfs.squid.format import ACL, REWRITE, Field, parse_format
from sfs.squid.helper import MAX_LINE, Helper
from sfs.squid.loop import exchanges, let_squid_first
from sfs.squid.watch import Watch

PAGE = "http://pages.test/b?c={code}&h={host}"
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
CONFIG = """\
level: 2
default_lists: false
block: [blocked.test, folder.test/closed/]
never_decrypt: [secret.test]
groups:
- {name: anna, users: [anna], block: [anna.test]}
- {name: net, clients: [192.0.2.0/28], block: [net.test]}
"""


@pytest.fixture(scope="module")
def filter_(tmp_path_factory) -> Filter:
    return filter_of(tmp_path_factory.mktemp("filter"), CONFIG)


def filter_of(folder, text: str) -> Filter:
    file = folder / "sfs.yaml"
    file.write_text(f"{text}state: {folder}/state\n")
    return Chosen(file, {}).filter()


def acl(filter_: Filter, **more) -> Helper:
    said: list[str] = []
    return Helper(
        Live(filter_, lambda old: old), AclAnswers(), parse_format(ACL), now=lambda: NOON, say=said.append, **more
    )


def rewriter(filter_: Filter, **more) -> Helper:
    live, form = Live(filter_, lambda old: old), parse_format(REWRITE)
    return Helper(live, RewriteAnswers(PAGE), form, now=lambda: NOON, say=lambda text: None, **more)


def answered(helper: Helper, lines: list[str]) -> str:
    """Its answers to lines without their ends."""
    return helper.answer("".join(f"{line}\n" for line in lines))


def words(text: str) -> list[str]:
    """The first two words of each answer."""
    return [" ".join(line.split(" ")[:2]) for line in text.splitlines()]


def test_answers_come_in_the_order_of_the_lines_each_with_its_channel(filter_):
    lines = [
        f"{n} http://{'blocked' if n % 3 else 'example'}.test/{n} 192.0.2.99 - GET - document - -" for n in (7, 0, 499)
    ]
    assert words(answered(acl(filter_), lines)) == ["7 ERR", "0 OK", "499 ERR"]
    bare = [line.partition(" ")[2] for line in lines]
    assert [line.split()[0] for line in answered(acl(filter_, channels=False), bare).splitlines()] == [
        "ERR",
        "OK",
        "ERR",
    ]


def test_a_block_has_a_code_in_message_and_log_and_the_check_as_tag(filter_):
    line = "1 http://blocked.test/ 192.0.2.99 - GET - document - -"
    first, second = (answered(acl(filter_), [line]).split() for _ in range(2))
    told = dict(part.split("=", 1) for part in first[2:])
    assert told["tag"] == "entry"
    assert len(told["message"]) == 10
    assert told["log"].startswith(f"{told['message']}%20entry%20own-block%20")
    assert first != second


def test_a_rewriter_redirects_with_code_and_host(filter_):
    helper = rewriter(filter_)
    shown, blocked = answered(
        helper,
        [
            "3 http://example.test/ 192.0.2.99/name.test - GET myip=- myport=-",
            "4 http://blocked.test/x 192.0.2.99/- - GET myip=-",
        ],
    ).splitlines()
    assert shown == "3 ERR"
    head, _, tail = blocked.partition("c=")
    assert head == '4 OK status=302 url="http://pages.test/b?'
    assert tail[10:] == '&h=blocked.test"'


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("http://folder.test/closed/a 192.0.2.99 - GET - document - -", "ERR"),
        ("http://folder.test/open 192.0.2.99 - GET - document - -", "OK"),
        ("http://folder.test/%63losed/a 192.0.2.99 - GET - document - -", "ERR"),
        ("http://folder.test/%2563losed/a 192.0.2.99 - GET - document - -", "ERR"),
        ("http://folder.test/a%252f..%252fclosed/a 192.0.2.99 - GET - document - -", "ERR"),
        ("http://anna.test/ 192.0.2.99 - GET - document - -", "OK"),
        ("http://anna.test/ 192.0.2.99 Anna GET - document - -", "ERR"),
        ("http://anna.test/ 192.0.2.99 %61nna GET - document - -", "ERR"),
        ("http://net.test/ 192.0.2.3 - GET - document - -", "ERR"),
        ("http://net.test/ 192.0.2.33 - GET - document - -", "OK"),
        ("blocked.test:443 192.0.2.99 - CONNECT - - - -", "ERR"),
        ("folder.test:443 192.0.2.99 - CONNECT - - - -", "OK"),
        ("example.test:443 192.0.2.99 - CONNECT blocked.test - - -", "ERR"),
        ("[2001:db8::1]:443 192.0.2.99 - CONNECT - - - -", "OK"),
        ("blocked.test 192.0.2.99 - CONNECT - - - -", "ERR"),
        ("secret.test:443 192.0.2.99 - CONNECT secret.test - - closed ", "OK"),
        ("folder.test:443 192.0.2.99 - CONNECT folder.test - - closed ", "ERR"),
        ("http://example.test/%23x 192.0.2.99 - GET - document - -", "ERR"),
        ("http://example.test/ 192.0.2.99 - GET - document - - what is this", "OK"),
        ("http://example.test/ 192.0.2.99 %zz GET - document - -", "BH"),
        ("http://example.test/%zz 192.0.2.99 - GET - document - -", "BH"),
        ("http://example.test/%6 192.0.2.99 - GET - document - -", "BH"),
        ("http://example.test/\0 192.0.2.99 - GET - document - -", "BH"),
        ("http://example.test/ 192.0.2.99 a%00b GET - document - -", "BH"),
        ("http:/// 192.0.2.99 - GET - document - -", "ERR"),
        ("", "BH"),
        (" ", "BH"),
        ("- - - - - - - -", "BH"),
        ("http://example.test/ " + "x" * 2000 + " - GET - document - -", "BH"),
    ],
)
def test_a_line_has_its_answer(filter_, line, answer):
    said = answered(acl(filter_), [f"12 {line}"])
    assert said.split(" ")[0] == "12"
    assert said.count("\n") == 1
    assert said.split()[1] == answer


@pytest.mark.parametrize(
    "line", ["x http://example.test/ 192.0.2.99", "-1 http://example.test/ -", "²  a", "9" * 40 + " a b"]
)
def test_a_line_without_its_channel_gets_an_error(filter_, line):
    assert answered(acl(filter_), [line]).startswith("BH ")
    assert answered(rewriter(filter_), [line]).startswith("OK status=302 ")


@given(st.binary(max_size=300))
def test_whatever_comes_every_line_has_one_answer_and_only_known_words(filter_, data):
    for make in (acl, rewriter):
        out = "".join(exchanges(make(filter_), io.BytesIO(data + b"\n").read1))
        assert out.count("\n") == (data + b"\n").count(b"\n")
        assert all(
            line.split(" ")[0] in ("OK", "ERR", "BH") or line.split(" ")[1] in ("OK", "ERR", "BH")
            for line in out.splitlines()
        )
        assert out.isascii()


@given(st.lists(st.integers(1, 700), max_size=60), st.integers(0, 5))
def test_blocks_that_cut_lines_anywhere_change_nothing(filter_, sizes, seed):
    lines = [
        f"{n} http://{'blocked' if (n + seed) % 2 else 'ex'}.test/{'a' * n} 192.0.2.99 - GET - - - -\n"
        for n in range(20)
    ]
    data = io.BytesIO("".join(lines).encode())
    left = iter(sizes)
    pieces = "".join(exchanges(acl(filter_), lambda: data.read(next(left, 1000))))
    assert words(pieces) == words(answered(acl(filter_), [line[:-1] for line in lines]))


def test_a_line_without_end_is_answered_and_its_bytes_are_not_kept(filter_):
    blocks = [b"5 http://example.test/", *[b"a" * 65536] * 40, b"\n6 http://example.test/ 192.0.2.99 - GET - - - -\n"]
    out = "".join(exchanges(acl(filter_), iter([*blocks, b""]).__next__))
    assert words(out) == ["5 BH", "6 OK"]
    whole = b"7 http://example.test/" + b"a" * (MAX_LINE + 1) + b" - - GET\n8 http://blocked.test/ 192.0.2.99 - GET\n"
    assert words("".join(exchanges(acl(filter_), iter([whole, b""]).__next__))) == ["7 BH", "8 ERR"]


class Broken:
    """Label sources that raise."""

    def ask(self, url, policy):
        raise RuntimeError("secret value")


@pytest.mark.parametrize(("level", "answer"), [(2, "ERR"), (4, "OK")])
def test_a_filter_that_raises_answers_as_the_level_says_and_tells_no_value(tmp_path, level, answer):
    broken = replace(filter_of(tmp_path, CONFIG.replace("level: 2", f"level: {level}")), labels=Broken())
    said: list[str] = []
    live = Live(broken, lambda old: old)
    helper = Helper(live, AclAnswers(), parse_format(ACL), now=lambda: NOON, say=said.append)
    assert answered(helper, ["1 http://example.test/a 192.0.2.99 - GET - document - -"]).split()[1] == answer
    assert len(said) == 1
    assert "RuntimeError" in said[0]
    assert "secret" not in said[0]


def test_nothing_of_an_old_filter_is_answered_by_the_new_one(tmp_path, filter_):
    live = Live(filter_, lambda old: filter_of(tmp_path, CONFIG.replace("blocked.test", "example.test")))
    helper = Helper(live, AclAnswers(), parse_format(ACL), now=lambda: NOON)
    lines = [
        f"{n} http://{host}.test/{n % 4} 192.0.2.99 - GET - - - -" for n in range(40) for host in ("blocked", "example")
    ]
    assert words(answered(helper, lines)) == [f"{n} {word}" for n in range(40) for word in ("ERR", "OK")]
    live.reload()
    assert words(answered(helper, lines)) == [f"{n} {word}" for n in range(40) for word in ("OK", "ERR")]


def test_a_url_of_which_nothing_speaks_is_looked_at_once_in_each_filter(tmp_path, filter_, monkeypatch):
    looked, look = [], helpers._is_silent
    monkeypatch.setattr(helpers, "_is_silent", lambda url, memory: looked.append(url) or look(url, memory))
    live = Live(filter_, lambda old: filter_of(tmp_path, CONFIG))
    helper = Helper(live, AclAnswers(), parse_format(ACL), now=lambda: NOON)
    long = f"http://example.test/{'a' * helpers.MAX_KEY}"
    lines = [f"1 {url} 192.0.2.99 - GET - - - -" for url in ("http://example.test/a", "http://example.test/b", long)]
    for _ in range(3):
        assert words(answered(helper, lines)) == ["1 OK"] * 3
    assert sorted(looked) == sorted(["http://example.test/a", "http://example.test/b", *[long] * 3])
    live.reload()
    looked.clear()
    answered(helper, lines[:2])
    assert looked == ["http://example.test/a", "http://example.test/b"]


def test_a_timetable_changes_the_answer_at_its_minute(tmp_path):
    filter_ = filter_of(
        tmp_path,
        "level: 2\ndefault_lists: false\ngroups:\n- name: kids\n  clients: [192.0.2.0/24]\n"
        '  schedule:\n  - {days: daily, from: "12:00", to: "13:00", level: 0}\n',
    )
    now = [NOON.replace(hour=11, minute=59, second=59)]
    live, form = Live(filter_, lambda old: old), parse_format(ACL)
    helper = Helper(live, AclAnswers(), form, now=lambda: now[0], clock=lambda: now[0].timestamp())
    line = "1 http://example.test/casino/blackjack 192.0.2.9 - GET - document - -"
    answers = []
    for moment in (now[0], NOON, NOON.replace(minute=59, second=59), NOON.replace(hour=13)):
        now[0] = moment
        answers.append(answered(helper, [line]).split()[1])
    assert answers == ["OK", "ERR", "ERR", "OK"]


def test_a_label_counts_from_the_next_line_on(tmp_path):
    filter_ = filter_of(tmp_path, CONFIG)
    helper = acl(filter_)
    line = "1 http://rated.test/page 192.0.2.99 - GET - document - -"
    assert words(answered(helper, [line])) == ["1 OK"]
    rate(tmp_path, "http://rated.test/page")
    assert words(answered(helper, [line])) == ["1 ERR"]
    other = line.replace("rated", "other")  # the store is there now, and any URL may get a label in it
    assert words(answered(helper, [other])) == ["1 OK"]
    rate(tmp_path, "http://other.test/page")
    assert words(answered(helper, [other])) == ["1 ERR"]
    assert filter_.store is not None
    (tmp_path / "state" / "labels.db").unlink()
    filter_.store.look()  # lets go of it


def rate(folder, url: str) -> None:
    """Give a URL level 4 in the store below `folder`."""
    command = [sys.executable, "-m", "sfs", "bureau", "rate", url, "4", "--state", str(folder / "state")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_what_is_kept_is_bounded(filter_, monkeypatch):
    monkeypatch.setattr(kept, "MAX_KEPT", 50)
    monkeypatch.setattr(hosts, "MAX_PARENTS", 30)
    monkeypatch.setattr(helpers, "MAX_WHO", 20)
    monkeypatch.setattr(helpers, "MAX_POLICIES", 3)
    helper = acl(filter_)
    for n in range(400):
        answered(helper, [f"1 http://h{n}.test/%41{n} 192.0.2.{n % 256} u{n} GET - document a{n} -"])
        answered(helper, [f"1 http://h.p{n}.test/ 192.0.2.99 - GET - document - -"])
    assert len(helper._lanes) <= 20
    assert len(helper._memories) <= 3
    memories = helper._memories.values()
    assert all(len(one.new) + len(one.old) <= 100 for memory in memories for one in (memory.origins, memory.urls))
    assert all(len(memory.hosts._parents) <= 30 for memory in memories)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="the system has no such scheduler")
@pytest.mark.parametrize(("found", "set_to"), [("SCHED_OTHER", ["SCHED_BATCH"]), ("SCHED_IDLE", []), ("SCHED_RR", [])])
def test_squid_goes_first_unless_somebody_chose_how_the_helper_runs(monkeypatch, found, set_to):
    done = []
    monkeypatch.setattr(os, "sched_getscheduler", lambda pid: getattr(os, found))
    monkeypatch.setattr(os, "sched_setscheduler", lambda pid, policy, param: done.append(policy))
    let_squid_first()
    assert done == [getattr(os, name) for name in set_to]


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="the system has no such scheduler")
def test_a_helper_that_may_not_choose_how_it_runs_goes_on(monkeypatch):
    asked = []

    def refuse(pid, policy, param):
        asked.append(policy)
        raise PermissionError

    monkeypatch.setattr(os, "sched_getscheduler", lambda pid: os.SCHED_OTHER)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    let_squid_first()
    assert asked == [os.SCHED_BATCH]


def test_formats_are_read_as_squid_conf_writes_them():
    form = parse_format("%DST %SRC %LOGIN %ssl::>sni %METHOD %#URI %>{Accept} %ACL %DATA")
    assert form.fields == (
        *(Field.HOST, Field.CLIENT, Field.LOGIN, Field.SNI, Field.METHOD, Field.URL, Field.ACCEPT, Field.OTHER),
        Field.DATA,
    )
    assert form.escaped == {Field.URL}
    for text in ("", "%SRC", "URI", "%URI %ru", "%nonsense %URI", "%URI " * 40):
        with pytest.raises(SfsError):
            parse_format(text)


def test_another_order_of_fields_has_the_same_answers(filter_):
    live, form = Live(filter_, lambda old: old), parse_format("%SRC %un %METHOD %ssl::>sni %URI")
    helper = Helper(live, AclAnswers(), form, now=lambda: NOON)
    said = answered(
        helper,
        [
            "1 192.0.2.99 - GET - http://folder.test/closed/a",
            "2 192.0.2.99 - GET - http://folder.test/",
            "3 192.0.2.99 - CONNECT - blocked.test:443",
        ],
    )
    assert words(said) == ["1 ERR", "2 OK", "3 ERR"]
    by_host = Helper(live, AclAnswers(), parse_format("%DST %SRC %PORT"), now=lambda: NOON)
    assert words(answered(by_host, ["1 blocked.test 192.0.2.99 443", "2 example.test 192.0.2.99 80"])) == [
        "1 ERR",
        "2 OK",
    ]


@pytest.mark.parametrize(
    "page",
    [
        "pages.test",
        "javascript:x",
        'http://pages.test/"',
        "http://pages.test/a b",
        "http://p/\n",
        "http://p/" + "x" * 9999,
    ],
)
def test_an_address_that_cannot_stand_in_a_redirect_is_refused(page):
    with pytest.raises(SfsError):
        RewriteAnswers(page)


def test_a_file_that_is_still_being_written_is_not_read(tmp_path):
    file = tmp_path / "sfs.yaml"
    said: list[str] = []
    loads: list[str] = []
    first = filter_of(tmp_path, CONFIG)

    def load(old: Filter) -> Filter:
        loads.append(file.read_text())
        return Chosen(file, {}).filter()

    watch = Watch(first, load, said.append)
    watch._look()
    assert loads == []
    file.write_text(f"level: 2\nstate: {tmp_path}/state\n# half\n")
    watch._look()  # it changed since the last look: perhaps it still does
    assert loads == []
    file.write_text(f"level: 3\nstate: {tmp_path}/state\n# whole\n")
    watch._look()
    watch._look()
    assert watch.live.filter.config.level == 3
    assert "half" not in "".join(loads)
    file.write_text("level: nine\n")
    watch._look()
    watch._look()
    assert watch.live.filter.config.level == 3
    assert "the old filter stays" in said[-1]
    count = len(loads)
    watch._look()
    assert len(loads) == count  # a fault is told once


def test_words_that_were_imported_are_looked_at(tmp_path):
    first = filter_of(tmp_path, CONFIG)
    watch = Watch(first, lambda old: Chosen(tmp_path / "sfs.yaml", {}).filter(), lambda text: None)
    words_file = tmp_path / "state/keywords/own-2.txt"
    words_file.parent.mkdir(parents=True)
    words_file.write_text("blue widget\n")
    watch._look()
    watch._look()
    assert watch.live.filter is not first


def test_the_command_answers_until_its_input_ends(tmp_path):
    filter_of(tmp_path, CONFIG)
    command = [sys.executable, "-m", "sfs", "squid", "--config", str(tmp_path / "sfs.yaml")]
    asked = b"0 http://blocked.test/ 192.0.2.99 - GET - document - -\n1 http://example.test/ 192.0.2.99 - GET - - - -\n"
    done = subprocess.run(command, input=asked, capture_output=True, timeout=60, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert words(done.stdout.decode()) == ["0 ERR", "1 OK"]
    refused = subprocess.run([*command, "--mode", "rewrite"], input=b"", capture_output=True, timeout=60)
    assert refused.returncode == 2
    assert b"--page" in refused.stderr

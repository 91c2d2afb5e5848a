"""The decision log of a running proxy: what stands in it, what the code on a page is for, who may read it, when it
goes."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.proxy import Proxy

CODE = re.compile(r'class="code"><span>([A-Z2-7]{5})</span><span>([A-Z2-7]{5})</span>')
KEYS = {"time", "group", "host", "check", "code"}
VISITOR, NOBODY, OTHER = "127.0.2.2", "127.0.2.3", "127.0.2.4"


def configuration(folder: Path) -> dict:
    """Groups that differ in what is kept of them."""
    (folder / "law.txt").write_text("law.test\n")
    return {
        "level": 2,
        "https": "sni",
        "retention": "3 days",
        "block": ["listed.test"],
        "keywords": {3: ["penguin"]},
        "ratings": {"grown.test": 4},
        "lists": [{"name": "law", "url": str(folder / "law.txt"), "mandatory": True}],
        "groups": [
            {"name": "visitors", "clients": [VISITOR], "record": "visits"},
            {"name": "nobody", "clients": [NOBODY], "record": "nothing"},
            {"name": '日本語 "group" \\ one', "clients": [OTHER]},
        ],
    }


def days_ago(days: int) -> str:
    return f"decisions-{datetime.now().astimezone() - timedelta(days=days):%Y-%m-%d}.jsonl"


@pytest.fixture(scope="module")
def kept(start, origin, tmp_path_factory):
    """What a proxy answered, and its state folder after its end. Old files were there before it started."""
    state = tmp_path_factory.mktemp("state")
    (state / "log").mkdir()
    for days in (0, 2, 3, 4, 5, 400):
        (state / "log" / days_ago(days)).write_text('{"old": true}\n')
    for name in ("decisions-notes.jsonl", "notes.txt"):
        (state / "log" / name).write_text("mine\n")
    answers = {}
    with start(configuration(tmp_path_factory.mktemp("lists")), state=state) as proxy:
        for client in ("127.0.0.1", VISITOR, NOBODY, OTHER):
            answers |= {(client, name): answer for name, answer in _ask(proxy, origin, client).items()}
    return answers, state


def _ask(proxy: Proxy, origin, client: str) -> dict:
    one = ("--interface", client)
    hosts = {"listed": "listed.test", "rated": "grown.test", "plain": "plain.test", "law": "law.test"}
    for _ in range(4):
        proxy.curl(f"http://law.test:{origin.http}/p?q", *one)
    asked = {name: proxy.curl(f"http://{host}:{origin.http}/p?q", *one) for name, host in hosts.items()}
    asked["word"] = proxy.curl(f"http://words.test:{origin.http}/penguin", *one)
    asked["part"] = proxy.curl(f"http://listed.test:{origin.http}/p.png", *one, document=False)
    asked["tunnel"] = proxy.curl(f"https://listed.test:{origin.https}/p", *one)
    asked["capitals"] = proxy.curl(f"http://LISTED.test.:{origin.http}/p", *one)
    return asked


def rows_of(state: Path) -> list[dict]:
    text = (state / "log" / days_ago(0)).read_text("ascii")
    return [row for row in map(json.loads, text.splitlines()) if "old" not in row]


def test_a_record_has_these_keys_and_no_others(kept):
    rows = rows_of(kept[1])
    assert rows
    assert {frozenset(row) for row in rows} == {frozenset(KEYS)}
    assert all(datetime.fromisoformat(row["time"]).tzinfo is not None for row in rows)


def test_the_code_on_the_page_is_the_key_of_its_record(kept):
    answers, state = kept
    records = {row["code"]: row for row in rows_of(state)}
    for name, (host, check) in {
        "listed": ("listed.test", "entry"),
        "rated": ("grown.test", "rating"),
        "word": ("words.test", "url-words"),
        "capitals": ("listed.test", "entry"),
    }.items():
        found = CODE.search(answers["127.0.0.1", name].text)
        assert found is not None, name
        record = records[found[1] + found[2]]
        assert (record["group"], record["host"], record["check"]) == ("default", host, check)


def test_every_code_is_another(kept):
    codes = [row["code"] for row in rows_of(kept[1]) if row["code"] is not None]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch("[A-Z2-7]{10}", code) for code in codes)


def test_blocked_requests_are_recorded_once_each_with_the_group_s_name(kept):
    rows = rows_of(kept[1])
    for group in ("default", "visitors", '日本語 "group" \\ one'):
        blocked = [row["host"] for row in rows if row["group"] == group and row["code"] is not None]
        assert sorted(blocked) == ["grown.test", *["listed.test"] * 4, "words.test"]


def test_visits_are_kept_where_a_group_asks_for_it_and_nothing_where_it_says_so(kept):
    rows = rows_of(kept[1])
    assert {row["group"] for row in rows if row["host"] == "plain.test"} == {"visitors"}
    assert [row for row in rows if row["group"] == "nobody"] == []


def test_who_is_not_recorded_gets_no_code(kept):
    answers, _ = kept
    assert answers[NOBODY, "listed"].status == 403
    assert CODE.search(answers[NOBODY, "listed"].text) is None
    assert CODE.search(answers["127.0.0.1", "law"].text) is None


def test_a_law_s_list_leaves_a_rounded_count(kept):
    state = kept[1]
    counts = [json.loads(line) for line in (state / "log" / "counts.jsonl").read_text("ascii").splitlines()]
    assert {frozenset(row) for row in counts} == {frozenset({"hour", "list", "blocked"})}
    assert {row["list"] for row in counts} == {"law"}
    assert sum(row["blocked"] for row in counts) in (10, 20)  # of twenty requests; an hour may end among them
    assert not any(row["host"] == "law.test" for row in rows_of(state))


def test_only_the_owner_may_read_what_was_written(kept):
    state = kept[1]
    made = [state / "log" / "counts.jsonl", state / "ca" / "mitmproxy-ca.pem", state / "ca" / "upstream-ca.pem"]
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_a_new_log_is_for_its_owner_alone(start, origin, tmp_path):
    with start({"level": 2, "block": ["listed.test"]}, state=tmp_path / "new") as proxy:
        proxy.curl(f"http://listed.test:{origin.http}/")
    folder = tmp_path / "new" / "log"
    files = list(folder.glob("decisions-*.jsonl"))
    assert len(files) == 1
    assert [path.stat().st_mode & 0o777 for path in (folder, *files)] == [0o700, 0o600]


def test_records_past_the_retention_are_gone_and_nothing_else_is(kept):
    left = {path.name for path in (kept[1] / "log").iterdir()}
    assert {days_ago(0), days_ago(2), "notes.txt", "decisions-notes.jsonl", "counts.jsonl"} <= left
    assert not {days_ago(4), days_ago(5), days_ago(400)} & left


def test_profile_isp_records_counts_and_nothing_else(start, origin, tmp_path):
    (tmp_path / "law.txt").write_text("law.test\nother.test/page/\n")
    lists = [{"name": "isp list", "url": str(tmp_path / "law.txt"), "mandatory": True}]
    with start({"profile": "isp", "lists": lists, "block": ["listed.test"]}, state=tmp_path / "state") as proxy:
        for _ in range(10):
            assert proxy.curl(f"http://law.test:{origin.http}/").status == 451
            assert proxy.curl(f"http://other.test:{origin.http}/page/x").status == 451
        assert proxy.curl(f"http://listed.test:{origin.http}/").status == 200
        assert proxy.curl(f"http://plain.test:{origin.http}/").status == 200
        assert "law.test" not in proxy.curl("http://sfs.home.arpa/why").text
        lines = proxy.lines
    files = {path.name for path in (tmp_path / "state" / "log").iterdir()}
    assert files == {"counts.jsonl"}
    texts = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file() and path.suffix != ".yaml"]
    everything = b"\n".join([*texts, "".join(lines).encode()])
    hosts = (b"law.test", b"other.test", b"listed.test", b"plain.test")
    assert [host for host in hosts if host in everything] == []

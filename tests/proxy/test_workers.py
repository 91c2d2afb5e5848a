"""A hub and two workers in one process: what one learns the others know, and what is no message ends a connection."""

import asyncio
import json
import os
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.cli.run_workers import Workers
from sfs.core.probes import BY_NAME
from sfs.core.verdict import Action, Verdict
from sfs.errors import SfsError
from sfs.proxy.selfcheck import Run
from sfs.proxy.shared import Shared
from sfs.proxy.workers.records import record_of, report_of, said_of_record, said_of_report
from sfs.proxy.workers.supervisor import PAUSE, Supervisor
from sfs.proxy.workers.trust import ToldTrust
from sfs.proxy.workers.wire import Peer
from sfs.sources.journal import Record
from sfs.sources.reports import MAX_WAITING, new_report
from sfs.sources.trust import Trust
from sfs.sources.values import Listen
from tests.proxy.team import Team, in_team, until

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
BLOCKED = Verdict(Action.BLOCK, "entry", "own-block", 2, source="allow: example.com")
LAW = Verdict(Action.BLOCK, "mandatory", "law", 0, source="law 1")
ME, OTHER = "192.0.2.1", "192.0.2.2"


def test_a_worker_tells_the_others_and_not_itself(tmp_path):
    async def scene(team: Team) -> None:
        one, two = team.member(), team.member()
        heard: list[tuple[str, ...]] = []
        for name, member in (("one", one), ("two", two)):
            member.on("refused", lambda *said, name=name: heard.append((name, *said)))
        one.tell("refused", ME, NOW.isoformat(), "blue.test", "own-block")
        await two.settled()
        assert heard == [("two", ME, NOW.isoformat(), "blue.test", "own-block")]
        late: list[str] = []
        three = team.member()
        three.on("refused", lambda client, time, host, reason: late.append(host))
        await three.settled()
        assert late == ["blue.test"]  # what it missed

    in_team(tmp_path, scene)


def test_trust_is_the_same_in_all_and_in_who_comes_later(tmp_path):
    async def scene(team: Team) -> None:
        one, two = team.member(), team.member()
        first, second = (kept.trust for kept in team.kept)
        first.proved(ME)
        first.proved(OTHER)
        await one.settled()
        second.refused(ME, "bank.test")
        await one.settled()
        await two.settled()
        team.hub.trust.forget(OTHER)  # on the page of the administrator
        await two.settled()
        await one.settled()
        team.member()
        third = team.kept[2].trust
        await asyncio.wait_for(until(lambda: third.trusted(ME)), 10)
        for trust in (first, second, third, team.hub.trust):
            assert trust.trusted(ME) and trust.pinned(ME, "bank.test")
            assert not trust.trusted(OTHER)
        for host in ("a.test", "b.test"):
            first.refused(ME, host)  # with bank.test three within a minute, at two workers
        await one.settled()
        assert [trust.state(ME) for trust in (first, second, third)] == ["shared"] * 3

    in_team(tmp_path, scene)


def test_a_hub_that_is_killed_takes_no_trust_with_it(tmp_path):
    async def scene(team: Team) -> None:
        one, two = team.member(), team.member()
        first, second = (kept.trust for kept in team.kept)
        team.hub.trust._save = lambda: None  # killed before it wrote
        first.proved(ME)
        await one.settled()
        first.refused(ME, "bank.test")
        await one.settled()
        team.hub.leave()
        await asyncio.wait_for(until(lambda: not one.told("ping", 0) and not two.told("ping", 0)), 10)
        first.proved(OTHER)  # told to nobody
        for _ in range(2):
            second.silent(ME, "slow.test")
        team.next_hub()
        for _ in range(2):
            await one.settled()
            await two.settled()
        for trust in (first, second, team.hub.trust):
            assert trust.trusted(ME) and trust.trusted(OTHER) and trust.pinned(ME, "bank.test")
        first.silent(ME, "slow.test")  # the third time
        await one.settled()
        assert [trust.pinned(ME, "slow.test") for trust in (first, second, team.hub.trust)] == [True] * 3

    in_team(tmp_path, scene)


STEPS = ("proved", "withdraw", "refused", "silent", "seen")


def test_what_another_program_wrote_is_told_to_the_workers(tmp_path):
    """The program that this one took over from learns too, until its last connection ends."""
    told: list[tuple[object, ...]] = []
    before = Trust(tmp_path / "trust.json")
    before.proved(ME)
    before.close()
    here, there = ToldTrust(tmp_path / "trust.json", lambda *said: told.append(said)), Trust(tmp_path / "trust.json")
    worker = ToldTrust(None, lambda *_: None)
    for row in here.rows():
        worker.learn(row)
    there.proved(OTHER)
    there.forget(ME)
    there.close()
    here._save()
    assert [said[0:2] for said in told if said[0] == "trust"] == [("trust", "forget")]
    for kind, *values in told:
        worker.take(*values) if kind == "trust" else worker.learn(*values)
    assert worker.trusted(OTHER) and not worker.trusted(ME)
    told.clear()
    here._save()
    assert not told  # nothing is new
    here.close()


@given(st.data())
@settings(max_examples=300)
def test_what_two_know_of_a_device_is_the_newer_of_both_in_any_order(data):
    """Of two that had the same until they were parted: who lost trust later has lost it, who proved it later has it."""

    def parted() -> tuple[ToldTrust, ToldTrust]:
        pair = ToldTrust(None, lambda *_: None), ToldTrust(None, lambda *_: None)
        for trust in pair:
            trust._clock = lambda: clock[0]
        return pair

    steps = data.draw(st.lists(st.tuples(st.sampled_from((0, 1)), st.sampled_from(STEPS), st.sampled_from("abcd"))))
    clock = [1_800_000_000.0]
    one, two = parted()
    for place, step, letter in steps:
        clock[0] += 7.0
        getattr((one, two)[place], step)(ME, *(() if step in ("proved", "withdraw") else (f"{letter}.test",)))
    rows = [[json.loads(json.dumps(row)) for row in trust.rows()] for trust in (one, two)]
    for trust, heard in ((one, rows[1]), (two, rows[0])):
        for row in heard:
            trust.learn(row)
    assert one.state(ME) == two.state(ME)
    hosts = [f"{letter}.test" for letter in "abcd"]
    assert [one.pinned(ME, host) for host in hosts] == [two.pinned(ME, host) for host in hosts]
    again = [list(trust.rows()) for trust in (one, two)]
    for trust, heard in ((one, again[1]), (two, again[0])):
        for row in heard:
            trust.learn(row)
    assert [list(trust.rows()) for trust in (one, two)] == again  # nothing is left to learn


def test_records_reports_and_counts_are_kept_once_by_the_hub(tmp_path):
    async def scene(team: Team) -> None:
        one, two = team.member(), team.member()
        for number, kept in enumerate(team.kept):
            now = datetime.now(UTC).astimezone()
            kept.journal.note(Record(now, "default", f"{number}.test", BLOCKED, f"CODE{number}"))
            for _ in range(5):
                kept.journal.count(LAW, NOW)  # ten of both: less is rounded to nothing
            await asyncio.to_thread(kept.reports.add, new_report(NOW, "default", "blocked", f"{number}.test"))
        await one.settled()
        await two.settled()
        found = [await asyncio.to_thread(team.hub.journal.find, f"CODE{number}") for number in (0, 1)]
        assert [(one.host, one.source) for one in found if one] == [(f"{n}.test", BLOCKED.source) for n in (0, 1)]
        assert [report.address for report in team.hub.reports.waiting()] == ["0.test", "1.test"]

    in_team(tmp_path, scene)
    lines = [path.read_text().splitlines() for path in sorted((tmp_path / "log").iterdir())]
    assert sorted(map(len, lines)) == [1, 2]


def test_a_report_that_finds_no_room_is_refused_as_without_workers(tmp_path):
    async def scene(team: Team) -> None:
        team.member()
        (tmp_path / "reports.jsonl").write_text("")
        waiting = {f"{n}": new_report(NOW, "default", "blocked", f"{n}.test") for n in range(MAX_WAITING)}
        team.hub.reports._waiting = waiting
        reports = team.kept[0].reports
        with pytest.raises(SfsError):
            await asyncio.to_thread(reports.add, new_report(NOW, "default", "blocked", "blue.test"))
        assert reports.full()

    in_team(tmp_path, scene)


def test_without_a_hub_a_worker_writes_its_records_itself(tmp_path):
    async def scene(team: Team) -> None:
        member = team.member()
        await member.settled()
        team.hub.leave()
        await asyncio.wait_for(until(lambda: not member.told("ping", 0)), 10)
        kept = team.kept[0]
        kept.journal.note(Record(NOW.astimezone(), "default", "blue.test", BLOCKED, "CODE"))
        await member.settled()  # nobody to wait for
        with pytest.raises(SfsError):
            await asyncio.to_thread(kept.reports.add, new_report(NOW, "default", "blocked", "blue.test"))
        assert not kept.reports.full()

    in_team(tmp_path, scene)
    assert ["blue.test" in path.read_text() for path in (tmp_path / "log").iterdir()] == [True]


def test_a_new_filter_holds_everywhere_before_the_page_answers(tmp_path):
    async def scene(team: Team) -> None:
        one, two = team.member(), team.member()
        await one.settled()
        await two.settled()
        await asyncio.to_thread(team.hub.changed, None)
        assert team.reloads == 2
        stale, fresh = team.member(generation=0), team.member(generation=1)
        await asyncio.wait_for(stale.met.wait(), 10)
        await asyncio.wait_for(fresh.met.wait(), 10)
        assert team.reloads == 3  # the one that was forked with the filter of before
        team.hub.page_is_at((Listen("127.0.0.1", 8081),))
        await asyncio.wait_for(until(lambda: team.pages.count((Listen("127.0.0.1", 8081),)) == 4), 10)

    in_team(tmp_path, scene)


def test_a_reload_that_fails_is_not_the_last_one(tmp_path, caplog):
    async def scene(team: Team) -> None:
        member = team.member()
        await member.settled()
        load, faults = member._live.reload, [OSError("no descriptor left"), SfsError("a fault of the configuration")]

        def reload() -> Any:
            if faults:
                raise faults.pop()
            return load()

        member._live.reload = reload
        for _ in range(3):
            await asyncio.to_thread(team.hub.changed, None)
        assert team.reloads == 1

    in_team(tmp_path, scene)
    assert "a worker keeps the filter that it has: OSError" in caplog.text
    assert "descriptor" not in caplog.text


def test_a_process_that_cannot_be_forked_is_tried_again(monkeypatch, caplog):
    def nothing(*_: object) -> Any:
        raise AssertionError

    supervisor = Supervisor(nothing, nothing, 1, (), nothing, nothing, nothing, nothing)
    (worker,) = supervisor._workers
    supervisor._due[worker] = 0.0
    monkeypatch.setattr(os, "fork", lambda: os.open("/nowhere/at/all", os.O_RDONLY))  # an OSError of the system
    before = time.monotonic()
    supervisor._start_due()
    assert worker.pid == 0
    assert supervisor._due[worker] >= before + PAUSE
    assert "worker 1 cannot be started again yet" in caplog.text
    supervisor._woken.close()
    supervisor._wake.close()
    supervisor._selector.close()


def test_a_filter_that_cannot_be_read_leaves_the_one_for_workers_to_come(caplog):
    def broken(_: object) -> Any:
        raise MemoryError

    live = SimpleNamespace(filter=SimpleNamespace(offline=lambda: None))
    workers = Workers(SimpleNamespace(live=live, said=SimpleNamespace(filter=broken)), 2)  # type: ignore[arg-type]
    before = live.filter
    assert workers._warm() is False
    assert live.filter is before
    assert "MemoryError" in caplog.text


@pytest.mark.parametrize(
    "sent", [b"no json\n", b"{}\n", b"[]\n", b"[1]\n", b"[" * 100_000 + b"\n", b"\xff\n", b'"text"\n', b"x" * 2_000_000]
)
def test_what_is_no_message_ends_the_connection(sent):
    async def scene() -> None:
        one, other = socket.socketpair()
        gone = asyncio.Event()
        Peer(one, lambda kind, values: None, gone.set)
        other.setblocking(False)
        with other:
            with suppress(OSError):  # closed before all of it was taken
                await asyncio.get_running_loop().sock_sendall(other, sent)
            await asyncio.wait_for(gone.wait(), 10)

    asyncio.run(scene())


def test_messages_of_a_wrong_form_are_passed_over(tmp_path):
    async def scene(team: Team) -> None:
        member = team.member()
        for kind in ("record", "count", "report", "settle", "pong", "reloaded", "trust", "nonsense", "__init__"):
            for values in ((), (1,), ("x", "y", "z"), ([],), ({},)):
                member.tell(kind, *values)
                for peer in tuple(team.hub._workers.values()):
                    peer.send(kind, *values)
        await member.settled()
        assert len(team.hub._workers) == 1

    in_team(tmp_path, scene)


@given(st.text(max_size=30), st.text(max_size=30), st.none() | st.text(max_size=10))
def test_a_record_and_a_report_come_out_as_they_went_in(group, host, code):
    record = Record(NOW, group, host, BLOCKED, code)
    assert record_of(said_of_record(record)) == record
    report = new_report(NOW, group, "shown", host, code=code)
    assert report_of(said_of_report(report)) == report


PROBES = sorted(name for name, probe in BY_NAME.items() if probe.manner != "ourselves")
SAID = st.fixed_dictionaries(
    {
        "closed": st.lists(st.tuples(st.sampled_from(PROBES), st.booleans(), st.booleans()).map(list), max_size=6),
        "flags": st.lists(st.booleans(), min_size=5, max_size=5),
        "fronting": st.none() | st.just(True),
    }
)


@given(st.lists(SAID, max_size=5).flatmap(lambda said: st.tuples(st.just(said), st.permutations(said))))
def test_a_run_of_the_self_check_is_the_sum_of_what_came_in_any_order(pair):
    runs = []
    for order in pair:
        run = Run("token", ME)
        for said in (*order, *order):  # what is heard twice counts once
            run.add(said)
        runs.append(run)
    assert runs[0] == runs[1]


def test_keys_are_the_same_for_who_shares_them_and_differ_by_use():
    one, two, alone = Shared(b"k" * 32), Shared(b"k" * 32), Shared()
    assert one.key("form") == two.key("form")
    assert len({one.key("form"), one.key("proof"), alone.key("form"), Shared().key("form")}) == 4

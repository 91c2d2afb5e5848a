"""The decision log of several processes: each record once, whichever of them ends, and whenever it does."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfs.core.verdict import Action, Verdict
from sfs.proxy.workers import journal as journals
from sfs.proxy.workers.journal import ToldJournal
from sfs.sources.config import load_config
from sfs.sources.journal import Record
from tests.proxy.team import Team, in_team, until

BLOCKED = Verdict(Action.BLOCK, "entry", "own-block", 2, source="allow: example.com")
LAW = Verdict(Action.BLOCK, "mandatory", "law", 0, source="law 1")


def record(code: str | None, host: str = "blue.test") -> Record:
    return Record(datetime.now().astimezone(), "default", host, BLOCKED, code)


def codes(state: Path) -> list[str]:
    return [
        json.loads(line)["code"] for path in state.glob("log/decisions-*") for line in path.read_text().splitlines()
    ]


def counts(state: Path) -> list[tuple[str, int]]:
    lines = (state / "log" / "counts.jsonl").read_text().splitlines()
    return [(row["list"], row["blocked"]) for row in map(json.loads, lines)]


def waiting(team: Team) -> list[int]:
    return [len(kept.journal._waiting) for kept in team.kept]


def test_a_worker_forgets_what_the_hub_has_written(tmp_path):
    async def scene(team: Team) -> None:
        for _ in range(2):
            team.member()
        for number in range(250):  # more than are written at once
            team.kept[number % 2].journal.note(record(f"CODE{number}"))
        assert waiting(team) == [125, 125]
        await asyncio.wait_for(until(lambda: waiting(team) == [0, 0]), 10)
        assert len(codes(tmp_path)) == 250  # on the disk as soon as that is said

    in_team(tmp_path, scene)
    assert sorted(codes(tmp_path)) == sorted(f"CODE{number}" for number in range(250))


def test_what_a_hub_took_and_did_not_write_is_written_by_its_worker(tmp_path):
    async def scene(team: Team) -> None:
        team.member()
        team.hub.journal.take = lambda *_: None  # killed before its thread came to it
        team.kept[0].journal.note(record("LOST"))
        await team.members[0].settled()
        assert codes(tmp_path) == []
        team.next_hub()
        team.kept[0].journal.note(record("NEXT"))

    in_team(tmp_path, scene)
    assert sorted(codes(tmp_path)) == ["LOST", "NEXT"]


def test_what_a_hub_wrote_without_saying_so_stands_there_once(tmp_path):
    async def scene(team: Team) -> None:
        team.member()
        team.hub.journal._records_done = lambda _: None  # killed before it could say so
        for number in range(3):
            team.kept[0].journal.note(record(f"CODE{number}"))
        await asyncio.wait_for(until(lambda: len(codes(tmp_path)) == 3), 10)
        team.next_hub()
        assert waiting(team) == [0]

    in_team(tmp_path, scene)
    assert codes(tmp_path) == ["CODE0", "CODE1", "CODE2"]


def test_a_hub_that_is_behind_gets_no_more_than_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "MAX_TOLD", 10)

    async def scene(team: Team) -> None:
        team.member()
        team.hub.journal.take = lambda *_: None
        for number in range(15):
            team.kept[0].journal.note(record(f"CODE{number:02}"))
        assert waiting(team) == [10]
        await asyncio.wait_for(until(lambda: len(codes(tmp_path)) == 5), 10)  # by the worker itself
        team.hub.leave()
        await asyncio.wait_for(until(lambda: waiting(team) == [0]), 10)

    in_team(tmp_path, scene)
    assert sorted(codes(tmp_path)) == [f"CODE{number:02}" for number in range(15)]


def test_the_end_waits_for_the_hub_and_for_its_end(tmp_path):
    async def scene(team: Team) -> None:
        team.member()
        team.hub.journal.take = lambda *_: None
        team.kept[0].journal.note(record("LAST"))
        closing = asyncio.create_task(asyncio.to_thread(team.kept.pop().close))
        await team.members[0].settled()
        team.hub.leave()
        await closing

    in_team(tmp_path, scene)
    assert codes(tmp_path) == ["LAST"]


def test_the_counts_of_an_hour_outlive_the_hub(tmp_path):
    at = datetime.now(UTC) + timedelta(hours=2)  # an hour that does not end meanwhile

    async def scene(team: Team) -> None:
        for _ in range(2):
            team.member()
        for kept in team.kept:
            for _ in range(10):
                kept.journal.count(LAW, at)
            kept.journal.count(BLOCKED, at)  # by no mandatory list
        for member in team.members:
            await member.settled()
        team.next_hub()
        for kept in team.kept:
            for _ in range(5):
                kept.journal.count(LAW, at)
        for member in team.members:
            await member.settled()

    in_team(tmp_path, scene)
    assert counts(tmp_path) == [("law", 30)]


def test_counts_that_the_hub_wrote_are_not_told_to_the_next(tmp_path):
    before = datetime.now(UTC) - timedelta(hours=3)

    async def scene(team: Team) -> None:
        team.member()
        for _ in range(10):
            team.kept[0].journal.count(LAW, before)
        await team.members[0].settled()
        team.hub.journal._hour = ""
        await asyncio.to_thread(team.hub.journal.last_hour, ["law"])
        await asyncio.wait_for(until(lambda: not team.kept[0].journal._blocked), 10)
        team.next_hub()
        await team.members[0].settled()

    in_team(tmp_path, scene)
    assert counts(tmp_path) == [("law", 10)]


def test_a_worker_without_a_hub_writes_its_counts_at_its_end(tmp_path):
    async def scene(team: Team) -> None:
        team.member()
        team.hub.leave()
        await asyncio.wait_for(until(lambda: not team.members[0].told("ping", 0)), 10)
        for _ in range(10):
            team.kept[0].journal.count(LAW, datetime.now(UTC) + timedelta(hours=2))

    in_team(tmp_path, scene)
    assert counts(tmp_path) == [("law", 10)]


def test_counts_of_a_wrong_form_are_passed_over(tmp_path):
    async def scene(team: Team) -> None:
        member = team.member()
        for rows in ([[]], [["x", "y"]], [["x", "y", "z"]], [[1, 2, None]], "text", [["x", "y", [3]]]):
            member.told("counts", rows)
        await member.settled()
        assert team.hub.journal._hourly.take(datetime.now(UTC), all_hours=True) == ()

    in_team(tmp_path, scene)


STEPS = st.lists(st.sampled_from(("note", "note", "note", "writes", "says", "ends", "comes")), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(STEPS)
def test_each_record_is_written_once_whenever_hubs_end(tmp_path_factory, steps):
    """Against a hub that may end between any two of its steps."""
    state = tmp_path_factory.mktemp("log")
    (state / "log").mkdir()
    taken: list[Record] = []
    there, written = True, 0

    def told(kind: str, *values: object) -> bool:
        if there and kind == "record":
            taken.append(noted[-1])
        return there

    journal = ToldJournal(told, lambda: there, load_config(None, {"level": 2, "state": state}))
    noted: list[Record] = []
    for step in [*steps, "ends"]:
        if step == "note":
            noted.append(record(f"CODE{len(noted)}"))
            journal.note(noted[-1])
        elif step == "writes" and there and taken:
            with journal._file(taken[0].time.date()).open("a") as file:
                file.write(taken.pop(0).line() + "\n")
            written += 1
        elif step == "says" and there and written:
            journal.written(journal._waiting[0][0] + written - 1)
            written = 0
        elif step == "ends" and there:
            there, written = False, 0
            taken.clear()
            journal.hub_ended()
        elif step == "comes" and not there:
            there = True
            journal.hub_came()
    journal.close()
    assert sorted(codes(state)) == sorted(one.code for one in noted if one.code)

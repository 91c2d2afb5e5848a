import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sfs.errors import SfsError
from sfs.sources.reports import MAX_NOTE, MAX_WAITING, Report, Reports, new_report

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def report(number: int = 0, note: str = "") -> Report:
    return new_report(NOW, "home", "blocked", f"host{number}.test", note, "ABCDE2FGHJ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "reports.jsonl"


def test_a_report_waits_until_it_is_done_with(path: Path) -> None:
    reports = Reports(path)
    first, second = report(1), report(2, "日本語 \u202e \n")
    reports.add(first)
    reports.add(second)
    assert reports.waiting() == Reports(path).waiting() == (first, second)
    assert reports.done(first.id)
    assert not reports.done(first.id)
    assert reports.waiting() == Reports(path).waiting() == (second,)
    assert reports.done(second.id)
    assert Reports(path).waiting() == ()


def test_only_the_owner_reads_the_file(path: Path) -> None:
    reports = Reports(path)
    reports.add(report(1))
    reports.add(report(2))
    reports.done(reports.waiting()[0].id)
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o077 == 0


def test_the_same_words_are_kept_once(path: Path) -> None:
    reports = Reports(path)
    for _ in range(3):
        reports.add(report(1, "again"))
    assert len(reports.waiting()) == 1
    assert len(path.read_text().splitlines()) == 1


def test_the_queue_ends_at_a_thousand_and_goes_on_when_one_is_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    reports = Reports(path)
    for number in range(MAX_WAITING):
        reports.add(report(number))
    with pytest.raises(SfsError, match="wait already") as caught:
        reports.add(report(MAX_WAITING))
    assert caught.value.mend
    assert reports.done(reports.waiting()[0].id)
    reports.add(report(MAX_WAITING))
    assert len(Reports(path).waiting()) == MAX_WAITING


def test_texts_are_cut_to_their_bounds() -> None:
    made = new_report(NOW, "g" * 900, "shown", "a" * 900, "n" * 900)
    assert (len(made.group), len(made.address), len(made.note)) == (100, 500, MAX_NOTE)


@pytest.mark.parametrize("cut", [1, 10, 60, -1])
def test_a_line_that_a_crash_cut_costs_that_line_alone(path: Path, cut: int) -> None:
    reports = Reports(path)
    kept, torn = report(1), report(2)
    reports.add(kept)
    whole = path.read_bytes()
    reports.add(torn)
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[:cut])
    again = Reports(path)
    expected = (kept, torn) if cut == -1 else (kept,)  # only the line end is missing
    assert again.waiting() == expected
    third = report(3)
    again.add(third)
    assert Reports(path).waiting() == (*expected, third)


def test_a_full_disk_keeps_nothing_of_the_report_and_all_of_the_others(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = Reports(path)
    first, second = report(1), report(2)
    reports.add(first)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:20]))
    with pytest.raises(SfsError, match="cannot be written") as caught:
        reports.add(second)
    assert caught.value.mend
    monkeypatch.setattr(os, "write", real)
    assert reports.waiting() == (first,)
    reports.add(second)
    assert Reports(path).waiting() == (first, second)


def test_lines_that_are_done_with_do_not_pile_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    reports = Reports(path)
    stays = report(0)
    reports.add(stays)
    for number in range(1, 500):
        made = report(number)
        reports.add(made)
        reports.done(made.id)
    assert len(path.read_text().splitlines()) < 300
    assert Reports(path).waiting() == (stays,)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports.jsonl").mkdir()
    with pytest.raises(SfsError, match=r"reports\.jsonl"):
        Reports(tmp_path / "reports.jsonl").waiting()


@settings(max_examples=30, deadline=None)
@given(
    st.binary(max_size=400)
    | st.lists(st.recursive(st.none() | st.booleans() | st.text(), st.lists)).map(
        lambda values: "\n".join(json.dumps({"id": value, "time": value, "kind": "shown"}) for value in values).encode()
    )
)
def test_any_file_gives_reports_and_takes_new_ones(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("reports") / "reports.jsonl"
    path.write_bytes(data)
    reports = Reports(path)
    before = reports.waiting()
    added = report(1)
    reports.add(added)
    assert Reports(path).waiting() == (*before, added)


def test_many_threads_lose_nothing(path: Path) -> None:
    reports = Reports(path)
    mine = [[report(10 * thread + number) for number in range(5)] for thread in range(6)]

    def work(batch: list[Report]) -> None:
        for one in batch:
            reports.add(one)
        reports.done(batch[0].id)

    threads = [threading.Thread(target=work, args=(batch,)) for batch in mine]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    expected = {one.id for batch in mine for one in batch[1:]}
    assert {one.id for one in reports.waiting()} == {one.id for one in Reports(path).waiting()} == expected


class Queue(RuleBasedStateMachine):
    """Against a plain list, with a new start at any moment."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "reports.jsonl"
        self.reports = Reports(self.path)
        self.plain: list[Report] = []

    @rule(number=st.integers(0, 5), note=st.text(max_size=5))
    def add(self, number: int, note: str) -> None:
        made = report(number, note)
        self.reports.add(made)
        if not any((one.address, one.note) == (made.address, made.note) for one in self.plain):
            self.plain.append(made)

    @rule(number=st.integers(0, 5))
    def done(self, number: int) -> None:
        if number < len(self.plain):
            assert self.reports.done(self.plain.pop(number).id)

    @rule()
    def start_again(self) -> None:
        self.reports = Reports(self.path)

    @invariant()
    def agrees(self) -> None:
        assert list(self.reports.waiting()) == self.plain

    def teardown(self) -> None:
        self.folder.cleanup()


Queue.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestQueue = Queue.TestCase

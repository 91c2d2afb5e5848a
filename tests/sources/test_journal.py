"""The decision log: what is kept, what never is."""

import json
import stat
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from sfs.core.verdict import Action, Verdict
from sfs.sources.journal import MAX_TAIL, Journal, Record

NOW = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
BLOCKED = Verdict(Action.BLOCK, "rating", "label-rating", 2, rating=3)
SHOWN = Verdict(Action.ALLOW, "unrated", "unrated-shown", 2)


def lines(folder, pattern="decisions-*.jsonl"):
    return [json.loads(line) for path in sorted(folder.glob(pattern)) for line in path.read_text().splitlines()]


def test_a_record_has_five_fields_and_no_more(tmp_path):
    journal = Journal(tmp_path / "log", timedelta(days=7))
    journal.note(Record(NOW, "kids", "site.test", BLOCKED, "ABCDEFGHIJ"))
    journal.close()
    assert lines(tmp_path / "log") == [
        {
            "time": "2026-04-01T12:30:00+00:00",
            "group": "kids",
            "host": "site.test",
            "check": "rating",
            "code": "ABCDEFGHIJ",
        }
    ]
    path = next((tmp_path / "log").glob("*.jsonl"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("verdict", "record", "wanted"),
    [
        (BLOCKED, "blocked", True),
        (BLOCKED, "visits", True),
        (BLOCKED, "nothing", False),
        (SHOWN, "blocked", False),
        (SHOWN, "visits", True),
        (Verdict(Action.BLOCK, "rating", "x", 2, record=False), "visits", False),
        (Verdict(Action.ALLOW, "help", "help", 2, record=False), "visits", False),
        (Verdict(Action.BLOCK, "mandatory", "mandatory", 2, source="law 7"), "visits", False),
    ],
)
def test_what_may_be_written(verdict, record, wanted):
    assert Journal.wants(verdict, record) is wanted


def test_mandatory_blocks_are_counted_by_the_hour_in_tens(tmp_path):
    journal = Journal(tmp_path / "log", timedelta(days=7))
    law = Verdict(Action.BLOCK, "mandatory", "mandatory", 4, source="law 7")
    for _ in range(13):
        journal.count(law, NOW)
    for _ in range(9):
        journal.count(law, NOW + timedelta(hours=1))
    journal.count(BLOCKED, NOW)
    assert journal.last_hour(["law"]) == {"law": 0}  # of this hour, in which nothing was blocked
    assert lines(tmp_path / "log", "counts.jsonl") == [{"hour": "2026-04-01T12", "list": "law", "blocked": 10}]
    journal.close()
    assert len(lines(tmp_path / "log", "counts.jsonl")) == 1


def test_counts_that_cannot_be_written_are_told_all_the_same(tmp_path):
    (tmp_path / "log").write_text("no folder")
    journal = Journal(tmp_path / "log", timedelta(days=7))
    for _ in range(10):
        journal.count(Verdict(Action.BLOCK, "mandatory", "mandatory", 4, source="law 7"), NOW - timedelta(days=1))
    assert journal.last_hour(["law"]) == {"law": 0}
    journal.close()


def test_files_past_the_retention_are_removed_and_others_stay(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    today = datetime.now().astimezone().date()
    for days in (0, 6, 8, 400):
        (folder / f"decisions-{today - timedelta(days=days)}.jsonl").write_text("{}\n")
    (folder / "decisions-notes.jsonl").write_text("mine\n")
    Journal(folder, timedelta(days=7)).close()
    left = sorted(path.name for path in folder.iterdir())
    assert left == sorted(
        ["decisions-notes.jsonl", *(f"decisions-{today - timedelta(days=days)}.jsonl" for days in (0, 6))]
    )


def test_a_disk_that_fails_loses_the_record_and_nothing_else(tmp_path, caplog):
    (tmp_path / "log").write_text("a file where a folder should be")
    journal = Journal(tmp_path / "log", timedelta(days=7))
    journal.note(Record(NOW, "kids", "site.test", BLOCKED, None))
    journal.close()
    assert "decision log" in caplog.text
    assert "site.test" not in caplog.text


def test_a_host_from_outside_cannot_break_a_line(tmp_path):
    journal = Journal(tmp_path / "log", timedelta(days=7))
    journal.note(Record(NOW, "g", 'a"\n{"x": 1}\u2028' + "b" * 500, BLOCKED, None))
    journal.close()
    written = lines(tmp_path / "log")
    assert len(written) == 1
    assert len(written[0]["host"]) == 253


def now():
    return datetime.now().astimezone()


def test_what_was_blocked_today_can_be_read_with_its_reason_while_memory_has_it(tmp_path):
    journal = Journal(tmp_path / "log", timedelta(days=7))
    why = Verdict(Action.BLOCK, "rating", "category-rating", 2, source="games:7 site.test", rating=3)
    journal.note(Record(now() - timedelta(seconds=2), "kids", "first.test", BLOCKED, "AAAAAAAAAA"))
    journal.note(Record(now(), "kids", "site.test", why, "BBBBBBBBBB"))
    found = journal.today()
    journal.close()
    assert [(d.host, d.code, d.reason, d.source, d.level) for d in found] == [
        ("site.test", "BBBBBBBBBB", "category-rating", "games:7 site.test", 2),
        ("first.test", "AAAAAAAAAA", "label-rating", None, 2),
    ]


def test_after_a_restart_the_file_still_tells_what_was_blocked_but_no_source(tmp_path):
    journal = Journal(tmp_path / "log", timedelta(days=7))
    journal.note(Record(now(), "kids", "site.test", BLOCKED, "AAAAAAAAAA"))
    journal.note(Record(now(), "kids", "shown.test", SHOWN, None))
    journal.close()
    again = Journal(tmp_path / "log", timedelta(days=7))
    found, by_code = again.recent(5), again.find("AAAAAAAAAA")
    again.close()
    assert [(d.host, d.check, d.reason, d.source) for d in found] == [("site.test", "rating", None, None)]
    assert by_code == found[0]


def test_a_record_in_memory_and_in_the_file_is_one(tmp_path):
    journal = Journal(tmp_path / "log", timedelta(days=7))
    journal.note(Record(now(), "kids", "site.test", BLOCKED, "AAAAAAAAAA"))
    journal.close()
    assert [d.reason for d in journal.today()] == ["label-rating"]


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Action.BLOCK, "rating", "x", 2, record=False),
        Verdict(Action.BLOCK, "mandatory", "mandatory", 2, source="law 7"),
        Verdict(Action.ALLOW, "help", "help", 2, record=False),
    ],
)
def test_what_may_not_be_recorded_is_not_kept_in_memory_either(tmp_path, verdict):
    journal = Journal(tmp_path / "log", timedelta(days=7))
    journal._tail.clear()
    journal.note(Record(now(), "kids", "site.test", verdict, "AAAAAAAAAA"))
    assert journal._kept() == ()
    journal.close()


def test_memory_keeps_no_more_than_the_last_and_nothing_past_the_retention(tmp_path):
    journal = Journal(tmp_path / "log", timedelta(hours=1))
    for number in range(MAX_TAIL + 50):
        journal.note(Record(now(), "kids", "site.test", BLOCKED, f"{number:010}"))
    assert len(journal._kept()) == MAX_TAIL
    journal.note(Record(now() - timedelta(hours=2), "kids", "old.test", BLOCKED, "AAAAAAAAAA"))
    assert "old.test" not in {record.host for record in journal._kept()}
    journal.close()


def test_a_code_is_found_in_the_files_of_earlier_days_but_not_past_the_retention(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    for days in (1, 9):
        time = now() - timedelta(days=days)
        line = Record(time, "kids", f"day{days}.test", BLOCKED, f"DAY{days}AAAAAA").line()
        (folder / f"decisions-{time.date()}.jsonl").write_text(line + "\n")
    journal = Journal(folder, timedelta(days=30))
    assert journal.find("DAY1AAAAAA").host == "day1.test"
    assert journal.find("DAY9AAAAAA").host == "day9.test"
    assert journal.find("DAY5AAAAAA") is None
    journal.close()
    short = Journal(folder, timedelta(days=7))
    assert short.find("DAY9AAAAAA") is None
    short.close()


def test_counts_that_the_disk_does_not_take_are_written_as_soon_as_it_does(tmp_path, caplog):
    folder = tmp_path / "log"
    folder.write_text("in the way")
    journal = Journal(folder, timedelta(days=7))
    for _ in range(25):
        journal.count(Verdict(Action.BLOCK, "mandatory", "mandatory", 2, source="law 7"), NOW)
    for _ in range(2):
        journal.last_hour(["law"])
    folder.unlink()
    journal.last_hour(["law"])
    assert lines(folder, "counts.jsonl") == [{"hour": "2026-04-01T12", "list": "law", "blocked": 20}]
    journal.close()
    assert len(lines(folder, "counts.jsonl")) == 1
    assert "counts: File exists" in caplog.text


def test_a_log_that_cannot_be_written_hinders_no_end(tmp_path, caplog):
    (tmp_path / "log").write_text("in the way")
    journal = Journal(tmp_path / "log", timedelta(days=7))
    for _ in range(25):
        journal.count(Verdict(Action.BLOCK, "mandatory", "mandatory", 2, source="law 7"), datetime.now(UTC))
    journal.close()  # else what else is to be written at the end is lost as well
    assert "counts: File exists" in caplog.text


def test_a_line_that_a_full_disk_has_cut_spoils_no_other(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    at = now()
    path = folder / f"decisions-{at:%Y-%m-%d}.jsonl"
    path.write_text('{"time": "2026')
    journal = Journal(folder, timedelta(days=7))
    journal.note(Record(at, "kids", "site.test", BLOCKED, "CUTAAAAAAA"))
    journal.close()
    assert [json.loads(line)["code"] for line in path.read_text().splitlines()[1:]] == ["CUTAAAAAAA"]


def test_a_steady_stream_is_written_while_it_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("sfs.sources.journal.FLUSH_EVERY", 3600.0)  # nothing else ends a batch of fewer than BATCH
    journal = Journal(tmp_path / "log", timedelta(days=7))
    at = now()
    journal.note(Record(at, "kids", "site.test", BLOCKED, "AAAAAAAAAA"))
    path = tmp_path / "log" / f"decisions-{at:%Y-%m-%d}.jsonl"
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, "it waits for more"
        time.sleep(0.01)
    journal.close()


def test_records_that_a_slow_disk_cannot_take_are_counted_and_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("sfs.sources.journal.MAX_WAITING", 1)
    at_work, go_on = threading.Event(), threading.Event()

    class Slow(Journal):
        def _write(self, records):
            at_work.set()
            assert go_on.wait(30)
            super()._write(records)

    monkeypatch.setattr("sfs.sources.journal.BATCH", 1)
    journal = Slow(tmp_path / "log", timedelta(days=7))
    journal.note(Record(now(), "kids", "site.test", BLOCKED, "AAAAAAAAAA"))
    assert at_work.wait(30)
    for _ in range(4):
        journal.note(Record(now(), "kids", "site.test", BLOCKED, "BBBBBBBBBB"))
    go_on.set()
    journal.close()
    assert "3 records lost" in caplog.text

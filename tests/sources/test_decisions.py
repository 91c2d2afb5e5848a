"""The decision log read back."""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.sources.decisions import MAX_LINE, Decision, days, find, parse_decision, read_day

TIME = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
GOOD = {"time": TIME.isoformat(), "group": "kids", "host": "site.test", "check": "rating", "code": "AAAAAAAAAA"}


def line(**changes):
    return json.dumps(GOOD | changes).encode()


def test_a_line_is_read():
    assert parse_decision(line()) == Decision(TIME, "kids", "site.test", "rating", "AAAAAAAAAA")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  ",
        line()[:-20],
        line(code=None),
        line(host=7),
        line(time="2026-04-01T12:30:00"),
        line(time="yesterday"),
        b"[1, 2]",
        b"[" * 3000,
        b"\xff\xfe",
        line(host="x" * MAX_LINE),
    ],
)
def test_what_is_no_record_of_a_block_is_passed_over(data):
    assert parse_decision(data) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_none(data):
    assert parse_decision(data) is None or isinstance(parse_decision(data), Decision)


def test_of_a_long_file_its_end_is_read_and_the_cut_line_left_out(tmp_path):
    file = tmp_path / "decisions-2026-04-01.jsonl"
    file.write_bytes(b"".join(line(code=f"{number:010}") + b"\n" for number in range(100)))
    size = len(line()) * 10
    codes = [decision.code for decision in read_day(file, size)]
    assert codes[-1] == "0000000099"
    assert 8 <= len(codes) <= 10
    assert len(list(read_day(file, 10**6))) == 100


def test_no_file_is_no_record(tmp_path):
    assert list(read_day(tmp_path / "none.jsonl", 100)) == []
    assert days(tmp_path / "none") == []
    assert find(tmp_path / "none", "AAAAAAAAAA", date(2026, 1, 1)) is None


def test_a_code_inside_another_field_is_not_found(tmp_path):
    file = tmp_path / "decisions-2026-04-01.jsonl"
    file.write_bytes(line(host="BBBBBBBBBB") + b"\n" + line(code="CCCCCCCCCC", host="right.test") + b"\n")
    assert find(tmp_path, "BBBBBBBBBB", date(2026, 1, 1)) is None
    assert find(tmp_path, "CCCCCCCCCC", date(2026, 1, 1)).host == "right.test"

"""Counts of mandatory lists that name nobody."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from sfs.sources.hourly import HOUR, Hourly, hour_of, rounded

NOW = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)


def counted(*times: tuple[str, datetime, int]) -> Hourly:
    hourly = Hourly()
    for name, time, count in times:
        for _ in range(count // 2):
            hourly.count(name, hour_of(time))
        hourly.count(name, hour_of(time), count - count // 2)
    return hourly


def test_down_to_tens():
    assert [rounded(n) for n in (0, 1, 9, 10, 19, 20, 12_345)] == [0, 0, 0, 10, 10, 20, 12_340]


def test_an_hour_is_told_once_and_when_it_is_over():
    hourly = counted(("law", NOW, 25), ("law", NOW + HOUR, 13))
    assert hourly.take(NOW) == ()
    assert hourly.last(["law"], NOW) == {"law": 0}
    assert hourly.take(NOW + HOUR) == (("2026-04-01T12", "law", 20),)
    assert hourly.take(NOW + HOUR) == ()
    assert hourly.last(["law"], NOW + HOUR) == {"law": 20}
    assert hourly.take(NOW + HOUR, all_hours=True) == (("2026-04-01T13", "law", 10),)


def test_one_reader_cannot_be_told_from_none():
    one, none = counted(("law", NOW, 1), ("other", NOW, 9)), Hourly()
    for hourly in (one, none):
        assert hourly.take(NOW + HOUR) == ()
    assert one.last(["law", "other"], NOW + HOUR) == none.last(["law", "other"], NOW + HOUR)


def test_a_list_that_is_gone_is_told_no_more_and_an_hour_of_before_neither():
    hourly = counted(("law", NOW, 40), ("gone", NOW, 50))
    assert len(hourly.take(NOW + HOUR)) == 2
    assert hourly.last(["law"], NOW + HOUR) == {"law": 40}
    assert hourly.last(["law"], NOW + 2 * HOUR) == {"law": 0}
    hourly.take(NOW + 2 * HOUR)
    assert hourly.last(["law"], NOW + 2 * HOUR) == {"law": 0}


def test_what_comes_late_from_a_worker_is_told_beside_what_was():
    hourly = counted(("law", NOW, 20), ("other", NOW, 30))
    hourly.take(NOW + HOUR)
    for name in ("late", "law") * 10:
        hourly.count(name, hour_of(NOW))
    assert hourly.take(NOW + HOUR) == (("2026-04-01T12", "late", 10), ("2026-04-01T12", "law", 10))
    assert hourly.last(["law", "other", "late"], NOW + HOUR) == {"law": 30, "other": 30, "late": 10}


def test_hours_are_utc():
    tokyo = timezone(timedelta(hours=9))
    assert hour_of(datetime(2026, 4, 1, 0, 30, tzinfo=tokyo)) == "2026-03-31T15"


@given(st.dictionaries(st.text(max_size=8), st.integers(0, 60), max_size=5))
def test_nothing_but_tens_leaves(counts):
    hourly = counted(*((name, NOW, count) for name, count in counts.items()))
    rows = hourly.take(NOW + HOUR)
    assert {name: count for _, name, count in rows} == {n: rounded(c) for n, c in counts.items() if c >= 10}
    assert hourly.last(counts, NOW + HOUR) == {name: rounded(count) for name, count in counts.items()}

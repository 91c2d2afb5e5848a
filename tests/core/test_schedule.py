"""Timetables against a twin that looks at every minute."""

import io
import struct
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.core.schedule import DAY, EVERY_DAY, Window, active, next_change

MINUTE = timedelta(minutes=1)
WEEK = 7 * DAY
JAPAN = timezone(timedelta(hours=9))


def zone_with_summer_time() -> ZoneInfo:
    """+1, and +2 from 29 March to 25 October 2026, as a TZif file of our own: not every machine has the real ones."""
    jumps = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
    data = struct.pack(">4sc15x6L", b"TZif", b"\0", 0, 0, 0, len(jumps), 2, 8)
    data += struct.pack(">2l", *(int(jump.timestamp()) for jump in jumps)) + bytes([1, 0])
    data += struct.pack(">lBBlBB", 3600, 0, 0, 7200, 1, 4) + b"STD\0SUM\0"
    return ZoneInfo.from_file(io.BytesIO(data), key="Test/Summer")


SUMMER = zone_with_summer_time()
NIGHT = Window(EVERY_DAY, 21 * 60, 6 * 60)
LESSON = Window(frozenset(range(5)), 9 * 60, 12 * 60)


def at(text: str, zone=JAPAN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def next_change_by_minutes(windows, time):
    instant = time.replace(second=0, microsecond=0).astimezone(UTC)
    now = active(windows, time)
    for _ in range(WEEK + DAY):
        instant += MINUTE
        if active(windows, instant.astimezone(time.tzinfo)) is not now:
            return instant
    return None


def test_zone_of_the_tests_jumps_where_it_should():
    assert at("2026-03-29T01:59", SUMMER).utcoffset() == timedelta(hours=1)
    assert at("2026-03-29T03:00", SUMMER).utcoffset() == timedelta(hours=2)
    assert datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=SUMMER).utcoffset() == timedelta(hours=1)


def test_window_holds_from_its_start_to_before_its_end():
    monday = "2026-11-23"
    assert active((LESSON,), at(f"{monday}T08:59")) is None
    assert active((LESSON,), at(f"{monday}T09:00")) is LESSON
    assert active((LESSON,), at(f"{monday}T11:59:59")) is LESSON
    assert active((LESSON,), at(f"{monday}T12:00")) is None


def test_window_over_midnight_belongs_to_the_day_it_begins_on():
    friday_night = Window(frozenset({4}), 21 * 60, 6 * 60)
    assert active((friday_night,), at("2026-11-27T21:00")) is friday_night
    assert active((friday_night,), at("2026-11-28T05:59")) is friday_night
    assert active((friday_night,), at("2026-11-28T06:00")) is None
    assert active((friday_night,), at("2026-11-27T05:59")) is None
    assert active((friday_night,), at("2026-11-28T21:00")) is None


def test_first_of_two_windows_that_overlap_counts():
    noon = Window(EVERY_DAY, 10 * 60, 11 * 60)
    assert active((noon, LESSON), at("2026-11-23T10:30")) is noon
    assert active((LESSON, noon), at("2026-11-23T10:30")) is LESSON
    assert next_change((LESSON, noon), at("2026-11-23T10:30")) == at("2026-11-23T12:00")
    assert next_change((noon, LESSON), at("2026-11-23T09:30")) == at("2026-11-23T10:00")


def test_next_change_is_the_end_of_the_window_and_then_the_next_start():
    assert next_change((NIGHT,), at("2026-11-23T22:10:30")) == at("2026-11-24T06:00")
    assert next_change((NIGHT,), at("2026-11-24T06:00")) == at("2026-11-24T21:00")
    assert next_change((LESSON,), at("2026-11-27T12:00")) == at("2026-11-30T09:00")


def test_what_never_changes_has_no_next_change():
    assert next_change((), at("2026-11-23T10:00")) is None
    assert next_change((Window(EVERY_DAY, 0, DAY),), at("2026-11-23T10:00")) is None
    assert next_change((Window(frozenset(), 0, 60),), at("2026-11-23T10:00")) is None


def test_one_window_a_week_is_found_from_right_behind_its_end():
    monday = Window(frozenset({0}), 0, 60)
    assert next_change((monday,), at("2026-11-23T01:00")) == at("2026-11-30T00:00")


def test_answer_keeps_the_zone_of_the_question():
    change = next_change((NIGHT,), at("2026-11-23T10:00"))
    assert change is not None
    assert change.tzinfo is JAPAN


def test_zones_that_name_the_same_instant_have_answers_of_their_own():
    here, there = at("2026-11-23T10:00"), at("2026-11-23T01:00", UTC)
    assert here == there
    assert next_change((NIGHT,), here) == at("2026-11-23T21:00")
    assert next_change((NIGHT,), there) == at("2026-11-23T06:00", UTC)


def test_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        next_change((NIGHT,), datetime(2026, 11, 23))


def test_start_inside_the_hour_that_spring_skips_holds_from_the_jump():
    window = Window(EVERY_DAY, 2 * 60 + 30, 4 * 60)
    change = next_change((window,), at("2026-03-29T01:00", SUMMER))
    assert change == at("2026-03-29T03:00", SUMMER)


def test_hour_that_autumn_repeats_is_judged_by_the_clock_both_times():
    window = Window(EVERY_DAY, 2 * 60, 2 * 60 + 30)
    first = datetime(2026, 10, 25, 2, 10, tzinfo=SUMMER)
    end = next_change((window,), first)
    assert end is not None
    again = next_change((window,), end)
    assert again is not None
    assert (end.fold, again.fold) == (0, 1)
    assert again.astimezone(UTC) - end.astimezone(UTC) == timedelta(minutes=30)


minutes = st.integers(0, DAY - 1)
windows = st.lists(
    st.builds(Window, st.frozensets(st.integers(0, 6)), minutes, st.integers(0, DAY)), min_size=1, max_size=3
).map(tuple)
zones = st.sampled_from([JAPAN, UTC, SUMMER])
around_jumps = st.sampled_from(["2026-03-22", "2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25", "2026-11-23"])


@settings(max_examples=60, deadline=None)
@given(windows, zones, around_jumps, st.integers(0, 3 * DAY), st.integers(0, 59))
def test_next_change_agrees_with_a_look_at_every_minute(rows, zone, day, minute, second):
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minute, seconds=second)
    time = start.astimezone(zone)
    change = next_change(rows, time)
    expected = next_change_by_minutes(rows, time)
    assert (None if change is None else change.astimezone(UTC)) == expected


@given(windows, st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))
def test_window_holds_for_all_its_minutes_of_the_week(rows, time):
    of_week = time.weekday() * DAY + time.hour * 60 + time.minute

    def covers(window):
        length = window.end - window.start if window.start < window.end else DAY - window.start + window.end
        return any((of_week - day * DAY - window.start) % WEEK < length for day in window.days)

    assert active(rows, time) == next((row for row in rows if covers(row)), None)

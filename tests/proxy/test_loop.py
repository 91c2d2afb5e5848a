"""Requests that come back to us by way of another machine."""

from hypothesis import given
from hypothesis import strategies as st

from sfs.proxy.loop import AT_A_TIME, LoopGuard


def test_a_mark_is_known_to_its_key_and_to_no_other() -> None:
    guard, worker, stranger = LoopGuard(b"k" * 32), LoopGuard(b"k" * 32), LoopGuard()
    mark = guard.mark()
    assert guard.seen([mark])
    assert worker.seen(["1.0 fred, 1.1 example.com (Apache)", f"1.1 a, {mark}"])
    assert not stranger.seen([mark])


def test_no_two_marks_are_alike() -> None:
    guard = LoopGuard()
    marks = {guard.mark() for _ in range(3 * AT_A_TIME + 1)}
    assert len(marks) == 3 * AT_A_TIME + 1
    assert all(guard.seen([mark]) for mark in marks)


def test_a_mark_is_found_behind_any_number_of_hops_but_not_in_front_of_too_many() -> None:
    guard = LoopGuard()
    assert guard.seen(["1.1 x, " * 5000 + guard.mark()])
    assert guard.seen(["1.1 x"] * 1000 + [guard.mark()])
    assert not guard.seen([guard.mark()] + ["1.1 x"] * 32)


@given(st.lists(st.text(max_size=60) | st.from_regex(r"1\.1 sfs-[0-9a-f]{28}", fullmatch=True), max_size=40))
def test_other_via_fields_are_no_loop(fields: list[str]) -> None:
    assert not LoopGuard().seen(fields)

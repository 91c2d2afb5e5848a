"""The thread that reads the store: order, faults, and a database that hangs."""

import asyncio
import logging
import threading

import pytest
import uvloop

from sfs.bureau.lookups import MAX_WAITING, Faults, LookUps, StoreAway


def made(**more) -> LookUps[int, int]:
    """One whose answer to a question is its double."""
    return LookUps(lambda questions: [2 * question for question in questions], **more)


def run(coroutine):
    return uvloop.run(coroutine)


def test_each_gets_its_own_result_and_all_run_in_one_thread():
    async def main():
        look_ups = made()
        look_ups.start()
        results = await asyncio.gather(*(look_ups.run(lambda n=n: (n, threading.get_ident())) for n in range(500)))
        assert look_ups.stop()
        return results

    results = run(main())
    assert [number for number, _ in results] == list(range(500))
    assert len({thread for _, thread in results}) == 1 and results[0][1] != threading.get_ident()


def test_what_waits_at_one_moment_is_answered_together_and_in_its_place():
    sizes = []

    def answers(questions):
        sizes.append(len(questions))
        return [-question for question in questions]

    async def main():
        look_ups = LookUps(answers)
        look_ups.start()
        begun, go_on = threading.Event(), threading.Event()
        first = look_ups.run(lambda: begun.set() or go_on.wait(60))
        assert await asyncio.to_thread(begun.wait, 60)
        waiting = [look_ups.ask(number) for number in range(10)]
        go_on.set()
        assert await asyncio.gather(*waiting) == [-number for number in range(10)]
        assert await first
        assert look_ups.stop()

    run(main())
    assert sizes == [10]


def test_what_a_job_raises_is_raised_where_it_was_asked():
    async def main():
        look_ups = made()
        look_ups.start()
        fault, well = look_ups.run(lambda: 1 // 0), look_ups.run(lambda: 7)
        with pytest.raises(ZeroDivisionError):
            await fault
        assert await well == 7
        assert look_ups.stop()

    run(main())


def test_a_store_that_hangs_holds_up_nobody_and_is_used_again_when_it_is_back():
    async def main():
        look_ups = made(patience=0.05)
        look_ups.start()
        back = threading.Event()
        hanging = look_ups.run(lambda: back.wait(60))
        with pytest.raises(StoreAway):
            await hanging
        with pytest.raises(StoreAway):  # at once: nothing queues behind it
            look_ups.run(lambda: 1).result()
        back.set()
        while True:  # until the thread has come back
            try:
                assert await look_ups.run(lambda: 2) == 2
                break
            except StoreAway:
                await asyncio.sleep(0)
        assert look_ups.stop()

    run(main())


def test_what_waits_has_a_bound():
    async def main():
        look_ups = made()
        look_ups.start()
        back = threading.Event()
        asked = [look_ups.run(lambda: back.wait(60)) for _ in range(MAX_WAITING)]
        with pytest.raises(StoreAway):
            await look_ups.run(lambda: 1)
        back.set()
        assert all(await asyncio.gather(*asked))
        assert look_ups.stop()

    run(main())


def test_stopping_ends_what_is_under_way_and_takes_no_more():
    async def main():
        look_ups = made()
        look_ups.start()
        asked = look_ups.run(lambda: 3)
        assert look_ups.stop()
        with pytest.raises(StoreAway):
            await look_ups.run(lambda: 4)
        assert await asked == 3

    run(main())


def test_a_fault_is_told_once_by_type_and_place_and_never_by_its_words(caplog):
    faults = Faults()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            try:
                raise ValueError("http://secret.example/")
            except ValueError as fault:
                faults.note("look-up", fault)
    assert faults.count == 3
    assert len(caplog.records) == 1
    assert "ValueError" in caplog.text and "test_lookups.py" in caplog.text and "secret" not in caplog.text

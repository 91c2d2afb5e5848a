"""What was loaded is walked by no collection any more; what nobody needs is gone before."""

import asyncio
import contextlib
import gc
import sys
import weakref
from pathlib import Path

import pytest

from sfs.proxy import garbage
from sfs.proxy.garbage import set_aside


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before():
    yield
    gc.unfreeze()


def test_what_is_needed_is_set_aside_and_the_rest_is_gone():
    kept, gone = Knot(), weakref.ref(Knot())
    set_aside()
    assert gone() is None
    assert gc.get_freeze_count() > 1000
    assert not any(found is kept for found in gc.get_objects())
    set_aside()  # once more, with what came since
    later = Knot()
    assert any(found is later for found in gc.get_objects())
    assert kept.itself is kept


def resident() -> int:
    """Kilobytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_gaps_are_given_back_again_and_again(monkeypatch):
    if not sys.platform.startswith("linux"):
        assert not garbage.give_back()
        return
    monkeypatch.setattr(garbage, "OFTEN", 0.01)
    pieces: list[bytearray | None] = [bytearray(12_000) for _ in range(4_000)]

    async def gaps() -> None:
        often = asyncio.create_task(garbage.give_back_often())
        for first in (0, 1):
            for number in range(first, 3_990, 3):  # single ones are left between, and some behind them
                pieces[number] = None
            full = resident()
            async with asyncio.timeout(20):
                while resident() > full - 5_000:  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.01)
        often.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await often

    asyncio.run(gaps())
    assert pieces[-1] is not None

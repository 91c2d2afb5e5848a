"""What was loaded is walked by no collection any more; what nobody needs is gone before."""

import gc
import weakref

import pytest

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

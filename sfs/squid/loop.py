"""Standard input to standard output, in blocks: what is there is read, answered in order, and written at once."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from sfs.squid.helper import MAX_LINE, Helper

BLOCK: Final = 1 << 18  # bytes that are asked for at once; a pipe gives 64 KiB at most
BEGIN: Final = 32  # characters of a line without end that are looked at: its channel


def let_squid_first() -> None:
    """From now on never push a program off its core, this thread and those that it starts: a Squid that shares the core
    goes on asking, and all its questions are then answered together, in place of a switch to a cold Python and back for
    each. On a core that is free this changes nothing. Where the system knows this, and nobody chose another way."""
    if hasattr(os, "SCHED_BATCH"):  # Linux
        with suppress(OSError):  # where a system forbids it
            if os.sched_getscheduler(0) == os.SCHED_OTHER:
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def run(helper: Helper, source: int, target: int) -> None:
    """Answer until the input ends or nobody reads any more. `source`, `target`: file descriptors."""
    try:
        for answers in exchanges(helper, lambda: os.read(source, BLOCK)):
            _write(target, answers.encode("ascii", "replace"))
    except (BrokenPipeError, ConnectionResetError):
        return


def exchanges(helper: Helper, read: Callable[[], bytes]) -> Iterator[str]:
    """The answers to what `read` gives, a text for each block that ends at least one line. The memory for what is not
    answered yet is bounded, whatever comes: of a line without end only its channel is kept."""
    rest, skipping = "", False
    while block := read():
        text = rest + block.decode("latin-1")
        end = text.rfind("\n") + 1
        rest = text[end:]
        out = ""
        if end:
            lines = text[:end]
            # Only a line that came in pieces, or a whole block of one, can be too long: the first.
            if skipping or (end > MAX_LINE and lines.find("\n") > MAX_LINE):
                first, _, lines = lines.partition("\n")
                out, skipping = helper.too_long(first[:BEGIN]), False
            if lines:
                out += helper.answer(lines)
        if skipping or len(rest) > MAX_LINE:
            rest, skipping = rest[:BEGIN], True
        if out:
            yield out


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]

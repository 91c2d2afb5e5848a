"""A circuit breaker: whoever did not answer a few times is waited for no more, until one question shows that it does.

closed      questions are asked and waited for
open        nobody waits; after a while (1 s, doubled up to 30 s) one question is tried, and nobody waits for it
half open   that question is under way: an answer in time closes the breaker, anything else opens it again"""

import time
from collections.abc import Callable
from typing import Final

FAILURES: Final = 3  # in a row
FIRST: Final = 1.0  # seconds until the first try
MOST: Final = 30.0  # seconds between two tries: a bureau that is back is found out soon


class Breaker:
    """`waits` may be read from any thread; the rest belongs to the thread that asks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = FIRST
        self._until: float | None = None  # while open: when the next try is due
        self._trying = False

    @property
    def waits(self) -> bool:
        """Whether an answer is worth waiting for."""
        return self._until is None

    def may_ask(self) -> bool:
        """Whether a question may be asked now; while open, one at a time and not before its time."""
        return self._until is None or (not self._trying and self._clock() >= self._until)

    def asks(self) -> None:
        """A question goes out."""
        self._trying = self._until is not None

    def answered(self) -> None:
        """It was answered, in time."""
        self._failures, self._pause, self._until, self._trying = 0, FIRST, None, False

    def late(self) -> None:
        """It was answered, but later than anybody waited. The next one may go at once, and nobody waits for it."""
        if self._until is not None:
            self._until, self._pause, self._trying = self._clock(), FIRST, False

    def failed(self) -> None:
        """It was not answered in time."""
        self._failures += 1
        if self._trying:
            self._pause = min(2 * self._pause, MOST)
        elif self._until is not None or self._failures < FAILURES:
            return  # one of those that went out before it opened
        self._until = self._clock() + self._pause
        self._trying = False

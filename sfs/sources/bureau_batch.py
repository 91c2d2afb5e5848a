"""The look-ups that wait to be asked, and how many of them go into one question."""

from collections import deque
from typing import Final

from sfs.sources.bureau_query import MAX_QUESTION, MAX_URLS, Opt, Question, cost

MAX_WAITING: Final = 4_096  # look-ups; more are not asked
STEP: Final = 8  # by which it grows again
MAX_TREES: Final = 16  # in one question: the answer to one may be long


class Waiting:
    """First come, first asked; of one kind as many at once as fit: `most`, fewer once an answer was too long."""

    def __init__(self) -> None:
        self._questions: deque[Question] = deque()
        self.most = MAX_URLS

    def __len__(self) -> int:
        return len(self._questions)

    @property
    def full(self) -> bool:
        """Whether no more may wait."""
        return len(self._questions) >= MAX_WAITING

    def add(self, question: Question) -> None:
        """Wait as the last."""
        self._questions.append(question)

    def halve(self, batch: list[Question]) -> None:
        """Put back what was too much at once, as the first."""
        self.most = max(len(batch) // 2, 1)
        self._questions.extendleft(reversed(batch))

    def answered(self, batch: list[Question]) -> None:
        """A question of this size was answered: the next may be a little larger."""
        if len(batch) >= self.most:
            self.most = min(self.most + STEP, MAX_URLS)

    def batch(self) -> list[Question]:
        """The next questions, all of the kind of the first."""
        first = self._questions.popleft()
        batch, size, others = [first], cost(first.url), []
        most = min(self.most, MAX_TREES) if first.opt is Opt.TREE else self.most
        while self._questions and len(batch) < most and size + cost(self._questions[0].url) <= MAX_QUESTION:
            question = self._questions.popleft()
            if question.opt is first.opt:
                batch.append(question)
                size += cost(question.url)
            else:
                others.append(question)
        self._questions.extendleft(reversed(others))
        return batch

    def drop(self) -> list[Question]:
        """All that wait; none does any more."""
        dropped = list(self._questions)
        self._questions.clear()
        return dropped

"""What an answer means beside what the list says."""

from dataclasses import dataclass
from typing import Final

from sfs.export.selftest.asking import NOT_BLOCKED, Answer
from sfs.export.selftest.plan import AskedList
from sfs.export.selftest.questions import Question, Role
from sfs.lists.canary import serial_of

_WORLD: Final = frozenset({Role.NEIGHBOUR, Role.OPEN})


@dataclass(frozen=True, slots=True)
class Expected:
    """The version that has to be in force. `serial`: None where nobody tells; `before`: the one that may still be in
    force, while the new one is on its way."""

    serial: int | None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question, asked several times where it was not as it should be. `good`: None where nothing was
    said; `unsteady`: whether it was sometimes so and sometimes not."""

    question: Question
    good: bool | None
    answer: Answer
    unsteady: bool = False

    @property
    def serial(self) -> int | None:
        """The serial that it tells."""
        return told(self.answer)


def judge(question: Question, answer: Answer, tested: AskedList, expected: Expected) -> bool | None:
    """Whether an answer is as the list says; None where it says nothing."""
    if question.type == "ANY" and answer.code in NOT_BLOCKED:
        return True  # refused is closed as well; RFC 8482
    if answer.silent:
        return None
    if question.role is Role.SERIAL:
        serial = told(answer)
        return serial is not None and (expected.serial is None or serial in (expected.serial, expected.before))
    if question.role is Role.EXEMPT:
        if question.type == "TXT":
            return told(answer) is None
        return not (tested.answer and as_listed(question.type, answer, tested))
    if question.role in _WORLD:
        return not closed(answer, tested, exists=question.role is Role.OPEN)
    return as_listed(question.type, answer, tested)


def as_listed(kind: str, answer: Answer, tested: AskedList) -> bool:
    """Whether a name is closed as the list says."""
    if not tested.answer:
        return answer.code == "NXDOMAIN"
    if answer.code != "NOERROR":
        return False
    if kind == "ANY":
        stop = tested.addresses(4) | tested.addresses(6)
        return all(one in stop or one.startswith('"RFC8482"') for one in answer.data)
    wanted = tested.addresses(4) if kind == "A" else tested.addresses(6) if kind == "AAAA" else frozenset()
    return answer.data <= wanted and bool(answer.data) == bool(wanted)


def closed(answer: Answer, tested: AskedList, *, exists: bool) -> bool:
    """Whether a name that no list has is closed. `exists`: it is known to exist, so that "no such name" is a block."""
    if answer.data & (tested.addresses(4) | tested.addresses(6)):
        return True
    return exists and answer.code == "NXDOMAIN"


def told(answer: Answer) -> int | None:
    """The serial in an answer of TXT records."""
    found = [serial_of(text) for text in answer.data]
    return found[0] if len(found) == 1 else None

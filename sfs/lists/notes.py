"""What of a list was not taken, and why: counted by reason, each with its first line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sfs.errors import Where

BAD: Final = "bad"  # no line of its format
LEFT: Final = "left"  # right in its format, and nothing of it can be said here
PART: Final = "part"  # taken, but less than the line says
MAX_REASONS: Final = 200
MAX_SHOWN: Final = 200  # characters of a line
_OTHER: Final = "another reason"


@dataclass(frozen=True, slots=True)
class Note:
    """One line and what became of it. `kind`: BAD, LEFT or PART; `text`: the line, for a terminal; `means`: what it
    says in other words; `mend`: how to write it so that it is taken."""

    kind: str
    why: str
    where: Where
    text: str
    means: str = ""
    mend: str | None = None


@dataclass(slots=True)
class Reason:
    """Lines with one reason. `first` of them is kept."""

    first: Note
    count: int = 0


@dataclass(slots=True)
class Notes:
    """The notes of one list. `each` is called with every one of them."""

    each: Callable[[Note], None] | None = None
    reasons: dict[tuple[str, str], Reason] = field(default_factory=dict)

    def add(self, note: Note) -> None:
        """Count a line."""
        key = (note.kind, note.why)
        if key not in self.reasons and len(self.reasons) >= MAX_REASONS:
            key = (note.kind, _OTHER)
        self.reasons.setdefault(key, Reason(note)).count += 1
        if self.each is not None:
            self.each(note)

    def by_count(self) -> list[Reason]:
        """All reasons, the most frequent first."""
        return sorted(self.reasons.values(), key=lambda reason: (-reason.count, reason.first.why))


def shown(line: bytes) -> str:
    """A line for a terminal or a report: its keeper wrote it, so what steers a terminal is left out."""
    text = line[: MAX_SHOWN * 4].decode("utf-8", "replace").replace("\t", " ").strip()
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:MAX_SHOWN])

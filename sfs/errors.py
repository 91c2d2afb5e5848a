"""Errors that say what is wrong, where, and how to mend it. Imports nothing of sfs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file a person edits. `line` and `column` count from 1; None where the whole file is meant."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class SfsError(Exception):
    """`what` is wrong, `where` it stands, how to `mend` it. Children exist only where someone catches them apart."""

    def __init__(self, what: str, where: Where | None = None, mend: str | None = None) -> None:
        super().__init__(what, where, mend)
        self.what = what
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}" + (f"\n  mend: {self.mend}" if self.mend else "")


class RuleError(SfsError):
    """A line of a list or word file. The reader skips the line and counts it."""


class LabelError(SfsError):
    """A PICS text (label list, description of a service, rules) that cannot be read. `code`: E_NUMBER, E_EOF, ..."""

    def __init__(self, code: str, what: str, where: Where | None = None, mend: str | None = None) -> None:
        super().__init__(what, where, mend)
        self.code = code


class UrlError(SfsError):
    """Text that no browser would open as a URL, or one too long to judge."""


class ConfigError(SfsError):
    """A configuration with faults: all of them, so that one edit mends all."""

    def __init__(self, faults: list[SfsError]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults

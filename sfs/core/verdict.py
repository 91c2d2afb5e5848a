"""What is decided of a request, complete: nobody has to combine flags to read it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """Shown or not. The values are the words on the wire, in the log and on the pages."""

    ALLOW = "allow"
    BLOCK = "block"


class Scope(StrEnum):
    """The widest facts a verdict rests on: it holds for every URL of that host, path prefix, or this URL alone."""

    HOST = "host"
    PREFIX = "prefix"
    URL = "url"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`check` is the row that answered; `reason` the key of the sentence a reader sees; `source` the list line or
    label it rests on (of a mandatory list its id and serial only); `entry`: of a sealed list, the lowest number of an
    entry that matches; no counter or log holds it. `notice` asks for a page to be shown first;
    where `record` is False no log, counter, statistic or page may hold any trace of it."""

    action: Action
    check: str
    reason: str
    level: int
    source: str | None = None
    rating: int | None = None
    scope: Scope = Scope.URL
    valid_until: datetime | None = None
    notice: str | None = None
    record: bool = True
    entry: int | None = None
    fault: str | None = None  # for check "error": type and place of what raised, never a value

    @property
    def blocked(self) -> bool:
        """Whether the request is not shown."""
        return self.action is Action.BLOCK
